//! The names and comments of databases and schemas. No I/O.

use std::collections::HashSet;

use super::key::Key;
use crate::sql::quote::quote_literal;

const TEMPLATE: &str = "migrate_template_";
const SCHEMAS: &str = "migrate_schemas_";
const SPARE: &str = "migrate_spare_";
const CLONE: &str = "migrate_clone_";
const DRAFT: &str = "migrate_draft_";
const SCHEMA: &str = "test_";

/// The number of unused templates to keep, the most recently used ones.
const KEPT_TEMPLATES: usize = 4;

/// Seconds for which an unused template, or the database of a failed test, is kept.
const KEPT_FOR: i64 = 7 * 24 * 3600;

pub(super) fn template(key: Key) -> String {
    format!("{TEMPLATE}{key}")
}

/// The database that holds tests' schemas.
pub(super) fn schemas(key: Key) -> String {
    format!("{SCHEMAS}{key}")
}

/// The prefix of a template's spares.
pub(super) fn spares(key: Key) -> String {
    format!("{SPARE}{key}_")
}

pub(super) fn clone(owner: i64, number: u64) -> String {
    format!("{CLONE}{:016x}_{number}", owner.cast_unsigned())
}

pub(super) fn draft(owner: i64, number: u64) -> String {
    format!("{DRAFT}{:016x}_{number}", owner.cast_unsigned())
}

pub(super) fn schema(owner: i64, number: u64) -> String {
    format!("{SCHEMA}{:016x}_{number}", owner.cast_unsigned())
}

/// A statement that sets an object's comment: a word, the server's time, a text.
pub(super) fn comment(kind: &str, name: &str, word: &str, text: &str) -> String {
    // COMMENT accepts only a constant.
    let block = format!(
        "BEGIN EXECUTE pg_catalog.format('COMMENT ON {kind} %I IS %L', {}, pg_catalog.concat_ws(' ', {}, \
         pg_catalog.date_part('epoch', pg_catalog.now())::bigint, nullif({}, ''))); END",
        quote_literal(name),
        quote_literal(word),
        quote_literal(text),
    );
    format!("DO {}", quote_literal(&block))
}

/// One of our databases, as a sweep reads it.
#[derive(Clone, Debug)]
pub(super) struct FoundDatabase {
    pub(super) name: String,
    pub(super) comment: Option<String>,
}

/// A mark in a comment: a word, and its time in seconds since 1970 by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseMark {
    /// The template was used.
    Used(i64),
    /// A failed test keeps the database.
    Kept(i64),
}

impl DatabaseMark {
    pub(super) fn read(comment: &str) -> Option<DatabaseMark> {
        let mut words = comment.split(' ');
        let mark = match words.next()? {
            "used" => DatabaseMark::Used,
            "kept" => DatabaseMark::Kept,
            _ => return None,
        };
        words.next()?.parse().ok().map(mark)
    }
}

/// The test that keeps a database.
pub(super) fn kept_by(comment: &str) -> Option<&str> {
    matches!(DatabaseMark::read(comment)?, DatabaseMark::Kept(_)).then(|| comment.splitn(3, ' ').nth(2))?
}

/// The databases that are no longer needed. `locks` are the advisory locks, read *after* the databases: a
/// process locks its owner number before it makes one.
pub(super) fn stale(found: &[FoundDatabase], locks: &HashSet<i64>, now: i64) -> Vec<String> {
    let templates = stale_templates(found, locks, now);
    let is_template_there = |key: &str| {
        let name = format!("{TEMPLATE}{key}");
        found.iter().any(|found| found.name == name) && !templates.contains(&name)
    };
    let is_stale = |found: &&FoundDatabase| {
        if let Some(spare) = found.name.strip_prefix(SPARE) {
            return spare.rsplit_once('_').is_some_and(|(key, _)| !is_template_there(key));
        }
        match (owner(&found.name), found.comment.as_deref().and_then(DatabaseMark::read)) {
            (Some(_), Some(DatabaseMark::Kept(at))) => now - at > KEPT_FOR,
            (Some(owner), _) => !locks.contains(&owner),
            (None, _) => false,
        }
    };
    let others = found.iter().filter(is_stale).map(|found| found.name.clone());
    others.chain(templates.iter().cloned()).collect()
}

/// The schemas that are no longer needed, and the one that `test` kept.
pub(super) fn stale_schemas(
    found: &[FoundDatabase],
    locks: &HashSet<i64>,
    test: Option<&str>,
) -> Vec<String> {
    let is_stale = |found: &&FoundDatabase| match found.comment.as_deref().and_then(kept_by) {
        Some(by) => Some(by) == test,
        None => owner(&found.name).is_some_and(|owner| !locks.contains(&owner)),
    };
    found.iter().filter(is_stale).map(|found| found.name.clone()).collect()
}

/// The owner number in the name of a test's database or schema.
fn owner(name: &str) -> Option<i64> {
    let rest = [CLONE, DRAFT, SCHEMA].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let (owner, number) = rest.split_once('_')?;
    number.parse::<u64>().ok()?;
    (owner.len() == 16).then(|| u64::from_str_radix(owner, 16).ok())?.map(u64::cast_signed)
}

