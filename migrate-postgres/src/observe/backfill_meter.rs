//! Backfills as counters, gauges and histograms of `metrics`. `docs/observability.md` explains each of them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use migrate_core::Set;
use migrate_core::backfill::BackfillEvent;

const ROWS: &str = "migrate_backfill_rows_total";
const LEFT: &str = "migrate_backfill_rows_left";
const BATCH_DURATION: &str = "migrate_backfill_batch_duration_seconds";
const THROTTLED: &str = "migrate_backfill_throttled";
const QUARANTINED: &str = "migrate_backfill_quarantined_rows_total";
const RETRIES: &str = "migrate_backfill_retries_total";

/// Describes the metrics to the recorder. Each backfill does so, because a recorder may be installed at any time.
fn describe() {
    describe_counter!(ROWS, Unit::Count, "Rows that batches of backfills went over, by migration.");
    describe_gauge!(LEFT, Unit::Count, "Rows that are left to a backfill, by the server's estimate.");
    describe_histogram!(BATCH_DURATION, Unit::Seconds, "Duration of batches.");
    describe_gauge!(THROTTLED, Unit::Count, "1 while a backfill is paused because of the server's load.");
    describe_counter!(QUARANTINED, Unit::Count, "Rows that were set aside with an error.");
    describe_counter!(RETRIES, Unit::Count, "Batches that hit a timeout, a deadlock or a conflict.");
}

/// Handles an event of the set's backfills.
#[allow(clippy::cast_precision_loss, reason = "no table has 2^52 rows")]
pub(super) fn event(set: &Set, event: &BackfillEvent<'_>) {
    let Some(name) = event.name() else { return };
    let labels = [("set", set.name().to_owned()), ("migration", name.to_owned())];
    match event {
        BackfillEvent::Started { record, .. } => {
            describe();
            gauge!(LEFT, &labels).set(record.rows_left() as f64);
            gauge!(THROTTLED, &labels).set(0.0);
            counter!(ROWS, &labels).increment(0);
            counter!(QUARANTINED, &labels).increment(0);
            counter!(RETRIES, &labels).increment(0);
        }
        BackfillEvent::Batch { record, batch, .. } => {
            counter!(ROWS, &labels).increment(batch.rows);
            gauge!(LEFT, &labels).set(record.rows_left() as f64);
            gauge!(THROTTLED, &labels).set(0.0);
            histogram!(BATCH_DURATION, &labels).record(batch.took);
        }
        BackfillEvent::Throttled { .. } => gauge!(THROTTLED, &labels).set(1.0),
        BackfillEvent::Resumed { .. } | BackfillEvent::Ended { .. } => gauge!(THROTTLED, &labels).set(0.0),
        BackfillEvent::Quarantined { .. } => counter!(QUARANTINED, &labels).increment(1),
        BackfillEvent::Retrying { .. } => counter!(RETRIES, &labels).increment(1),
        BackfillEvent::Done { .. } => {
            gauge!(LEFT, &labels).set(0.0);
            gauge!(THROTTLED, &labels).set(0.0);
        }
        _ => {}
    }
}
