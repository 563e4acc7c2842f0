//! The one query that reads a catalog.

/// What the branches share.
const SCOPE: &str = include_str!("sql/scope.sql");

/// The objects, each as: classid, objid, objsubid, kind, identity, the table it is of, definition. One without a definition
/// is told by another object.
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
];

/// What is known of the objects beside: kind, identity, the table it is of, definition.
const BESIDE: &[&str] = &[include_str!("sql/comments.sql"), include_str!("sql/privileges.sql")];

/// All of it, as: kind, identity, table, definition. Parameters: the schema or null, whether owners count, schemas and names
/// of other tools' histories.
pub(super) fn catalog() -> String {
    let objects = OBJECTS.join("UNION ALL\n");
    let beside = BESIDE.join("UNION ALL\n");
    format!(
        "WITH {SCOPE},\n\
         object (classid, objid, objsubid, kind, identity, on_table, definition) AS MATERIALIZED (\n{objects})\n\
         SELECT kind, identity, on_table, definition FROM object WHERE definition IS NOT NULL\n\
         UNION ALL\n{beside}"
    )
}
