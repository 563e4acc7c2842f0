//! The format of the history: a number, the columns that it stands for, and the upgrade from an older format.
//!
//! The number applies to all of the library's tables in a schema: the history, its head, the leases, the
//! backups and the stored scripts. A release upgrades the tables of an older format under the lock, in the
//! first run that has something to write. A release that finds a newer format reads it and refuses to write.
//! For this to work, a format only ever adds to the one before it: columns that an older release can omit
//! when it reads. It never changes the meaning of an existing column, and the columns of the head and of the
//! leases never change: releases that run side by side boot by the head and exclude each other by the leases.
//!
//! The number is the default of the column `format`, which every dump keeps, and each row stores it. The
//! table's comment repeats it, for people, and for a table whose default was lost.

use crate::sql::answers::text;
use crate::sql::quote::quote_ident;
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::Type;

/// The format that this release writes.
pub(crate) const FORMAT: i32 = if IS_NEXT_RELEASE { 3 } else { 2 };

/// True in the build that one test makes as the release after this one. An environment variable, which reaches
/// this crate alone.
const IS_NEXT_RELEASE: bool = option_env!("MIGRATE_TEST_NEXT_FORMAT").is_some();

/// The format of tables that don't state one.
pub(super) const FIRST: i32 = 1;

/// A column of the history's table.
struct Column {
    name: &'static str,
    /// Its type, as SQL.
    kind: &'static str,
    /// The text after the type.
    rest: &'static str,
    /// The first format with this column.
    since: i32,
}

const fn column(name: &'static str, kind: &'static str, rest: &'static str) -> Column {
    Column { name, kind, rest, since: FIRST }
}

impl Column {
    const fn since(self, since: i32) -> Column {
        Column { since, ..self }
    }
}

/// The columns of an attempt.
const COLUMNS: &[Column] = &[
    column("set_name", "text", "NOT NULL"),
    column("seq", "bigint", "NOT NULL"),
    column("version", "text", "NOT NULL"),
    column("name", "text", "NOT NULL"),
    column("action", "text", "NOT NULL"),
    column("outcome", "text", "NOT NULL"),
    // True if the version counts as applied, or is about to, because of this row.
    column("live", "boolean", "NOT NULL"),
    column("checksum", "text", "NOT NULL"),
    // The digest of all that is applied after this row.
    column("digest", "bytea", "NOT NULL"),
    column("statements", "integer", "NOT NULL"),
    // The number of statements known to be done; null for a script in a transaction block, and if a later row
    // resumes it.
    column("checkpoint", "integer", ""),
    column("started_at", "timestamp with time zone", "NOT NULL DEFAULT pg_catalog.clock_timestamp()"),
    column("finished_at", "timestamp with time zone", ""),
    column("run_id", "text", "NOT NULL"),
    column("program", "text", "NOT NULL"),
    column("done_by", "text", "NOT NULL DEFAULT session_user"),
    column("application_name", "text", "NOT NULL DEFAULT pg_catalog.current_setting('application_name')"),
    column("client_addr", "inet", "DEFAULT pg_catalog.inet_client_addr()"),
    // The reason given by the person who settled something by hand.
    column("reason", "text", ""),
    column("sqlstate", "text", ""),
    column("message", "text", ""),
    column("failed_statement", "integer", ""),
    column("failed_line", "integer", ""),
    column("up_sql", "text", ""),
    column("down_sql", "text", ""),
    column("detail", "text", "").since(2),
    column("hint", "text", "").since(2),
    // The cause, if the SQLSTATE does not tell it.
    column("cause", "text", "").since(2),
    // The number of messages of each kind that the server sent.
    column("notices", "integer", "").since(2),
    column("warnings", "integer", "").since(2),
    // The row that this one resumes or ends.
    column("continues", "bigint", "").since(2),
    // The number of statements known to be done when the attempt ended.
    column("reached", "integer", "").since(2),
    // The server process that began the row.
    column("pid", "integer", "DEFAULT pg_catalog.pg_backend_pid()").since(2),
    // The format in which the row was written.
    column("format", "integer", "NOT NULL DEFAULT").since(2),
    // Of that build.
    column("next_format", "text", "NOT NULL DEFAULT 'new'").since(3),
];

/// The columns that this release knows.
fn columns_of_this_release() -> impl Iterator<Item = &'static Column> + Clone {
    COLUMNS.iter().filter(|column| column.since <= FORMAT)
}

/// The columns restricted to certain words, and those words.
const WORDS: [(&str, &str); 2] = [
    ("action", "'apply', 'revert', 'mark', 'unmark', 'rewind', 'accept'"),
    ("outcome", "'done', 'failed', 'unfinished', 'interrupted'"),
];

/// The names and types of the columns of a table in a format.
pub(super) fn columns(format: i32) -> impl Iterator<Item = (&'static str, &'static str)> {
    columns_of_this_release()
        .filter(move |column| column.since <= format)
        .map(|column| (column.name, column.kind))
}

