//! Types of values, as the server tells them.

/// The OID of the type of an expression; of a domain, that of the type at its end.
pub(crate) fn base_type(expression: &str) -> String {
    format!(
        "(WITH RECURSIVE base AS (SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t \
         WHERE t.oid = pg_catalog.pg_typeof({expression}) UNION ALL \
         SELECT t.oid, t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.typbasetype) \
         SELECT oid FROM base WHERE typbasetype = 0)"
    )
}

/// A query for the type of the only column of a query: a row with a true if it is `boolean`. It does not run the query, whose row
/// alone does not tell a true from the text `t`.
pub(crate) fn is_boolean(query: &str) -> String {
    format!(
        "SELECT {} = 'pg_catalog.bool'::pg_catalog.regtype FROM (SELECT) AS one \
         LEFT JOIN (SELECT * FROM (\n{query}\n) AS query(value) LIMIT 0) AS result ON true",
        base_type("result.value")
    )
}
