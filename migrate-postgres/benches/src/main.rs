//! Compares migrate-postgres with its peers, and with what can't be beaten, side by side in one run.
#![forbid(unsafe_code)]

mod args;
mod corpus;
mod report;
mod rows;
mod sqlx_test;
mod stage;
mod surroundings;
mod times;
mod tool;

use args::{Command, HELP, Options};
use peak_alloc::PeakAlloc;
use report::Criterion;
use rows::Row;
use stage::Stage;
use std::fmt::Write as _;

type Problem = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Problem>;

/// Counts what the memory row wants to know. It costs each allocation two additions, whoever makes it.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> Result<()> {
    match args::parse(std::env::args_os().skip(1))? {
        Command::Help => println!("{HELP}"),
        Command::List => Row::ALL.iter().for_each(|row| println!("{row}")),
        Command::SqlxTest(folder) => sqlx_test::run(&folder)?,
        Command::Bench(options) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bench(options))?;
        }
    }
    Ok(())
}

async fn bench(options: Options) -> Result<()> {
    let stage = Stage::start(options)?;
    let surroundings = surroundings::describe(&stage).await?;
    let mut sections = String::new();
    let mut criteria: Vec<Criterion> = Vec::new();
    for row in &stage.options.rows {
        eprintln!("measuring {row} …");
        let section = row.run(&stage).await?;
        println!("{section}");
        write!(sections, "\n{section}")?;
        criteria.extend(section.criteria);
        // After each row: a run takes long, and may be interrupted.
        if let Some(out) = &stage.options.out {
            let summary = report::criteria(&criteria);
            std::fs::write(out, format!("{surroundings}\n## Summary\n\n{summary}{sections}"))?;
        }
    }
    println!("## Summary\n\n{}\n{surroundings}", report::criteria(&criteria));
    Ok(())
}
