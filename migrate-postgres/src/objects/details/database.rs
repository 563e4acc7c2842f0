//! Schemas, and objects that are in no schema.

use super::attributes::details;
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A schema.
    Schema {
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// An extension.
    Extension {
        /// The version, as a literal.
        version: String,
        /// The schema of its objects; none for `pg_catalog`.
        schema: Option<String>,
    }

    /// An event trigger.
    EventTrigger {
        /// The event: `ddl_command_end`.
        event: String,
        /// The command tags; none for all.
        tags: Vec<String>,
        /// The function with its parentheses.
        function: String,
        /// Its state, if it is not the usual one.
        enabled: Option<String>,
    }

    /// A publication.
    Publication {
        /// The columns of `pg_publication`, each a name and a value: `insert true`.
        properties: Vec<String>,
        /// The schemas whose tables are published.
        schemas: Vec<String>,
        /// The tables that were added by name: `public.t (id) WHERE (id > 3)`.
        tables: Vec<String>,
    }

    /// A foreign data wrapper.
    ForeignDataWrapper {
        /// The handler function.
        handler: Option<String>,
        /// The validator function.
        validator: Option<String>,
        /// The options: `name=value`.
        options: Vec<String>,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A foreign server.
    ForeignServer {
        /// The wrapper.
        wrapper: String,
        /// The type, as a literal.
        server_type: Option<String>,
        /// The version, as a literal.
        version: Option<String>,
        /// The options: `name=value`.
        options: Vec<String>,
        /// The owner, if owners were read.
        owner: Option<String>,
    }
}

impl Schema {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["SCHEMA"]).owner(&self.owner);
    }
}

impl Extension {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["EXTENSION"]).line(&["VERSION ", &self.version]).optional("SCHEMA ", &self.schema);
    }
}

impl EventTrigger {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["ON ", &self.event]).list("WHEN TAG IN", &self.tags);
        lines.line(&["EXECUTE FUNCTION ", &self.function]).optional("", &self.enabled);
    }
}

impl Publication {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["PUBLICATION"]).each("", &self.properties);
        lines.each("TABLES IN SCHEMA ", &self.schemas).each("TABLE ", &self.tables);
    }
}

impl ForeignDataWrapper {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&["FOREIGN DATA WRAPPER"]).optional("HANDLER ", &self.handler);
        lines.optional("VALIDATOR ", &self.validator).list("OPTIONS", &self.options).owner(&self.owner);
    }
}

impl ForeignServer {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines
            .line(&["FOREIGN SERVER"])
            .optional("TYPE ", &self.server_type)
            .optional("VERSION ", &self.version);
        lines.line(&["FOREIGN DATA WRAPPER ", &self.wrapper]).list("OPTIONS", &self.options);
        lines.owner(&self.owner);
    }
}
