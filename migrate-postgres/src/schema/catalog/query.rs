//! The query that reads a catalog.

use crate::history::OWN_TABLES;

/// The part that all branches share; `{own_tables}` stands for the query for this library's tables.
const SCOPE: &str = include_str!("sql/scope.sql");

/// The objects, each as: classid, objid, objsubid, kind, identity, table, attributes. An object without
/// attributes is part of another one.
const OBJECTS: &[&str] = &[
    include_str!("sql/schemas.sql"),
    include_str!("sql/extensions.sql"),
    include_str!("sql/types.sql"),
    include_str!("sql/collations.sql"),
    include_str!("sql/sequences.sql"),
    include_str!("sql/tables.sql"),
    include_str!("sql/columns.sql"),
    include_str!("sql/view_columns.sql"),
    include_str!("sql/constraints.sql"),
    include_str!("sql/indexes.sql"),
    include_str!("sql/statistics.sql"),
    include_str!("sql/views.sql"),
    include_str!("sql/routines.sql"),
    include_str!("sql/aggregates.sql"),
    include_str!("sql/triggers.sql"),
    include_str!("sql/rules.sql"),
    include_str!("sql/policies.sql"),
    include_str!("sql/event_triggers.sql"),
    include_str!("sql/publications.sql"),
    include_str!("sql/foreign_servers.sql"),
    include_str!("sql/casts.sql"),
    include_str!("sql/operators.sql"),
    include_str!("sql/text_search.sql"),
    include_str!("sql/noted.sql"),
];

/// Additional facts about the objects: kind, identity, table, attributes, and zeros for the ids.
const BESIDE: &[&str] = &[
    include_str!("sql/comments.sql"),
    include_str!("sql/privileges.sql"),
    include_str!("sql/security_labels.sql"),
];

/// The dependencies between objects, by their ids.
pub(super) const DEPENDENCIES: &str = include_str!("sql/dependencies.sql");

/// The complete query. Columns: kind, identity, table, attributes, classid, objid, objsubid. Parameters: the schema or null, true to
/// include owners, schemas and names of other tools' histories.
pub(super) fn catalog() -> String {
    let scope = SCOPE.replace("{own_tables}", OWN_TABLES.trim_end());
    let objects = OBJECTS.join("UNION ALL\n");
    let beside = BESIDE.join("UNION ALL\n");
    format!(
        "WITH {scope},\n\
         object (classid, objid, objsubid, kind, identity, on_table, attributes) AS MATERIALIZED (\n{objects})\n\
         SELECT kind, identity, on_table, attributes, classid, objid, objsubid FROM object WHERE attributes IS NOT NULL\n\
         UNION ALL\n{beside}"
    )
}
