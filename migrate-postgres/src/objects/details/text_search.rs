//! Text search objects and collations.

use super::attributes::details;
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A collation.
    Collation {
        /// The columns of `pg_collation`, each a name and a value: `provider c`.
        properties: Vec<String>,
    }

    /// A text search configuration.
    TextSearchConfiguration {
        /// The parser.
        parser: String,
        /// The mappings, in order: `asciiword simple`.
        mappings: Vec<String>,
    }

    /// A text search dictionary.
    TextSearchDictionary {
        /// The template.
        template: String,
        /// The options, as they stand in a statement.
        options: Option<String>,
    }
}

impl Collation {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["COLLATION"]).each("", &self.properties);
    }
}

impl TextSearchConfiguration {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["PARSER ", &self.parser]).each("MAPPING ", &self.mappings);
    }
}

impl TextSearchDictionary {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["TEMPLATE ", &self.template]);
        if let Some(options) = &self.options {
            lines.line(&["OPTIONS (", options, ")"]);
        }
    }
}
