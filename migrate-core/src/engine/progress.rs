//! Progress: the state of a run, its reports, and its events.

use super::{CommittedPart, SlowThreshold};
use crate::engine::Holder;
use crate::engine::event::{Activity, Event, Observer, RunningStatement, ServerMessage, Severity};
use crate::engine::report::StepReport;
use crate::history::{HistoryState, Notice};
use crate::plan::{Action, Step};
use std::path::Path;
use std::time::{Duration, Instant};

/// The progress of a run. The backend reports each step to it; it informs the observer and collects the
/// reports.
pub struct Progress<'o> {
    observer: &'o mut dyn Observer,
    of: usize,
    attempts: u32,
    reports: Vec<StepReport>,
    /// The server's warnings, for the report.
    notices: Vec<Notice>,
    /// The number of notices and warnings of the current step.
    notices_said: u32,
    warnings: u32,
    slow: Option<Duration>,
    run: Age,
    step: Age,
    /// The current step.
    underway: Option<(String, Action)>,
    /// The committed statements of a step that is not done.
    part: Option<CommittedPart>,
    /// True if other steps may follow those that are applied.
    is_followed: bool,
}

/// The state of a run at its end.
pub(super) struct ProgressEnd {
    pub(super) reports: Vec<StepReport>,
    /// The server's warnings.
    pub(super) said: Vec<Notice>,
    pub(super) part: Option<CommittedPart>,
}

/// The age of an activity, and the threshold for reporting it.
struct Age {
    since: Instant,
    alarm: SlowThreshold,
}

impl Age {
    fn new(slow: Option<Duration>) -> Age {
        Age { since: Instant::now(), alarm: SlowThreshold::new(slow) }
    }

    fn begin(&mut self) {
        self.since = Instant::now();
        self.alarm.reset();
    }
}

impl<'o> Progress<'o> {
    /// Creates the progress of a run with this many steps, none of them done.
    pub fn new(observer: &'o mut dyn Observer, of: usize) -> Progress<'o> {
        Progress {
            observer,
            of,
            attempts: 0,
            reports: Vec::with_capacity(of),
            notices: Vec::new(),
            notices_said: 0,
            warnings: 0,
            slow: None,
            run: Age::new(None),
            step: Age::new(None),
            underway: None,
            part: None,
            is_followed: false,
        }
    }

    /// Reports a migration or a run that takes longer than this.
    pub fn slow_after(self, slow: Option<Duration>) -> Progress<'o> {
        Progress { slow, run: Age::new(slow), step: Age::new(slow), ..self }
    }

    /// The age of the run: since it got the lock, or since the end of the backup before its first step.
    pub fn age(&self) -> Duration {
        self.run.since.elapsed()
    }

    /// The age of the step that was started last.
    pub fn step_age(&self) -> Duration {
        self.step.since.elapsed()
    }

    /// Reports a slow migration or run. Only the smallest slow activity is reported: not the migration if its
    /// statement is slow, whose age is `of_statement`, and not the run if its migration is slow.
    pub fn check_ages(&mut self, of_statement: Duration, blockers: &[Holder]) {
        let Some(slow) = self.slow else { return };
        let (step_age, run_age) = (self.step_age(), self.age());
        let is_step_slow = self.underway.is_some() && step_age >= slow;
        if self.run.alarm.is_exceeded(run_age) && !is_step_slow && of_statement < slow {
            self.slow(Activity::Run, run_age, blockers);
        }
        if let Some((name, action)) = self.underway.take() {
            if self.step.alarm.is_exceeded(step_age) && of_statement < slow {
                self.slow(Activity::Migration { name: &name, action }, step_age, blockers);
            }
            self.underway = Some((name, action));
        }
    }

    pub(super) fn start(&mut self) {
        self.run.begin();
        self.observer.event(&Event::Started { steps: self.of });
    }

    /// Reports a notice, which the report contains, too.
    pub fn noticed(&mut self, notice: Notice) {
        self.observer.event(&Event::Noticed { notice: &notice });
        self.notices.push(notice);
    }

    pub(super) fn set_followed(&mut self, is_followed: bool) {
        self.is_followed = is_followed;
    }

    /// True if other steps may follow those that are applied now: the lock has to be kept.
    pub fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Sets the number of steps still to come.
    pub(super) fn expect(&mut self, steps: usize) {
        self.of = self.reports.len() + steps;
    }

    /// Reports the progress of a dump: the bytes written so far, and the size of the database.
    pub fn backing_up(&mut self, written: u64, of: u64) {
        self.observer.event(&Event::BackingUp { written, of });
    }

    /// Reports the end of a dump.
    pub fn backed_up(&mut self, file: &Path, bytes: u64, took: Duration) {
        // The time of a dump depends on the size of the database, and a dump blocks no one.
        self.run.begin();
        self.observer.event(&Event::BackedUp { file, bytes, took });
    }

    /// Reports a step that was started, or that is the next one in a message that was sent.
    pub fn step_started(&mut self, step: &Step<'_>) {
        let number = self.reports.len() + 1;
        self.step.begin();
        self.underway = Some((step.name.clone().into_owned(), step.action));
        self.observer.event(&Event::StepStarted {
            name: &step.name,
            action: step.action,
            number,
            of: self.of,
        });
    }

