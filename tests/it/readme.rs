//! The README and the guide quote the program's actual output, and their links resolve. `migrate-postgres`'s
//! doc tests compile their Rust code.

use migrate_postgres::{Migrator, Set, migrate, testing};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

const README: &str = include_str!("../../README.md");
const GUIDE: &str = include_str!("../../migrate-postgres/src/guide.rs");

/// A folder, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let path = env::temp_dir().join(format!("migrate-readme-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            fs::write(path.join(file), text).unwrap();
        }
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A page of the guide.
fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrate-postgres/docs");
    fs::read_to_string(docs.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The first code block of a language after a phrase.
fn block<'p>(page: &'p str, after: &str, language: &str) -> &'p str {
    let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("the page does not say: {after}"));
    let (_, rest) = rest.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Durations vary between runs.
fn without_durations(text: &str) -> String {
    let line = |line: &str| match line.split_once(" applied in ") {
        Some((before, _)) => format!("{before} applied in …"),
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_failed_migration_says_what_the_guide_quotes() {
    let page = page("errors.md");
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/migrations");
    let read = |file| fs::read_to_string(quickstart.join(file)).unwrap();
    let (users, posts) = (read("0001_create_users.up.sql"), read("0002_create_posts.up.sql"));
    let broken = block(&page, "With this as the third migration", "sql");
    let folder = Folder::new(
        "failure",
        &[
            ("0001_create_users.sql", users.as_str()),
            ("0002_create_posts.sql", &posts),
            ("0003_count_posts.sql", broken),
        ],
    );
    let database = testing::server().unwrap().database().await.unwrap();
    let error = Migrator::new(Set::from_folder(&folder.0).unwrap()).run(database.url()).await.unwrap_err();
    let quoted = block(&page, "the run ends with this text", "text");
    assert_eq!(without_durations(quoted), without_durations(&error.to_string()), "{error}");
}

#[test]
fn a_bad_directory_gives_the_problems_that_the_guide_quotes() {
    let page = page("scripts.md");
    let folder = Folder::new(
        "problems",
        &[
            (
                "0001_create_users.up.sql",
                "-- migrate: lock_timeot=5s\nCREATE TABLE users (id bigint PRIMARY KEY);\n",
            ),
            ("0002_create_posts.sql", "CREATE TABLE posts (body text DEFAULT 'none);\n"),
            ("0003-create_tags.sql", "CREATE TABLE tags ();\n"),
        ],
    );
    let error = Set::from_folder(&folder.0).unwrap_err();
    let quoted: Vec<&str> = block(&page, "The compiler shows every", "text")
        .lines()
        .map(|line| line.trim_start_matches("error: migrations/").trim_start())
        .filter(|line| line.starts_with("help: ") || line.starts_with("000"))
        .collect();
    let mut text = error.to_string();
    assert_eq!(quoted.len(), 6);
    for line in quoted {
        // In this order, each exactly once.
        let at = text.find(line).unwrap_or_else(|| panic!("not said any more: {line}\nbut: {error}"));
        text.drain(..at + line.len());
    }
}

#[tokio::test]
async fn the_guide_explains_every_column_of_the_history() {
    let database = testing::server().unwrap().database().await.unwrap();
    migrate!("fixtures/flat").run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    let sql = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'migrate_history'";
    let columns: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(columns.len() > 20);
    let table = page("history.md");
    for column in columns {
        let in_first_cell =
            |line: &str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{column}`")));
        assert!(table.lines().any(in_first_cell), "the guide does not explain {column}");
    }
}

/// rustdoc checks links between items, but not between files.
#[test]
fn the_readme_leads_to_every_chapter_and_the_guide_to_no_file() {
    let in_rustdoc = page("readme-links.md");
    let links: Vec<(&str, &str)> = README
        .lines()
        .filter_map(|line| line.strip_prefix("[`")?.split_once("`]: migrate-postgres/docs/"))
        .collect();
    assert!(links.len() > 10, "{links:?}");
    for (module, file) in &links {
        assert!(!page(file).is_empty());
        assert!(GUIDE.contains(&format!("../docs/{file}")), "{file} is no chapter");
        assert!(in_rustdoc.contains(&format!("[`{module}`]: crate::{module}\n")), "{module}");
    }
    for file in GUIDE.split("../docs/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let known = links.iter().any(|(_, linked)| *linked == file);
        assert!(
            known || file == "guide.md" || file.starts_with("coming-from-"),
            "{file} is not in the README"
        );
        assert!(!page(file).contains(".md)"), "{file} links to a file");
    }
}

/// The variants of an enum, from its source.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.expect("the enum is there").lines().filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(char::is_uppercase));
    variants.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_guide_has_a_row_for_every_kind_of_error() {
    let page = page("errors.md");
    let (errors, refused) = page.split_once("### Refused").unwrap();
    let sources = [
        (errors, variants(include_str!("../../migrate-postgres/src/error/mod.rs"), "Error")),
        (refused, variants(include_str!("../../migrate-core/src/plan/refused/mod.rs"), "Refused")),
    ];
    for (table, kinds) in sources {
        assert!(kinds.len() > 15, "{kinds:?}");
        for kind in kinds {
            let in_first_cell =
                |line: &str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{kind}`")));
            assert!(table.lines().any(in_first_cell), "the guide does not explain {kind}");
        }
    }
}

/// The text of all Rust files under a folder.
fn rust_files(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.extension() {
        _ if path.is_dir() && !path.ends_with("target") => rust_files(&path),
        Some(extension) if extension == "rs" => fs::read_to_string(&path).unwrap(),
        _ => String::new(),
    });
    texts.collect()
}

