//! What the integration tests share.

pub mod histories;
pub mod history_head;
pub mod pgbouncer;
pub mod proxy;
pub mod rustc;
pub mod sets;

/// Says that a test is left out, since the machine lacks something: the test's own output would not show, since it passes.
///
/// # Panics
///
/// When standard error can't be written to.
pub fn skipped(needs: &str) {
    let line = format!("skipped: this test needs {needs}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes())
        .expect("standard error can be written to");
}
