//! The progress of a backfill, as text.

use super::record::{BackfillRecord, BackfillState};
use std::time::Duration;

impl BackfillRecord {
    /// True if no batch will be run any more: done, or canceled.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, BackfillState::Done | BackfillState::Cancelled)
    }

    /// Its progress in a few words: `43 % done`, `paused at 43 %`, `done, 3 rows in quarantine`.
    pub fn status(&self) -> String {
        let percent = self.percent();
        let state = match self.state {
            BackfillState::Running => format!("{percent} % done"),
            BackfillState::Paused => format!("paused at {percent} %"),
            BackfillState::Stopped => format!("stopped at {percent} %"),
            BackfillState::Cancelled => format!("canceled at {percent} %"),
            BackfillState::Done => "done".to_owned(),
        };
        match self.quarantined {
            0 => state,
            1 => format!("{state}, 1 row in quarantine"),
            rows => format!("{state}, {rows} rows in quarantine"),
        }
    }

    /// The time that the rest takes at the pace so far, with pauses; `None` before the first batch, or if
    /// nothing is left to run.
    pub fn eta(&self) -> Option<Duration> {
        let elapsed = self.progress_at?.duration_since(self.begun_at).ok()?;
        if self.is_ended() || self.rows_done == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        let share = self.rows_left() as f64 / self.rows_done as f64;
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * share).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn record(state: BackfillState) -> BackfillRecord {
        let mut record = BackfillRecord::new("app", "43", "0043_slugs");
        (record.state, record.rows_done, record.rows_total) = (state, 430, 1000);
        record
    }

    #[test]
    fn a_status_says_the_state_the_part_done_and_the_rows_set_aside() {
        for (state, quarantined, expected) in [
            (BackfillState::Running, 0, "43 % done"),
            (BackfillState::Paused, 0, "paused at 43 %"),
            (BackfillState::Stopped, 1, "stopped at 43 %, 1 row in quarantine"),
            (BackfillState::Cancelled, 0, "canceled at 43 %"),
            (BackfillState::Done, 3, "done, 3 rows in quarantine"),
        ] {
            let record = BackfillRecord { quarantined, ..record(state) };
            assert_eq!(record.status(), expected);
        }
    }

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let begun = record(BackfillState::Running);
        assert_eq!(begun.eta(), None, "no batch is done");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(43);
        let underway = BackfillRecord { progress_at: Some(at), ..begun };
        assert_eq!(underway.eta().map(|eta| eta.as_secs()), Some(57));
        assert_eq!(BackfillRecord { state: BackfillState::Cancelled, ..underway }.eta(), None);
    }
}
