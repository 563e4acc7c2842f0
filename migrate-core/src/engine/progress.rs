//! How far a run has come.

use super::SlowThreshold;
use crate::engine::Holder;
use crate::engine::event::{Activity, Event, Observer, RunningStatement, ServerMessage, Severity};
use crate::engine::report::StepReport;
use crate::history::Notice;
use crate::plan::{Action, Step};
use std::path::Path;
use std::time::{Duration, Instant};

/// How far a run has come: a backend tells it of each step, it tells the observer and keeps the reports.
pub struct Progress<'o> {
    observer: &'o mut dyn Observer,
    of: usize,
    attempts: u32,
    reports: Vec<StepReport>,
    /// The server's warnings, for the report.
    notices: Vec<Notice>,
    /// How many notices and warnings the step under way has had.
    notices_said: u32,
    warnings: u32,
    slow: Option<Duration>,
    run: Age,
    step: Age,
    /// The step under way.
    underway: Option<(String, Action)>,
}

/// The age of something under way, and when to report it.
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
    /// The progress of a run of so many steps, none of which is done.
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
        }
    }

    /// The same, which tells of a migration and of a run that take longer than this.
    pub fn slow_after(self, slow: Option<Duration>) -> Progress<'o> {
        Progress { slow, run: Age::new(slow), step: Age::new(slow), ..self }
    }

    /// How long the run has been under way: since it has the lock, or since the backup before its first step.
    pub fn age(&self) -> Duration {
        self.run.since.elapsed()
    }

    /// How long the step has been under way that was begun last.
    pub fn step_age(&self) -> Duration {
        self.step.since.elapsed()
    }

    /// Reports the migration and the run when they take long. Only the smallest slow thing is reported: not the
    /// migration where its statement does, which has the age `of_statement`, and not the run where its migration does.
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

    /// So many steps are still to come.
    pub(super) fn expect(&mut self, steps: usize) {
        self.of = self.reports.len() + steps;
    }

    /// The database is being dumped: so many bytes are written, and it has so many.
    pub fn backing_up(&mut self, written: u64, of: u64) {
        self.observer.event(&Event::BackingUp { written, of });
    }

    /// The database is dumped.
    pub fn backed_up(&mut self, file: &Path, bytes: u64, took: Duration) {
        // A dump takes as long as the database is large, and holds up nobody.
        self.run.begin();
        self.observer.event(&Event::BackedUp { file, bytes, took });
    }

    /// A step was begun, or is the next in a message that was sent.
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

    /// Whether anybody hears of it.
    pub fn is_observed(&self) -> bool {
        self.observer.is_listening()
    }

    /// A statement of a step's script is run from now on; `number` counts from 1.
    pub fn statement_started(&mut self, step: &Step<'_>, number: usize, pid: Option<i32>) {
        if let Some(statement) = RunningStatement::of(step, number, pid) {
            self.observer.event(&Event::StatementStarted { statement });
        }
    }

    /// The server said something at a statement of a step's script, the first being 1, or around it.
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

    /// A statement of a step's script was done; `number` counts from 1.
    pub fn statement_done(
        &mut self,
        step: &Step<'_>,
        number: usize,
        took: Option<Duration>,
        is_committed: bool,
    ) {
        let of = step.script().map_or(0, |script| script.statements().len());
        self.observer.event(&Event::StatementDone { name: &step.name, number, of, took, is_committed });
        self.check_ages(took.unwrap_or_default(), &[]);
    }

    /// Something takes long.
    pub fn slow(&mut self, work: Activity<'_>, age: Duration, blockers: &[Holder]) {
        self.observer.event(&Event::Slow { work, age, blockers });
    }

    /// A step waits for others to give up their locks.
    pub fn blocked(&mut self, step: &Step<'_>, waited: Duration, blockers: &[Holder]) {
        self.observer.event(&Event::Blocked { name: &step.name, waited, blockers });
    }

    /// A statement that is to be run is still run by somebody else; `number` counts from 1.
    pub fn statement_awaited(&mut self, step: &Step<'_>, number: usize, waited: Duration, holder: &Holder) {
        self.observer.event(&Event::WaitingForStatement { name: &step.name, number, waited, holder });
    }

    /// A step is done and committed; it took so long by the server's clock.
    pub fn step_done(&mut self, step: &Step<'_>, took: Duration) {
        self.underway = None;
        self.check_ages(took, &[]);
        let report = StepReport {
            action: step.action,
            version: step.version.clone(),
            name: step.name.clone().into_owned(),
            statements: step.script().map_or(0, |script| script.statements().len()),
            took,
            attempts: std::mem::take(&mut self.attempts) + 1,
            notices: std::mem::take(&mut self.notices_said),
            warnings: std::mem::take(&mut self.warnings),
        };
        let number = self.reports.len() + 1;
        self.observer.event(&Event::StepDone { step: &report, number, of: self.of });
        self.reports.push(report);
    }

    /// How many notices and warnings the server has sent at the step that is under way, as far as they were heard.
    pub fn said_count(&self) -> (u32, u32) {
        (self.notices_said, self.warnings)
    }

    /// How many steps are done.
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

    pub(super) fn into_reports(self) -> (Vec<StepReport>, Vec<Notice>) {
        (self.reports, self.notices)
    }
}
