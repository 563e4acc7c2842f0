//! Routines, and what is made of them.

use super::attributes::details;
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A function or procedure.
    Routine {
        /// The statement that creates or replaces it.
        definition: String,
        /// The parameters with their modes, names and types, without the defaults.
        arguments: String,
        /// The type of the result; none for a procedure.
        result: Option<String>,
        /// The number of parameters with a default.
        defaults: String,
        /// The column `prokind`: `f`, `p` or `w`.
        form: String,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// An aggregate function. Its functions have their parameter types.
    Aggregate {
        /// The parameters.
        arguments: String,
        /// The type of the result.
        result: String,
        /// `SFUNC`.
        transition: String,
        /// `STYPE`.
        state_type: String,
        /// `SSPACE`.
        state_space: Option<String>,
        /// `FINALFUNC`.
        final_function: Option<String>,
        /// `FINALFUNC_MODIFY`, as the column `aggfinalmodify`.
        final_modify: Option<String>,
        /// `FINALFUNC_EXTRA`.
        final_extra: bool,
        /// `COMBINEFUNC`.
        combine: Option<String>,
        /// `SERIALFUNC`.
        serialize: Option<String>,
        /// `DESERIALFUNC`.
        deserialize: Option<String>,
        /// `INITCOND`, as a literal.
        initial: Option<String>,
        /// `MSFUNC`.
        moving_transition: Option<String>,
        /// `MINVFUNC`.
        moving_inverse: Option<String>,
        /// `MSTYPE`.
        moving_type: Option<String>,
        /// `MFINALFUNC`.
        moving_final: Option<String>,
        /// `MINITCOND`, as a literal.
        moving_initial: Option<String>,
        /// `SORTOP`, with its types.
        sort_operator: Option<String>,
        /// The column `aggkind`: `n`, `o` or `h`.
        form: String,
        /// The column `proparallel`: `s`, `r` or `u`.
        parallel: String,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A cast.
    Cast {
        /// `WITH FUNCTION f(integer)`, `WITH INOUT`, `WITHOUT FUNCTION`.
        method: String,
        /// `AS ASSIGNMENT`, `AS IMPLICIT`; none for an explicit cast.
        context: Option<String>,
    }

    /// An operator.
    Operator {
        /// The function with its parameter types.
        function: String,
        /// The type of the left operand.
        left: Option<String>,
        /// The type of the right operand.
        right: String,
        /// The type of the result.
        result: String,
        /// The commutator, with its types.
        commutator: Option<String>,
        /// The negator, with its types.
        negator: Option<String>,
        /// The estimator of `RESTRICT`.
        restrict: Option<String>,
        /// The estimator of `JOIN`.
        join: Option<String>,
        /// `HASHES`.
        hashes: bool,
        /// `MERGES`.
        merges: bool,
    }

    /// An operator class, with the members of its family.
    OperatorClass {
        /// The type that it is for.
        data_type: String,
        /// `DEFAULT`.
        is_default: bool,
        /// The type that is stored.
        storage: Option<String>,
        /// The operator family; none if it is in another schema.
        family: Option<String>,
        /// The operators: `1 <(integer,integer)`.
        operators: Vec<String>,
        /// The functions: `1 btint4cmp(integer,integer)`.
        functions: Vec<String>,
    }
}

impl Routine {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).owner(&self.owner);
    }
}

impl Aggregate {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["AGGREGATE (", &self.arguments, ")"]).line(&["RETURNS ", &self.result]);
        lines.line(&["SFUNC ", &self.transition]).line(&["STYPE ", &self.state_type]);
        lines.optional("SSPACE ", &self.state_space);
        if let (Some(function), Some(modify)) = (&self.final_function, &self.final_modify) {
            lines.line(&["FINALFUNC ", function, " ", modify]);
        }
        lines.flag("FINALFUNC_EXTRA", self.final_extra).optional("COMBINEFUNC ", &self.combine);
        lines.optional("SERIALFUNC ", &self.serialize).optional("DESERIALFUNC ", &self.deserialize);
        lines.optional("INITCOND ", &self.initial);
        if let (Some(forward), Some(inverse), Some(state)) =
            (&self.moving_transition, &self.moving_inverse, &self.moving_type)
        {
            let initial = self.moving_initial.as_ref().map(|initial| format!(" {initial}"));
            lines.line(&["MSFUNC ", forward, " ", inverse, " ", state, &initial.unwrap_or_default()]);
        }
        lines.optional("SORTOP ", &self.sort_operator).flag("HYPOTHETICAL", self.form == "h");
        lines.line(&["PARALLEL ", &self.parallel]).owner(&self.owner);
    }
}

impl Cast {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.method]).optional("", &self.context);
    }
}

impl Operator {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["FUNCTION ", &self.function]).line(&["RETURNS ", &self.result]);
        lines.optional("COMMUTATOR ", &self.commutator).optional("NEGATOR ", &self.negator);
        lines.optional("RESTRICT ", &self.restrict).optional("JOIN ", &self.join);
        lines.flag("HASHES", self.hashes).flag("MERGES", self.merges);
    }
}

impl OperatorClass {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["FOR TYPE ", &self.data_type]).flag("DEFAULT", self.is_default);
        lines.optional("STORAGE ", &self.storage);
        lines.each("OPERATOR ", &self.operators).each("FUNCTION ", &self.functions);
    }
}
