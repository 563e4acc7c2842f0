//! The lines that a crate with migrations has in its `build.rs`: a new file is then never missed.

fn main() {
    println!("cargo::rerun-if-changed=quickstart/migrations");
    println!("cargo::rerun-if-changed=axum_service/migrations");
    println!("cargo::rerun-if-changed=alerts/migrations");
    println!("cargo::rerun-if-changed=library/migrations");
    println!("cargo::rerun-if-changed=service_with_cli/migrations");
}
