//! The progress display: the position in the run, the running statement and its age, and the blocking
//! sessions.

use super::options::{Color, Output};
use super::page::{Medium, width_of_output, width_of_progress};
use crate::operate::Bytes;
use crate::schema::scratch::{ComparisonPhase, PhaseCallback};
use crate::{BackfillEvent, Event, RunningStatement};
use anstream::ColorChoice;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use migrate_core::display::printable::printable;
use migrate_core::engine::Holder;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The use of the terminal.
#[derive(Clone)]
pub(crate) struct Ui {
    color: Color,
    bars: Option<Arc<Mutex<Bars>>>,
    /// True if steps are printed as lines, because there is no progress bar.
    log: bool,
    /// The dump that was made before the run.
    backup: Arc<OnceLock<Dump>>,
    /// When a batch of a backfill was printed last.
    last_batch: Arc<Mutex<Option<Instant>>>,
}

/// The interval between lines about batches.
const BATCH_LINES: Duration = Duration::from_secs(10);

/// A dump of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(super) file: PathBuf,
    pub(super) bytes: u64,
}

impl Ui {
    pub(super) fn new(output: &Output) -> Ui {
        let is_terminal = std::io::stderr().is_terminal();
        let bars = (is_terminal && !output.quiet).then(|| Arc::new(Mutex::new(Bars::default())));
        Ui {
            color: output.color,
            bars,
            log: !is_terminal && !output.quiet && !output.json,
            backup: Arc::default(),
            last_batch: Arc::default(),
        }
    }

    /// When to use colors: `NO_COLOR` and similar variables count unless `--color` says otherwise.
    pub(super) fn color(&self) -> ColorChoice {
        match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
        }
    }

    /// The medium for answers: standard output.
    pub(super) fn output(&self) -> Medium {
        let is_terminal = std::io::stdout().is_terminal();
        Medium {
            has_tables: self.color == Color::Always || is_terminal,
            width: if is_terminal { width_of_output() } else { None },
            steps_told: self.log && !is_terminal,
        }
    }

    /// The medium for problems: standard error.
    pub(super) fn errors(&self) -> Medium {
        let width = if std::io::stderr().is_terminal() { width_of_progress() } else { None };
        Medium { has_tables: false, width, steps_told: true }
    }

    /// The dump that was made before the run, if one was.
    pub(super) fn backup(&self) -> Option<&Dump> {
        self.backup.get()
    }

    /// Takes note of an event of a run.
    pub(super) fn event(&self, event: &Event<'_>) {
        if let Event::BackedUp { file, bytes, .. } = event {
            // A run makes one.
            _ = self.backup.set(Dump { file: (*file).to_owned(), bytes: *bytes });
        }
        if let Some(bars) = &self.bars {
            // A panic in another callback must not cause one here.
            bars.lock().unwrap_or_else(PoisonError::into_inner).event(event);
        } else if self.log && is_worth_a_line(event) && self.is_due(event) {
            // A closed standard error must not stop a run.
            drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{event}\n").as_bytes()));
        }
    }

    /// False for a batch of a backfill soon after another one: there are several in a second.
    fn is_due(&self, event: &Event<'_>) -> bool {
        if !matches!(event, Event::Backfill(BackfillEvent::Batch { .. })) {
            return true;
        }
        let mut last = self.last_batch.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= BATCH_LINES);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }

    /// Shows that a command other than a run waits for the migration lock.
    pub(super) fn wait_for_lock(&self, holder: &Holder) {
        if let Some(bars) = &self.bars {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            bars.shown.get_or_insert_with(DrawnBars::new).wait_for_lock(holder);
        }
    }

    /// Shows progress on a scratch database.
    pub(super) fn phases(&self) -> PhaseCallback {
        let Some(bars) = self.bars.clone() else { return PhaseCallback::default() };
        PhaseCallback::new(move |phase| {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = bars.shown.get_or_insert_with(DrawnBars::new);
            if let ComparisonPhase::Replaying { number, of, .. } = phase {
                shown.expect(*of);
                shown.steps.set_position(*number as u64 - 1);
            }
            shown.begin(&fitted(&phase.to_string()));
        })
    }

    /// Takes the bars away.
    pub(super) fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.lock().unwrap_or_else(PoisonError::into_inner).end();
        }
    }
}

/// True for an event that belongs in a log during a run; its end is reported in any case.
fn is_worth_a_line(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::WaitingForLock { .. }
            | Event::Blocked { .. }
            | Event::Retrying { .. }
            | Event::WaitingForStatement { .. }
            | Event::Slow { .. }
            | Event::ServerSaid { .. }
            | Event::StatementDone { is_committed: true, .. }
            | Event::StepDone { .. }
            | Event::BackedUp { .. }
            | Event::Backfill(_)
    )
}

/// The lines at the bottom of the terminal.
#[derive(Default)]
struct Bars {
    shown: Option<DrawnBars>,
}

struct DrawnBars {
    all: MultiProgress,
    steps: ProgressBar,
    statement: ProgressBar,
    blockers: ProgressBar,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of this file").progress_chars("━╸─")
}

/// The interval at which ages are redrawn.
const TICK: Duration = Duration::from_millis(200);