fn stale_templates(found: &[FoundDatabase], locks: &HashSet<i64>, now: i64) -> HashSet<String> {
    let mut unused: Vec<(i64, &str)> = found
        .iter()
        .filter_map(|found| {
            let key = found.name.strip_prefix(TEMPLATE).or_else(|| found.name.strip_prefix(SCHEMAS))?;
            let key = key.parse::<Key>().ok()?;
            // A database without a mark is about to get one.
            let used = match DatabaseMark::read(found.comment.as_deref()?)? {
                DatabaseMark::Used(at) => at,
                DatabaseMark::Kept(_) => return None,
            };
            (!locks.contains(&key.lock(super::keeper::IN_USE))).then_some((used, found.name.as_str()))
        })
        .collect();
    unused.sort_unstable_by(|a, b| b.cmp(a));
    let is_stale =
        |(place, (used, _)): &(usize, (i64, &str))| *place >= KEPT_TEMPLATES || now - used > KEPT_FOR;
    unused.into_iter().enumerate().filter(is_stale).map(|(_, (_, name))| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{
        DatabaseMark, FoundDatabase, KEPT_FOR, KEPT_TEMPLATES, Key, clone, draft, kept_by, schema, spares,
        stale, stale_schemas, template,
    };
    use crate::testing::fresh::keeper::IN_USE;

    const NOW: i64 = 1_800_000_000;

    fn key(n: u64) -> Key {
        format!("{n:016x}_00000000000000ff").parse().unwrap()
    }

    fn found(name: impl Into<String>, comment: Option<String>) -> FoundDatabase {
        FoundDatabase { name: name.into(), comment }
    }

    fn used(n: u64, ago: i64) -> FoundDatabase {
        found(template(key(n)), Some(format!("used {}", NOW - ago)))
    }

    fn swept(databases: &[FoundDatabase], locks: &[i64]) -> HashSet<String> {
        stale(databases, &HashSet::from_iter(locks.iter().copied()), NOW).into_iter().collect()
    }

    #[test]
    fn every_name_fits_into_a_name_of_postgresql() {
        let longest = [template(key(u64::MAX)), spares(key(u64::MAX)) + "0123abcd", clone(-1, u64::MAX)];
        assert!(longest.iter().all(|name| name.len() <= 63), "{longest:?}");
    }

    #[test]
    fn the_databases_of_a_process_go_when_its_lock_is_free() {
        let databases = [found(clone(7, 0), None), found(clone(-8, 1), None), found(draft(-8, 2), None)];
        assert_eq!(swept(&databases, &[7]), HashSet::from([clone(-8, 1), draft(-8, 2)]));
        assert_eq!(swept(&databases, &[7, -8]), HashSet::new());
    }

    #[test]
    fn what_a_failed_test_keeps_stays_for_a_week() {
        let kept = |n, ago| found(clone(7, n), Some(format!("kept {} a::b c", NOW - ago)));
        let databases = [kept(0, 10), kept(1, KEPT_FOR + 1)];
        assert_eq!(swept(&databases, &[]), HashSet::from([clone(7, 1)]));
        assert_eq!(kept_by(databases[0].comment.as_deref().unwrap()), Some("a::b c"));
    }

    #[test]
    fn a_template_goes_after_a_week_unless_it_is_in_use() {
        let databases = [used(1, KEPT_FOR + 1), used(2, KEPT_FOR - 1)];
        assert_eq!(swept(&databases, &[]), HashSet::from([template(key(1))]));
        assert_eq!(swept(&databases, &[key(1).lock(IN_USE)]), HashSet::new());
    }

    #[test]
    fn of_templates_out_of_use_the_last_ones_stay() {
        let databases: Vec<FoundDatabase> = (0..10).map(|n| used(n, n.cast_signed())).collect();
        let swept = swept(&databases, &[]);
        assert_eq!(swept.len(), 10 - KEPT_TEMPLATES);
        assert!(!swept.contains(&template(key(0))) && swept.contains(&template(key(9))));
    }

    #[test]
    fn spares_go_with_their_template() {
        let spare = |n| found(format!("{}1", spares(key(n))), None);
        let databases = [used(1, 0), spare(1), used(2, KEPT_FOR + 1), spare(2), spare(3)];
        let expected = HashSet::from([template(key(2)), spare(2).name, spare(3).name]);
        assert_eq!(swept(&databases, &[]), expected);
    }

    #[test]
    fn the_schemas_of_a_process_go_when_its_lock_is_free_but_not_what_another_test_keeps() {
        let kept = |n, by| found(schema(7, n), Some(format!("kept {NOW} {by}")));
        let schemas = [found(schema(7, 0), None), found(schema(8, 1), None), kept(2, "a"), kept(3, "b")];
        let stale = |test| stale_schemas(&schemas, &HashSet::from([8]), test);
        assert_eq!(stale(None), [schema(7, 0)]);
        assert_eq!(stale(Some("b")), [schema(7, 0), schema(7, 3)]);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let names = [
            "postgres",
            "migrate_clone_x_1",
            "migrate_clone_0000000000000007",
            "migrate_template_x",
            "migrate_test_1_2",
        ];
        let databases: Vec<FoundDatabase> =
            names.iter().map(|name| found(*name, Some("used 0".to_owned()))).collect();
        assert_eq!(swept(&databases, &[]), HashSet::new());
    }

    #[test]
    fn a_comment_of_others_is_no_mark() {
        assert_eq!(DatabaseMark::read("used 5"), Some(DatabaseMark::Used(5)));
        for comment in ["", "used", "used by us", "usedup 5"] {
            assert_eq!(DatabaseMark::read(comment), None, "{comment}");
        }
        assert_eq!(kept_by("used 5 a"), None);
    }
}