/// The OID of a column's type. The server prints the type's name in a form that depends on the session's
/// settings.
pub(super) fn oid(kind: &str) -> u32 {
    let type_ = match kind {
        "bigint" => Type::INT8,
        "boolean" => Type::BOOL,
        "bytea" => Type::BYTEA,
        "inet" => Type::INET,
        "integer" => Type::INT4,
        "timestamp with time zone" => Type::TIMESTAMPTZ,
        _ => Type::TEXT,
    };
    type_.oid()
}

/// The expression that reads a column from a table in a format: null if that format lacks the column.
pub(super) fn read(format: i32, name: &str) -> String {
    match columns_of_this_release().find(|column| column.name == name) {
        Some(column) if column.since > format => format!("NULL::{} AS {name}", column.kind),
        _ => name.to_owned(),
    }
}

/// The definitions of all columns, and their constraints.
pub(super) fn definitions() -> String {
    let columns = columns_of_this_release().map(|column| match column.name {
        "format" => format!("{} {} {} {FORMAT}", column.name, column.kind, column.rest),
        name => format!("{name} {} {}", column.kind, column.rest),
    });
    columns.chain(checks()).collect::<Vec<_>>().join(", ")
}

fn checks() -> impl Iterator<Item = String> {
    WORDS.iter().map(|(column, words)| format!("CHECK ({column} IN ({words}))"))
}

/// The comment of a table, which ends in the format.
pub(super) fn comment(table: &str, what: &str) -> String {
    format!("COMMENT ON TABLE {table} IS '{what} Format {FORMAT}.'")
}

/// The query for the columns of a table, their constraints and its format: one row for each column.
pub(super) fn questions(table: &str, condition: &str) -> String {
    format!(
        "SELECT a.attname, a.atttypid, \
         (SELECT pg_catalog.string_agg(quote_ident(c.conname), ',') FROM pg_catalog.pg_constraint c \
           WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum]), \
         CASE a.attname WHEN 'format' THEN \
           (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d \
             WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) \
         WHEN 'set_name' THEN pg_catalog.obj_description(a.attrelid, 'pg_class') END, \
         t.relkind FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid WHERE t.oid = to_regclass({table}) AND a.attnum > 0 AND NOT a.attisdropped \
         AND {condition}"
    )
}

/// The format of a table and its columns, read from the answer to [`questions`].
#[derive(Clone, Debug)]
pub(super) struct TableFormat {
    /// The format.
    pub(super) number: i32,
    /// True if it is a table, not a view or a table of another server.
    pub(super) is_table: bool,
    /// The names of the constraints that restrict the words of a column, quoted.
    checks: Vec<String>,
}

impl TableFormat {
    /// The value for a table that is to be created.
    pub(super) const NEW: TableFormat = TableFormat { number: FORMAT, is_table: true, checks: Vec::new() };

    pub(super) fn read(columns: &[SimpleQueryRow]) -> TableFormat {
        let of = |name: &str| columns.iter().find(|row| text(row, 0) == Some(name));
        let note = |name: &str| of(name).and_then(|row| text(row, 3));
        let default = note("format").and_then(|default| default.parse().ok());
        let comment = || {
            note("set_name")
                .and_then(|comment| comment.rsplit_once("Format ")?.1.trim_end_matches('.').parse().ok())
        };
        let checks = WORDS.iter().filter_map(|(column, _)| text(of(column)?, 2));
        TableFormat {
            number: default.or_else(comment).unwrap_or(FIRST),
            is_table: columns.iter().all(|row| matches!(text(row, 4), Some("r" | "p"))),
            checks: checks.flat_map(|names| names.split(',')).map(str::to_owned).collect(),
        }
    }

    /// True if this release can write to it after an upgrade.
    pub(super) fn is_older(&self) -> bool {
        self.number < FORMAT
    }

    /// Statements that upgrade the table to this release's format. They may run twice: each set has a lock of
    /// its own, so two sets can upgrade one after the other.
    pub(super) fn upgrade(&self, table: &str) -> String {
        let missing = columns_of_this_release().filter(|column| column.since > self.number);
        // Existing rows keep the format in which they were written.
        let added = missing.clone().map(|column| match column.name {
            "format" => format!("ADD COLUMN IF NOT EXISTS format integer NOT NULL DEFAULT {}", self.number),
            // A volatile default would give existing rows a false value.
            "pid" => "ADD COLUMN IF NOT EXISTS pid integer".to_owned(),
            name => format!("ADD COLUMN IF NOT EXISTS {} {} {}", quote_ident(name), column.kind, column.rest),
        });
        let defaults = [format!("ALTER COLUMN format SET DEFAULT {FORMAT}")].into_iter().chain(
            missing
                .clone()
                .filter(|column| column.name == "pid")
                .map(|column| format!("ALTER COLUMN pid SET {}", column.rest)),
        );
        let dropped = self.checks.iter().map(|check| format!("DROP CONSTRAINT IF EXISTS {check}"));
        let checks = checks().map(|check| format!("ADD {check}"));
        let changes: Vec<String> = added.chain(defaults).chain(dropped).chain(checks).collect();
        format!("ALTER TABLE {table} {}", changes.join(", "))
    }
}
