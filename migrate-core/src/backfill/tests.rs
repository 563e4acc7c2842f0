//! The words and texts of a backfill, the range of a batch, and the numbers of its progress.

use super::*;
use std::time::{Duration, SystemTime};

fn record() -> BackfillRecord {
    let mut record = BackfillRecord::new("app", "43", "0043_slugs");
    record.relation = "public.users".to_owned();
    (record.rows_done, record.rows_total) = (430, 1_000);
    record
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn each_event_has_a_word_a_name_and_a_line() {
    let record = record();
    let ended = BackfillRecord { state: BackfillState::Cancelled, ..record.clone() };
    let aside = BackfillRecord { quarantined: 2, ..record.clone() };
    let mut pace = Pace::default();
    pace.follow(100, Duration::from_secs(1));
    let batch = BatchReport::new(100, 90, Duration::from_secs(1), 5).with_pace(&pace, record.rows_left());
    assert_eq!((batch.rows_per_second, batch.eta), (Some(100), Some(Duration::from_millis(5_700))));
    let reasons = [Throttle::WraparoundVacuum, Throttle::batch_blocked(1)];
    let name = "0043_slugs";
    let standbys = "0043_slugs: this role may not see the lag of 2 standbys, so the backfill does not pause for \
                    them; grant it pg_monitor";
    let pauses = "0043_slugs: paused, because a vacuum to prevent transaction ID wraparound is running on the \
                  table, and 1 session is waiting for the locks of the last batch";
    for (event, word, line) in [
        (
            BackfillEvent::started(&record),
            "started",
            "0043_slugs: backfilling public.users, 430 of about 1000 rows done",
        ),
        (
            BackfillEvent::batch(&record, batch),
            "batch",
            "0043_slugs: 430 rows done (43 %), 100 rows/s, about 5 s left",
        ),
        (
            BackfillEvent::batch(&record, BatchReport::new(1, 1, Duration::ZERO, 0)),
            "batch",
            "0043_slugs: 430 rows done (43 %)",
        ),
        (BackfillEvent::throttled(name, &reasons), "throttled", pauses),
        (BackfillEvent::resumed(name, Duration::from_secs(2)), "resumed", "0043_slugs: resumed after 2.0s"),
        (BackfillEvent::paused(name, None), "paused", "0043_slugs: paused by an operator"),
        (BackfillEvent::paused(name, Some("sale")), "paused", "0043_slugs: paused by an operator: sale"),
        (BackfillEvent::waiting(name, "web-1"), "waiting", "0043_slugs: web-1 is backfilling it"),
        (BackfillEvent::unseen(name, 2), "unseen", standbys),
        (
            BackfillEvent::retrying(name, "deadlock detected", 50),
            "retrying",
            "0043_slugs: a batch was rolled back, and 50 rows will be tried: deadlock detected",
        ),
        (
            BackfillEvent::quarantined(name, "[7]", "out of range"),
            "quarantined",
            "0043_slugs: the row [7] was set aside: out of range",
        ),
        (BackfillEvent::done(&record), "done", "0043_slugs: backfilled 430 rows"),
        (BackfillEvent::done(&aside), "done", "0043_slugs: backfilled 430 rows, 2 of which were set aside"),
        (BackfillEvent::ended(&ended), "ended", "0043_slugs: cancelled after 430 rows"),
    ] {
        assert_eq!((event.word(), event.name()), (word, Some(name)));
        assert_eq!(event.to_string(), line);
    }
    let lost = BackfillEvent::reconnecting("closed");
    assert_eq!((lost.word(), lost.name()), ("reconnecting", None));
    assert_eq!(lost.to_string(), "connecting again: closed");
}

#[test]
fn a_batch_is_a_range_of_keys() {
    let (one, two) = (texts(&["id"]), texts(&["a", "b"]));
    assert_eq!(predicate(&one, None, &texts(&["9"])), "(id <= 9)");
    assert_eq!(predicate(&one, Some(&texts(&["3"])), &texts(&["9"])), "(id > 3 AND id <= 9)");
    let rows = predicate(&two, Some(&texts(&["1", "2"])), &texts(&["3", "4"]));
    assert_eq!(rows, "((a, b) > (1, 2) AND (a, b) <= (3, 4))");
    assert_eq!(compare(&two, ">=", &texts(&["1", "2"])), "(a, b) >= (1, 2)");
}

#[test]
fn the_pace_is_the_average_of_batches_and_the_last_one_counts_a_fifth() {
    let mut pace = Pace::default();
    assert_eq!((pace.rows_per_second(), pace.time_for(1)), (None, None));
    pace.follow(0, Duration::from_secs(1));
    assert_eq!(pace.rows_per_second(), None, "a batch without rows says nothing");
    pace.follow(100, Duration::from_secs(1));
    assert_eq!((pace.rows_per_second(), pace.time_for(50)), (Some(100), Some(Duration::from_millis(500))));
    pace.follow(100, Duration::from_secs(6));
    assert_eq!((pace.rows_per_second(), pace.time_for(50)), (Some(50), Some(Duration::from_secs(1))));
    let second = Duration::from_secs(1);
    assert_eq!(pause_for_rate(300, second, 100.0), Duration::from_secs(2));
    assert_eq!(pause_for_rate(50, second, 100.0), Duration::ZERO);
}

#[test]
fn a_search_tries_half_of_the_rows_that_are_left() {
    let mut search = Isolation::new(9);
    assert_eq!((search.rows(), search.is_found()), (5, false));
    assert!(search.succeeded(5));
    assert_eq!(search.rows(), 2);
    search.failed(1);
    assert_eq!((search.rows(), search.is_found()), (1, true));
    assert!(!search.succeeded(1) && !search.is_found());
}

#[test]
fn the_class_of_an_error_decides_on_the_reaction() {
    for (reaction_to, codes) in [
        (Reaction::Retry, &["57014", "55P03", "40P01", "40001"][..]),
        (Reaction::Isolate, &["22003", "23514"]),
        (Reaction::Reconnect, &["08006", "57P01", "53300", "25006"]),
        (Reaction::Stop, &["42P01", "53100", "x"]),
    ] {
        codes.iter().for_each(|code| assert_eq!(reaction(Some(code)), reaction_to, "{code}"));
    }
    assert_eq!(reaction(None), Reaction::Reconnect);
}

#[test]
fn a_backfill_is_finished_when_it_is_done_and_no_row_was_set_aside() {
    let record = record();
    assert_eq!((record.percent(), record.rows_left(), record.is_finished()), (43, 570, false));
    let more = BackfillRecord { rows_done: 2_000, ..record.clone() };
    assert_eq!((more.percent(), more.rows_left()), (99, 0), "the total is an estimate");
    assert_eq!(BackfillRecord { rows_total: 0, ..record.clone() }.percent(), 0);
    let done = BackfillRecord { state: BackfillState::Done, ..record };
    assert_eq!((done.percent(), done.is_finished(), done.is_ended()), (100, true, true));
    assert!(!BackfillRecord { quarantined: 1, ..done.clone() }.is_finished());
    let begun = SystemTime::UNIX_EPOCH;
    let timed = BackfillRecord { progress_at: Some(begun + Duration::from_secs(9)), begun_at: begun, ..done };
    assert_eq!(timed.eta(), None, "nothing is left to run");
    let first = BackfillRecord { state: BackfillState::Running, rows_done: 0, ..timed };
    assert_eq!(first.eta(), None, "no row is done");
    let words: Vec<_> = BackfillState::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["running", "paused", "stopped", "done", "cancelled"]);
    assert!(BackfillState::ALL.iter().all(|state| BackfillState::of_word(state.word()) == Some(*state)));
    assert_eq!(BackfillState::of_word("xyzzy"), None);
}

