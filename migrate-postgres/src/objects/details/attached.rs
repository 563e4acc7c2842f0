//! Objects that are attached to a table or view.

use super::attributes::details;
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A constraint of a table.
    Constraint {
        /// The constraint after `CONSTRAINT name`, as PostgreSQL prints it.
        definition: String,
        /// The column `contype`: `c`, `f`, `p`, `u` or `x`.
        form: String,
        /// `NO INHERIT`, where the definition does not say it.
        no_inherit: bool,
        /// `NOT VALID`, where the definition does not say it.
        not_valid: bool,
        /// The storage parameters of its index: `fillfactor=70`.
        options: Vec<String>,
        /// The tablespace of its index.
        tablespace: Option<String>,
        /// True if its index is invalid.
        invalid: bool,
        /// The state of its triggers, if it is not the usual one: `DISABLED`.
        triggers: Option<String>,
        /// True if it is only there because the parent of its table has it.
        inherited: bool,
    }

    /// An index that belongs to no constraint.
    Index {
        /// The statement that creates it. The name has no schema: it is the table's.
        definition: String,
        /// True if it is invalid.
        invalid: bool,
        /// True if it is valid and not ready.
        not_ready: bool,
        /// The index of the partitioned table that it is part of.
        partition_of: Option<String>,
        /// Its tablespace.
        tablespace: Option<String>,
        /// Statistics targets: `100 ON COLUMN 1`.
        statistics: Vec<String>,
    }

    /// Extended statistics.
    Statistics {
        /// The statement that creates it.
        definition: String,
        /// The statistics target.
        target: Option<String>,
    }

    /// A trigger.
    Trigger {
        /// The statement that creates it.
        definition: String,
        /// Its state, if it is not the usual one: `DISABLED`, `ENABLED REPLICA`, `ENABLED ALWAYS`.
        enabled: Option<String>,
    }

    /// A rewrite rule.
    Rule {
        /// The statement that creates it.
        definition: String,
        /// Its state, if it is not the usual one.
        enabled: Option<String>,
    }

    /// A row-level security policy.
    Policy {
        /// `AS RESTRICTIVE`.
        restrictive: bool,
        /// The command: `ALL`, `SELECT`, …
        command: String,
        /// The roles, or `PUBLIC`.
        roles: Vec<String>,
        /// The expression of `USING`, without the parentheses.
        using: Option<String>,
        /// The expression of `WITH CHECK`.
        check: Option<String>,
    }
}

impl Constraint {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).flag("NO INHERIT", self.no_inherit).flag("NOT VALID", self.not_valid);
        lines.list("WITH", &self.options).optional("TABLESPACE ", &self.tablespace);
        lines.flag("INVALID", self.invalid).optional("TRIGGERS ", &self.triggers);
        lines.flag("INHERITED", self.inherited);
    }
}

impl Index {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).flag("INVALID", self.invalid).flag("NOT READY", self.not_ready);
        lines.optional("PARTITION OF ", &self.partition_of).optional("TABLESPACE ", &self.tablespace);
        lines.each("STATISTICS ", &self.statistics);
    }
}

impl Statistics {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).optional("STATISTICS ", &self.target);
    }
}

impl Trigger {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).optional("", &self.enabled);
    }
}

impl Rule {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.definition]).optional("", &self.enabled);
    }
}

impl Policy {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["AS ", if self.restrictive { "RESTRICTIVE" } else { "PERMISSIVE" }]);
        lines.line(&["FOR ", &self.command]);
        if !self.roles.is_empty() {
            lines.line(&["TO ", &self.roles.join(", ")]);
        }
        for (word, expression) in [("USING (", &self.using), ("WITH CHECK (", &self.check)] {
            if let Some(expression) = expression {
                lines.line(&[word, expression, ")"]);
            }
        }
    }
}
