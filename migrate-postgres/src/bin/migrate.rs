//! The program `migrate`: see [`migrate_postgres::cli`].

use clap::Parser as _;
use migrate_postgres::cli::standalone::Program;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = Program::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the system has what a runtime needs").block_on(program.run())
}
