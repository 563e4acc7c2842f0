//! What makes a database what it was when it was created.

use crate::connection::protect;
use crate::sql::answers::{is_true, text};
use tokio_postgres::Client;

const DROPS: &str = include_str!("drops.sql");

/// What drops an object, or takes a setting back.
pub(crate) struct Dropping {
    /// The statements.
    pub(crate) sql: String,
    /// Whether it may be there beforehand, in a scratch database that is given, and stays then.
    pub(super) stays: bool,
}

/// The statements that empty a database, in order; none where it is empty.
pub(crate) async fn drops(client: &Client) -> Result<Vec<Dropping>, tokio_postgres::Error> {
    let rows = protect::ask(client, DROPS).await?;
    let dropping = |row| Some(Dropping { sql: text(row, 1)?.to_owned(), stays: is_true(row, 2) });
    Ok(rows.iter().filter_map(dropping).collect())
}
