//! Sessions and prepared transactions that block a run.

use super::finding::{Check, Verdict};
use super::queries;
use super::thresholds::Thresholds;
use super::touched::{Touched, conflict};
use super::{Preflight, ask};
use crate::display::units::Time;
use crate::error::Error;
use crate::sql::answers::{parsed, text};
use migrate_core::advice::{Advice, NextStep};
use migrate_core::sql::LockMode;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_postgres::Client;

pub(super) async fn check_sessions(
    client: &Client,
    touched: &Touched,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for row in &ask(client, &queries::holders(&touched.oids())).await? {
        let (Some(oid), Some(held)) = (parsed::<u32>(row, 0), text(row, 2).and_then(LockMode::from_pg_locks))
        else {
            continue;
        };
        let wanted = touched.modes.get(&oid).copied();
        if !wanted.is_some_and(|wanted| conflict(wanted, held)) || !seen.insert((oid, parsed::<i32>(row, 3)))
        {
            continue;
        }
        if touched.is_of_run(row, 3) {
            continue;
        }
        let shown = |column| text(row, column).unwrap_or_default();
        let age = parsed::<f64>(row, 6).and_then(|age| Duration::try_from_secs_f64(age).ok());
        let idle = shown(5).starts_with("idle in transaction");
        let state = if idle { "idle in its transaction" } else { "in a transaction" };
        let since = age.map_or_else(String::new, |age| format!(" for {}", Time(age)));
        let found = format!("pid {} ({}) is {state}{since} and holds {}", shown(3), shown(4), shown(1));
        let long = idle || age.is_some_and(|age| age >= thresholds.long_transaction);
        let verdict = if long { Verdict::Stop } else { Verdict::Warning };
        preflight.add(
            Check::Sessions,
            verdict,
            found,
            Advice::of(NextStep::wait("wait for it to end"))
                .or(NextStep::sql(format!("SELECT pg_terminate_backend({})", shown(3)))),
        );
    }
    check_transactions(client, touched, thresholds, preflight).await?;
    let unseen = ask(client, queries::UNSEEN).await?;
    if let Some(count) = unseen.first().and_then(|row| parsed::<u64>(row, 0)).filter(|count| *count > 0) {
        let next = Advice::fix("GRANT pg_read_all_stats TO that role")
            .or(NextStep::fix("check as a role that has it"));
        preflight.add(
            Check::Sessions,
            Verdict::Warning,
            format!("{count} sessions of other roles can't be inspected"),
            next,
        );
    }
    preflight.pass_unless_found(Check::Sessions, "no session holds a lock on the affected tables");
    Ok(())
}

/// Checks the transactions that `CREATE INDEX CONCURRENTLY` would wait for, and prepared ones, which may
/// never end.
async fn check_transactions(
    client: &Client,
    touched: &Touched,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    for row in &ask(client, queries::PREPARED).await? {
        let gid = text(row, 0).unwrap_or_default();
        let verdict = if touched.concurrently { Verdict::Stop } else { Verdict::Warning };
        let next = Advice::fix("COMMIT PREPARED or ROLLBACK PREPARED it");
        preflight.add(Check::Sessions, verdict, format!("the prepared transaction {gid} is open"), next);
    }
    if !touched.concurrently {
        return Ok(());
    }
    for row in &ask(client, &queries::long(thresholds.long_transaction)).await? {
        if touched.is_of_run(row, 0) {
            continue;
        }
        let shown = |column| text(row, column).unwrap_or_default();
        let found = format!(
            "pid {} ({}) is in a long-running transaction; a concurrent index build waits for it to end",
            shown(0),
            shown(1)
        );
        let next = Advice::of(NextStep::wait("wait for it to end"));
        preflight.add(Check::Sessions, Verdict::Warning, found, next);
    }
    Ok(())
}
