//! The queries about a session, as SQL.

use super::{SessionInfo, Whereabouts};
use crate::connection::protect::{self, SessionTimeouts, TIMEOUTS};
use crate::history::backfill_table;
use crate::history::foreign::BesideTables;
use crate::history::format;
use crate::history::head_table;
use crate::history::settings::RunSettings;
use crate::sql::quote::{quote_ident, quote_literal, quote_nullable};

/// [`CHANGED`](super::CHANGED) as a query. The timeouts may be off for this message only
/// ([`protect::no_timeouts`]): their earlier values count.
fn changed() -> String {
    let before = protect::timeout("name");
    format!(
        "SELECT name, CASE WHEN name = ANY ({TIMEOUTS}) THEN {before} ELSE setting END AS setting FROM pg_catalog.pg_settings \
         WHERE source = 'session' AND CASE WHEN name = ANY ({TIMEOUTS}) THEN {} <> reset_val::float8 \
         ELSE name !~ '^transaction_(isolation|read_only|deferrable)$' END",
        protect::in_milliseconds(&before)
    )
}

/// The names of the timeouts that are off, as one text.
fn off() -> String {
    format!(
        "(SELECT pg_catalog.string_agg(t, ',') FROM unnest({TIMEOUTS}) t WHERE {} = '0')",
        protect::timeout("t")
    )
}

/// The state of a session that determines how to restore it, as one text.
pub(super) fn state() -> String {
    format!(
        "pg_catalog.concat_ws(',', {off}, current_user, session_user, current_setting('role'), \
         current_setting('standard_conforming_strings'), (SELECT pg_catalog.string_agg(name || '=' || setting, ',' \
         ORDER BY name) FROM ({changed}) changed))",
        off = off(),
        changed = changed()
    )
}

/// The schema, other than `s.schema`, in which the search path finds or names a table with the history's
/// name. This includes a schema that the role may not use: `current_schema()` skips those. Names that contain
/// commas are not found.
fn other_schema(settings: &RunSettings) -> String {
    let name = &settings.history_table;
    format!(
        "(SELECT o.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace o ON o.oid = c.relnamespace, \
         string_to_array(replace(current_setting('search_path'), ' ', ''), ',') path \
         WHERE c.relname = {name} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND o.nspname <> s.schema \
         AND (c.oid = to_regclass({ident}) OR '\"' || replace(replace(o.nspname, '\"', '\"\"'), ' ', '') || '\"' = ANY (path) \
         OR (o.nspname ~ '^[a-z_][a-z0-9_$]*$' AND o.nspname = ANY (path)) OR (o.nspname = current_user AND '\"$user\"' = ANY (path))) \
         ORDER BY c.oid = to_regclass({ident}) DESC LIMIT 1)",
        name = quote_literal(name),
        ident = quote_literal(&quote_ident(name)),
    )
}

impl SessionInfo {
    /// The queries, as statements of a message that is sent in one piece. If `condition` is false, they cost
    /// nothing and return no answer.
    ///
    /// If the set's history has rows, the query for tables `beside` it is not needed.
    pub(crate) fn questions(
        settings: &RunSettings,
        whereabouts: Whereabouts,
        beside: bool,
        condition: &str,
    ) -> String {
        let elsewhere = match whereabouts {
            Whereabouts::Unknown if settings.history_schema.is_none() => other_schema(settings),
            _ => "NULL".to_owned(),
        };
        let schema = format!(
            "coalesce({}::text, current_schema()::text)",
            quote_nullable(settings.history_schema.as_deref())
        );
        let table = quote_literal(&format!(".{}", quote_ident(&settings.history_table)));
        let head = quote_literal(&format!(".{}", quote_ident(&head_table::name(&settings.history_table))));
        let backfills = quote_literal(&format!(
            ".{}",
            quote_ident(&head_table::beside_named(&settings.history_table, backfill_table::ENDING))
        ));
        let head_columns = format!("'{{{}}}'", head_table::COLUMNS.join(","));
        let session = format!(
            "SELECT s.schema, to_regclass(quote_ident(s.schema) || {table}) IS NOT NULL, n.oid IS NOT NULL, \
             current_setting('server_version_num'), pg_is_in_recovery(), \
             current_setting('default_transaction_read_only')::bool, \
             CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE') \
                  ELSE has_schema_privilege(n.oid, 'CREATE') END, \
             current_user, session_user, current_setting('role'), \
             current_setting('standard_conforming_strings')::bool, version() ~ 'linux', pg_catalog.md5({state}), {elsewhere}, \
             pg_catalog.pg_backend_pid(), {off}, to_regclass(quote_ident(s.schema) || {head}) IS NOT NULL, \
             (SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(quote_ident(s.schema) || {head}) \
             AND attname = ANY ({head_columns}) AND NOT attisdropped), \
             has_table_privilege(to_regclass(quote_ident(s.schema) || {table})::oid, 'REFERENCES'), \
             pg_catalog.row_security_active(to_regclass(quote_ident(s.schema) || {table})::oid), \
             {timeouts}, {idle_timeout}, to_regclass(quote_ident(s.schema) || {backfills}) IS NOT NULL \
             FROM (SELECT {schema} AS schema) s \
             LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema WHERE {condition}",
            state = state(),
            off = off(),
            timeouts = SessionTimeouts::are_on(),
            idle_timeout = protect::idle_timeout(),
        );
        let changed = format!("{} AND {condition} ORDER BY name", changed());
        let columns = format::questions(&format!("quote_ident({schema}) || {table}"), condition);
        let beside = if beside && settings.keeps().is_none() {
            BesideTables::question(settings, condition)
        } else {
            format!("SELECT WHERE {condition} AND false")
        };
        format!("{session}; {changed}; {columns}; {beside}")
    }
}
