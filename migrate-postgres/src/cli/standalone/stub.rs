//! The files of a new migration: names and texts, derived from the existing ones.

use super::name::Name;
use humantime::format_rfc3339_seconds;
use migrate_core::directory::UNWRITTEN;
use migrate_core::{Layout, Version};
use std::time::SystemTime;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    /// Relative to the migrations folder.
    pub(super) path: String,
    pub(super) text: String,
}

const UP: &str = "the statements that apply this migration.\n";
const DOWN: &str = "the statements that revert this migration. Without this file it can't be reverted.\n";
const VERIFY: &str =
    "queries that check the migration before it is committed: each must return no row, or a single true.\n";

/// The code of a new migration. It compiles, and fails until it is written: then nothing of it is recorded.
const CODE: &str = "\
use migrate_postgres::code::{Context, Result};

pub async fn up(context: &mut Context<'_>) -> Result {
    Err(format!(\"write {} in its file\", context.name()).into())
}
";

/// The down function of a new migration.
const CODE_DOWN: &str = "
pub async fn down(context: &mut Context<'_>) -> Result {
    Err(format!(\"write how {} is reverted\", context.name()).into())
}
";

/// The verify function of a new migration, which is called before it is committed.
const CODE_VERIFY: &str = "
pub async fn verify(context: &mut Context<'_>) -> Result {
    Err(format!(\"write how {} is verified\", context.name()).into())
}
";

/// A name of letters, digits and `_`; none if nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("_");
    (!name.is_empty()).then_some(name)
}

/// The last migration of a folder, from which the next version is derived.
pub(super) struct Last<'a> {
    layout: Layout,
    /// The full name.
    name: &'a str,
    /// The version as written in the name, dashes and underscores included.
    version: &'a str,
    /// True if it is the only one.
    is_only: bool,
}

impl<'a> Last<'a> {
    /// The last of these names that begins with a version of digits.
    pub(super) fn of(names: &'a [String], layout: Layout) -> Option<Last<'a>> {
        let (name, version) =
            names.iter().rev().find_map(|name| Some((name, Name::of_migration(name, layout)?.version)))?;
        Some(Last { layout, name, version, is_only: names.len() == 1 })
    }

    /// The version after it in the same style: the current time if it is a time, otherwise the next number
    /// with as many digits. Never a future time, unless the last version is one.
    pub(super) fn next(&self, name: &str, now: SystemTime) -> String {
        let Some(time) = self.time_in_style(now) else { return incremented(self.version) };
        // A date alone can't distinguish two migrations of one day. The time of day can, and sorts after the
        // date as a number.
        let candidates = [time, timestamp(now), self.version.to_owned()];
        let is_after = |version: &String| self.is_before(version, &format!("{version}_{name}"));
        candidates.into_iter().find(is_after).unwrap_or_else(|| match self.version.len() {
            // As text, `20260105101500_b` comes before `20260105_a`.
            8 => format!("{}000000", incremented(self.version)),
            _ => incremented(self.version),
        })
    }

    /// True if a migration with this version and full name sorts after it in its layout.
    fn is_before(&self, version: &str, name: &str) -> bool {
        match self.layout {
            Layout::Prisma => name > self.name,
            Layout::Dbmate => version > self.version && name > self.name,
            Layout::Folders => version.replace('-', "") > self.version.replace('-', ""),
            // Flyway's versions have dots, or underscores for them.
            _ => {
                Version::numeric(version.replace('_', ".")) > Version::numeric(self.version.replace('_', "."))
            }
        }
    }

    /// The current time in the style of its version, if that is a time. `prisma migrate dev` always writes
    /// all 14 digits, and calls its baseline `0_init`.
    fn time_in_style(&self, now: SystemTime) -> Option<String> {
        let is_prismas_baseline = self.layout == Layout::Prisma && self.is_only;
        match timestamp_like(self.version, now) {
            Some(_) if self.layout == Layout::Prisma => Some(timestamp(now)),
            None if is_prismas_baseline => Some(timestamp(now)),
            time => time,
        }
    }
}

/// The next version in the style of one, whatever the time.
pub(super) fn following(version: &str) -> String {
    incremented(version)
}

/// True if a migration sorts after another one of its layout. Both are full names with their versions.
pub(super) fn is_after(layout: Layout, before: (&str, &str), (name, version): (&str, &str)) -> bool {
    let (before, last) = before;
    Last { layout, name: before, version: last, is_only: false }.is_before(version, name)
}

/// The time as a version: `YYYYMMDDHHMMSS`, in UTC.
pub(super) fn timestamp(now: SystemTime) -> String {
    format_rfc3339_seconds(now).to_string().chars().filter(char::is_ascii_digit).collect()
}

/// The current time in the style of a version, if that is a time.
fn timestamp_like(last: &str, now: SystemTime) -> Option<String> {
    let digits = timestamp(now);
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

/// Increments the last number, with at least as many digits.
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

/// The scripts of a new migration besides the up script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) down: bool,
    pub(super) verify: bool,
}

/// A script that may share its file with another one.
#[derive(Clone, Debug)]
pub(super) struct ScriptHalf {
    pub(super) text: String,
    /// True if a mark has to say that it runs outside of a transaction.
    pub(super) is_marked_bare: bool,
}

impl ScriptHalf {
    fn stub(text: &str) -> ScriptHalf {
        ScriptHalf { text: format!("-- {UNWRITTEN}{text}"), is_marked_bare: false }
    }
}

/// The files of a new migration in a layout; none if `new` does not support it. `paths` are the existing
/// files.
pub(super) fn files(
    layout: Layout,
    version: &str,
    name: &str,
    paths: &[String],
    parts: Parts,
) -> Option<Vec<Stub>> {
    let is_halved = matches!(layout, Layout::Goose | Layout::Dbmate | Layout::Tern);
    let down = if is_halved { DOWN.replace("this file", "this half") } else { DOWN.to_owned() };
    let down = parts.down.then(|| ScriptHalf::stub(&down));
    let verify = parts.verify.then(|| ScriptHalf::stub(VERIFY).text);
    files_with(layout, version, name, paths, (ScriptHalf::stub(UP), down, verify))
}

/// The file of a new migration in Rust in a layout; none if `new` does not support it.
pub(super) fn code_file(layout: Layout, version: &str, name: &str, parts: Parts) -> Option<Stub> {
    let path = match layout {
        Layout::Flat | Layout::Goose | Layout::Dbmate | Layout::Tern => format!("{version}_{name}.rs"),
        Layout::Flyway | Layout::Refinery => format!("V{version}__{name}.rs"),
        Layout::Folders => format!("{version}_{name}/up.rs"),
        Layout::Prisma => format!("{version}_{name}/migration.rs"),
        _ => return None,
    };
    let down = if parts.down { CODE_DOWN } else { "" };
    let verify = if parts.verify { CODE_VERIFY } else { "" };
    Some(Stub { path, text: format!("{CODE}{down}{verify}") })
}

/// The same with these scripts: up, down and verify.
pub(super) fn files_with(
    layout: Layout,
    version: &str,
    name: &str,
    paths: &[String],
    (up, down, verify): (ScriptHalf, Option<ScriptHalf>, Option<String>),
) -> Option<Vec<Stub>> {
    let file = |path: String, text: String| Stub { path, text };
    let of_parts = |up_path: String, down_path: String, verify_path: String| {
        let up = file(up_path, up.text.clone());
        let down = down.clone().map(|down| file(down_path, down.text));
        let verify = verify.clone().map(|verify| file(verify_path, verify));
        [Some(up), down, verify].into_iter().flatten().collect()
    };
    let three = |up: &str, down: &str, verify: &str| {
        let stem = format!("{version}_{name}");
        of_parts(format!("{stem}{up}"), format!("{stem}{down}"), format!("{stem}{verify}"))
    };
    let halves = || {
        let text = halved(layout, &up, down.as_ref());
        let file = file(format!("{version}_{name}.sql"), text);
        let verify = verify.clone().map(|text| Stub { path: format!("{version}_{name}.verify.sql"), text });
        [Some(file), verify].into_iter().flatten().collect()
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
            of_parts(long("V"), long("U"), format!("V{short}.verify.sql"))
        }
        // refinery has no down scripts: a `U` is a separate migration.
        Layout::Refinery => {
            let stem = format!("V{version}__{name}");
            of_parts(format!("{stem}.sql"), String::new(), format!("{stem}.verify.sql"))
        }
        Layout::Goose | Layout::Dbmate | Layout::Tern => halves(),
        _ => return None,
    })
}

/// The text of a file that holds both scripts. Other tools' markers stand on separate lines.
pub(super) fn halved(layout: Layout, up: &ScriptHalf, down: Option<&ScriptHalf>) -> String {
    let bare = |half: &ScriptHalf, mark: &'static str| if half.is_marked_bare { mark } else { "" };
    let is_bare = |half: Option<&ScriptHalf>, mark| half.map_or("", |half| bare(half, mark));
    let (above, between) = match layout {
        Layout::Goose => {
            // It applies to both halves.
            let mark = bare(up, "-- +goose NO TRANSACTION\n");
            (format!("-- +goose Up\n{mark}"), down.map(|_| "\n-- +goose Down\n".to_owned()))
        }
        Layout::Dbmate => {
            let outside = " transaction:false";
            // dbmate requires both markers.
            let below = format!("\n-- migrate:down{}\n", is_bare(down, outside));
            (format!("-- migrate:up{}\n", bare(up, outside)), Some(below))
        }
        _ => {
            let outside = "---- tern: disable-tx ----\n";
            let below = format!("\n---- create above / drop below ----\n\n{}", is_bare(down, outside));
            (bare(up, outside).to_owned(), Some(below).filter(|_| down.is_some() || layout != Layout::Tern))
        }
    };
    let down = down.map_or("", |down| &down.text);
    format!("{above}{}{}{down}", up.text, between.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-01-05T10:15:00Z.
    const NOW: Duration = Duration::from_secs(1_767_608_100);

    fn next_in(names: &[&str], layout: Layout) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Last::of(&names, layout).unwrap().next("b", SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn the_next_version_has_the_style_of_the_last() {
        for (last, expected) in [
            ("0001_a", "0002"),
            ("0099_a", "0100"),
            ("9_a", "10"),
            ("00007_a", "00008"),
            ("20250101000000_a", "20260105101500"),
            ("1700000000_a", "1767608100"),
            ("20250101_a", "20260105"),
        ] {
            assert_eq!(next_in(&[last], Layout::Flat), expected, "after {last}");
        }
        assert_eq!(next_in(&["2025-01-01-000000_a"], Layout::Folders), "2026-01-05-101500");
        assert_eq!(next_in(&["00000000000000"], Layout::Folders), "20260105101500");
        assert_eq!(next_in(&["V1_9__a"], Layout::Flyway), "1_10");
        assert_eq!(next_in(&["V1.9__a"], Layout::Flyway), "1.10");
    }

    /// With any existing files, a name that `prisma migrate dev` writes a moment later sorts after the new
    /// one.
    #[test]
    fn prismas_names_have_all_digits_of_the_time() {
        let next = |names: &[&str]| next_in(names, Layout::Prisma);
        assert_eq!(next(&["20250101_a"]), "20260105101500");
        assert_eq!(next(&["0_init"]), "20260105101500");
        assert_eq!(next(&["0_init", "20250101000000_a"]), "20260105101500");
        // A sequence stays a sequence.
        assert_eq!(next(&["01_init", "02_a"]), "03");
        // As text, `20260105101500_b` would sort before it; the date with a later name does not.
        assert_eq!(next(&["20250101_z", "20260105_a"]), "20260105");
        assert_eq!(next(&["20250101_z", "20260105_c"]), "20260106000000");
    }

    #[test]
    fn a_time_that_is_not_after_the_last_version_is_counted_on() {
        assert_eq!(next_in(&["20260105101500_a"], Layout::Flat), "20260105101501");
        assert_eq!(next_in(&["20990101000000_a"], Layout::Flat), "20990101000001");
        assert_eq!(next_in(&["20260105_a"], Layout::Flat), "20260105101500");
        assert_eq!(next_in(&["20260105_a"], Layout::Dbmate), "20260106000000");
    }

    #[test]
    fn a_name_is_made_of_words() {
        assert_eq!(name("Create users, and index them!").as_deref(), Some("Create_users_and_index_them"));
        assert_eq!(name("../.."), None);
    }
}
