//! Advice by SQLSTATE.

use crate::bad_input::support::{Folder, database};
use migrate_core::advice::{ADVICE, Cause, Words};
use migrate_postgres::{Down, Error};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

/// A script, the SQLSTATE of its error, and words of the advice.
const CASES: &[(&str, &str, &str)] = &[
    ("CREATE TABLE users ();", "42P07", "mark migrations whose objects already exist (`baseline`)"),
    ("ALTER TABLE users ADD COLUMN id int;", "42701", "`baseline`"),
    ("CREATE SCHEMA s; CREATE SCHEMA s;", "42P06", "`baseline`"),
    ("CREATE TYPE e AS ENUM ('a'); CREATE TYPE e AS ENUM ('a');", "42710", "`baseline`"),
    ("SELECT * FROM nothing;", "42P01", "create it in an earlier migration"),
    ("SELECT nothing FROM users;", "42703", "create it in an earlier migration"),
    ("SELECT NULL::nothing;", "42704", "create it in an earlier migration"),
    ("CREATE TABLE nothing.t ();", "3F000", "create it in an earlier migration"),
    ("SELECT 1::int AT TIME ZONE 'x';", "42883", "correct its name"),
    ("SELECT 'x'::int;", "22P02", "correct the value"),
    ("INSERT INTO users VALUES (NULL);", "23502", "give those rows a value first"),
    ("CREATE TABLE r (id int REFERENCES users); INSERT INTO r VALUES (7);", "23503", "NOT VALID"),
    ("INSERT INTO users VALUES (1), (1);", "23505", "the same key"),
    ("ALTER TABLE users ADD CHECK (id > 1); INSERT INTO users VALUES (1);", "23514", "NOT VALID"),
    ("SET TRANSACTION READ ONLY; CREATE TABLE t ();", "25006", "connect to the primary"),
    (
        "CREATE TYPE e AS ENUM ('a'); DROP TYPE e; DO $$ BEGIN RAISE SQLSTATE '53100'; END $$;",
        "53100",
        "free disk space",
    ),
    ("DO $$ BEGIN RAISE SQLSTATE '53200'; END $$;", "53200", "give the server more memory"),
    ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$;", "40001", "find out who else writes those rows"),
    ("DO $$ BEGIN RAISE SQLSTATE '0A000'; END $$;", "0A000", "write it another way"),
    ("DO $$ BEGIN RAISE SQLSTATE '58030'; END $$;", "58030", "check the server's log"),
    ("DO $$ BEGIN RAISE SQLSTATE 'XX000'; END $$;", "XX000", "check the server's log"),
    ("DO $$ BEGIN RAISE SQLSTATE '54001'; END $$;", "54001", "stay within the limit"),
    ("DO $$ BEGIN COMMIT; END $$;", "2D000", "transaction=none"),
    ("DO $$ BEGIN RAISE 'no'; END $$;", "P0001", "do what the message asks for"),
    ("DROP TABLE users;", "2BP01", "drop the dependent objects first"),
    ("SELEC;", "42601", "correct the script"),
];

#[tokio::test]
async fn advice_depends_on_the_sqlstate() {
    for (text, code, words) in CASES {
        let database = database().await;
        let users = "CREATE TABLE users (id bigint PRIMARY KEY); CREATE VIEW v AS SELECT id FROM users;";
        let folder = Folder::new([("0001_users.sql", users), ("0002_next.sql", text)]);
        let error = folder.migrator().run(&database.config()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some(*code), "{text}: {error}");
        let shown = error.to_string();
        let next = shown.rsplit("\nnext: ").next().unwrap();
        assert!(next.contains(words), "{text}: {next}");
        assert_eq!(
            next.contains("correct the script"),
            *code == "42601" || words.contains("baseline") || *code == "P0001"
        );
    }
}

