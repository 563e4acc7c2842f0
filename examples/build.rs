//! The lines for the `build.rs` of a crate with migrations, so that Cargo notices new files.

fn main() {
    println!("cargo::rerun-if-changed=quickstart/migrations");
    println!("cargo::rerun-if-changed=axum_service/migrations");
    println!("cargo::rerun-if-changed=axum_service/assertions");
    println!("cargo::rerun-if-changed=alerts/migrations");
    println!("cargo::rerun-if-changed=backfill/migrations");
    println!("cargo::rerun-if-changed=library/migrations");
    println!("cargo::rerun-if-changed=lint/migrations");
    println!("cargo::rerun-if-changed=service_with_cli/migrations");
}
