//! The line that a crate with migrations has in its `build.rs`.

fn main() {
    migrate_core::build::watch("fixtures");
}
