//! Rust code without a transaction: its row is claimed before it and completed behind it, and it is run again from its beginning
//! where it did not come to its end.

use super::StepwiseStatements;
use crate::error::{ApplyError, Error};
use crate::execute::blockers::BlockerMonitor;
use crate::execute::code::{CodeStopped, call_alone};
use crate::execute::limits::Limits;
use crate::execute::recovery::Before;
use crate::execute::watch::PID;
use migrate_core::Code;
use migrate_core::advice::Left;
use migrate_core::engine::Progress;

impl StepwiseStatements<'_, '_> {
    /// Calls the functions of a migration, in a row of this run's.
    pub(super) async fn call(
        &mut self,
        code: &Code,
        before: Before,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), ApplyError> {
        if let Err(stopped) = self.take_over(0, before).await {
            return Err(self.stop(0, stopped).await);
        }
        let limits = Limits::of_step(self.context.settings, progress);
        if self.is_watched {
            // Behind a transaction pooler, later statements may have another process: then none is found to be blocked.
            let heard = self.hear(PID).await;
            heard.map_err(|error| Error::server("applying migrations", error).into_apply())?;
        }
        let step = (self.step, code);
        let called = call_alone(&self.context, step, limits, &self.pid, progress, monitor).await;
        let mut failure = match called {
            Ok(()) => return Ok(()),
            // What it has committed is not undone, so it is not called again at once.
            Err(CodeStopped::Failed(failure) | CodeStopped::Contended(failure)) => failure,
            Err(CodeStopped::Lost(error)) => return Err(error.into_apply()),
        };
        self.said = monitor.said(progress);
        failure.left = Left::Code;
        self.record(&failure, 0).await;
        Err(ApplyError::Failed(failure))
    }
}
