//! Schemas, extensions, publications, foreign data wrappers and servers.

use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, one, option_changes, options};
use crate::objects::details::database::{Extension, ForeignDataWrapper, ForeignServer, Publication, Schema};
use crate::objects::kind::Kind;
use crate::objects::object::Object;

impl Written for Schema {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let sql = format!("CREATE SCHEMA {}", object.identity());
        let owner = owner("SCHEMA", object.identity(), &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &Schema, object: &Object, _: &Context<'_>) -> Statements {
        Some(
            owner("SCHEMA", object.identity(), &self.owner, &new.owner)
                .map(Statement::from)
                .into_iter()
                .collect(),
        )
    }
}

impl Written for Extension {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let schema = self.schema.as_ref().filter(|schema| *schema != "public");
        let schema = schema.map(|schema| format!(" SCHEMA {schema}")).unwrap_or_default();
        one(format!("CREATE EXTENSION {}{schema}", object.identity()))
    }

    fn alter(&self, new: &Extension, object: &Object, _: &Context<'_>) -> Statements {
        let alter = format!("ALTER EXTENSION {}", object.identity());
        let version = (self.version != new.version).then(|| format!("{alter} UPDATE TO {}", new.version));
        let schema = new.schema.as_ref().filter(|_| self.schema != new.schema);
        let schema = schema.map(|schema| format!("{alter} SET SCHEMA {schema}"));
        Some(version.into_iter().chain(schema).map(Statement::from).collect())
    }
}

impl Publication {
    fn property(&self, name: &str) -> Option<&str> {
        let values = self.properties.iter().filter_map(|property| property.split_once(' '));
        values.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The options of `WITH`.
    fn options(&self) -> Vec<String> {
        let verbs = ["insert", "update", "delete", "truncate"];
        let published: Vec<&str> =
            verbs.into_iter().filter(|verb| self.property(verb) == Some("true")).collect();
        let mut options = vec![format!("publish = '{}'", published.join(", "))];
        if let Some(root) = self.property("viaroot") {
            options.push(format!("publish_via_partition_root = {root}"));
        }
        let generated = match self.property("gencols") {
            Some("s") => Some("stored"),
            Some("n") => Some("none"),
            _ => None,
        };
        options.extend(generated.map(|generated| format!("publish_generated_columns = {generated}")));
        options
    }

    /// The options that differ from those that were not given.
    fn unusual(&self) -> Vec<String> {
        const USUAL: [&str; 3] = [
            "publish = 'insert, update, delete, truncate'",
            "publish_via_partition_root = false",
            "publish_generated_columns = none",
        ];
        self.options().into_iter().filter(|option| !USUAL.contains(&option.as_str())).collect()
    }

    /// The tables and schemas.
    fn members(&self) -> String {
        let tables = (!self.tables.is_empty()).then(|| format!("TABLE {}", self.tables.join(", ")));
        let schemas =
            (!self.schemas.is_empty()).then(|| format!("TABLES IN SCHEMA {}", self.schemas.join(", ")));
        tables.into_iter().chain(schemas).collect::<Vec<_>>().join(", ")
    }
}

impl Written for Publication {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let members = match (self.property("alltables"), self.members()) {
            (Some("true"), _) => " FOR ALL TABLES".to_owned(),
            (_, members) if members.is_empty() => members,
            (_, members) => format!(" FOR {members}"),
        };
        let options = self.unusual();
        let options =
            if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        one(format!("CREATE PUBLICATION {}{members}{options}", object.identity()))
    }

    fn alter(&self, new: &Publication, object: &Object, _: &Context<'_>) -> Statements {
        if self.property("alltables") != new.property("alltables") {
            return None;
        }
        let alter = format!("ALTER PUBLICATION {}", object.identity());
        let mut statements = Vec::new();
        if self.options() != new.options() {
            statements.push(format!("{alter} SET ({})", new.options().join(", ")));
        }
        if (&self.tables, &self.schemas) != (&new.tables, &new.schemas) {
            match (self.members(), new.members()) {
                (old, new) if new.is_empty() => {
                    statements.push(format!("{alter} DROP {}", without_details(&old)));
                }
                (_, new) => statements.push(format!("{alter} SET {new}")),
            }
        }
        Some(statements.into_iter().map(Statement::from).collect())
    }
}