#[tokio::test]
async fn a_revert_is_told_nothing_of_what_up_would_do() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_users.up.sql", "CREATE TABLE users ();"),
        ("0001_users.down.sql", "CREATE TABLE users ();"),
    ]);
    let migrator = folder.migrator();
    migrator.run(&database.config()).await.unwrap();
    let error = migrator.down(&database.config(), Down::count(1)).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("42P07"));
    let shown = error.to_string();
    assert!(shown.contains("correct the down script") && !shown.contains("baseline"), "{shown}");
}

#[tokio::test]
async fn a_character_that_the_encoding_lacks_is_shown_in_its_line() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let name = format!("{}_latin", database.name());
    let make =
        format!("CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    client.batch_execute(&make).await.unwrap();
    let mut config = database.config();
    config.dbname(&name);
    let folder = Folder::new([
        ("0001_users.sql", "CREATE TABLE users (name text);"),
        ("0002_euro.sql", "-- Prices.\nINSERT INTO users\n  VALUES ('5 €');"),
    ]);
    let error = folder.migrator().run(&config).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("22P05"), "{error}");
    let Error::Failed(failure) = &error else { panic!("{error}") };
    let place = failure.place.as_ref().unwrap();
    assert_eq!((&*place.path, place.line, place.column), ("0002_euro.sql", 3, 14), "{error}");
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn a_permission_that_is_lacking_is_named_as_a_grant() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let role = format!("app_{}", database.name());
    let make = format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; CREATE TABLE others (); CREATE SCHEMA closed"
    );
    client.batch_execute(&make).await.unwrap();
    let mut config = database.config();
    config.user(&role);
    for (text, words) in [
        ("SELECT * FROM others;", "GRANT SELECT, INSERT, UPDATE, DELETE ON others to the role"),
        ("CREATE TABLE closed.t ();", "GRANT USAGE, CREATE ON SCHEMA closed to the role"),
        ("ALTER TABLE others ADD a int;", "migrate as the owner of table others"),
    ] {
        let error = Folder::new([("0001_a.sql", text)]).migrator().run(&config).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    client.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
}

/// The documentation's table is generated from it: `UPDATE_SNAPSHOTS=1` rewrites it.
#[test]
fn the_page_of_errors_shows_the_table() {
    let mut table = String::from(
        "An error of the server names the migration, the place in its file, SQLSTATE, the server's DETAIL, HINT and CONTEXT, the\n\
         state of the database, and the advice. The advice depends on SQLSTATE and on the call: a revert gets its own where that of a\n\
         run does not fit. A code that is not listed gets the advice of its class. Without any, correct the script.\n\n\
         A code with several rows has several causes. The run knows its own limits and timeouts. It tells a cancel by another session\n\
         from a timeout by the server's message, if that is in English, and otherwise by the statement's age. If the cause is not\n\
         known, the first row applies, which covers all of them.\n\n\
         | SQLSTATE | meaning | advice | for a revert |\n|---|---|---|---|\n",
    );
    for advice in ADVICE {
        let code =
            if advice.code.len() == 2 { format!("{}xxx", advice.code) } else { advice.code.to_owned() };
        let [library, command] =
            [Words::Library, Words::CommandLine].map(|words| advice.advice(false).text(words));
        let command =
            if command == library { String::new() } else { format!(" (at the command line: {command})") };
        let revert = match advice.advice(true).text(Words::Library) {
            revert if revert == library => "the same".to_owned(),
            revert => revert,
        };
        _ = writeln!(table, "| {code} | {} | {library}{command} | {revert} |", advice.meaning);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrate-postgres/docs/errors.md");
    let page = fs::read_to_string(&path).unwrap();
    let (text, shown) = page.split_once("## By SQLSTATE\n\n").unwrap();
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, format!("{text}## By SQLSTATE\n\n{table}")).unwrap();
        return;
    }
    assert_eq!(shown, table);
}

