//! Times, as PostgreSQL writes them.

use std::time::Duration;

/// PostgreSQL's time units in microseconds, as `SET lock_timeout` accepts them.
const UNITS: [(&str, u128); 6] = [
    ("us", 1),
    ("ms", 1000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Parses a duration as PostgreSQL does for `lock_timeout`: milliseconds if there is no unit. Rejects values
/// that PostgreSQL would round down to 0, because 0 means no limit.
///
/// ```
/// use migrate_core::set::options::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration("2s"), Some(Duration::from_secs(2)));
/// assert_eq!(duration("soon"), None);
/// ```
pub fn duration(value: &str) -> Option<Duration> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u128 = value[..value.len() - unit.len()].parse().ok()?;
    let unit = if unit.is_empty() { "ms" } else { unit };
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = (number.checked_mul(*micros)?.checked_add(500)?) / 1000;
    if millis == 0 && number > 0 || millis > i32::MAX as u128 {
        return None;
    }
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}

/// Formats a duration in the largest unit that divides it evenly.
pub(super) fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    match UNITS
        .iter()
        .rev()
        .find(|(_, micros)| *micros >= 1000 && millis > 0 && millis.is_multiple_of(micros / 1000))
    {
        Some((unit, micros)) => format!("{}{unit}", millis / (micros / 1000)),
        None => "0".to_owned(),
    }
}
