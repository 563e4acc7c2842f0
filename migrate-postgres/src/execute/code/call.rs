//! Calling a function: what surrounds its statements, its time, and its panics.

use super::CodeStopped;
use super::failure::{code_failure, panicked, transaction_ended};
use crate::code::{BoxError, CodeFunction, CodeRecord, CodeSession, Context as CodeContext, Surroundings};
use crate::execute::Context;
use crate::execute::blockers::BlockerMonitor;
use crate::execute::limits::{Limits, over_limit};
use crate::execute::watch::{At, Pid, Underway, watch};
use crate::sql::transaction::milliseconds;
use migrate_core::engine::Progress;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use migrate_core::{Code, Options};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The time that code has beyond its limit, so that the server's own end of a statement comes first.
const GRACE: Duration = Duration::from_millis(500);

/// A function of a migration that is to be called.
pub(in crate::execute) struct Call<'a, 'c> {
    pub(in crate::execute) context: &'a Context<'c>,
    pub(in crate::execute) step: &'a Step<'a>,
    pub(in crate::execute) code: &'a Code,
    pub(in crate::execute) limits: Limits,
    pub(in crate::execute) record: &'a CodeRecord,
    pub(in crate::execute) pid: &'a Pid,
}

/// The messages around the statements of code.
pub(in crate::execute) enum Surrounding<'a> {
    /// One transaction, and the setting of what is left of its time.
    Transaction { limit: Option<&'a (dyn Fn() -> String + Sync)> },
    /// No transaction: the settings of each statement.
    Each { enter: &'a (dyn Fn() -> String + Sync), leave: &'a str },
}

/// The end of a call.
enum Ended {
    Returned(Result<(), BoxError>),
    Panicked(Box<dyn Any + Send>),
    OverLimit,
}

impl Call<'_, '_> {
    pub(in crate::execute) async fn run(
        &self,
        function: CodeFunction,
        surrounding: Surrounding<'_>,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), CodeStopped> {
        let Context { client, pipelining, settings, inspect, run, .. } = *self.context;
        let options = self.step.options();
        // A replay on a scratch database must not change what the server's databases share; in a transaction, a guard at its end
        // sees to that.
        let may_run = |text: &str| inspect.is_none_or(|inspect| !(inspect.is_called_for)(text));
        let surroundings = match surrounding {
            Surrounding::Transaction { limit } => Surroundings::Transaction { limit },
            Surrounding::Each { enter, leave } => Surroundings::Each { enter, leave, may_run: &may_run },
        };
        let mut context = CodeContext::new(CodeSession {
            client,
            pipelining,
            version: &self.step.version,
            name: &self.step.name,
            set: run.set,
            values: &settings.values,
            lock_timeout: options.lock_timeout.unwrap_or(settings.lock_timeout),
            statement_timeout: options.statement_timeout.unwrap_or(settings.statement_timeout),
            surroundings,
            record: self.record,
        });
        let sent = Instant::now();
        let underway = Underway { step: self.step, at: At::Code };
        let limit = self.limits.soonest().map(|left| left + GRACE);
        let called = ended(function(&mut context), limit);
        let ended = watch(called, underway, self.pid, monitor, progress).await;
        let new = || new_failure(self.step, "");
        match ended {
            // The code may have ignored the error.
            Ended::Returned(_) if self.record.ended().is_some() => {
                let failure = transaction_ended(new(), self.code.path(), self.record);
                Err(CodeStopped::Failed(Box::new(failure)))
            }
            Ended::Returned(Ok(())) => Ok(()),
            Ended::Returned(Err(error)) => {
                let (mut failure, is_contended) = code_failure(new(), self.code.path(), self.record, error);
                self.limits.timer_of(options, settings, sent.elapsed()).explain(&mut failure, settings);
                let failure = Box::new(failure);
                Err(if is_contended { CodeStopped::Contended(failure) } else { CodeStopped::Failed(failure) })
            }
            Ended::Panicked(payload) => {
                let failure = self.placed(panicked(new(), self.record, &*payload));
                Err(CodeStopped::Failed(Box::new(failure)))
            }
            Ended::OverLimit => {
                let mut failure = self.placed(new());
                over_limit(&mut failure, self.limits.first_cause(), settings);
                Err(CodeStopped::Failed(Box::new(failure)))
            }
        }
    }

    /// Adds the last statement that was sent.
    fn placed(&self, failure: Failure) -> Failure {
        super::failure::placed(failure, self.code.path(), self.record)
    }
}

/// A failure of a step's code.
pub(super) fn new_failure(step: &Step<'_>, message: &str) -> Failure {
    let mut failure = Failure::new(step.version.clone(), step.name.clone(), step.action, message);
    failure.is_code = true;
    failure
}

/// Waits for a function, catches its panics, and gives up when its time is over.
async fn ended(call: impl Future<Output = Result<(), BoxError>>, limit: Option<Duration>) -> Ended {
    let mut call = pin!(call);
    let caught = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(outcome)) => Poll::Ready(Ended::Returned(outcome)),
            Err(payload) => Poll::Ready(Ended::Panicked(payload)),
        }
    });
    match limit {
        None => caught.await,
        Some(limit) => tokio::time::timeout(limit, caught).await.unwrap_or(Ended::OverLimit),
    }
}

/// The setting that ends a statement at the first limit.
pub(super) fn statement_timeout(
    context: &Context<'_>,
    step: &Step<'_>,
    limits: Limits,
    is_local: bool,
) -> String {
    let options = limits.bound(step.options(), context.settings);
    let timeout = options.statement_timeout.unwrap_or(context.settings.statement_timeout);
    format!("SET {}statement_timeout = {}", if is_local { "LOCAL " } else { "" }, milliseconds(timeout))
}

/// Calls the functions of a step without a transaction: each of its statements is committed by itself.
pub(in crate::execute) async fn call_alone(
    context: &Context<'_>,
    (step, code): (&Step<'_>, &Code),
    limits: Limits,
    pid: &Pid,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), CodeStopped> {
    let functions = super::functions(step, code).map_err(CodeStopped::Lost)?;
    let function = super::function(step, functions)
        .ok_or_else(|| CodeStopped::Failed(Box::new(new_failure(step, super::NO_FUNCTION))))?;
    let (record, sent) = (CodeRecord::default(), Instant::now());
    let enter = || {
        let options: Options = limits.after(sent.elapsed()).bound(step.options(), context.settings);
        context.timeouts(&options, false).join("; ")
    };
    let leave = context.session_info.between_scripts().join("; ");
    for function in std::iter::once(function).chain(super::verifier(step, functions)) {
        let call = Call { context, step, code, limits: limits.after(sent.elapsed()), record: &record, pid };
        let surrounding = Surrounding::Each { enter: &enter, leave: &leave };
        call.run(function, surrounding, progress, monitor).await?;
    }
    Ok(())
}
