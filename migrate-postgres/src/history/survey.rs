//! What has to be known about a session before it writes.

use crate::error::Error;
use crate::history::head::{missing_columns, read_error};
use crate::history::table::HistoryTable;
use crate::quote::{quote_ident, quote_if_needed, quote_literal};
use crate::settings::RunSettings;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

/// What has to be known about a session before it writes: asked once, with the lock held.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The history's table.
    pub(crate) table: HistoryTable,
    /// Whether it exists.
    pub(crate) exists: bool,
    /// Whether its schema exists.
    pub(crate) schema_exists: bool,
    /// The server's version: 150018 for 15.18.
    pub(crate) server_version: i32,
    /// Statements that make the session what it was before a script changed it.
    pub(crate) restore: Vec<String>,
    /// A statement that makes the session read strings as the lexer does, where it does not already.
    pub(crate) conform: Option<&'static str>,
    /// Whether the server can notice while it works that its client is gone.
    pub(crate) checks_client: bool,
    role: String,
    in_recovery: bool,
    read_only: bool,
    may_create: bool,
}

/// The current schema, and what of the session was changed with SET since it was opened: after RESET ALL it is set again.
const SURVEY: &str = "\
    SELECT s.schema, to_regclass(quote_ident(s.schema) || '.' || quote_ident($2)) IS NOT NULL, n.oid IS NOT NULL, \
      current_setting('server_version_num')::int4, pg_is_in_recovery(), \
      current_setting('default_transaction_read_only')::bool, \
      CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE') \
           ELSE has_schema_privilege(n.oid, 'CREATE') END, \
      current_user::text, session_user::text, current_setting('role'), \
      (SELECT array_agg(name ORDER BY name) FROM changed), (SELECT array_agg(setting ORDER BY name) FROM changed), \
      current_setting('standard_conforming_strings')::bool, version() ~ 'linux' \
    FROM (SELECT coalesce($1, current_schema()::text) AS schema) s \
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema";

impl Survey {
    /// Asks the server.
    pub(crate) async fn take(client: &Client, settings: &RunSettings) -> Result<Survey, Error> {
        let sql = format!(
            "WITH changed AS (SELECT name, setting FROM pg_catalog.pg_settings \
             WHERE source = 'session' AND name !~ '^transaction_(isolation|read_only|deferrable)$') {SURVEY}"
        );
        let schema = settings.history_schema.as_deref();
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&schema, Type::TEXT), (&&*settings.history_table, Type::TEXT)];
        let row = match client.query_typed_one(&sql, &parameters).await {
            Ok(row) => row,
            // `to_regclass` looks into the schema, for which it takes USAGE.
            Err(error) => return Err(read_error(client, settings, "looking at the session", error).await),
        };
        let schema: Option<&str> = row.get(0);
        let table = settings.table_in(schema.ok_or(Error::NoSchema)?);
        let names: Vec<String> = row.get::<_, Option<_>>(10).unwrap_or_default();
        let values: Vec<String> = row.get::<_, Option<_>>(11).unwrap_or_default();
        let survey = Survey {
            table,
            exists: row.get(1),
            schema_exists: row.get(2),
            server_version: row.get(3),
            in_recovery: row.get(4),
            read_only: row.get(5),
            may_create: row.get(6),
            role: row.get(7),
            conform: (!row.get::<_, bool>(12)).then_some("SET standard_conforming_strings = on"),
            checks_client: row.get(13),
            restore: restore(row.get(8), row.get(9), names.iter().zip(&values)),
        };
        if survey.exists {
            let missing = missing_columns(client, &survey.table.qualified())
                .await
                .map_err(|source| Error::server("looking at the history's table", source))?;
            if !missing.is_empty() {
                return Err(Error::NotOurTable { table: survey.table.shown(), missing });
            }
        }
        Ok(survey)
    }

    /// Statements that make the session fit for the next script.
    pub(crate) fn between_scripts(&self) -> Vec<&str> {
        self.restore.iter().map(String::as_str).chain(self.conform).collect()
    }

    /// Whether the session can write at all, and make the table where there is none.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.in_recovery {
            return Err(Error::standby("the server is a hot standby"));
        }
        if self.read_only {
            return Err(Error::ReadOnly {
                reason: "default_transaction_read_only is on for this session",
                next: "set it to off for this role, database or connection, or let another instance migrate first",
            });
        }
        if !self.exists && !self.may_create {
            let (schema, role) = (quote_if_needed(self.table.schema()), quote_if_needed(&self.role));
            let (message, grant) = if self.schema_exists {
                (
                    format!("permission denied for schema {}", self.table.schema()),
                    format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"),
                )
            } else {
                (
                    format!("the schema {} does not exist, and it may not make one", self.table.schema()),
                    format!("CREATE SCHEMA {schema} AUTHORIZATION {role};"),
                )
            };
            return Err(Error::Privilege {
                role: self.role.clone(),
                what: "create the history's table",
                message,
                next: format!("{grant} or let a role that may do so migrate first"),
            });
        }
        Ok(())
    }

    /// What a failed read of the history means.
    pub(crate) fn read_error(&self, doing: &'static str, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => self.lacks("read the history", "SELECT", &error),
            _ => Error::server(doing, error),
        }
    }

    /// The role lacks a right on the history's table.
    fn lacks(&self, what: &'static str, rights: &str, error: &tokio_postgres::Error) -> Error {
        let [schema, table, role] = [self.table.schema(), self.table.name(), &self.role].map(quote_if_needed);
        Error::Privilege {
            role: self.role.clone(),
            what,
            message: error.as_db_error().map_or_else(String::new, |db| db.message().to_owned()),
            next: format!("GRANT {rights} ON {schema}.{table} TO {role};"),
        }
    }

    /// What a failed write to the history means.
    pub(crate) fn write_error(&self, doing: &'static str, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                self.lacks("write the history", "SELECT, INSERT, UPDATE", &error)
            }
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Error::standby("the server has become read-only"),
            _ => Error::server(doing, error),
        }
    }
}

/// Statements that make a session what it was. RESET ALL leaves role and session authorization alone.
fn restore<'a>(
    session_user: &str,
    role: &str,
    changed: impl Iterator<Item = (&'a String, &'a String)>,
) -> Vec<String> {
    let role = if role == "none" { "NONE".to_owned() } else { quote_ident(role) };
    let mut statements = vec![
        format!("SET SESSION AUTHORIZATION {}", quote_ident(session_user)),
        format!("SET ROLE {role}"),
        "RESET ALL".to_owned(),
    ];
    let settings: Vec<String> = changed
        .map(|(name, value)| {
            format!("pg_catalog.set_config({}, {}, false)", quote_literal(name), quote_literal(value))
        })
        .collect();
    if !settings.is_empty() {
        statements.push(format!("SELECT {}", settings.join(", ")));
    }
    statements
}