#[tokio::test]
async fn an_extension_without_its_files_is_told_from_what_the_server_can_not_do() {
    for text in ["CREATE EXTENSION none_such;", "DO $$ BEGIN EXECUTE 'CREATE EXTENSION none_such'; END $$;"] {
        let error =
            Folder::new([("0001_a.sql", text)]).migrator().run(database().await.url()).await.unwrap_err();
        let Error::Failed(failure) = &error else { panic!("{error}") };
        assert_eq!(failure.cause, Some(Cause::MissingExtension), "{error}");
        assert!(
            error.to_string().contains("\nnext: install the extension's package on the server"),
            "{error}"
        );
    }
    let view = "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; ALTER TABLE t ALTER a TYPE bigint;";
    let error = Folder::new([("0001_a.sql", view)]).migrator().run(database().await.url()).await.unwrap_err();
    assert!(error.to_string().contains("(SQLSTATE 0A000)"), "{error}");
    assert!(error.to_string().contains("\nnext: write it another way"), "{error}");
}

#[tokio::test]
async fn a_role_that_may_have_one_connection_is_named_at_once() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let role = format!("one_{}", database.name());
    let make =
        format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; GRANT CREATE ON SCHEMA public TO {role}");
    client.batch_execute(&make).await.unwrap();
    let mut config = database.config();
    config.user(&role);
    // Not after the wait for the lock has ended.
    let migrator = Folder::good().migrator().lock_wait(Duration::from_secs(20));
    let error = migrator.run(&config).await.unwrap_err();
    let Error::ConnectionLimit { owner, .. } = &error else { panic!("{error}") };
    assert_eq!(owner.to_string(), format!("role {role}"));
    assert!(error.to_string().contains(&format!("next: ALTER ROLE {role} CONNECTION LIMIT 2")), "{error}");
    client.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
}

/// Names in advice that other crates give.
const OF_OTHERS: [&str; 2] = ["Client", "Config"];

/// Fails if a name of Rust in a text is not public: `Migrator`'s method, a path, or an argument of `migrate!`.
fn assert_names_are_public(api: &str, arguments: &str, text: &str) {
    // A header of a script is code, and not of Rust.
    for code in text.split('`').skip(1).step_by(2).filter(|code| !code.starts_with("--")) {
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && !"_:!.".contains(c));
        let names = words.map(|word| word.trim_matches(['.', ':'])).filter(|word| {
            !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) && !OF_OTHERS.contains(word)
        });
        // A string is a value, and no name.
        let strings: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
        let is_string = |name: &str| strings.iter().any(|string| string.contains(name));
        for name in names.filter(|name| !is_string(name)) {
            let is_public = match name.strip_suffix('!') {
                Some(name) => api.contains(&format!("::{name}!\n")),
                None if code.contains("migrate!(") => arguments.contains(&format!("`{name}`")),
                None if name.contains("::") => api.contains(name.trim_start_matches("migrate_postgres")),
                None => ["(", "<"].iter().any(|end| api.contains(&format!("::{name}{end}"))),
            };
            assert!(is_public, "`{name}` is not public: {text}");
        }
    }
}

#[test]
fn every_name_of_rust_in_advice_is_public() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let api = read("tests/snapshots/public-api/migrate-postgres.txt")
        + &read("tests/snapshots/public-api/migrate-core.txt");
    let arguments = read("migrate-macros/src/args.rs");
    let errors = [
        "migrate-core/tests/advice.txt",
        "migrate-core/tests/refusals.txt",
        "migrate-postgres/tests/errors.txt",
    ];
    let errors = errors.map(read).concat();
    let for_library = errors.split("next: ").skip(1);
    let end_of = |advice: &str| advice.find("\nat the command line: ").or(advice.find("\n\n"));
    let for_library = for_library.map(|advice| advice[..end_of(advice).unwrap_or(advice.len())].to_owned());
    let by_code = ADVICE.iter().flat_map(|advice| [true, false].map(|is_revert| advice.advice(is_revert)));
    let texts: Vec<String> = for_library.chain(by_code.map(|advice| advice.text(Words::Library))).collect();
    assert!(texts.len() > 150, "{}", texts.len());
    for text in &texts {
        assert_names_are_public(&api, &arguments, text);
    }
}
