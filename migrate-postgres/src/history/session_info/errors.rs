//! The errors of a session that may not or can't write.

use super::SessionInfo;
use crate::error::Error;
use crate::history::format::FORMAT;
use crate::history::head_table;
use crate::sql::quote::quote_if_needed;
use migrate_core::advice::{Advice, NextStep};
use tokio_postgres::error::SqlState;

impl SessionInfo {
    /// Checks that the session can write, that it can create the table if it does not exist, and that this
    /// release can write the table's format.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.format.number > FORMAT {
            let (table, found) = (self.table.shown(), self.format.number);
            return Err(Error::NewerFormat { table, found, known: FORMAT });
        }
        if self.in_recovery {
            return Err(Error::standby("the server is a hot standby"));
        }
        if self.read_only {
            return Err(Error::ReadOnly {
                reason: "default_transaction_read_only is on for this session",
                advice: Advice::fix("set it to off for this role, database or connection")
                    .or(NextStep::fix("let another instance migrate first")),
            });
        }
        if !self.exists && !self.may_create {
            let (schema, role) = (quote_if_needed(self.table.schema()), quote_if_needed(&self.role));
            let (message, grant) = if self.schema_exists {
                (
                    format!("permission denied for schema {}", self.table.schema()),
                    format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"),
                )
            } else {
                (
                    format!(
                        "the schema {} does not exist, and the role may not create it",
                        self.table.schema()
                    ),
                    format!("CREATE SCHEMA {schema} AUTHORIZATION {role}"),
                )
            };
            return Err(Error::Privilege {
                role: self.role.clone(),
                what: "create the history's table",
                message,
                advice: Advice::of(NextStep::sql(grant))
                    .or(NextStep::fix("let a role with that privilege migrate first")),
            });
        }
        Ok(())
    }

    /// The error of a failed creation or upgrade of the history's table.
    pub(crate) fn create_error(&self, error: tokio_postgres::Error) -> Error {
        if self.exists && self.format.is_older() && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let [schema, table, role] =
                [self.table.schema(), self.table.name(), &self.role].map(quote_if_needed);
            return Error::Privilege {
                role: self.role.clone(),
                what: "upgrade the history's table to the format of this release",
                message: error.as_db_error().map_or_else(String::new, |db| db.message().to_owned()),
                advice: Advice::fix("let the owner of the table migrate with this release first")
                    .or(NextStep::sql(format!("ALTER TABLE {schema}.{table} OWNER TO {role}"))),
            };
        }
        self.write_error("creating the history's table", error)
    }

    /// The error of a failed read of the history.
    pub(crate) fn read_error(&self, doing: &'static str, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => self.lacks("read the history", "SELECT", &error),
            _ => Error::server(doing, error),
        }
    }

    /// The error for a missing privilege on the history's table.
    fn lacks(&self, what: &'static str, rights: &str, error: &tokio_postgres::Error) -> Error {
        let [schema, role] = [self.table.schema(), &self.role].map(quote_if_needed);
        let tables = head_table::beside(self.table.name(), self.table.keeps().is_none());
        let tables: Vec<String> =
            tables.iter().map(|table| format!("{schema}.{}", quote_if_needed(table))).collect();
        Error::Privilege {
            role: self.role.clone(),
            what,
            message: error.as_db_error().map_or_else(String::new, |db| db.message().to_owned()),
            advice: Advice::of(NextStep::sql(format!("GRANT {rights} ON {} TO {role}", tables.join(", ")))),
        }
    }

    /// The error of a failed write to the history.
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
