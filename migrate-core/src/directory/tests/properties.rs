//! Properties of the reader that hold for any files.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A name that some tool would use, or nearly.
fn path() -> impl Strategy<Value = String> {
    let folder = "(|db/|2026-01-01_a/|R__x/|\\.git/)";
    let version = "(V|U|R|B|v|)[0-9]{0,3}([._-][0-9]{1,2})?";
    let name = "(__|_|-|)[a-z]{0,2}";
    let ending = "(\\.up|\\.down|\\.verify|\\.undo)?(\\.sql|\\.SQL|\\.sql\\.conf|\\.md|\\.go|\\.rs|\\.toml|)";
    let named = format!("{folder}{version}{name}{ending}");
    prop_oneof![
        4 => proptest::string::string_regex(&named).unwrap(),
        1 => "[1-3]_a/(up|down|verify|migration|rollback)\\.sql",
        1 => "([1-3]_a/metadata|migration_lock|flyway)\\.toml|tern\\.conf|afterMigrate\\.sql|README|[1-3]_[a-z]/",
    ]
}

fn text() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just(UP),
        1 => Just("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;"),
        1 => Just("-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
        1 => Just("SELECT 1;\n---- create above / drop below ----\nSELECT 2;"),
        1 => Just("-- migrate: replaces=1..2\nSELECT 1;"),
        1 => Just("provider = \"postgresql\""),
        1 => Just("run_in_transaction = false"),
        1 => Just("executeInTransaction=false"),
    ]
}

proptest! {
    /// Each file of a directory is a script, a settings file, noted, known in every layout, or part of a
    /// problem.
    #[test]
    fn no_file_is_silently_dropped(files in proptest::collection::btree_map(path(), text(), 0..6)) {
        let files: Vec<SourceFile> = files
            .into_iter()
            .filter(|(path, _)| !path.is_empty())
            .map(|(path, text)| SourceFile::new(path, text.as_bytes()))
            .collect();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let Ok(read) = super::read(files) else { return Ok(()) };
        let all = || read.migrations.iter().chain(&read.replaced);
        let mut read_paths = BTreeSet::new();
        for migration in all() {
            let scripts = [migration.up_script(), migration.down_script(), migration.verify_script()];
            read_paths.extend(scripts.into_iter().flatten().map(Script::path));
        }
        read_paths.extend(read.settings.iter().map(String::as_str));
        read_paths.extend(read.notes.iter().map(|note| note.path.as_str()));
        let is_in_noted_folder = |path: &str| {
            path.split_once('/').is_some_and(|(folder, _)| read_paths.contains(format!("{folder}/").as_str()))
        };
        // Flyway's folders have no meaning of their own.
        for path in paths.iter().filter(|path| !path.ends_with('/')) {
            let is_known = place::FileLocation::of(path).is_known();
            let is_read = read_paths.contains(path.as_str()) || is_in_noted_folder(path);
            prop_assert!(is_known != is_read || is_known, "{path} of {read:?}");
        }
        let versions: Vec<_> = read.migrations.iter().map(|m| m.version().clone()).collect();
        prop_assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
    }

    /// Each problem of a directory names one of its files, or the folder of one.
    #[test]
    fn every_problem_names_something_of_the_directory(files in proptest::collection::btree_map(path(), text(), 1..6)) {
        let files: Vec<SourceFile> = files.into_iter().map(|(path, text)| SourceFile::new(path, text.as_bytes())).collect();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let Err(problems) = super::read(files) else { return Ok(()) };
        for problem in &problems {
            let named = problem.path.is_empty() || paths.iter().any(|path| path.starts_with(&problem.path));
            prop_assert!(named, "{problem}");
        }
    }

    /// The two halves of a file make up the whole file, and each statement is at its position in the file.
    #[test]
    fn halves_are_the_whole_file(lines in proptest::collection::vec("(SELECT [0-9];|-- +goose Down|-- +goose StatementBegin|-- +goose StatementEnd|-- a|é\r|)", 0..8)) {
        let text = format!("-- +goose Up\n{}", lines.join("\n"));
        let Ok(read) = super::read(vec![SourceFile::new("1_a.sql", text.clone().into_bytes())]) else { return Ok(()) };
        let migration = &read.migrations[0];
        let halves = [migration.up_script(), migration.down_script()];
        for half in halves.into_iter().flatten() {
            let (start, _) = half.part().unwrap();
            prop_assert_eq!(&text[start..start + half.text().len()], half.text());
            for statement in half.statements().iter() {
                let at = start + statement.range().start;
                prop_assert_eq!(crate::sql::line_column(&text, at), half.line_column(statement.range().start));
                prop_assert_eq!(half.line_column(statement.range().start).line, statement.line());
            }
        }
    }

    #[test]
    fn no_file_name_makes_the_reader_panic(
        paths in proptest::collection::vec("[.0-9_VaA~#-]{0,6}(/?[a-z.0-9_\u{e9}]{0,5})?(\\.up|\\.down)?(\\.sql|/up.sql|/migration.sql|\\.toml)?", 0..6)
    ) {
        let _ = super::read(paths.into_iter().map(|path| SourceFile::new(path, UP.as_bytes())).collect());
    }

    #[test]
    fn no_script_makes_the_reader_panic(bytes: Vec<u8>, text in "(-- migrate:|[ -~\u{e9}\n]|/\\*|\\*/|=|--){0,40}") {
        let _ = super::read(vec![SourceFile::new("1_a.sql", bytes)]);
        let _ = super::read(vec![SourceFile::new("1_a/up.sql", text.clone().into_bytes())]);
        let _ = super::read(vec![
            SourceFile::new("1_a/up.sql", UP.as_bytes()),
            SourceFile::new("1_a/metadata.toml", text.into_bytes()),
        ]);
    }
}
