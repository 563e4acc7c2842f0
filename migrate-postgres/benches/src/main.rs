//! Compares migrate-postgres with its peers, and with what can't be beaten, side by side in one run.
#![forbid(unsafe_code)]
#![allow(dead_code)] // Until the last rows are there.

mod args;
mod corpus;
mod report;
mod rows;
mod stage;
mod times;
mod tool;

use args::{Command, HELP, Options};
use rows::Row;
use stage::Stage;
use std::fmt::Write as _;

type Problem = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Problem>;

#[tokio::main]
async fn main() -> Result<()> {
    match args::parse(std::env::args_os().skip(1))? {
        Command::Help => println!("{HELP}"),
        Command::List => Row::ALL.iter().for_each(|row| println!("{row}")),
        Command::Bench(options) => bench(options).await?,
    }
    Ok(())
}

async fn bench(options: Options) -> Result<()> {
    let stage = Stage::start(options)?;
    let mut text = String::new();
    for row in &stage.options.rows {
        eprintln!("measuring {row} …");
        let section = row.run(&stage).await?;
        println!("{section}");
        writeln!(text, "{section}")?;
    }
    if let Some(out) = &stage.options.out {
        std::fs::write(out, text)?;
    }
    Ok(())
}
