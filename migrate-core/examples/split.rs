//! Shows how a script is split:
//!
//! ```sh
//! cargo run -p migrate-core --example split -- migration.sql           # its statements and faults
//! cargo run -p migrate-core --example split -- --tokens migration.sql  # its tokens
//! ```
//!
//! For each statement: byte offsets of its start and end, line, and what makes it refuse a transaction or `-`.
//! For each fault: byte offset, what is wrong and how to mend it. For each token: byte offsets and kind.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::{env, fs};

use migrate_core::sql;

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = Vec::from_iter(env::args().skip(1));
    let wants_tokens = paths.first().is_some_and(|argument| argument == "--tokens");
    let mut out = BufWriter::new(io::stdout().lock());
    for path in paths.drain(usize::from(wants_tokens)..) {
        let script = fs::read_to_string(&path)?;
        if wants_tokens {
            for token in sql::tokens(&script).filter(|token| !token.is_trivia()) {
                writeln!(out, "token\t{}\t{}\t{:?}", token.start, token.end, token.kind)?;
            }
            continue;
        }
        let split = sql::split(&script);
        for statement in split.statements {
            let range = statement.range();
            let refusal = statement.refuses().map_or("-", sql::Refusal::command);
            writeln!(out, "statement\t{}\t{}\t{}\t{refusal}", range.start, range.end, statement.line())?;
        }
        for fault in split.faults {
            writeln!(out, "fault\t{}\t{fault}\t{}", fault.offset, fault.help())?;
        }
    }
    out.flush()?;
    Ok(())
}
