//! A dumped and restored database has no drift, whatever its migrations contain.

use crate::catalog::cases::CASES;
use crate::catalog::schema::OBJECTS;
use migrate_postgres::drift::Comparison;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::{Scripts, set};
use migrate_tests::{sample, skipped, spread};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Expressions that PostgreSQL prints differently after reading its own print, in every place that allows an
/// expression.
const EXPRESSIONS: &str = "
    CREATE TABLE x (id int PRIMARY KEY, status varchar(20), kind varchar(9) DEFAULT CASE WHEN 'a'::varchar IN ('a', 'b') THEN 'c' END,
        ok bool GENERATED ALWAYS AS (status IN ('new', 'old')) STORED,
        CONSTRAINT known CHECK (status IN ('new', 'old') AND kind <> ALL ('{x,y}')),
        CONSTRAINT late CHECK (status IN ('new', 'late')) NO INHERIT,
        EXCLUDE USING btree (id WITH =) WHERE (status IN ('a', 'b')));
    ALTER TABLE x ADD CONSTRAINT unchecked CHECK (status NOT IN ('a', 'b')) NO INHERIT NOT VALID;
    CREATE INDEX \"by status\" ON x (id) WHERE status IN ('new', 'old');
    CREATE UNIQUE INDEX by_case ON x ((CASE WHEN status IN ('a', 'b') THEN 1 ELSE id END)) WITH (fillfactor = 50);
    CREATE VIEW v AS SELECT id, status IN ('new', 'old') AS is_known FROM x WHERE kind IN ('a', 'b');
    CREATE VIEW checked WITH (security_barrier = true) AS SELECT id FROM x WHERE kind IN ('a', 'b');
    CREATE MATERIALIZED VIEW mv AS SELECT * FROM x WHERE status IN ('new', 'old');
    CREATE INDEX on_mv ON mv (id) WHERE kind IN ('a', 'b');
    ALTER TABLE x ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON x FOR UPDATE USING (status IN ('new', 'old')) WITH CHECK (kind IN ('a', 'b'));
    CREATE POLICY q ON x AS RESTRICTIVE FOR INSERT TO PUBLIC WITH CHECK (kind IN ('a', 'b'));
    CREATE RULE r AS ON UPDATE TO x WHERE old.status IN ('a', 'b') DO ALSO SELECT old.status IN ('c', 'd');
    CREATE FUNCTION f(a varchar DEFAULT 'a', b bool DEFAULT 'a'::varchar IN ('a', 'b')) RETURNS bool LANGUAGE sql
        BEGIN ATOMIC SELECT a IN ('a', 'b'); END;
    CREATE FUNCTION overloaded(a int) RETURNS bool LANGUAGE sql RETURN a::varchar IN ('a', 'b');
    CREATE FUNCTION overloaded(a varchar) RETURNS bool LANGUAGE sql RETURN a IN ('a', 'b');
    CREATE PROCEDURE pr(a varchar) LANGUAGE sql BEGIN ATOMIC SELECT a IN ('a', 'b'); END;
    CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER \"t on\" BEFORE UPDATE ON x FOR EACH ROW WHEN (NEW.status IN ('a', 'b')) EXECUTE FUNCTION t();
    ALTER TABLE x DISABLE TRIGGER \"t on\";
    CREATE DOMAIN d AS varchar DEFAULT 'a' NOT NULL CONSTRAINT few CHECK (VALUE IN ('a', 'b')) CONSTRAINT others CHECK (VALUE NOT IN ('c', 'd'));
    CREATE STATISTICS st ON id, (status IN ('a', 'b')) FROM x;
    CREATE TABLE part (a varchar, b int) PARTITION BY LIST ((a IN ('a', 'b')));
    CREATE TABLE part_1 PARTITION OF part (CONSTRAINT few CHECK (a IN ('a', 'b'))) FOR VALUES IN (true);
    CREATE TABLE child (more varchar CHECK (more IN ('a', 'b'))) INHERITS (x);
";

/// Properties that a dump omits: disabled triggers of a foreign key, and manual changes to the catalog.
const NOT_DUMPED: [&str; 2] = ["DISABLE TRIGGER ALL", "UPDATE pg_index"];

