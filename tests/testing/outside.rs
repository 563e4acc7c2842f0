//! A crate outside this workspace that follows the README.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const README: &str = include_str!("../../README.md");

/// A library beside the README's program: this crate's names together with the language's own.
const GLOB: &str = "//! A library.

/// A glob import shadows nothing that a service uses.
pub mod glob {
    use migrate_postgres::*;

    /// Proves that the import works.
    pub struct Boot(pub Migrator);

    impl core::fmt::Display for Boot {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str(std::any::type_name::<Error>())
        }
    }
}

/// Outside tests nothing of a test is compiled: neither its body nor the items that it names.
#[migrate_postgres::test(set = only_in_tests::MIGRATIONS)]
async fn a_test_of_what_only_tests_have(database: &only_in_tests::Database) {
    assert!(!database.name().is_empty());
}

#[cfg(test)]
mod only_in_tests {
    pub(crate) use migrate_postgres::testing::Database;

    pub(crate) static MIGRATIONS: migrate_postgres::Migrator = migrate_postgres::migrate!();
}
";

/// The first code block of a language after a phrase.
fn block(after: &str, language: &str) -> &'static str {
    let (_, rest) = README.split_once(after).unwrap();
    rest.split_once(&format!("```{language}\n")).unwrap().1.split_once("```").unwrap().0
}

/// The crate, with `testing` only among the features of its dev-dependencies.
fn write_crate(folder: &Path, workspace: &Path) {
    let dependencies = block("## The first service", "toml").replace(
        "migrate-postgres = { version = \"0.1\"",
        &format!("migrate-postgres = {{ path = {:?}", workspace.join("migrate-postgres")),
    );
    let package = "[workspace]\n[package]\nname = \"outside\"\nedition = \"2024\"\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    fs::create_dir_all(folder.join("src")).unwrap();
    // Left by an earlier run.
    drop(fs::remove_dir_all(folder.join("migrations")));
    fs::create_dir_all(folder.join("migrations")).unwrap();
    fs::write(folder.join("Cargo.toml"), format!("{package}{dependencies}")).unwrap();
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let program = block("# migrate-postgres", "rust,no_run");
    fs::write(folder.join("src/main.rs"), format!("{program}\n{}", block("Each test can have", "rust")))
        .unwrap();
    fs::write(folder.join("src/lib.rs"), GLOB).unwrap();
    fs::write(folder.join("build.rs"), block("`build.rs` makes Cargo", "rust,no_run")).unwrap();
    let migration = folder.join("migrations/0001_create_users.up.sql");
    fs::write(migration, block("The first migration", "sql")).unwrap();
}

/// Runs cargo on the crate, which must compile without warnings.
fn check(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .arg("check")
        .args(arguments)
        .args(["--offline", "--quiet", "--color=never"])
        .current_dir(folder)
        // With what the tests have of the dependencies.
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/.."))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "cargo check {arguments:?}: {text}");
}

#[test]
fn the_readmes_code_builds_in_a_service_that_has_testing_for_its_tests_only() {
    // Kept between runs, so that only the first one builds the dependencies.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("outside");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    write_crate(&folder, workspace);
    check(&folder, &[]);
    check(&folder, &["--all-targets"]);
}
