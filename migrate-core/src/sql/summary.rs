//! Statement summaries.

use super::statement::{LexedStatement, ParsedStatement, QualifiedName, StatementKind};

/// The maximum length of a summary in characters, from OpenTelemetry's conventions.
const MOST: usize = 255;

/// The operation and the target of a statement, without any values: `CREATE INDEX posts_author`,
/// `UPDATE posts`.
///
/// The format follows OpenTelemetry's rules for `db.query.summary`: the operation, then its target as
/// written. If the beginning of a statement does not show its target, the summary is the operation alone.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::summary;
///
/// assert_eq!(summary("create unique index concurrently if not exists i ON t (a)"), "CREATE INDEX i");
/// assert_eq!(summary("INSERT INTO app.users VALUES ('ada', 'hunter2')"), "INSERT app.users");
/// assert_eq!(summary("VACUUM (FULL) t"), "VACUUM");
/// ```
pub fn summary(statement: &str) -> String {
    let lexed = LexedStatement::new(statement);
    let statement = lexed.parse();
    let mut words = vec![statement.verb().to_uppercase()];
    words.retain(|verb| !verb.is_empty());
    // After a WITH, the object belongs to another operation than the first word.
    if statement.with.is_empty() {
        words.extend(statement.object_kind().map(|kind| kind.to_string()));
        words.extend(target(&statement).map(|name| name.to_string()));
    }
    words.join(" ").chars().take(MOST).collect()
}

/// The object, or the table of an unnamed index or of unnamed statistics.
fn target<'t>(statement: &ParsedStatement<'t>) -> Option<QualifiedName<'t>> {
    statement.target().or_else(|| match &statement.kind {
        StatementKind::CreateIndex(index) => Some(index.table.name.clone()),
        StatementKind::CreateStatistics(statistics) => Some(statistics.table.name.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_operation_and_its_target_are_told_and_nothing_else() {
        for (statement, expected) in [
            (
                "/* a */ create or replace materialized view app.\"Daily Sums\" AS SELECT 1",
                "CREATE MATERIALIZED VIEW app.\"Daily Sums\"",
            ),
            ("ALTER TABLE IF EXISTS ONLY t ADD c int DEFAULT 7", "ALTER TABLE t"),
            ("CREATE INDEX ON t (a)", "CREATE INDEX t"),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX i"),
            ("CREATE UNLOGGED TABLE t ()", "CREATE TABLE t"),
            ("CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", "CREATE TEXT SEARCH CONFIGURATION c"),
            ("CREATE ROLE app PASSWORD 'hunter2'", "CREATE ROLE app"),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO b", "ALTER DEFAULT PRIVILEGES"),
            ("CREATE USER MAPPING FOR app SERVER s", "CREATE USER MAPPING"),
            ("CREATE SCHEMA AUTHORIZATION app", "CREATE SCHEMA"),
            ("ALTER SYSTEM SET work_mem = '4MB'", "ALTER SYSTEM"),
            ("DROP OWNED BY app", "DROP OWNED app"),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "WITH"),
            ("DELETE FROM ONLY t WHERE a = 1", "DELETE t"),
            ("UPDATE t SET a = 'hunter2'", "UPDATE t"),
            ("TRUNCATE TABLE a, b", "TRUNCATE a"),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH MATERIALIZED VIEW v"),
            ("SELECT set_config('app.token', 'hunter2', false)", "SELECT"),
            ("DO $$BEGIN END$$", "DO"),
            ("(SELECT 1)", ""),
            ("", ""),
        ] {
            assert_eq!(summary(statement), expected, "{statement}");
        }
        assert_eq!(summary(&format!("ALTER TABLE \"{}\" RENAME TO a", "ä".repeat(300))).chars().count(), 255);
    }

    proptest! {
        #[test]
        fn any_text_has_a_summary_without_its_strings(before in "\\PC{0,40}", secret in "[a-z]{12}") {
            let insert = format!("INSERT INTO t VALUES ('{secret}')");
            prop_assert!(!summary(&insert).contains(secret.as_str()));
            prop_assert!(summary(&before).chars().count() <= 255);
        }
    }
}