/// The names of test functions in a text: inline code that reads as a sentence.
fn tests_named(text: &str) -> Vec<&str> {
    let is_sentence = |name: &&str| {
        name.matches('_').count() > 2
            && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.split('`').skip(1).step_by(2).filter(is_sentence).collect()
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources: String = ["tests", "migrate-core", "migrate-macros", "migrate-postgres"]
        .iter()
        .map(|folder| rust_files(&root.join(folder)))
        .collect();
    let page = page("guarantees.md");
    let rows: Vec<(&str, Vec<&str>)> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise |"))
        .map(|row| (row, tests_named(row.split(" | ").nth(1).unwrap_or_default())))
        .collect();
    assert!(rows.len() > 70);
    for (row, names) in rows {
        assert!(!names.is_empty(), "a promise names no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "no such test: {name}");
        }
    }
}

#[test]
fn the_guide_lists_every_setting_and_every_argument_of_the_macro() {
    let page = page("runs.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let arguments = fs::read_to_string(root.join("migrate-macros/src/args.rs")).unwrap();
    let (_, keys) = arguments.split_once("\"the keys are ").unwrap();
    let keys: Vec<&str> = keys.split("\";").next().unwrap().split('`').skip(1).step_by(2).collect();
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{key}` |")));
        let cell = row.and_then(|row| row.split('|').nth(2)).map(str::trim);
        assert!(
            cell.is_some_and(|cell| !cell.is_empty()),
            "runs.md does not say that `{key}` is an argument"
        );
    }
    let api = fs::read_to_string(root.join("tests/snapshots/public-api/migrate-postgres.txt")).unwrap();
    let settings = api.lines().filter_map(|item| {
        let (name, rest) = item.strip_prefix("pub fn migrate_postgres::Migrator::")?.split_once("(self")?;
        let name = name.split('<').next()?;
        rest.ends_with("-> migrate_postgres::Migrator").then_some(name)
    });
    let settings: Vec<&str> = settings.collect();
    assert!(settings.len() > 20, "{settings:?}");
    for setting in settings {
        assert!(rows.iter().any(|row| row.contains(&format!("`{setting}`"))), "runs.md lacks `{setting}`");
    }
}
