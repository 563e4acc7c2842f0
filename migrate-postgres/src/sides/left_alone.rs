//! Objects of a database that do not belong to its set, and are listed instead of compared.

use crate::connection::protect;
use crate::error::Error;
use crate::schema::catalog::{Catalog, Kind, Object};
use crate::sql::answers::text;
use std::collections::BTreeSet;
use std::fmt;
use tokio_postgres::Client;

/// An object of a database that a difference does not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftAlone {
    /// Its kind.
    pub kind: Kind,
    /// Its identity, as in a catalog.
    pub identity: String,
    /// The reason.
    pub reason: LeftAloneReason,
}

/// The reason why an object is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftAloneReason {
    /// pg_partman made this partition.
    Partman,
    /// Another set made it.
    OtherSet {
        /// The name of the set.
        set: String,
    },
    /// Another set in the history may have made it: its migrations alone do not run on an empty database, so
    /// nothing tells which objects belong to it.
    InDoubt {
        /// The name of the set.
        set: String,
    },
}

impl LeftAloneReason {
    /// Its name in the JSON output.
    #[cfg(feature = "cli")]
    pub(crate) fn word(&self) -> &'static str {
        match self {
            LeftAloneReason::Partman => "partman",
            LeftAloneReason::OtherSet { .. } => "other_set",
            LeftAloneReason::InDoubt { .. } => "in_doubt",
        }
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{} {}: ", self.kind, self.identity)?;
        match &self.reason {
            LeftAloneReason::Partman => f.write_str("pg_partman made it"),
            LeftAloneReason::OtherSet { set } => write!(f, "the set {set} made it"),
            LeftAloneReason::InDoubt { set } => write!(f, "the set {set} may have made it"),
        }
    }
}

/// Schemas with a table of pg_partman's configuration, known by its columns: an installation without the
/// extension has it too.
const CONFIGURATIONS: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped \
    WHERE c.relname = 'part_config' AND c.relkind = 'r' \
    AND a.attname IN ('parent_table', 'partition_interval', 'automatic_maintenance') \
    GROUP BY 1 HAVING count(*) = 3";

/// The partitions, at every level, below the tables that a configuration names.
const PARTITIONS: &str = "\
    WITH RECURSIVE part (oid) AS ( \
      SELECT i.inhrelid FROM {configuration} p JOIN pg_catalog.pg_inherits i \
        ON i.inhparent = pg_catalog.to_regclass(p.parent_table) \
      UNION SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid) \
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(c.relname) \
    FROM part JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

/// The identities of partitions that pg_partman made, with their schema, or without it in a scope of one
/// schema.
pub(super) async fn of_partman(client: &Client, is_schema: bool) -> Result<BTreeSet<String>, Error> {
    let failed = |source| Error::server("reading the configuration of pg_partman", source);
    let mut found = BTreeSet::new();
    for row in &protect::ask(client, CONFIGURATIONS).await.map_err(failed)? {
        let Some(configuration) = text(row, 0) else { continue };
        let sql = PARTITIONS.replace("{configuration}", configuration);
        // To a role without the right to read the configuration, the database says nothing about it.
        let Ok(rows) = protect::ask(client, &sql).await else { continue };
        found.extend(rows.iter().filter_map(|row| text(row, usize::from(is_schema)).map(str::to_owned)));
    }
    Ok(found)
}

/// Removes objects from a catalog, with all their parts, and lists those that are not part of another one.
pub(super) fn take_out(
    catalog: &Catalog,
    is_one: &dyn Fn(&Object) -> bool,
    reason: &LeftAloneReason,
) -> (Catalog, Vec<LeftAlone>) {
    let own = |object: &Object| object.table().is_none() && is_one(object);
    let owners: BTreeSet<&str> =
        catalog.objects().iter().filter(|object| own(object)).map(Object::identity).collect();
    let is_part = |object: &Object| object.table().is_some_and(|table| owners.contains(table));
    let listed = catalog.objects().iter().filter(|object| own(object)).map(|object| LeftAlone {
        kind: object.kind(),
        identity: object.identity().to_owned(),
        reason: reason.clone(),
    });
    let listed = listed.collect();
    (catalog.clone().retaining(|object| !own(object) && !is_part(object)), listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_taken_out_with_all_that_is_part_of_it() {
        let object = |kind, identity: &str| Object::new(kind, identity, "");
        let catalog = Catalog::of([
            object(Kind::Table, "public.a"),
            object(Kind::Table, "public.b"),
            object(Kind::Index, "public.a_i").of("public.a"),
            object(Kind::Comment, "table public.a").of("public.a"),
            object(Kind::Comment, "table public.b").of("public.b"),
        ]);
        let (kept, listed) =
            take_out(&catalog, &|object| object.identity() == "public.a", &LeftAloneReason::Partman);
        let kept: Vec<String> = kept.objects().iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["table public.b", "comment on table public.b"]);
        let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["table public.a: pg_partman made it"]);
    }
}
