//! The approval table, beside the history: the lint rules that the project's configuration accepts in applied
//! migrations, with the reasons.
//!
//! An approval in a script is part of the script's text, which the history stores. One in the configuration is
//! for a migration whose text must not change, often long after it was applied. The table is created with the
//! first such approval, by a run that has something to do, and its rows are never changed. Releases that do not
//! know it ignore it.

use crate::history::head_table::beside_named;
use crate::history::{HistoryTable, SessionInfo, format, make};
use crate::sql::quote::{quote_ident, quote_literal};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

/// The comment of the table.
const COMMENT: &str =
    "What the configuration of a project accepts in its applied migrations, by migrate-postgres.";

/// An approval of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredRule {
    /// The canonical version of the migration.
    pub(crate) version: String,
    /// The id of the rule.
    pub(crate) rule: String,
    /// The reason; empty if there is none.
    pub(crate) reason: String,
}

/// The table beside a history, as SQL.
fn table(history: &HistoryTable) -> String {
    format!("{}.{}", quote_ident(history.schema()), quote_ident(&beside_named(history.name(), "_approval")))
}

/// True if the table exists and may be read.
pub(crate) async fn is_readable(client: &Client, session_info: &SessionInfo) -> Result<bool, Error> {
    let table = quote_literal(&table(&session_info.table));
    let question =
        format!("SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass({table}), 'SELECT')");
    let rows = session_info.ask(client, &question, &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true)))
}

/// Reads the approvals of a set, in the order in which they were recorded.
pub(crate) async fn read(
    client: &Client,
    session_info: &SessionInfo,
    set: &str,
) -> Result<Vec<ConfiguredRule>, Error> {
    let load = format!(
        "SELECT version, rule, reason FROM {} WHERE set_name = $1 ORDER BY recorded_at, version, rule",
        table(&session_info.table)
    );
    let rows = session_info.ask(client, &load, &[(&set, Type::TEXT)]).await?;
    let rule = |row: &tokio_postgres::Row| ConfiguredRule {
        version: row.get(0),
        rule: row.get(1),
        reason: row.get(2),
    };
    Ok(rows.iter().map(rule).collect())
}

/// Records the approvals for migrations that are applied, except those that are recorded already.
pub(crate) async fn record(
    client: &Client,
    session_info: &SessionInfo,
    (set, program): (&str, &str),
    approvals: &[ConfiguredRule],
) -> Result<(), Error> {
    let table = table(&session_info.table);
    let there = format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(&table));
    let rows = session_info.ask(client, &there, &[]).await?;
    // A role that may write to the table need not have the right to create one.
    if !rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table} (set_name text NOT NULL, version text NOT NULL, rule text NOT NULL, \
             reason text NOT NULL, program text NOT NULL, \
             recorded_by text NOT NULL DEFAULT session_user, \
             recorded_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
             PRIMARY KEY (set_name, version, rule, reason)); {}",
            format::comment(&table, COMMENT)
        );
        make(client, &create).await?;
    }
    let record = format!(
        "INSERT INTO {table} (set_name, version, rule, reason, program) \
         SELECT $1, version, rule, reason, $2 \
         FROM unnest($3, $4, $5) AS given (version, rule, reason) \
         WHERE EXISTS (SELECT FROM {history} h WHERE h.set_name = $1 AND h.version = given.version AND h.live) \
         ON CONFLICT DO NOTHING",
        history = session_info.table.qualified()
    );
    let column = |of: fn(&ConfiguredRule) -> &str| approvals.iter().map(of).collect::<Vec<_>>();
    let versions = column(|approval| &approval.version);
    let (rules, reasons) = (column(|approval| &approval.rule), column(|approval| &approval.reason));
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&set, Type::TEXT),
        (&program, Type::TEXT),
        (&versions, Type::TEXT_ARRAY),
        (&rules, Type::TEXT_ARRAY),
        (&reasons, Type::TEXT_ARRAY),
    ];
    session_info.ask(client, &record, &parameters).await.map(drop)
}
