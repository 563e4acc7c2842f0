//! Repeatable migrations and squashes: as plans, and run by the engine.

use crate::support::{steps, take, take_with};
use migrate_core::directory;
use migrate_core::directory::source::SourceFile;
use migrate_core::engine::MemoryDatabase;
use migrate_core::engine::MemoryError as Error;
use migrate_core::plan::{Down, Policies, Redo, Refused, Resolution, Resolve, To, Up};
use migrate_core::{Set, Version};
use proptest::prelude::*;

fn set(files: &[(&str, &str)]) -> Set {
    let file = |(path, text): &(&str, &str)| SourceFile::new(*path, text.as_bytes().to_vec());
    Set::from(directory::read(files.iter().map(file).collect()).unwrap())
}

fn refused(outcome: Result<migrate_core::Report, Error>) -> Refused {
    match outcome {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

const USERS: (&str, &str) = ("1_users.sql", "CREATE TABLE users ()");
const USERS_DOWN: (&str, &str) = ("1_users.down.sql", "DROP TABLE users");
const POSTS: (&str, &str) = ("2_posts.sql", "CREATE TABLE posts ()");

#[test]
fn a_repeatable_migration_is_applied_after_the_versions_and_again_whenever_its_text_changes() {
    let database = MemoryDatabase::default();
    let first = set(&[("R__b.sql", "VIEW b"), USERS, ("R__a.sql", "VIEW a")]);
    assert_eq!(steps(&take(&database, &first, &Up::all()).unwrap()), "+1 +R__a +R__b");
    let again = take(&database, &first, &Up::all()).unwrap();
    assert!(again.is_noop());
    assert_eq!((again.applied, again.last.as_deref()), (3, Some("1_users")));

    let second = set(&[("R__b.sql", "VIEW b2"), USERS, POSTS, ("R__a.sql", "VIEW a")]);
    let report = take(&database, &second, &Up::all()).unwrap();
    assert_eq!(steps(&report), "+2 +R__b");
    assert_eq!((report.applied, report.last.as_deref()), (4, Some("2_posts")));
    assert_eq!(database.statements()[3..], ["CREATE TABLE posts ()", "VIEW b2"]);
    let loads = database.loads();
    assert!(take(&database, &second, &Up::all()).unwrap().is_noop());
    assert_eq!(database.loads(), loads, "one look is enough");

    let back = set(&[("R__b.sql", "VIEW b"), USERS, POSTS, ("R__a.sql", "VIEW a")]);
    assert_eq!(steps(&take(&database, &back, &Up::all()).unwrap()), "+R__b");
}

#[test]
fn an_older_release_does_not_put_its_views_in_the_place_of_a_newer_ones() {
    let database = MemoryDatabase::default();
    let newer = set(&[USERS, POSTS, ("R__a.sql", "VIEW a2")]);
    let older = set(&[USERS, ("R__a.sql", "VIEW a")]);
    take(&database, &older, &Up::all()).unwrap();
    take(&database, &newer, &Up::all()).unwrap();
    let report = take(&database, &older, &Up::all()).unwrap();
    assert!(report.is_noop());
    assert_eq!(report.notices.len(), 1, "{:?}", report.notices);
    assert!(take(&database, &newer, &Up::all()).unwrap().is_noop());
}

#[test]
fn a_repeatable_migration_without_its_file_is_let_be() {
    let database = MemoryDatabase::default();
    take(&database, &set(&[USERS, ("R__a.sql", "VIEW a")]), &Up::all()).unwrap();
    assert_eq!(steps(&take(&database, &set(&[USERS, POSTS]), &Up::all()).unwrap()), "+2");
}

#[test]
fn a_revert_releases_what_is_repeatable_and_the_next_run_applies_it_again() {
    let database = MemoryDatabase::default();
    let set = set(&[
        USERS,
        USERS_DOWN,
        ("R__a.sql", "VIEW a"),
        ("R__b.sql", "VIEW b"),
        ("R__b.down.sql", "DROP b"),
    ]);
    take(&database, &set, &Up::all()).unwrap();
    assert!(take(&database, &set, &To::version(Version::numeric("1"))).unwrap().is_noop());
    let report = take(&database, &set, &Down::count(1)).unwrap();
    assert_eq!(steps(&report), "-R__b +R__a -1", "the middle one is marked as reverted");
    assert_eq!(report.applied, 0);
    assert_eq!(database.statements()[3..], ["DROP b", "DROP TABLE users"]);
    assert_eq!(steps(&take(&database, &set, &Up::all()).unwrap()), "+1 +R__a +R__b");
    let redone = take(&database, &set, &Redo::count(1)).unwrap();
    assert_eq!(steps(&redone), "-R__b +R__a -1 +1 +R__a +R__b");
}

#[test]
fn a_new_text_may_be_marked_as_applied_without_a_run() {
    let database = MemoryDatabase::default();
    take(&database, &set(&[USERS, ("R__a.sql", "VIEW a")]), &Up::all()).unwrap();
    let changed = set(&[USERS, ("R__a.sql", "VIEW a2")]);
    let mark = Resolve::new(Version::numeric("R__a"), Resolution::Applied);
    assert_eq!(steps(&take(&database, &changed, &mark).unwrap()), "=R__a");
    assert!(take(&database, &changed, &Up::all()).unwrap().is_noop());
    assert_eq!(database.statements().len(), 2);
}

#[test]
fn a_target_leaves_out_what_is_repeatable() {
    let database = MemoryDatabase::default();
    let set = set(&[USERS, POSTS, ("R__a.sql", "VIEW a")]);
    assert_eq!(steps(&take(&database, &set, &Up::to(Version::numeric("2"))).unwrap()), "+1 +2");
    assert_eq!(steps(&take(&database, &set, &Up::all()).unwrap()), "+R__a");
}

const BOTH: (&str, &str) = ("3_both.sql", "-- migrate: replaces=1..2\nCREATE BOTH");
const TAGS: (&str, &str) = ("4_tags.sql", "CREATE TABLE tags ()");

#[test]
fn what_replaces_others_is_run_on_a_fresh_database() {
    for files in [&[USERS, POSTS, BOTH, TAGS][..], &[BOTH, TAGS]] {
        let database = MemoryDatabase::default();
        let report = take(&database, &set(files), &Up::all()).unwrap();
        assert_eq!((steps(&report).as_str(), report.applied), ("+3 +4", 2));
        assert_eq!(
            database.statements(),
            ["-- migrate: replaces=1..2\nCREATE BOTH", "CREATE TABLE tags ()"].map(|s| s
                .lines()
                .last()
                .unwrap()
                .to_owned())
        );
        assert!(take(&database, &set(&[BOTH, TAGS]), &Up::all()).unwrap().is_noop());
        assert!(take(&database, &set(&[USERS, POSTS, BOTH, TAGS]), &Up::all()).unwrap().is_noop());
    }
}

#[test]
fn what_replaces_others_counts_as_applied_where_they_are() {
    for files in [&[USERS, POSTS, BOTH, TAGS][..], &[BOTH, TAGS]] {
        let database = MemoryDatabase::default();
        let old = set(&[USERS, POSTS]);
        take(&database, &old, &Up::all()).unwrap();
        let report = take(&database, &set(files), &Up::all()).unwrap();
        assert_eq!((steps(&report).as_str(), report.applied), ("=3 +4", 2));
        assert_eq!(database.statements().len(), 3);
        let loads = database.loads();
        assert!(take(&database, &set(files), &Up::all()).unwrap().is_noop());
        assert_eq!(database.loads(), loads, "one look is enough");
    }
}

#[test]
fn a_range_that_is_applied_in_part_is_finished_first_or_refused() {
    let database = MemoryDatabase::default();
    take(&database, &set(&[USERS]), &Up::all()).unwrap();
    let refused = refused(take(&database, &set(&[BOTH, TAGS]), &Up::all()));
    assert!(
        matches!(&refused, Refused::PartlyReplaced { name, applied, missing, .. }
            if name == "3_both" && applied == "1_users" && *missing == Version::numeric("2")),
        "{refused}"
    );
    let report = take(&database, &set(&[USERS, POSTS, BOTH, TAGS]), &Up::all()).unwrap();
    assert_eq!(steps(&report), "+2 =3 +4");
    assert!(take(&database, &set(&[BOTH, TAGS]), &Up::all()).unwrap().is_noop());
}

#[test]
fn what_is_replaced_may_not_have_been_edited() {
    let database = MemoryDatabase::default();
    take(&database, &set(&[USERS, POSTS]), &Up::all()).unwrap();
    let edited = set(&[("1_users.sql", "CREATE TABLE people ()"), POSTS, BOTH]);
    assert!(matches!(refused(take(&database, &edited, &Up::all())), Refused::Edited { .. }));
}

#[test]
fn a_squash_may_come_after_what_follows_its_range() {
    let database = MemoryDatabase::default();
    take(&database, &set(&[USERS, POSTS, TAGS]), &Up::all()).unwrap();
    assert_eq!(steps(&take(&database, &set(&[BOTH, TAGS]), &Up::all()).unwrap()), "=3");
}

#[test]
fn the_release_before_a_squash_goes_on_when_the_squash_has_the_newest_version() {
    let database = MemoryDatabase::default();
    let before = set(&[USERS, POSTS, TAGS]);
    take(&database, &before, &Up::all()).unwrap();
    let squash = ("5_both.sql", "-- migrate: replaces=1..2\nCREATE BOTH");
    take(&database, &set(&[TAGS, squash]), &Up::all()).unwrap();
    assert!(take(&database, &before, &Up::all()).unwrap().is_noop());
}

proptest! {
    /// From any applied versions and repeatable texts, going up leads exactly to the set, and a second run
    /// does nothing.
    #[test]
    fn up_arrives_at_the_digest_of_the_set(applied in 0_usize..6, texts in prop::collection::vec(0..3, 3), now in prop::collection::vec(0..3, 3)) {
        let files = |versions: usize, texts: &[i32], squash: bool| {
            let mut files: Vec<(String, String)> = (1..=versions).map(|v| (format!("{v}_m.sql"), format!("CREATE {v}"))).collect();
            files.extend(texts.iter().enumerate().map(|(index, text)| (format!("R__{index}.sql"), format!("VIEW {text}"))));
            if squash {
                files.push(("9_squash.sql".into(), "-- migrate: replaces=1..5\nCREATE ALL".into()));
            }
            files
        };
        let of = |files: Vec<(String, String)>| set(&files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
        let database = MemoryDatabase::default();
        if applied > 0 {
            take(&database, &of(files(applied, &texts, false)), &Up::all()).unwrap();
        }
        let set = of(files(5, &now, true));
        let lenient = migrate_core::engine::Settings { policies: Policies::DEFAULT, ..migrate_core::engine::Settings::DEFAULT };
        take_with(&database, &set, &Up::all(), &lenient).unwrap();
        let head = crate::support::block_on(migrate_core::engine::History::head(&mut database.history(), &set)).unwrap();
        prop_assert_eq!(head.digest, set.digests().of_all());
        prop_assert!(take(&database, &set, &Up::all()).unwrap().is_noop());
    }
}
