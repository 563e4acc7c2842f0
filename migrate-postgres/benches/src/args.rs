//! The command line.

use crate::rows::Row;
use crate::{Problem, Result};
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Compares migrate-postgres with its peers, and with what can't be beaten, on a server of its own.

    cargo run --release --manifest-path migrate-postgres/benches/Cargo.toml -- [OPTIONS]

    --row NAME   this row only; may be given several times
    --runs N     how often each contender has its turn (5)
    --latency MS these latencies only, each way (0, 1 and 10)
    --quick      small sizes, one turn: shows that everything runs, and measures nothing
    --out FILE   writes the report into a file, too
    --list       the names of the rows

It needs PostgreSQL's programs (apt-get install postgresql) and libpq's headers, for diesel (libpq-dev).";

/// The parsed command line.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Bench(Options),
    /// One test of sqlx's with the migrations of a folder: see [`crate::sqlx_test`].
    SqlxTest(PathBuf),
    List,
    Help,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) rows: Vec<Row>,
    pub(crate) runs: usize,
    pub(crate) quick: bool,
    /// In milliseconds, each way.
    pub(crate) latencies: Vec<u64>,
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    /// A size, or a tenth of it when quick.
    pub(crate) fn size(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command> {
    use lexopt::prelude::*;
    let mut options = Options { rows: Vec::new(), runs: 5, quick: false, latencies: Vec::new(), out: None };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("row") => options.rows.push(parser.value()?.parse()?),
            Long("runs") => options.runs = parser.value()?.parse()?,
            Long("quick") => (options.quick, options.runs) = (true, 1),
            Long("latency") => options.latencies.push(parser.value()?.parse()?),
            Long("out") => options.out = Some(parser.value()?.into()),
            Long("sqlx-test") => return Ok(Command::SqlxTest(parser.value()?.into())),
            Long("list") => return Ok(Command::List),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(Problem::from(other.unexpected())),
        }
    }
    if options.runs == 0 {
        return Err("--runs must be at least 1".into());
    }
    if options.rows.is_empty() {
        options.rows = Row::ALL.to_vec();
    }
    if options.latencies.is_empty() {
        options.latencies = vec![0, 1, 10];
    }
    Ok(Command::Bench(options))
}
