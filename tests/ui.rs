//! What the compiler says of bad input to `migrate!`: each folder of `ui` is a program that does not compile, with a snapshot of
//! the errors.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test ui` writes the snapshots anew. The compiler is called directly, with the crate as this test's
//! own build left it: no second build of the dependencies, and the migration directories stand beside the programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn bad_input_gives_the_errors_of_its_snapshot() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let mut cases: Vec<PathBuf> = fs::read_dir(&ui).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut differences = String::new();
    for case in &cases {
        let errors = compile(case);
        let snapshot = case.join("errors.txt");
        if env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&snapshot, &errors).unwrap();
        }
        let expected = fs::read_to_string(&snapshot).unwrap_or_default();
        if errors != expected {
            differences += &format!("{}\n--- expected\n{expected}--- found\n{errors}\n", case.display());
        }
    }
    assert!(!cases.is_empty());
    assert!(differences.is_empty(), "{differences}");
}

/// The errors, each with the place in the program that it is shown at.
fn compile(case: &Path) -> String {
    let libraries = env::current_exe().unwrap().parent().unwrap().to_owned();
    for library in newest_first(&libraries) {
        let output = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()))
            .args([
                "--edition=2024",
                // Else `#[test]` functions are left out.
                "--test",
                "--emit=metadata",
                "--error-format=short",
                "-o",
                "-",
            ])
            .arg(format!("-Ldependency={}", libraries.display()))
            .arg(format!("--extern=migrate_postgres={}", library.display()))
            .arg("main.rs")
            .current_dir(case)
            .env("CARGO_MANIFEST_DIR", case)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        // A library of another compiler or of other features, left by an earlier build.
        let is_stale = ["E0460", "E0463", "E0464", "E0514"].iter().any(|code| errors.contains(code));
        if !is_stale {
            assert!(!output.status.success(), "{} compiles", case.display());
            return errors
                .replace(case.to_str().unwrap(), "$DIR")
                .lines()
                .map(|line| format!("{line}\n"))
                .collect();
        }
    }
    panic!("no library migrate_postgres in {} that this compiler takes", libraries.display());
}

fn newest_first(libraries: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(libraries)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            name.starts_with("libmigrate_postgres-") && name.ends_with(".rlib")
        })
        .map(|entry| (entry.metadata().unwrap().modified().unwrap(), entry.path()))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}
