//! Restoring a database to its state after creation.

use crate::connection::protect;
use crate::sql::answers::{is_true, text};
use tokio_postgres::Client;

const DROPS: &str = include_str!("drops.sql");

/// The statements that drop an object or reset a setting.
pub(crate) struct Dropping {
    /// The statements.
    pub(crate) sql: String,
    /// True if the object may exist before the comparison in a given scratch database, and then stays.
    pub(super) stays: bool,
}

/// The statements that empty a database, in order; none if it is empty.
pub(crate) async fn drops(client: &Client) -> Result<Vec<Dropping>, tokio_postgres::Error> {
    let rows = protect::ask(client, DROPS).await?;
    let dropping = |row| Some(Dropping { sql: text(row, 1)?.to_owned(), stays: is_true(row, 2) });
    Ok(rows.iter().filter_map(dropping).collect())
}