    /// True if an observer receives the events.
    pub fn is_observed(&self) -> bool {
        self.observer.is_listening()
    }

    /// Reports the start of a statement of a step's script; `number` starts at 1.
    pub fn statement_started(&mut self, step: &Step<'_>, number: usize, pid: Option<i32>) {
        if let Some(statement) = RunningStatement::of(step, number, pid) {
            self.observer.event(&Event::StatementStarted { statement });
        }
    }

    /// Reports a message from the server, at a statement of a step's script (starting at 1) or around the
    /// script.
    pub fn server_said(
        &mut self,
        step: &Step<'_>,
        number: Option<usize>,
        pid: Option<i32>,
        message: &ServerMessage,
    ) {
        let statement = number.and_then(|number| RunningStatement::of(step, number, pid));
        let (name, action) = (&*step.name, step.action);
        self.observer.event(&Event::ServerSaid { message, name, action, statement });
        if message.severity == Severity::Warning {
            self.warnings += 1;
            let message = message.to_string();
            self.notices.push(Notice::Server { name: name.to_owned(), statement: number, message });
        } else {
            self.notices_said += 1;
        }
    }

    /// Reports the end of a statement of a step's script; `number` starts at 1.
    pub fn statement_done(
        &mut self,
        step: &Step<'_>,
        number: usize,
        took: Option<Duration>,
        is_committed: bool,
    ) {
        if is_committed {
            self.statements_committed(step, number);
        }
        let of = step.statement_count();
        self.observer.event(&Event::StatementDone { name: &step.name, number, of, took, is_committed });
        self.check_ages(took.unwrap_or_default(), &[]);
    }

    /// Records that the first `done` statements of a step's script are committed, even if the history does not
    /// record that yet: an error that stops the run says so.
    pub fn statements_committed(&mut self, step: &Step<'_>, done: usize) {
        self.part = Some(CommittedPart::of(step, done, true));
    }

    /// Takes the statements that an interrupted attempt has committed from the history.
    pub(super) fn resume(&mut self, steps: &[Step<'_>], state: &HistoryState) {
        let part = self.part.take();
        let Some(interrupted) = &state.interrupted else {
            // Another run may have completed it.
            let is_open = |part: &CommittedPart| match part.action {
                Action::Revert => state.find(&part.version).is_some(),
                _ => state.find(&part.version).is_none(),
            };
            self.part = part.filter(is_open);
            return;
        };
        let own = part.filter(|part| part.version == interrupted.version);
        let done = own.as_ref().map_or(0, |part| part.done).max(interrupted.statements_done);
        let has_statements = |step: &&Step<'_>| step.runs() && !step.is_code();
        let step = steps.first().filter(|step| step.version == interrupted.version).filter(has_statements);
        let is_of_this_run = own.as_ref().is_some_and(|part| part.is_of_this_run);
        self.part = step.map(|step| CommittedPart::of(step, done, is_of_this_run)).or(own);
    }

    /// Reports a slow activity.
    pub fn slow(&mut self, work: Activity<'_>, age: Duration, blockers: &[Holder]) {
        self.observer.event(&Event::Slow { work, age, blockers });
    }

    /// Reports a step that waits for locks of other sessions.
    pub fn blocked(&mut self, step: &Step<'_>, waited: Duration, blockers: &[Holder]) {
        self.observer.event(&Event::Blocked { name: &step.name, waited, blockers });
    }

    /// Reports that another session is still running a statement that is to run; `number` starts at 1.
    pub fn statement_awaited(&mut self, step: &Step<'_>, number: usize, waited: Duration, holder: &Holder) {
        self.observer.event(&Event::WaitingForStatement { name: &step.name, number, waited, holder });
    }

    /// Reports a finished, committed step and its duration by the server's clock.
    pub fn step_done(&mut self, step: &Step<'_>, took: Duration) {
        (self.underway, self.part) = (None, None);
        self.check_ages(took, &[]);
        let report = StepReport {
            action: step.action,
            version: step.version.clone(),
            name: step.name.clone().into_owned(),
            statements: step.statement_count(),
            is_code: step.is_code(),
            took,
            attempts: std::mem::take(&mut self.attempts) + 1,
            notices: std::mem::take(&mut self.notices_said),
            warnings: std::mem::take(&mut self.warnings),
        };
        let number = self.reports.len() + 1;
        self.observer.event(&Event::StepDone { step: &report, number, of: self.of });
        self.reports.push(report);
    }

    /// The number of notices and warnings that the server sent during the current step, as far as they were
    /// received.
    pub fn said_count(&self) -> (u32, u32) {
        (self.notices_said, self.warnings)
    }

    /// The number of finished steps.
    pub fn done_count(&self) -> usize {
        self.reports.len()
    }

    pub(super) fn count_attempt(&mut self) -> u32 {
        self.underway = None;
        // The server repeats the messages of a step that was rolled back.
        (self.notices_said, self.warnings) = (0, 0);
        self.attempts += 1;
        self.attempts
    }

    pub(super) fn observer(&mut self) -> &mut dyn Observer {
        self.observer
    }

    pub(super) fn end(self) -> ProgressEnd {
        ProgressEnd { reports: self.reports, said: self.notices, part: self.part }
    }
}
