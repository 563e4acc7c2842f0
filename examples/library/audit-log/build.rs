//! The line for the `build.rs` of a crate with migrations, so that Cargo notices new files.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
