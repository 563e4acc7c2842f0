//! Events: those that an observer receives, and the line for each.

use crate::support::{block_on, migration, set_of, statement_by_statement, with_text};
use migrate_core::engine::event::{Activity, Observer, ServerMessage, Severity, Unobserved};
use migrate_core::engine::{Holder, MemoryDatabase, Progress, Settings, run};
use migrate_core::plan::{Step, Up};
use migrate_core::{Event, Report, Set, StepReport};
use std::path::Path;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The lines of the events sent by a progress.
fn lines(of: usize, act: impl FnOnce(&mut Progress<'_>)) -> Vec<String> {
    let mut lines = Vec::new();
    let mut observer = |event: &Event<'_>| lines.push(event.to_string());
    act(&mut Progress::new(&mut observer, of));
    lines
}

fn set() -> Set {
    set_of([statement_by_statement(1, "CREATE TABLE a ();\nALTER ROLE a PASSWORD 'hunter2';"), migration(2)])
}

fn holder() -> Holder {
    let mut holder = Holder::default();
    holder.pid = Some(42);
    holder.application = Some("psql".into());
    holder.age = Some(SECOND * 3);
    holder.query = Some("SELECT 1".into());
    holder
}

#[test]
fn a_step_is_told_of_from_its_start_to_its_end() {
    let set = set();
    let steps: Vec<Step<'_>> = set.iter().map(Step::apply).collect();
    let told = lines(2, |progress| {
        progress.step_started(&steps[0]);
        progress.statement_started(&steps[0], 1, Some(7));
        progress.statement_done(&steps[0], 1, Some(SECOND), true);
        progress.statement_started(&steps[0], 2, None);
        progress.statement_started(&steps[0], 3, None);
        progress.statement_started(&steps[0], 0, None);
        progress.blocked(&steps[0], SECOND * 2, &[holder(), Holder::default()]);
        progress.statement_awaited(&steps[0], 2, SECOND, &holder());
        progress.step_done(&steps[0], SECOND);
        progress.step_started(&steps[1]);
        assert_eq!(progress.done_count(), 1);
    });
    assert_eq!(
        told,
        [
            "1 of 2: apply 1_m",
            "1_m: statement 1 of 2 at 1.sql:1, CREATE TABLE a",
            "1_m: statement 1 of 2 done",
            "1_m: statement 2 of 2 at 1.sql:2, ALTER ROLE a",
            "1_m has waited for 2.0s; blocked by: pid 42 (psql), for 3.0s: SELECT 1; blocked by: another session",
            "1_m: has waited 1.0s for another session to finish statement 2: pid 42 (psql), for 3.0s: SELECT 1",
            "1 of 2: 1_m applied in 1.0s",
            "2 of 2: apply 2_m",
        ]
    );
}

#[test]
fn a_backup_is_told_of_in_bytes() {
    let told = lines(1, |progress| {
        progress.backing_up(100, 1000);
        progress.backed_up(Path::new("/backups/a.dump"), 300, SECOND);
    });
    assert_eq!(told, ["backing up: 100 bytes so far", "backed up to /backups/a.dump in 1.0s: 300 bytes"]);
}

#[test]
fn what_the_server_says_is_counted_and_its_warnings_are_kept() {
    let set = set();
    let step = Step::apply(set.get(0).unwrap());
    let mut notice = ServerMessage::new(Severity::Notice, "00000", "table exists");
    notice.detail = Some("more".into());
    notice.hint = Some("help".into());
    let told = lines(1, |progress| {
        progress.step_started(&step);
        progress.server_said(&step, Some(1), None, &notice);
        progress.server_said(&step, None, None, &ServerMessage::new(Severity::Warning, "01000", "careful"));
        assert_eq!(progress.said_count(), (1, 1));
        progress.step_done(&step, SECOND);
        assert_eq!(progress.said_count(), (0, 0));
    });
    assert_eq!(told[1], "1_m: statement 1 at 1.sql:1: NOTICE: table exists; detail: more; hint: help");
    assert_eq!(told[2], "1_m: WARNING: careful");
    let words = [Severity::Debug, Severity::Log, Severity::Info, Severity::Notice, Severity::Warning];
    assert_eq!(words.map(Severity::word), ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING"]);
}

#[test]
fn a_step_report_counts_its_statements_messages_and_attempts() {
    let set = set();
    let step = Step::apply(set.get(0).unwrap());
    let mut reports: Vec<StepReport> = Vec::new();
    let mut observer = |event: &Event<'_>| {
        if let Event::StepDone { step, .. } = event {
            reports.push((*step).clone());
        }
    };
    let mut progress = Progress::new(&mut observer, 1);
    progress.step_started(&step);
    progress.server_said(&step, None, None, &ServerMessage::new(Severity::Info, "00000", "x"));
    progress.server_said(&step, None, None, &ServerMessage::new(Severity::Warning, "01000", "y"));
    progress.server_said(&step, None, None, &ServerMessage::new(Severity::Warning, "01000", "z"));
    progress.step_done(&step, SECOND);
    drop(progress);
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((report.statements, report.attempts, report.notices, report.warnings), (2, 1, 1, 2));
    assert_eq!((report.took, report.name.as_str()), (SECOND, "1_m"));
}

#[test]
fn a_statement_is_shown_without_its_secrets() {
    let set = set();
    let step = Step::apply(set.get(0).unwrap());
    let mut shown = Vec::new();
    let mut observer = |event: &Event<'_>| {
        if let Event::StatementStarted { statement, .. } = event {
            let text = statement.text;
            shown.push((
                format!("{text}"),
                format!("{text:?}"),
                text.redacted().into_owned(),
                text.summary(),
            ));
            assert_eq!((statement.pid, statement.number, statement.of), (Some(7), 2, 2));
        }
    };
    Progress::new(&mut observer, 1).statement_started(&step, 2, Some(7));
    let redacted = "ALTER ROLE a PASSWORD '…'";
    let debugged = format!("{redacted:?}");
    assert_eq!(shown, [(redacted.into(), debugged, redacted.into(), "ALTER ROLE a".into())]);
}

