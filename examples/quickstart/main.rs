//! Migrates a database with a directory that is compiled into the program, prints the report as a table, and
//! boots again: the second boot has nothing to do, which one query shows.
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! It uses the database at `DATABASE_URL`. Without that variable it starts the machine's PostgreSQL for
//! itself and removes it at the end.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use comfy_table::{CellAlignment, Table, presets};
use migrate_examples::Database;
use migrate_postgres::{Migrator, Report, migrate};

/// The scripts in `examples/quickstart/migrations`, read and checked at compile time.
static MIGRATIONS: Migrator = migrate!("quickstart/migrations");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;

    let report = MIGRATIONS.run(database.url()).await?;
    println!("{}\n{report}\n", table(&report));

    let again = MIGRATIONS.run(database.url()).await?;
    println!("booted again, one query in {:.1?}: {again}\n", again.took);

    println!("{}", MIGRATIONS.status(database.url()).await?);
    Ok(())
}

/// A report is data; the program decides how to display it.
fn table(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["migration", "", "statements", "took"]);
    for step in &report.steps {
        table.add_row([
            step.name.clone(),
            step.action.past().to_owned(),
            step.statements.to_string(),
            format!("{:.1?}", step.took),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
