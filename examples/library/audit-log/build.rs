//! The line that a crate with migrations has in its `build.rs`: a new file is then never missed.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
