//! A schema that is kept as one file, beside the migrations that make it.
//!
//! ```sh
//! cargo run --example schema_file
//! cargo test --test examples the_schema_file_is_current
//! ```
//!
//! It needs no database: with the feature `testing` it starts a server of its own.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use migrate_postgres::drift::Comparison;
use migrate_postgres::sides::Side;
use migrate_postgres::testing;
use migrate_postgres::{Migrator, migrate};

static MIGRATIONS: Migrator = migrate!("schema_file/migrations");

/// The schema as it is wished: written by hand, or by `migrate schema --sql`.
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema_file/schema.sql");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = testing::Server::start()?;
    let database = server.database().await?;
    let (folder, wished) = (Side::migrations(MIGRATIONS.set()), Side::file(SCHEMA)?);

    // The file and the folder make the same schema.
    let compared = MIGRATIONS.compare_sides(database.url(), &folder, &wished, &Comparison::new()).await?;
    println!("differences: {}", compared.differences.len());

    // The next wish, and the migration that makes it: tried on a copy, up and down.
    let text = std::fs::read_to_string(SCHEMA)?.replace("    title", "    summary text,\n    title");
    let wished = Side::sql("schema.sql", text)?;
    let written =
        MIGRATIONS.write_difference(database.url(), &folder, &wished, &Comparison::new(), &[]).await?;
    for script in &written.scripts {
        println!("up:\n{}down:\n{}", script.up, script.down);
    }
    println!("{}", written.proof);
    Ok(())
}

/// The test that keeps the file current.
#[cfg(test)]
#[migrate_postgres::test(set = MIGRATIONS)]
async fn the_schema_file_is_current(url: String) -> Result<(), testing::StaleSchemaFile> {
    testing::check_schema_file(&url, &MIGRATIONS, SCHEMA).await
}
