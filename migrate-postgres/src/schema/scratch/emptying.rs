//! What makes a database what it was when it was created.

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
    let rows = client.query_typed(DROPS, &[]).await?;
    Ok(rows.iter().map(|row| Dropping { sql: row.get(1), stays: row.get(2) }).collect())
}