impl DrawnBars {
    fn new() -> DrawnBars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = |template: &str| {
            let bar = all.add(ProgressBar::new(0).with_style(style(template)));
            bar.enable_steady_tick(TICK);
            bar
        };
        let steps = bar("{spinner} {elapsed}");
        let statement = bar("  {wide_msg}\n  for {elapsed}");
        let blockers = bar("  {msg}");
        DrawnBars { steps, statement, blockers, all }
    }

    /// Sets the number of steps.
    fn expect(&self, steps: usize) {
        self.steps.set_style(style("{spinner} {bar:30} {pos} of {len}  {elapsed}"));
        self.steps.set_length(steps as u64);
    }

    /// Shows the session that holds the migration lock.
    fn wait_for_lock(&self, holder: &Holder) {
        self.statement.set_message(format!("waiting for the migration lock, held by {holder}"));
    }

    /// Shows the progress of a backfill.
    fn backfill(&self, event: &BackfillEvent<'_>) {
        match event {
            BackfillEvent::Started { record, .. } => {
                self.steps.set_style(style("{spinner} {bar:30} {percent} %  {elapsed}"));
                self.steps.set_length(record.rows_total.max(record.rows_done).max(1));
                self.steps.set_position(record.rows_done);
                self.begin(&event.to_string());
            }
            BackfillEvent::Batch { record, .. } => {
                self.steps.set_position(record.rows_done.min(record.rows_total.max(1)));
                self.statement.set_message(fitted(&event.to_string()));
                self.blockers.set_message("");
            }
            BackfillEvent::Done { .. } | BackfillEvent::Ended { .. } | BackfillEvent::Quarantined { .. } => {
                drop(self.all.println(printable(&event.to_string())));
            }
            _ => self.blockers.set_message(fitted(&event.to_string())),
        }
    }

    /// Shows the progress of a backup.
    fn dumping(&self, written: u64, of: u64) {
        if written == 0 {
            self.begin("");
        }
        let (written, of) = (Bytes(written), Bytes(of));
        self.statement.set_message(format!("backing up: {written} written, of a database of {of}"));
    }

    /// Shows the next activity.
    fn begin(&self, message: &str) {
        self.statement.reset_elapsed();
        self.statement.set_message(printable(message).into_owned());
        self.blockers.set_message("");
    }
}

impl Bars {
    fn event(&mut self, event: &Event<'_>) {
        let shown = self.shown.get_or_insert_with(DrawnBars::new);
        match event {
            Event::Started { steps, .. } => {
                shown.expect(*steps);
                shown.begin("sent to the server; waiting for its answer");
            }
            Event::BackingUp { written, of, .. } => shown.dumping(*written, *of),
            Event::BackedUp { .. } => {
                shown.begin("backed up; waiting for the server's answer");
            }
            Event::StepStarted { name, action, number, of, .. } => {
                shown.expect(*of);
                shown.steps.set_position(*number as u64 - 1);
                shown.begin(&format!("{action} {name}"));
            }
            Event::StatementStarted { statement, .. } => shown.begin(&running(statement)),
            Event::StepDone { number, .. } => shown.steps.set_position(*number as u64),
            Event::ServerSaid { .. } => drop(shown.all.println(event.to_string())),
            Event::Blocked { blockers, .. } => {
                shown.blockers.set_message(in_the_way(blockers).collect::<Vec<_>>().join("\n  "));
            }
            Event::WaitingForLock { holder, .. } => shown.wait_for_lock(holder),
            Event::Backfill(event) => shown.backfill(event),
            Event::WaitingForStatement { .. } => shown.blockers.set_message(fitted(&event.to_string())),
            Event::Retrying { failure, attempts, .. } => {
                let times = if *attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
                let tried = fitted(&format!("tried {times}: {}", failure.message));
                let lines = std::iter::once(tried).chain(in_the_way(&failure.blockers));
                shown.blockers.set_message(lines.collect::<Vec<_>>().join("\n  "));
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        if let Some(shown) = self.shown.take() {
            for bar in [&shown.steps, &shown.statement, &shown.blockers] {
                bar.finish_and_clear();
            }
            // The terminal may be gone.
            drop(shown.all.clear());
        }
    }
}

fn in_the_way(blockers: &[Holder]) -> impl Iterator<Item = String> + '_ {
    blockers.iter().map(|blocker| fitted(&format!("blocked by: {blocker}")))
}

/// One line, cut at the terminal's edge, so that the same number of lines is cleared again.
fn fitted(text: &str) -> String {
    let width = width_of_progress().map_or(usize::MAX, |width| width.saturating_sub(4));
    let text = printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned();
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A running statement, on one line.
fn running(statement: &RunningStatement<'_>) -> String {
    let RunningStatement { name, action, number, of, text, .. } = statement;
    let text = text.redacted().split_whitespace().collect::<Vec<_>>().join(" ");
    match of {
        1 => format!("{action} {name}: {text}"),
        _ => format!("{action} {name}: statement {number} of {of}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::engine::Progress;
    use migrate_core::plan::Step;
    use migrate_core::{Script, SqlMigration, Version};

    /// The line that is shown for a script's statement.
    fn activity_line(text: &str, number: usize) -> String {
        let script = Script::of_text("a.sql", text.to_owned()).unwrap();
        let migration = SqlMigration::new(Version::numeric("1"), "a", script);
        let mut lines = Vec::new();
        let mut observer = |event: &Event<'_>| {
            if let Event::StatementStarted { statement, .. } = event {
                lines.push(running(statement));
            }
        };
        Progress::new(&mut observer, 1).statement_started(&Step::apply(&migration), number, None);
        lines.pop().unwrap()
    }

    #[test]
    fn a_statement_is_one_line_without_its_secrets() {
        let text = "CREATE ROLE a\n  PASSWORD 'secret';\nVACUUM;";
        assert_eq!(activity_line(text, 2), "apply a: statement 2 of 2: VACUUM");
        let first = activity_line(text, 1);
        assert!(first.starts_with("apply a: statement 1 of 2: CREATE ROLE a PASSWORD "), "{first}");
        assert!(!first.contains("secret"), "{first}");
        assert_eq!(activity_line("SELECT 1;", 1), "apply a: SELECT 1");
    }
}
