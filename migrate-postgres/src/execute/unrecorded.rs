//! Steps that the history does not record.

use super::{
    BlockerMonitor, Context, Executor, Halt, Mode, Preamble, RunBookkeeping, apply_code, apply_transactions,
};
use crate::error::ApplyError;
use crate::error::Error;
use crate::history::HistoryCursor;
use crate::history::settings::RunSettings;
use crate::history::{RunIdentity, SessionInfo};
use migrate_core::Digest;
use migrate_core::engine::Progress;
use migrate_core::engine::event::Unobserved;
use migrate_core::plan::Step;
use tokio_postgres::Client;

impl<'c> Context<'c> {
    /// The context of steps that the history does not record.
    pub(crate) fn unrecorded(
        client: &'c Client,
        session_info: &'c SessionInfo,
        settings: &'c RunSettings,
    ) -> Context<'c> {
        Context::new(client, session_info, settings, RunIdentity { set: "", run: "", program: "" })
    }
}

/// Executes steps of which no history tells, all of them in transaction blocks, behind statements that make a place for
/// them.
pub(crate) async fn apply_unrecorded(
    context: Context<'_>,
    create: Option<Vec<String>>,
    steps: &[Step<'_>],
    mut mode: Mode<'_>,
) -> Result<(), ApplyError> {
    let (mut preamble, mut released) = (Preamble { create, ..Preamble::default() }, None);
    let mut standing = HistoryCursor { last_row: 0, digest: Digest::EMPTY, is_unended: false };
    let mut unobserved = Unobserved;
    let mut progress = Progress::new(&mut unobserved, steps.len());
    let mut monitor = BlockerMonitor::new(Box::new(|| None), None);
    let failed = |error| Error::server("preparing the session", error).into_apply();
    let mut rest = steps;
    while let Some(first) = rest.first() {
        if let Executor::Code(code) = Executor::of(first) {
            if let Some(create) = preamble.create.take() {
                context.client.batch_execute(&create.join("; ")).await.map_err(failed)?;
            }
            let step = (first, code);
            apply_code(context, step, false, mode.again(), &mut standing, &mut progress, &mut monitor)
                .await?;
            rest = &rest[1..];
            continue;
        }
        let count = rest.iter().position(|step| !Executor::of(step).is_batch()).unwrap_or(rest.len());
        let (now, later) = rest.split_at(count.max(1));
        let around = RunBookkeeping {
            preamble: &mut preamble,
            last_of_run: false,
            release: None,
            released: &mut released,
            mode: mode.again(),
        };
        let applied =
            apply_transactions(context, now, around, &mut standing, &mut progress, &mut monitor).await;
        applied.map_err(|halt| match halt {
            Halt::SessionChanged(error) => failed(error),
            Halt::Apply(error) => error,
        })?;
        // It is made with the first message.
        preamble.create = None;
        rest = later;
    }
    Ok(())
}
