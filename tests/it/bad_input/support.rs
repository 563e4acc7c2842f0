//! Editable migration folders, and the contents of a database afterwards.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Set};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};
use tokio_postgres::Client;

/// A migration folder, removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new<const N: usize>(files: [(&str, &str); N]) -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("migrate-bad-input-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Folder(path);
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    /// Three migrations that succeed.
    pub(crate) fn good() -> Folder {
        Folder::new([
            ("0001_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);\n"),
            ("0001_users.down.sql", "DROP TABLE users;\n"),
            ("0002_posts.up.sql", "-- What users write.\nCREATE TABLE posts (id bigint PRIMARY KEY);\n"),
            ("0002_posts.down.sql", "DROP TABLE posts;\n"),
            ("0003_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY);\n"),
            ("0003_tags.down.sql", "DROP TABLE tags;\n"),
        ])
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The current set of the folder.
    pub(crate) fn set(&self) -> Set {
        Set::from_folder(&self.0).unwrap()
    }

    /// A migrator of the current folder.
    pub(crate) fn migrator(&self) -> Migrator {
        Migrator::new(self.set()).program("shop 1.0")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// Compares an error's text, and the database's contents afterwards, with a case's snapshot.
pub(crate) async fn assert_error(case: &str, error: &Error, database: &Database) {
    let holds = holds(&database.connect().await.unwrap()).await;
    assert_snapshot(case, &format!("{error}\n\n--- the database holds\n{holds}"), &[(database.name(), "DB")]);
}

/// Compares a text with a case's snapshot. `vary` lists the parts that vary between runs, and their
/// replacements.
pub(crate) fn assert_snapshot(case: &str, text: &str, vary: &[(&str, &str)]) {
    let text = vary.iter().fold(text.to_owned(), |text, (what, shown)| text.replace(what, shown));
    let text = format!("{}\n", without_durations(text.trim_end()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{case}.txt"));
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{case}\n--- expected\n{expected}\n--- found\n{text}");
}

/// Replaces each duration after ` in `, ` for ` or ` waited ` with `…`.
fn without_durations(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((at, word)) =
        [" in ", " for ", " waited "].iter().filter_map(|word| Some((rest.find(word)?, word))).min()
    {
        let (before, after) = rest.split_at(at + word.len());
        shown.push_str(before);
        let number = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        let unit = ["µs", "ms", "ns", "s"].iter().find(|unit| after[number..].starts_with(**unit));
        rest = match unit {
            Some(unit) if number > 0 => {
                shown.push('…');
                &after[number + unit.len()..]
            }
            _ => after,
        };
    }
    shown + rest
}

/// The contents of a database: its tables, indexes and histories. Asserts that no transaction or lock of a
/// run is left on the server.
pub(crate) async fn holds(client: &Client) -> String {
    let left = "SELECT coalesce(string_agg(l.mode || ' ' || l.locktype || ' of ' || a.query, '; '), '') \
        FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() \
        AND l.pid <> pg_backend_pid()";
    assert_eq!(text(client, left).await, "", "a lock is left behind");
    let open = "SELECT coalesce(string_agg(query, '; '), '') FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
    assert_eq!(text(client, open).await, "", "a transaction is left open");

    let mut holds = String::new();
    let relations = "SELECT c.oid::regclass::text, c.relkind::text, coalesce(i.indisvalid, true), a.attname IS NOT NULL \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid \
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'checkpoint' \
        WHERE n.nspname !~ '^(pg_|information_schema)' AND (c.relkind IN ('r', 'v') OR i.indisprimary IS FALSE) \
        AND c.relname <> 'migrate_history_head' \
        AND i.indrelid::regclass::text NOT LIKE '%history' IS NOT FALSE ORDER BY 1";
    let mut histories = Vec::new();
    for row in client.query(relations, &[]).await.unwrap() {
        let (name, kind): (String, String) = (row.get(0), row.get(1));
        let (is_valid, is_history): (bool, bool) = (row.get(2), row.get(3));
        if is_history {
            histories.push(name);
        } else if kind == "i" {
            _ = writeln!(holds, "index {name}{}", if is_valid { "" } else { ", INVALID" });
        } else {
            let count = text(client, &format!("SELECT count(*)::text FROM {name}")).await;
            let kind = if kind == "r" { "table" } else { "view" };
            _ = writeln!(holds, "{kind} {name}: {count} rows");
        }
    }
    for name in histories {
        _ = writeln!(holds, "{name}:");
        let rows = format!(
            "SELECT concat_ws(' ', CASE WHEN set_name <> 'default' THEN set_name END, seq, action, name, outcome, \
             CASE WHEN live THEN 'live' END, 'checkpoint ' || checkpoint, sqlstate, 'statement ' || failed_statement, \
             'line ' || failed_line) || coalesce(': ' || message, '') FROM {name} ORDER BY set_name, seq"
        );
        for row in client.query(&rows, &[]).await.unwrap() {
            _ = writeln!(holds, "  {}", row.get::<_, String>(0));
        }
    }
    if holds.is_empty() { "nothing\n".to_owned() } else { holds }
}

/// The single value of a query.
pub(crate) async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}