/// A list of tables without their columns and conditions, which `DROP` does not take.
fn without_details(members: &str) -> String {
    let tables = members.split(", ").map(|member| member.split(" (").next().unwrap_or_default());
    let tables = tables.map(|member| member.split(" WHERE ").next().unwrap_or_default());
    tables.collect::<Vec<_>>().join(", ")
}

impl Written for ForeignDataWrapper {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let named = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {word} {value}")).unwrap_or_default()
        };
        let (handler, validator) = (named("HANDLER", &self.handler), named("VALIDATOR", &self.validator));
        let name = object.identity();
        let options = options(&self.options);
        let sql = format!("CREATE FOREIGN DATA WRAPPER {name}{handler}{validator}{options}");
        let owner = owner("FOREIGN DATA WRAPPER", name, &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &ForeignDataWrapper, object: &Object, _: &Context<'_>) -> Statements {
        let function = |word: &str, old: &Option<String>, new: &Option<String>| match new {
            new if new == old => None,
            Some(new) => Some(format!("{word} {new}")),
            None => Some(format!("NO {word}")),
        };
        let changes = [
            function("HANDLER", &self.handler, &new.handler),
            function("VALIDATOR", &self.validator, &new.validator),
            option_changes(&self.options, &new.options),
        ];
        let changes: Vec<String> = changes.into_iter().flatten().collect();
        let name = object.identity();
        let changed =
            (!changes.is_empty()).then(|| format!("ALTER FOREIGN DATA WRAPPER {name} {}", changes.join(" ")));
        let owner = owner("FOREIGN DATA WRAPPER", name, &self.owner, &new.owner);
        Some(changed.into_iter().chain(owner).map(Statement::from).collect())
    }
}

impl Written for ForeignServer {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let named = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {word} {value}")).unwrap_or_default()
        };
        let (server_type, version) = (named("TYPE", &self.server_type), named("VERSION", &self.version));
        let (name, wrapper, options) = (object.identity(), &self.wrapper, options(&self.options));
        let sql =
            format!("CREATE SERVER {name}{server_type}{version} FOREIGN DATA WRAPPER {wrapper}{options}");
        let owner = owner("SERVER", name, &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &ForeignServer, object: &Object, _: &Context<'_>) -> Statements {
        if (&self.wrapper, &self.server_type) != (&new.wrapper, &new.server_type) {
            return None;
        }
        let version = new.version.as_ref().filter(|_| self.version != new.version);
        if self.version != new.version && version.is_none() {
            return None;
        }
        let version = version.map(|version| format!("VERSION {version}"));
        let changes: Vec<String> =
            version.into_iter().chain(option_changes(&self.options, &new.options)).collect();
        let name = object.identity();
        let changed = (!changes.is_empty()).then(|| format!("ALTER SERVER {name} {}", changes.join(" ")));
        let owner = owner("SERVER", name, &self.owner, &new.owner);
        Some(changed.into_iter().chain(owner).map(Statement::from).collect())
    }

    /// With its user mappings, which keep it.
    fn drop(&self, object: &Object, context: &Context<'_>) -> Statements {
        let name = object.identity();
        let mappings = context
            .from
            .objects()
            .iter()
            .filter(|mapping| mapping.kind() == Kind::UserMapping && mapping.table() == Some(name));
        let dropped = mappings.filter_map(|mapping| {
            let user = mapping.identity().strip_suffix(name)?.strip_suffix(" on ")?;
            Some(format!("DROP USER MAPPING FOR {user} SERVER {name}"))
        });
        Some(dropped.chain([format!("DROP SERVER {name}")]).map(Statement::from).collect())
    }
}
