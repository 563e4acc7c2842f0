//! The rights of the role, and the migration lock.

use super::finding::{Check, Verdict};
use super::queries;
use super::touched::Touched;
use super::{Preflight, ask, failed};
use crate::RunningAttempt;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::lock::Key;
use crate::migrator::Migrator;
use crate::sql::answers::{is_true, text};
use migrate_core::advice::{Advice, NextStep};
use tokio_postgres::Client;

impl Migrator {
    pub(super) async fn check_lock(
        &self,
        client: &Client,
        running: Option<&RunningAttempt>,
        preflight: &mut Preflight,
    ) -> Result<(), Error> {
        if let Some(running) = running {
            let next = Advice::of(NextStep::wait("wait for that run to end"));
            preflight.add(Check::Lock, Verdict::Stop, format!("{} {running}", running.name), next);
            return Ok(());
        }
        let key = Key::new(&self.settings, self.set().name());
        if key.is_free(client).await.map_err(failed)? {
            preflight.add(Check::Lock, Verdict::Pass, "no other run holds the migration lock", Advice::NONE);
        } else {
            let next = Advice::of(NextStep::wait("wait for that run to end"));
            let found = format!("another run holds the migration lock: {}", key.holder(client).await?);
            preflight.add(Check::Lock, Verdict::Stop, found, next);
        }
        Ok(())
    }
}

pub(super) async fn check_rights(
    client: &Client,
    session_info: &SessionInfo,
    touched: &Touched,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    if let Err(error) = session_info.check_writable() {
        preflight.stop(Check::Rights, &error);
    }
    if session_info.exists {
        let rows = ask(client, &queries::history_rights(&session_info.table.qualified())).await?;
        if rows.first().is_some_and(|row| !is_true(row, 0)) {
            let grant =
                format!("GRANT SELECT, INSERT, UPDATE ON {} TO that role", session_info.table.qualified());
            let next = Advice::of(NextStep::sql(grant));
            preflight.add(Check::Rights, Verdict::Stop, "the role may not write the history", next);
        }
    }
    let strangers = ask(client, &queries::not_owned(&touched.oids())).await?;
    for row in &strangers {
        let found =
            format!("{} belongs to {}", text(row, 0).unwrap_or_default(), text(row, 1).unwrap_or_default());
        let next = Advice::fix("to alter it, migrate as its owner or as a member of that role");
        preflight.add(Check::Rights, Verdict::Warning, found, next);
    }
    preflight.pass_unless_found(Check::Rights, "the server accepts writes, and the role may write");
    Ok(())
}
