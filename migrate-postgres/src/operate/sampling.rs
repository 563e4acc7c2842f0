//! The walk of a rehearsal over its steps: a large backfill is sampled, and what waits for it is left out.

use super::rehearse::{RehearsalStopped, Rehearsing};
use super::taken::HELD;
use crate::backfill::{SampleError, SampledBackfill, Sampler};
use crate::connection::session::Session;
use crate::error::{ApplyError, Error};
use crate::execute::{
    Context, Mode, Rehearsed, apply_unrecorded, has_backfill, large_table, no_batches, server_failure,
};
use crate::history::SessionInfo;
use crate::migrator::Migrator;
use crate::settings::Inspect;
use migrate_core::Version;
use migrate_core::backfill::Specification;
use migrate_core::plan::{Action, Step};

/// The end of a walk: the reason why it stopped early, if it did, and the names of the steps that were not run.
pub(super) type WalkEnd = (Option<RehearsalStopped>, Vec<String>);

/// The steps that a run leaves for later, because of a backfill that it only begins.
#[derive(Default)]
struct Waiting {
    /// The versions that others wait for.
    versions: Vec<Version>,
    /// The names of those that wait.
    names: Vec<String>,
}

impl Waiting {
    fn has(&self, step: &Step<'_>) -> bool {
        step.action == Action::Apply && step.after.as_ref().is_some_and(|after| self.versions.contains(after))
    }

    fn leave(&mut self, step: &Step<'_>) {
        self.versions.push(step.version.clone());
        self.names.push(step.name.clone().into_owned());
    }

    /// The names of all that were not run, with these at the end.
    fn and(self, rest: &[Step<'_>]) -> Vec<String> {
        self.names.into_iter().chain(rest.iter().map(|step| step.name.clone().into_owned())).collect()
    }
}

impl Migrator {
    /// Rehearses steps in a transaction that the caller has begun and rolls back.
    pub(super) async fn rehearse_steps(
        &self,
        session: &Session<'_>,
        session_info: &SessionInfo,
        steps: &[Step<'_>],
        rehearsing: &mut Rehearsing,
    ) -> Result<WalkEnd, Error> {
        let (mut waiting, mut rest) = (Waiting::default(), steps);
        while let Some(first) = rest.first() {
            if waiting.has(first) {
                waiting.leave(first);
                rest = &rest[1..];
                continue;
            }
            if first.commits_in_parts() {
                let name = first.name.clone().into_owned();
                return Ok((
                    Some(RehearsalStopped::Refuses { name, left_out: rest.len() }),
                    waiting.and(rest),
                ));
            }
            let alone = |step: &Step<'_>| has_backfill(step) || step.commits_in_parts() || waiting.has(step);
            let count = 1 + rest[1..].iter().position(alone).unwrap_or(rest.len() - 1);
            let taken = match self.sample(session, first, rehearsing).await {
                Ok(Some(sampled)) => {
                    rehearsing.sampled(sampled);
                    waiting.versions.push(first.version.clone());
                    Ok(1)
                }
                Ok(None) => {
                    let inspect = Some(Inspect { behind: HELD, is_called_for: |_| true, at_end: None });
                    let context =
                        Context { inspect, ..Context::unrecorded(session, session_info, &self.settings) };
                    let mode = Mode::RollBack(&mut *rehearsing);
                    apply_unrecorded(context, None, &rest[..count], mode).await.map(|()| count)
                }
                Err(error) => Err(error),
            };
            match taken {
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    let (stopped, place) = rehearsing.stopped(error, rest)?;
                    return Ok((stopped, waiting.and(&rest[place..])));
                }
            }
        }
        Ok((None, waiting.and(&[])))
    }

    /// Samples the backfill of a step, if a run would only begin it.
    async fn sample(
        &self,
        session: &Session<'_>,
        step: &Step<'_>,
        rehearsing: &mut Rehearsing,
    ) -> Result<Option<SampledBackfill>, ApplyError> {
        let Some(script) = step.script().filter(|_| has_backfill(step)) else { return Ok(None) };
        let Some(specification) = Specification::of(script) else { return Ok(None) };
        let failed = |error| ApplyError::Failed(Box::new(server_failure(step, Some(script), None, error)));
        let large = large_table(session, &self.settings, &specification.relation).await;
        let Some(rows_total) = large.map_err(failed)? else { return Ok(None) };
        rehearsing.began(step, script.path());
        let sampler =
            Sampler { client: session, script, rows_total, lock_timeout: self.settings.lock_timeout };
        match sampler.run(&|| rehearsing.bound(script.options())).await {
            Ok(sampled) => Ok(Some(sampled)),
            Err(SampleError::Obstacle(cause)) => Err(no_batches(step, &specification.relation, &cause)),
            Err(SampleError::Server(error)) => Err(failed(error)),
        }
    }
}