#[test]
fn what_takes_long_has_a_word_for_programs_and_a_phrase_for_people() {
    let set = set();
    let step = Step::apply(set.get(0).unwrap());
    let told = lines(1, |progress| {
        for work in [
            Activity::Lock,
            Activity::statement(&step, 1, None),
            Activity::statement(&step, 9, None),
            Activity::around(&step),
            Activity::batch(&step),
            Activity::Run,
        ] {
            progress.slow(work, SECOND, &[]);
        }
        progress.slow(Activity::Lock, SECOND, &[holder()]);
    });
    assert_eq!(
        told,
        [
            "slow: waiting for the migration lock, for 1.0s",
            "slow: 1_m: statement 1 of 2 at 1.sql:1, CREATE TABLE a, for 1.0s",
            "slow: 1_m: the statements that the run adds to its script, for 1.0s",
            "slow: 1_m: the statements that the run adds to its script, for 1.0s",
            "slow: 1_m, or another step in the same message, for 1.0s",
            "slow: the whole run, for 1.0s",
            "slow: waiting for the migration lock, for 1.0s; blocked by: pid 42 (psql), for 3.0s: SELECT 1",
        ]
    );
    let words = [Activity::Lock, Activity::statement(&step, 1, None), Activity::around(&step)];
    assert_eq!(words.map(|work| work.word()), ["lock", "statement", "around"]);
    assert_eq!([Activity::batch(&step), Activity::Run].map(|work| work.word()), ["batch", "run"]);
}

/// A slow statement is reported itself.
#[test]
fn a_run_or_a_migration_that_takes_long_is_told_of_unless_its_statement_is() {
    let set = set();
    let step = Step::apply(set.get(0).unwrap());
    let told = |slow: Option<Duration>, of_statement: Duration, within_a_step: bool| {
        let mut told = Vec::new();
        let mut observer = |event: &Event<'_>| {
            if let Event::Slow { work, .. } = event {
                told.push(work.word());
            }
        };
        let mut progress = Progress::new(&mut observer, 1).slow_after(slow);
        if within_a_step {
            progress.step_started(&step);
        }
        while progress.step_age() < Duration::from_millis(3) {}
        progress.check_ages(of_statement, &[]);
        told
    };
    let short = Some(Duration::from_millis(2));
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(told(short, Duration::ZERO, false), ["run"]);
    assert_eq!(told(short, Duration::ZERO, true), ["migration"]);
    assert_eq!(told(short, SECOND, true), [""; 0], "the statement tells of itself");
    assert_eq!(told(hour, Duration::ZERO, true), [""; 0]);
    assert_eq!(told(None, Duration::ZERO, true), [""; 0]);
}

#[test]
fn an_observer_that_is_no_function_may_say_that_it_does_not_listen() {
    let mut heard = 0;
    let mut observer = |_: &Event<'_>| heard += 1;
    assert!(observer.is_listening() && Progress::new(&mut observer, 1).is_observed());
    assert!(!Unobserved.is_listening() && !Progress::new(&mut Unobserved, 1).is_observed());
}

#[test]
fn a_holder_is_named_as_far_as_it_is_known() {
    let mut holder = Holder::default();
    assert_eq!(holder.to_string(), "another session");
    holder.application = Some(String::new());
    holder.query = Some(String::new());
    assert_eq!(holder.to_string(), "another session");
    holder.prepared = Some("it's".into());
    holder.owner = Some("ada".into());
    let prepared = "the prepared transaction 'it''s' of ada; ROLLBACK PREPARED 'it''s' ends it";
    assert_eq!(holder.to_string(), prepared);
}

#[test]
fn a_report_counts_what_was_done_and_says_where_the_database_stands() {
    let set = set_of([migration(1), with_text(2, "X;"), migration(3)]);
    let database = MemoryDatabase::default();
    let settings = Settings::DEFAULT;
    let take = |set: &Set, plan: &dyn migrate_core::plan::Plan| -> Report {
        block_on(run(&mut database.history(), set, plan, &settings, &mut Unobserved)).unwrap()
    };
    let mut report = take(&set, &Up::all());
    report.took = SECOND;
    assert_eq!(report.to_string(), "applied 3 migrations in 1.0s; now at 3_m (3 applied)");
    report = take(&set, &migrate_core::plan::Down::count(1));
    report.took = SECOND;
    assert_eq!(report.to_string(), "reverted 1 migration in 1.0s; now at 2_m (2 applied)");
    let resolve = migrate_core::plan::Resolve::new(
        migrate_core::Version::numeric("2"),
        migrate_core::plan::Resolution::Reverted,
    );
    let report = take(&set, &resolve);
    assert!(report.to_string().starts_with("1 migration marked as reverted in "), "{report}");
    let empty = set_of([]);
    let other = MemoryDatabase::default();
    let report = block_on(run(&mut other.history(), &empty, &Up::all(), &settings, &mut Unobserved)).unwrap();
    assert_eq!(report.to_string(), "nothing to do; no migration is applied");
}
