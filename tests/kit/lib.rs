//! Shared code of the integration tests.

pub mod histories;
pub mod history_head;
pub mod pgbouncer;
pub mod proxy;
pub mod rustc;
pub mod sets;
mod spread;

pub use spread::{sample, spread};

/// Reports on standard error that a test is skipped because the machine lacks something. (The test's own
/// output would not show, because it passes.)
///
/// # Panics
///
/// If standard error can't be written to.
pub fn skipped(needs: &str) {
    let line = format!("skipped: this test needs {needs}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes())
        .expect("standard error can be written to");
}
