//! Rebuild tracking: a line for `build.rs` that makes Cargo notice new migration files.

use crate::directory::source::folder::place;
use crate::set::companion::{ASSERTIONS, BESIDE, SEEDS};
use std::io::Write as _;
use std::path::Path;

/// Tells Cargo to rebuild the crate when a file is added to or removed from the migration directory.
///
/// `migrate!` tracks every file that it embeds, so Cargo always sees an edit. A macro on stable Rust can't
/// watch a folder, though: a *new* file changes nothing that Cargo checks, and the next build would embed the
/// old set. This line in the crate's `build.rs` fixes that:
///
/// ```
/// // fn main():
/// migrate_core::build::watch("migrations");
/// ```
///
/// The directory is relative to the crate's `Cargo.toml`, as for `migrate!`. The call prints
/// `cargo::rerun-if-changed=migrations`, and the same for the folders `assertions` and `seeds` beside it if
/// they exist, so a `build.rs` without a build dependency can print these lines itself.
pub fn watch(directory: &str) {
    let beside = [ASSERTIONS, SEEDS].map(|name| place(Path::new(directory), &format!("{BESIDE}{name}")));
    // A path that does not exist would run the build script at every build.
    let beside = beside.iter().filter(|path| path.is_dir()).filter_map(|path| path.to_str());
    for path in std::iter::once(directory).chain(beside) {
        // Cargo reads a build script's standard output. If it is closed, no one can receive an error.
        let _ = writeln!(std::io::stdout(), "{}", directive(path));
    }
}

fn directive(directory: &str) -> String {
    format!("cargo::rerun-if-changed={directory}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_directive_is_cargos() {
        assert_eq!(super::directive("migrations"), "cargo::rerun-if-changed=migrations");
    }
}