#[test]
fn a_load_at_its_limit_is_no_reason_and_one_beyond_it_is() {
    let standby = Standby { name: "one".to_owned(), replay_lag: None, replayed: Some(1) };
    let hidden = Standby { name: "two".to_owned(), replay_lag: Some(Duration::from_secs(9)), replayed: None };
    let mut clock = WalClock::default();
    clock.see(Duration::ZERO, 2);
    let mut load = Load {
        standbys: vec![standby],
        slots: vec![("slot".to_owned(), 4 << 30)],
        unarchived: 1 << 30,
        ..Load::default()
    };
    let limits = ThrottleLimits::DEFAULT;
    assert_eq!(load.reasons(&limits, &clock, Duration::from_secs(5)), []);
    load.unarchived += 1;
    load.slots[0].1 += 1;
    let words = |load: &Load, now| {
        let reasons = load.reasons(&limits, &clock, Duration::from_millis(now));
        reasons.iter().map(Throttle::word).collect::<Vec<_>>()
    };
    assert_eq!(words(&load, 5_001), ["standby_lag", "slot_retains", "unarchived"]);
    assert_eq!(load.hidden_standbys(), 0);
    let only = Load { standbys: vec![hidden], wraparound_vacuum: true, table_waiters: 1, ..Load::default() };
    assert_eq!(
        (words(&only, 0), only.hidden_standbys()),
        (vec!["standby_lag", "lock_waiters", "wraparound_vacuum"], 1)
    );
    let one = ThrottleLimits { lock_waits: false, wraparound_vacuum: false, lag: None, ..limits };
    assert_eq!(only.reasons(&one, &clock, Duration::ZERO), []);
    let small = Throttle::Unarchived { bytes: 3 << 10, limit: 1 << 20 };
    assert_eq!(small.to_string(), "3 kB of WAL is waiting to be archived (limit: 1 MB)");
    assert_eq!(
        Throttle::batch_blocked(2).to_string(),
        "2 sessions are waiting for the locks of the last batch"
    );
    assert_eq!(Throttle::batch_blocked(2).word(), "batch_blocked");
}

#[test]
fn a_batch_grows_by_half_and_follows_the_average_cost() {
    let target = BatchTarget::new(Duration::from_secs(1), 1_000_000);
    let mut size = BatchSize::new(101);
    size.succeeded(101, Duration::from_millis(1), 0, &target);
    assert_eq!(size.rows(), 152, "half more, rounded up");
    // 100 rows in a second are 10 ms a row.
    let mut size = BatchSize::new(100);
    size.succeeded(100, Duration::from_millis(800), 0, &target);
    assert_eq!(size.rows(), 125);
    size.succeeded(125, Duration::from_millis(1_500), 0, &target);
    assert_eq!(size.rows(), 104, "8 ms and 12 ms a row are 9.6 ms on average");
    // Fewer than half of the rows of a batch decide nothing, half of them do.
    size.succeeded(51, Duration::from_secs(60), 0, &target);
    assert_eq!(size.rows(), 104);
    size.succeeded(52, Duration::from_secs(60), 0, &target);
    assert_eq!(size.rows(), 52);
    assert!(!size.is_least() && BatchSize::new(0).is_least());
    size.halve();
    assert_eq!(size.rows(), 26);
    let mut size = BatchSize::new(100);
    size.succeeded(100, Duration::from_millis(1), 800_000, &target);
    assert_eq!(size.rows(), 125, "by its WAL");
    assert_eq!((BatchTarget::DEFAULT.time.as_millis(), BatchTarget::DEFAULT.wal), (250, 16_777_216));
}
