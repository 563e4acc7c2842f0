//! The files of a new migration: names and texts, from what is there.

use humantime::format_rfc3339_seconds;
use migrate_core::Layout;
use migrate_core::layout::UNWRITTEN;
use std::time::SystemTime;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    /// Relative to the folder of the migrations.
    pub(super) path: String,
    pub(super) text: String,
}

const UP: &str = "what takes the schema forward.\n";
const DOWN: &str = "what takes it back. Without this file the migration can't be reverted.\n";
const VERIFY: &str =
    "queries that prove it right before it is committed: each returns no row, or a single true.\n";

/// A name of letters, digits and `_`, none if nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("_");
    (!name.is_empty()).then_some(name)
}

/// The version after another one, in its style: a time where that is one, else the next number with as many digits.
pub(super) fn next_version(last: &str, now: SystemTime) -> String {
    if let Some(time) = timestamp_like(last, now) {
        // Two within a second, or a clock that is behind whoever made the last one.
        return if time.as_str() > last { time } else { incremented(last) };
    }
    incremented(last)
}

/// The time in the style of a version, if that is a time.
fn timestamp_like(last: &str, now: SystemTime) -> Option<String> {
    let digits: String =
        format_rfc3339_seconds(now).to_string().chars().filter(char::is_ascii_digit).collect();
    let is_digits = last.bytes().all(|byte| byte.is_ascii_digit());
    let unix = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    match last.len() {
        14 if is_digits => Some(digits),
        12 if is_digits => Some(digits[..12].to_owned()),
        8 if is_digits && last.starts_with(['1', '2']) => Some(digits[..8].to_owned()),
        10 if is_digits => Some(unix.as_secs().to_string()),
        13 if is_digits => Some(unix.as_millis().to_string()),
        // diesel's: 2026-01-05-101500.
        17 if last
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 4 | 7 | 10) { b == b'-' } else { b.is_ascii_digit() }) =>
        {
            let (date, time) = digits.split_at(8);
            Some(format!("{}-{}-{}-{time}", &date[..4], &date[4..6], &date[6..]))
        }
        _ => None,
    }
}

/// The same with its last number one greater, and at least as many digits.
fn incremented(last: &str) -> String {
    let head = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &last[head.len()..];
    let mut digits: Vec<u8> = number.bytes().collect();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return format!("{head}{}", String::from_utf8_lossy(&digits));
        }
        *digit = b'0';
    }
    format!("{head}1{}", String::from_utf8_lossy(&digits))
}

/// The files of a migration in a layout, none where nobody knows how; `paths` are those that are there.
pub(super) fn files(layout: Layout, version: &str, name: &str, paths: &[String]) -> Option<Vec<Stub>> {
    let stub = |path: String, text: &str| Stub { path, text: format!("-- {UNWRITTEN}{text}") };
    let three = |up: &str, down: &str, verify: &str| {
        let stem = format!("{version}_{name}");
        vec![
            stub(format!("{stem}{up}"), UP),
            stub(format!("{stem}{down}"), DOWN),
            stub(format!("{stem}{verify}"), VERIFY),
        ]
    };
    // The marks of the other tools stand on lines of their own; what follows is up to the author.
    let halves = |up: &str, down: &str| {
        let text = DOWN.replace("this file", "this half");
        let text = format!("{up}-- {UNWRITTEN}{UP}{down}-- {UNWRITTEN}{text}");
        vec![Stub { path: format!("{version}_{name}.sql"), text }]
    };
    Some(match layout {
        Layout::Flat => {
            let is_short = !paths.is_empty() && !paths.iter().any(|path| path.ends_with(".up.sql"));
            three(if is_short { ".sql" } else { ".up.sql" }, ".down.sql", ".verify.sql")
        }
        Layout::Folders => three("/up.sql", "/down.sql", "/verify.sql"),
        Layout::Prisma => {
            let has_down = paths.iter().any(|path| path.ends_with("/down.sql"));
            three("/migration.sql", if has_down { "/down.sql" } else { "/rollback.sql" }, "/verify.sql")
        }
        Layout::Flyway => {
            let (short, long) =
                (format!("{version}__{name}"), |kind: &str| format!("{kind}{version}__{name}.sql"));
            vec![stub(long("V"), UP), stub(long("U"), DOWN), stub(format!("V{short}.verify.sql"), VERIFY)]
        }
        // refinery has no down scripts: a `U` is a migration of its own.
        Layout::Refinery => vec![stub(format!("V{version}__{name}.sql"), UP)],
        Layout::Goose => halves("-- +goose Up\n", "\n-- +goose Down\n"),
        Layout::Dbmate => halves("-- migrate:up\n", "\n-- migrate:down\n"),
        Layout::Tern => halves("", "\n---- create above / drop below ----\n\n"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-01-05T10:15:00Z.
    const NOW: Duration = Duration::from_secs(1_767_608_100);

    fn next(last: &str) -> String {
        next_version(last, SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn the_next_version_has_the_style_of_the_last() {
        for (last, expected) in [
            ("0001", "0002"),
            ("0099", "0100"),
            ("9", "10"),
            ("1.9", "1.10"),
            ("1_1", "1_2"),
            ("00007", "00008"),
            ("20250101000000", "20260105101500"),
            ("2025-01-01-000000", "2026-01-05-101500"),
            ("1700000000", "1767608100"),
            ("20250101", "20260105"),
        ] {
            assert_eq!(next(last), expected, "after {last}");
        }
    }

    #[test]
    fn a_time_that_is_not_after_the_last_version_is_counted_on() {
        assert_eq!(next("20260105101500"), "20260105101501");
        assert_eq!(next("20990101000000"), "20990101000001");
    }

    #[test]
    fn a_name_is_made_of_words() {
        assert_eq!(name("Create users, and index them!").as_deref(), Some("Create_users_and_index_them"));
        assert_eq!(name("../.."), None);
    }
}
