//! A line for `build.rs`: a migration that is added must not be missed.

use std::io::Write as _;

/// Tells Cargo to build the crate again when a file is added to the migration directory, or taken away.
///
/// `migrate!` tracks every file that it embeds, so an edit is always seen. On stable Rust a macro can't watch a
/// folder, though: a *new* file changes nothing that Cargo looks at, and the next build would embed the old set. This line
/// in the crate's `build.rs` mends that:
///
/// ```
/// // fn main():
/// migrate_core::build::watch("migrations");
/// ```
///
/// The directory is relative to the crate's `Cargo.toml`, as `migrate!` has it. The line prints
/// `cargo::rerun-if-changed=migrations` and does nothing else, so a `build.rs` without a build dependency may print
/// that itself.
pub fn watch(directory: &str) {
    // A build script's standard output is Cargo's; when it is closed there is nobody to tell.
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