/// Objects outside schemas, or with an explicit schema: these cases each need a separate database.
const OF_THE_DATABASE: [&str; 6] =
    ["EXTENSION", "EVENT TRIGGER", "PUBLICATION", "FOREIGN DATA", "CAST", "SCHEMA"];

/// All objects that the tests can create; those that fit into a schema share one database.
fn corpus() -> Vec<(String, Set)> {
    let major = testing::server().unwrap().version_num() / 10_000;
    let cases = CASES.iter().filter(|case| case.since <= major);
    let texts = cases.map(|case| format!("{};\n{};", case.setup, case.change));
    let texts = texts.filter(|text| !NOT_DUMPED.iter().any(|word| text.contains(word)));
    let (alone, together): (Vec<String>, Vec<String>) =
        texts.partition(|text| OF_THE_DATABASE.iter().any(|word| text.contains(word)));
    let together = [OBJECTS, EXPRESSIONS].into_iter().map(str::to_owned).chain(together);
    let in_schemas = together.enumerate().map(|(index, text)| {
        Scripts::up(
            index + 1,
            format!("CREATE SCHEMA \"Case {index}\"; SET search_path = \"Case {index}\";\n{text}"),
        )
    });
    let mut corpus = vec![("in schemas".to_owned(), set("cases", in_schemas))];
    corpus.extend(alone.into_iter().map(|text| (text.clone(), set("case", [Scripts::up(1, text)]))));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in inside(&root.join("fixtures")).into_iter().chain(folders(&root.join("../examples"))) {
        // Some are invalid on purpose, or need values for their placeholders.
        if let Ok(set) = Set::from_folder(&folder) {
            corpus.push((folder.display().to_string(), set));
        }
    }
    corpus
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

/// All folders in a folder.
fn folders(root: &Path) -> Vec<PathBuf> {
    let inside = inside(root);
    let deeper: Vec<PathBuf> = inside.iter().flat_map(|folder| folders(folder)).collect();
    inside.into_iter().chain(deeper).collect()
}

/// Copies a database by backup and restore.
fn restore(programs: &Programs, original: &Database, restored: &Database) {
    let mut dumping = Command::new(&programs.dump)
        .args(["--format=custom", original.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let restoring = Command::new(&programs.restore)
        .args(["--exit-on-error", "--no-owner", "--dbname", restored.url()])
        .stdin(dumping.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(dumping.wait().unwrap().success());
    assert!(restoring.status.success(), "{}", String::from_utf8_lossy(&restoring.stderr));
}

struct Programs {
    dump: PathBuf,
    restore: PathBuf,
}

#[test]
fn a_database_that_was_dumped_and_restored_has_no_drift_whatever_is_in_it() {
    let programs = testing::server()
        .unwrap()
        .bin_dir()
        .map(|bin| Programs { dump: bin.join("pg_dump"), restore: bin.join("pg_restore") })
        .filter(|programs| programs.dump.exists() && programs.restore.exists());
    let Some(programs) = programs else { return skipped("pg_dump and pg_restore beside the server") };
    let corpus = corpus();
    assert!(corpus.len() > 20, "{}", corpus.len());
    let corpus = sample(corpus, 2, testing::server().unwrap().version_num());
    spread(&corpus, async |corpus: Vec<&(String, Set)>| {
        for (what, set) in corpus {
            assert_no_drift(&programs, what, set).await;
        }
    });
}

async fn assert_no_drift(programs: &Programs, what: &str, set: &Set) {
    let server = testing::server().unwrap();
    let (original, restored) = (server.database().await.unwrap(), server.database().await.unwrap());
    let migrator = Migrator::new(set.clone());
    // Some folders fail on purpose; their effects up to the failure count.
    let run = migrator.run(original.url()).await;
    assert!(run.is_ok() || Path::new(what).is_dir(), "{what}: {run:?}");
    restore(programs, &original, &restored);
    let drift = migrator.drift(restored.url(), &Comparison::new().with_privileges()).await.unwrap();
    assert!(drift.is_none(), "{what}: {drift}");
    original.close().await.unwrap();
    restored.close().await.unwrap();
}
