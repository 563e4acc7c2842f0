//! Sessions that hold a lock, as the server shows them.

use migrate_core::engine::Holder;
use migrate_core::sql;
use std::time::Duration;
use tokio_postgres::Row;

/// A row of either query, secrets left out.
pub(crate) fn read(row: &Row) -> Holder {
    let mut holder = Holder::default();
    holder.pid = row.get(0);
    holder.application = row.get(1);
    holder.age = row.get::<_, Option<f64>>(2).and_then(|age| Duration::try_from_secs_f64(age).ok());
    holder.query = row.get::<_, Option<&str>>(3).map(|query| sql::redact(query).into_owned());
    // Who asks for sessions alone has no columns for prepared transactions.
    holder.prepared = row.try_get(4).ok().flatten();
    holder.owner = row.try_get(5).ok().flatten();
    holder
}
