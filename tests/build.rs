//! The line for the `build.rs` of a crate with migrations.

fn main() {
    migrate_core::build::watch("fixtures");
}
