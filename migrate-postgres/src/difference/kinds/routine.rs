//! Functions, procedures, aggregates, casts, operators and operator classes.

use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, one};
use crate::objects::details::routine::{Aggregate, Cast, Operator, OperatorClass, Routine};
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Routine {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let word = object.kind().word().to_uppercase();
        let sql = self.definition.replacen("CREATE OR REPLACE ", "CREATE ", 1);
        let owner = owner(&word, object.identity(), &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &Routine, object: &Object, _: &Context<'_>) -> Statements {
        let call =
            |routine: &Routine| (routine.arguments.clone(), routine.result.clone(), routine.form.clone());
        let defaults = |routine: &Routine| routine.defaults.parse::<u32>().unwrap_or_default();
        if call(self) != call(new) || defaults(new) < defaults(self) {
            return None;
        }
        let word = object.kind().word().to_uppercase();
        let replaced = (self.definition != new.definition).then(|| new.definition.clone());
        let owner = owner(&word, object.identity(), &self.owner, &new.owner);
        Some(replaced.into_iter().chain(owner).map(Statement::from).collect())
    }
}

/// A function's name without its parameter types.
fn function(signature: &str) -> &str {
    signature.rfind('(').map_or(signature, |at| &signature[..at])
}

/// The name of an aggregate with its parameters, as statements about it write it.
pub(in crate::difference) fn aggregate_name(object: &Object, aggregate: &Aggregate) -> String {
    let name = object.identity().strip_suffix(name::rest(object.identity())).unwrap_or_default();
    let arguments = if aggregate.arguments.is_empty() { "*" } else { &aggregate.arguments };
    format!("{name}({arguments})")
}

impl Written for Aggregate {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let name = aggregate_name(object, self);
        let sql = format!("CREATE AGGREGATE {name} ({})", self.options().join(", "));
        let owner = owner("AGGREGATE", &name, &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &Aggregate, object: &Object, _: &Context<'_>) -> Statements {
        let call = |one: &Aggregate| (one.arguments.clone(), one.result.clone(), one.form.clone());
        if call(self) != call(new) {
            return None;
        }
        let name = aggregate_name(object, new);
        let is_same = (Aggregate { owner: new.owner.clone(), ..self.clone() }) == *new;
        let replaced = format!("CREATE OR REPLACE AGGREGATE {name} ({})", new.options().join(", "));
        let owner = owner("AGGREGATE", &name, &self.owner, &new.owner);
        Some((!is_same).then_some(replaced).into_iter().chain(owner).map(Statement::from).collect())
    }

    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP AGGREGATE {}", aggregate_name(object, self)))
    }
}

impl Aggregate {
    fn options(&self) -> Vec<String> {
        let mut options =
            vec![format!("SFUNC = {}", function(&self.transition)), format!("STYPE = {}", self.state_type)];
        let named =
            |word: &str, value: &Option<String>| value.as_ref().map(|value| format!("{word} = {value}"));
        let called = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{word} = {}", function(value)))
        };
        options.extend(named("SSPACE", &self.state_space));
        options.extend(called("FINALFUNC", &self.final_function));
        options.extend(self.final_extra.then(|| "FINALFUNC_EXTRA".to_owned()));
        let modify = match self.final_modify.as_deref() {
            Some("s") => Some("SHAREABLE"),
            Some("w") => Some("READ_WRITE"),
            _ => None,
        };
        options.extend(modify.map(|modify| format!("FINALFUNC_MODIFY = {modify}")));
        options.extend(called("COMBINEFUNC", &self.combine));
        options.extend(called("SERIALFUNC", &self.serialize));
        options.extend(called("DESERIALFUNC", &self.deserialize));
        options.extend(named("INITCOND", &self.initial));
        options.extend(called("MSFUNC", &self.moving_transition));
        options.extend(called("MINVFUNC", &self.moving_inverse));
        options.extend(named("MSTYPE", &self.moving_type));
        options.extend(called("MFINALFUNC", &self.moving_final));
        options.extend(named("MINITCOND", &self.moving_initial));
        options.extend(
            self.sort_operator.as_ref().map(|operator| format!("SORTOP = {}", operator_name(operator))),
        );
        let parallel = match self.parallel.as_str() {
            "s" => Some("SAFE"),
            "r" => Some("RESTRICTED"),
            _ => None,
        };
        options.extend(parallel.map(|parallel| format!("PARALLEL = {parallel}")));
        options.extend((self.form == "h").then(|| "HYPOTHETICAL".to_owned()));
        options
    }
}

/// An operator without its types, as an option names it.
fn operator_name(operator: &str) -> String {
    let name = function(operator);
    if name.contains('.') { format!("OPERATOR({name})") } else { name.to_owned() }
}

impl Written for Cast {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let context = self.context.as_ref().map(|context| format!(" {context}")).unwrap_or_default();
        one(format!("CREATE CAST ({}) {}{context}", object.identity(), self.method))
    }

    fn alter(&self, _: &Cast, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP CAST ({})", object.identity()))
    }
}

impl Written for Operator {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let name = function(object.identity());
        let mut options = vec![format!("FUNCTION = {}", function(&self.function))];
        options.extend(self.left.as_ref().map(|left| format!("LEFTARG = {left}")));
        options.push(format!("RIGHTARG = {}", self.right));
        let operator = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{word} = {}", operator_name(value)))
        };
        options.extend(operator("COMMUTATOR", &self.commutator));
        options.extend(operator("NEGATOR", &self.negator));
        options.extend(self.restrict.as_ref().map(|name| format!("RESTRICT = {name}")));
        options.extend(self.join.as_ref().map(|name| format!("JOIN = {name}")));
        options.extend(self.hashes.then(|| "HASHES".to_owned()));
        options.extend(self.merges.then(|| "MERGES".to_owned()));
        one(format!("CREATE OPERATOR {name} ({})", options.join(", ")))
    }

    fn alter(&self, _: &Operator, _: &Object, _: &Context<'_>) -> Statements {
        None
    }
}

impl Written for OperatorClass {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let (name, method) = object.identity().rsplit_once(" USING ")?;
        let default = if self.is_default { " DEFAULT" } else { "" };
        let mut members: Vec<String> = self.operators.iter().map(|one| format!("OPERATOR {one}")).collect();
        members.extend(self.functions.iter().map(|one| format!("FUNCTION {one}")));
        members.extend(self.storage.as_ref().map(|storage| format!("STORAGE {storage}")));
        let data_type = &self.data_type;
        one(format!(
            "CREATE OPERATOR CLASS {name}{default} FOR TYPE {data_type} USING {method} AS {}",
            members.join(", ")
        ))
    }

    fn alter(&self, _: &OperatorClass, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    /// With its family, which exists only for this class if it has the same name.
    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        let (name, _) = object.identity().rsplit_once(" USING ")?;
        let what = if self.family.as_deref() == Some(name) { "OPERATOR FAMILY" } else { "OPERATOR CLASS" };
        one(format!("DROP {what} {}", object.identity()))
    }
}
