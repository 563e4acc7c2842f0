//! Compile errors of `migrate!` for bad input: each folder of `ui` is a program that does not compile, with a
//! snapshot of the errors.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test it ui` rewrites the snapshots.

use migrate_tests::rustc;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[test]
fn bad_input_gives_the_errors_of_its_snapshot() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let mut cases: Vec<PathBuf> = fs::read_dir(&ui).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut differences = String::new();
    for case in &cases {
        let compiled = rustc::compile(case);
        assert!(!compiled.succeeded, "{} compiles", case.display());
        let errors = compiled.errors;
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
