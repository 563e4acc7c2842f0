//! Rebuild tracking: a line for `build.rs` that makes Cargo notice new migration files.

use std::io::Write as _;

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
/// `cargo::rerun-if-changed=migrations` and does nothing else, so a `build.rs` without a build dependency can
/// print that line itself.
pub fn watch(directory: &str) {
    // Cargo reads a build script's standard output. If it is closed, no one can receive an error.
    let _ = writeln!(std::io::stdout(), "{}", directive(directory));
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
