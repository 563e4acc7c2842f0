//! Sessions that hold a lock, as the server shows them.

use crate::sql::answers::{parsed, text};
use migrate_core::engine::Holder;
use migrate_core::sql;
use std::time::Duration;
use tokio_postgres::SimpleQueryRow;

/// A row of either query, secrets left out.
pub(crate) fn read(row: &SimpleQueryRow) -> Holder {
    let owned = |column| text(row, column).map(str::to_owned);
    let mut holder = Holder::default();
    holder.pid = parsed(row, 0);
    holder.application = owned(1);
    holder.age = parsed(row, 2).and_then(|age| Duration::try_from_secs_f64(age).ok());
    holder.query = text(row, 3).map(|query| sql::redact(query).into_owned());
    // A query for sessions only has no columns for prepared transactions.
    holder.prepared = owned(4);
    holder.owner = owned(5);
    holder
}
