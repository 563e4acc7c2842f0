//! A directory gives the same set by every way of reading it: embedded by `migrate!`, read from the folder at
//! run time, or taken from an `include_dir`.

use include_dir::{Dir, include_dir};
use migrate_core::{Migration, Script, Set};
use migrate_postgres::{Migrator, Reading, migrate};
use std::path::Path;

const PLACEHOLDERS: [&str; 2] = ["schema", "region"];

fn script(script: &Script) -> String {
    let statements: Vec<_> = script.statements().iter().map(|s| (s.range(), s.line(), s.refuses())).collect();
    let (path, text, options) = (script.path(), script.text(), script.options());
    let (placeholders, part) = (script.placeholders(), script.part());
    format!("{path} {:?} [{options}] {statements:?} {placeholders:?} {part:?}\n{text}", script.transaction())
}

/// Everything that a run may depend on.
fn describe(migration: &dyn Migration) -> Vec<String> {
    let version = migration.version();
    let mut lines = vec![
        format!("{} {} {:?}", version, version.as_written(), version.order()),
        format!("{} {}", migration.name(), migration.checksum()),
        format!("{:?}", migration.up()),
        format!("{:?}", migration.down()),
    ];
    lines.extend(migration.verify().map(script));
    for work in [Some(migration.up()), migration.down()].into_iter().flatten() {
        if let migrate_core::Payload::Script(work) = work {
            lines.push(script(&work));
        }
    }
    lines
}

fn assert_equal(embedded: &Set, folder: &str, included: &Dir<'static>) {
    assert_equal_as(embedded, folder, included, &Reading::default());
}

fn assert_equal_as(embedded: &Set, folder: &str, included: &Dir<'static>, reading: &Reading) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = Set::from_folder_as(path, reading).unwrap();
    let included = Set::from_include_dir(included, reading).unwrap();
    assert!(!embedded.is_empty());
    for other in [&read, &included] {
        assert_eq!(embedded.name(), other.name());
        assert_eq!(embedded.order(), other.order());
        assert_eq!(embedded.len(), other.len());
        for (a, b) in embedded.iter().zip(other.iter()) {
            assert_eq!(describe(a), describe(b));
        }
        assert_eq!(embedded.replaced().count(), other.replaced().count());
        for (a, b) in embedded.replaced().zip(other.replaced()) {
            assert_eq!(describe(a), describe(b));
        }
        assert!(embedded.placeholders().eq(other.placeholders()));
        assert!(embedded.notices().eq(other.notices()));
        assert_eq!(embedded.digests().as_bytes(), other.digests().as_bytes());
    }
}

/// A macro can't emit warnings, so the set itself names the files that were ignored.
#[test]
fn what_may_surprise_about_a_folder_is_embedded_with_it() {
    let embedded: Migrator = migrate!("fixtures/prisma");
    assert_eq!(
        embedded.set().notices().collect::<Vec<_>>(),
        ["`initial_schema.sql`: not applied: it is beside the migration folders, not in one of them"]
    );
}

#[test]
fn a_flat_directory_is_the_same_set_in_all_three_ways() {
    static EMBEDDED: Migrator = migrate!("fixtures/flat");
    assert_equal(EMBEDDED.set(), "fixtures/flat", &include_dir!("$CARGO_MANIFEST_DIR/fixtures/flat"));
    let names: Vec<_> = EMBEDDED.set().iter().map(Migration::name).collect();
    assert_eq!(names, ["0001_create_users", "0002_touch_users", "0003_index_users", "0010_forget_touch"]);
    let text = EMBEDDED.set().get(3).map(|m| format!("{:?}", m.up())).unwrap();
    assert!(
        text.contains(r"\u{feff}") && text.contains(r"\r\n"),
        "the fixture lost its BOM or its CRLF: {text}"
    );
}

#[test]
fn a_diesel_directory_is_the_same_set_in_all_three_ways() {
    static EMBEDDED: Migrator = migrate!("fixtures/diesel");
    assert_equal(EMBEDDED.set(), "fixtures/diesel", &include_dir!("$CARGO_MANIFEST_DIR/fixtures/diesel"));
    let versions: Vec<_> = EMBEDDED.set().iter().map(|m| m.version().to_string()).collect();
    assert_eq!(versions, ["00000000000000", "20260105101500", "20260112090000"]);
}

#[test]
fn a_prisma_directory_is_the_same_set_in_all_three_ways_and_in_prismas_order() {
    static EMBEDDED: Migrator = migrate!("fixtures/prisma");
    assert_equal(EMBEDDED.set(), "fixtures/prisma", &include_dir!("$CARGO_MANIFEST_DIR/fixtures/prisma"));
    let names: Vec<_> = EMBEDDED.set().iter().map(Migration::name).collect();
    assert_eq!(
        names,
        [
            "20250125_initial",
            "20260126014942_add_customer_portal_models",
            "20260129011632_add_address_block_models",
            "20260222011200_add_display_order_to_dsx_mappings",
            "20260222_move_display_order",
        ]
    );
    assert!(EMBEDDED.set().iter().all(|m| m.down().is_some()), "each has its rollback");
}

