//! The compiler, called directly with the crate as the running test's build left it: the dependencies are not
//! built again, and the migration directories are beside the programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The compiler's result for a program.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// True if it compiles.
    pub succeeded: bool,
    /// Errors and warnings, each with its place in the program; the folder is shown as `$DIR`.
    pub errors: String,
}

/// Compiles the `main.rs` of a folder.
///
/// # Panics
///
/// If the compiler is missing, or no library works with it.
pub fn compile(folder: &Path) -> Compiled {
    let program = env::current_exe().expect("a running test");
    let libraries = program.parent().expect("a folder of libraries");
    for library in newest_first(libraries) {
        let output = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()))
            .args([
                "--edition=2024",
                // Otherwise `#[test]` functions are left out.
                "--test",
                "--emit=metadata",
                "--error-format=short",
                "-o",
                "-",
            ])
            .arg(format!("-Ldependency={}", libraries.display()))
            .arg(format!("--extern=migrate_postgres={}", library.display()))
            .arg("main.rs")
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder)
            .output()
            .expect("a compiler");
        let errors = String::from_utf8(output.stderr).expect("text");
        // A library of another compiler or with other features, left by an earlier build.
        let is_stale = ["E0460", "E0463", "E0464", "E0514"].iter().any(|code| errors.contains(code));
        if !is_stale {
            let folder = folder.to_str().expect("a path in UTF-8");
            let errors = errors.replace(folder, "$DIR").lines().map(|line| format!("{line}\n")).collect();
            return Compiled { succeeded: output.status.success(), errors };
        }
    }
    panic!("no library migrate_postgres in {} that this compiler takes", libraries.display());
}

fn newest_first(libraries: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(libraries).expect("a folder of libraries").map(|entry| entry.expect("a file"));
    let is_library = |entry: &fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap_or_default();
        name.starts_with("libmigrate_postgres-") && name.ends_with(".rlib")
    };
    let modified = |entry: &fs::DirEntry| entry.metadata().and_then(|file| file.modified()).expect("a time");
    let mut found: Vec<_> =
        entries.filter(is_library).map(|entry| (modified(&entry), entry.path())).collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}
