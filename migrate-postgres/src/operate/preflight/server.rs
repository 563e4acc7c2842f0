//! Indexes, replication and disk.

use super::finding::{Check, Verdict};
use super::queries;
use super::thresholds::Thresholds;
use super::touched::Touched;
use super::{Preflight, ask};
use crate::display::units::Bytes;
use crate::error::Error;
use crate::operate::explain::Explanation;
use crate::sql::answers::{is_true, parsed, text};
use migrate_core::advice::{Advice, NextStep};
use migrate_core::sql::TableScan;
use std::collections::BTreeMap;
use tokio_postgres::Client;

pub(super) async fn check_indexes(
    client: &Client,
    touched: &Touched,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    for row in &ask(client, &queries::invalid_indexes(&touched.oids())).await? {
        let index = text(row, 0).unwrap_or_default();
        if touched.rebuilds(index) {
            let found = format!("the index {index} is invalid; the run rebuilds it");
            preflight.add(Check::Indexes, Verdict::Pass, found, Advice::NONE);
            continue;
        }
        let found = format!("the index {index} of {} is invalid", text(row, 1).unwrap_or_default());
        let next = Advice::of(NextStep::sql(format!("REINDEX INDEX CONCURRENTLY {index}")))
            .or(NextStep::fix("drop it"));
        preflight.add(Check::Indexes, Verdict::Warning, found, next);
    }
    preflight.pass_unless_found(Check::Indexes, "all indexes are valid");
    Ok(())
}

pub(super) async fn check_replication(
    client: &Client,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    for row in &ask(client, queries::STANDBYS).await? {
        let name = text(row, 0).unwrap_or_default();
        match parsed::<u64>(row, 1) {
            Some(lag) if lag >= thresholds.lag => {
                let found = format!("the standby {name} is {} behind", Bytes(lag));
                preflight.add(
                    Check::Replication,
                    Verdict::Warning,
                    found,
                    Advice::of(NextStep::wait("wait for it to catch up")),
                );
            }
            _ => {}
        }
    }
    let missing = ask(client, queries::SYNCHRONOUS).await?;
    if missing.first().is_some_and(|row| is_true(row, 0)) {
        let found = "commits wait for a synchronous standby, and none is connected";
        preflight.add(
            Check::Replication,
            Verdict::Stop,
            found,
            Advice::fix("reconnect the standby").or(NextStep::fix("set synchronous_standby_names")),
        );
    }
    for row in &ask(client, queries::SLOTS).await? {
        let kept = Bytes(parsed(row, 1).unwrap_or_default());
        let found = format!(
            "the inactive replication slot {} retains {kept} of WAL",
            text(row, 0).unwrap_or_default()
        );
        preflight.add(
            Check::Replication,
            Verdict::Warning,
            found,
            Advice::fix("drop it if its consumer does not come back"),
        );
    }
    preflight.pass_unless_found(Check::Replication, "no standby visible to this role is far behind");
    Ok(())
}

pub(super) async fn check_disk(
    client: &Client,
    explanation: &Explanation,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    let written =
        explanation.locks().filter(|lock| matches!(lock.scan, TableScan::Rewrite | TableScan::Build));
    let sizes: BTreeMap<u32, u64> =
        written.filter_map(|lock| lock.size.as_ref()).map(|size| (size.oid, size.bytes)).collect();
    let total = sizes.values().sum();
    let rows = ask(client, queries::DATABASE_SIZE).await?;
    let database = Bytes(rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default());
    let found = format!(
        "the database has {database}; up to {} may be rewritten, and as much written to WAL (SQL can't show the free space)",
        Bytes(total)
    );
    if total >= thresholds.written {
        preflight.add(
            Check::Disk,
            Verdict::Warning,
            found,
            Advice::fix("make sure that the server's disk has that much free space"),
        );
    } else {
        preflight.add(Check::Disk, Verdict::Pass, found, Advice::NONE);
    }
    Ok(())
}