#[test]
fn every_tools_directory_is_the_same_set_in_all_three_ways() {
    static INCLUDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/tools");
    let by_date = ["20260105101500", "20260106090000", "20260107120000", "20260201080000", "20260202080000"];
    let by_number = ["1", "2", "3", "10", "11"];
    let by_dashed_date =
        ["00000000000000", "20260106090000", "20260107120000", "20260201080000", "202602020800000001"];
    let by_name = [
        "0_init",
        "20260106090000_touch_users",
        "20260107120000_index_users",
        "20260201080000_create_posts",
        "20260201_active_users",
    ];
    for (tool, embedded, versions) in [
        ("sqlx", migrate!("fixtures/tools/sqlx"), by_date),
        ("golang-migrate", migrate!("fixtures/tools/golang-migrate"), by_number),
        ("refinery", migrate!("fixtures/tools/refinery"), by_number),
        ("flyway", migrate!("fixtures/tools/flyway"), ["1", "1.1", "1.2", "1.10", "R__active_users"]),
        ("diesel", migrate!("fixtures/tools/diesel"), by_dashed_date),
        ("prisma", migrate!("fixtures/tools/prisma"), by_name),
        ("goose", migrate!("fixtures/tools/goose"), by_number),
        ("dbmate", migrate!("fixtures/tools/dbmate"), by_date),
        ("tern", migrate!("fixtures/tools/tern"), ["1", "2", "3", "4", "5"]),
    ] {
        assert_equal(embedded.set(), &format!("fixtures/tools/{tool}"), INCLUDED.get_dir(tool).unwrap());
        let found: Vec<_> = embedded.set().iter().map(|m| m.version().to_string()).collect();
        assert_eq!(found, versions, "{tool}");
    }
}

#[test]
fn a_directory_with_placeholders_is_the_same_set_in_all_three_ways() {
    static EMBEDDED: Migrator = migrate!("fixtures/placeholders", placeholders = ["schema", "region"]);
    let included = include_dir!("$CARGO_MANIFEST_DIR/fixtures/placeholders");
    let reading = Reading::default().placeholders(PLACEHOLDERS);
    assert_equal_as(EMBEDDED.set(), "fixtures/placeholders", &included, &reading);
    let Some(migrate_core::Payload::Script(up)) = EMBEDDED.set().get(0).map(Migration::up) else {
        panic!("no script")
    };
    assert_eq!(up.placeholders().len(), 7);
}

#[test]
fn a_directory_with_a_squash_is_the_same_set_in_all_three_ways() {
    static EMBEDDED: Migrator = migrate!("fixtures/squash");
    assert_equal(EMBEDDED.set(), "fixtures/squash", &include_dir!("$CARGO_MANIFEST_DIR/fixtures/squash"));
    let names: Vec<_> = EMBEDDED.set().iter().map(Migration::name).collect();
    assert_eq!(names, ["0003_users_and_posts", "0004_tags", "R__counts"]);
    assert_eq!(EMBEDDED.set().replaced().count(), 2);
}

#[test]
fn a_half_of_a_file_keeps_the_lines_of_its_file() {
    static EMBEDDED: Migrator = migrate!("fixtures/tools/goose");
    let file = include_str!("../fixtures/tools/goose/00002_touch_users.sql");
    let Some(migrate_core::Payload::Script(down)) = EMBEDDED.set().get(1).and_then(Migration::down) else {
        panic!("no down script")
    };
    let (start, line) = down.part().unwrap();
    assert_eq!(&file[start..], down.text());
    assert_eq!(file.lines().nth(line as usize - 1), Some("-- +goose Down"));
    for statement in down.statements().iter() {
        let at = down.line_column(statement.range().start);
        assert_eq!((at.line, at.column), (statement.line(), 1));
        assert!(file.lines().nth(at.line as usize - 1).unwrap().starts_with("DROP"));
    }
}

#[test]
fn a_bad_directory_has_the_same_problems_in_all_three_ways() {
    let included = include_dir!("$CARGO_MANIFEST_DIR/ui/many_problems/migrations");
    let included = Set::try_from(&included).unwrap_err().under("migrations").to_string();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/many_problems/migrations");
    let read = Set::from_folder(&folder).unwrap_err().to_string();
    let parent = format!("{}/", folder.parent().unwrap().display());
    assert_eq!(read.split_once('\n').unwrap().1.replace(&parent, ""), included);
    // The macro's output is the snapshot of `ui.rs`, in which each message is followed by its place in the
    // program.
    let snapshot = include_str!("../ui/many_problems/errors.txt");
    for line in included.lines() {
        assert!(snapshot.contains(line.trim_start()), "{line}");
    }
}

#[test]
fn a_set_may_have_a_name_and_be_an_expression_anywhere() {
    static SET: Migrator = migrate!("fixtures/flat", set = "billing");
    assert_eq!(SET.set().name(), "billing");
    assert_eq!(migrate_postgres::migrate!("./fixtures/flat/", set = "x",).set().len(), 4);
    let folder = SET.set().folder().unwrap();
    assert_eq!(Path::new(folder), Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flat"));
}

mod elsewhere {
    pub(crate) use migrate_postgres::migrate as embed_them;
    pub(crate) mod deeper {
        pub(crate) use migrate_postgres as database;
    }
}

#[test]
fn the_macro_works_through_any_re_export() {
    const A: Migrator = elsewhere::embed_them!("fixtures/flat");
    const B: Migrator = elsewhere::deeper::database::migrate!("fixtures/flat");
    assert_eq!(A.set().digests().of_all(), B.set().digests().of_all());
}

#[test]
fn names_of_the_callers_do_not_meet_those_of_the_output() {
    #[allow(dead_code, non_camel_case_types)]
    mod hostile {
        pub(crate) struct Option;
        pub(crate) struct Some;
        pub(crate) struct str;
        pub(crate) struct u8;
        pub(crate) struct bool;
        pub(crate) struct M;
        pub(crate) mod core {}
        pub(crate) mod std {}
        pub(crate) static SET: migrate_postgres::Migrator = migrate_postgres::migrate!("fixtures/diesel");
    }
    assert_eq!(hostile::SET.set().len(), 3);
}
