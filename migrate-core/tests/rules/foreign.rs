//! Another tool's table as a set's history: the state and the position of the database.

use crate::support::{migration, script, set_of, with_text};
use migrate_core::history::SetPosition;
use migrate_core::history::foreign::{
    ForeignHistory, ForeignMigration, ForeignMigrationState, Obstacle, Tool, ToolChecksum, flyway, prisma,
    refinery, sqlx,
};
use migrate_core::{Checksum, Migration, Set, SqlMigration, Version};
use std::time::{Duration, SystemTime};

fn history(tool: Tool, found: Vec<ForeignMigration>) -> ForeignHistory {
    ForeignHistory::new(tool, format!("public.{}", tool.table()), found)
}

fn version(number: &'static str) -> Version {
    Version::numeric(number)
}

/// The text of the support module's migration with this version.
fn text(number: u32) -> String {
    format!("CREATE TABLE t{number} ();")
}

/// sqlx's row for the support module's migration with this version.
fn row(number: u32) -> ForeignMigration {
    row_of(number, &text(number))
}

fn row_of(number: u32, text: &str) -> ForeignMigration {
    ForeignMigration::applied(number.to_string())
        .with_checksum(ToolChecksum::Sqlx(sqlx::checksum(text).to_vec()))
}

fn interrupted(number: u32, failed: bool) -> ForeignMigration {
    row(number).in_state(ForeignMigrationState::Interrupted { statements_done: 2, failed })
}

#[test]
fn each_tool_has_a_name_of_its_own_and_a_table() {
    let names: Vec<String> = Tool::ALL.map(|tool| tool.to_string()).into();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), 10, "{names:?}");
    let tables: Vec<&str> = Tool::ALL.map(Tool::table).into();
    assert_eq!(
        tables,
        [
            "_prisma_migrations",
            "_sqlx_migrations",
            "refinery_schema_history",
            "__diesel_schema_migrations",
            "schema_migrations",
            "schema_version",
            "schema_migrations",
            "schema_migrations",
            "goose_db_version",
            "flyway_schema_history",
        ]
    );
}

#[test]
fn a_tools_history_is_told_in_one_line() {
    let told = |found| history(Tool::Goose, found).to_string();
    assert_eq!(told(vec![]), "public.goose_db_version of goose: none applied");
    let reverted = ForeignMigration::applied("3").in_state(ForeignMigrationState::Reverted);
    let applied = vec![ForeignMigration::applied("1").named("1_a"), ForeignMigration::applied("2"), reverted];
    assert_eq!(told(applied), "public.goose_db_version of goose: 2 applied, the last is 2");
    let up_to = ForeignMigration::applied("7").named("7_users").in_state(ForeignMigrationState::AppliedUpTo);
    assert_eq!(told(vec![up_to]), "public.goose_db_version of goose: every version up to 7_users is applied");
    assert_eq!(ForeignMigration::applied("7").named("users").to_string(), "7 (users)");
    let witness = vec!["seen".to_owned()];
    assert_eq!(history(Tool::Goose, vec![]).witnessed(witness.clone()).witness, witness);
}

#[test]
fn a_kept_table_is_read_as_a_history_of_the_set() {
    let set = set_of([migration(1), migration(2), migration(3)]);
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
    let mut second = row(2).at(at);
    second.took = Some(Duration::from_secs(5));
    let found = vec![row(1), second, row(3).in_state(ForeignMigrationState::Reverted)];
    let state = history(Tool::Sqlx, found).state(&set).unwrap();
    assert_eq!(state.digest(), set.digests().of_first(2));
    let [first, second] = &state.applied[..] else { panic!("{state:?}") };
    assert_eq!((first.name.as_str(), first.at, first.took), ("1_m", SystemTime::UNIX_EPOCH, Duration::ZERO));
    assert_eq!((second.at, second.took, second.run.as_str()), (at, Duration::from_secs(5), ""));
    assert!(state.interrupted.is_none());
    for failed in [true, false] {
        let state = history(Tool::Sqlx, vec![row(1), interrupted(2, failed)]).state(&set).unwrap();
        let attempt = state.interrupted.unwrap();
        assert_eq!((attempt.version, attempt.statements_done), (version("2"), 2));
        assert_eq!((attempt.failed, attempt.row, state.applied.len()), (failed, 0, 1));
    }
    let failed = row(2).in_state(ForeignMigrationState::Failed { logs: Some("boom".into()) });
    let unusable = history(Tool::Sqlx, vec![row(1), failed.clone(), failed]).state(&set).unwrap_err();
    assert_eq!((unusable.tool, unusable.table.as_str()), (Tool::Sqlx, "public._sqlx_migrations"));
    assert!(unusable.obstacles.iter().all(|obstacle| matches!(obstacle, Obstacle::Failed { .. })));
    assert_eq!(unusable.obstacles.len(), 2);
}

#[test]
fn an_edited_or_unknown_migration_counts_with_the_tools_own_checksum() {
    let set = set_of([migration(1)]);
    let state = |found| history(Tool::Sqlx, vec![found]).state(&set).unwrap();
    let edited = state(row_of(1, "CREATE TABLE other ();"));
    let [first] = &edited.applied[..] else { panic!("{edited:?}") };
    assert!(
        matches!(first.checksum, Checksum::Sha384(bytes) if bytes == sqlx::checksum("CREATE TABLE other ();")[..32])
    );
    let unknown = state(row(9).named("nine"));
    let [first] = &unknown.applied[..] else { panic!("{unknown:?}") };
    assert_eq!((first.version.clone(), first.name.as_str()), (version("9"), "9 (nine)"));
    assert!(matches!(first.checksum, Checksum::Sha384(_)));
    let without_checksum = state(ForeignMigration::applied("9"));
    assert_eq!(without_checksum.applied[0].checksum, Checksum::of("9"));
}

#[test]
fn a_database_stands_where_the_kept_table_says() {
    let set = set_of([migration(1), migration(2)]);
    let position = |found| history(Tool::Sqlx, found).head(&set).position(&set);
    for applied in 0..=2 {
        let found = (1..=2).map(row).take(applied).collect();
        assert_eq!(position(found), SetPosition::at(applied, 2));
    }
    match position(vec![row(1), row(2), row(3), row(4)]) {
        SetPosition::Ahead { newer } => {
            let names: Vec<&str> = newer.iter().map(|newer| newer.name.as_str()).collect();
            assert_eq!(names, ["3", "4"]);
            assert_eq!(newer[1].version, version("4"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(position(vec![row(1), row(3)]), SetPosition::Diverged, "a hole");
    assert_eq!(position(vec![row_of(1, "X;"), row(2), row(3)]), SetPosition::Diverged, "an edit");
    let interruption = SetPosition::Interrupted { version: version("2") };
    assert_eq!(position(vec![row(1), interrupted(2, true)]), interruption);
    let failed = row(1).in_state(ForeignMigrationState::Failed { logs: None });
    assert_eq!(position(vec![failed]), SetPosition::Diverged, "a run loads it, and is refused");
}

/// The versions of the set's migrations that another tool's history lists.
fn listed(set: &Set, tool: Tool, found: Vec<ForeignMigration>) -> Vec<String> {
    history(tool, found).listed(set).iter().map(|migration| migration.version().to_string()).collect()
}

#[test]
fn a_tools_rows_list_the_migrations_of_their_versions() {
    let views = SqlMigration::new(version("R__v"), "R__v", script("R__v.sql", "VIEW"));
    let squash = with_text(3, "X;");
    let set = set_of([migration(1), migration(2), squash, views]);
    let none = [""; 0];
    assert_eq!(listed(&set, Tool::Goose, vec![]), none);
    assert_eq!(
        listed(&set, Tool::Goose, vec![ForeignMigration::applied("2"), ForeignMigration::applied("9")]),
        ["2"]
    );
    let reverted = ForeignMigration::applied("1").in_state(ForeignMigrationState::Reverted);
    assert_eq!(listed(&set, Tool::Goose, vec![reverted, ForeignMigration::applied("2")]), ["2"]);
    assert_eq!(
        listed(&set, Tool::Tern, vec![ForeignMigration::applied("2")]),
        ["1", "2"],
        "one row for all before it"
    );
    assert_eq!(listed(&set, Tool::GolangMigrate, vec![ForeignMigration::applied("3")]), ["1", "2", "3"]);
    let baseline = ForeignMigration::applied("1").in_state(ForeignMigrationState::AppliedUpTo);
    assert_eq!(
        listed(&set, Tool::Flyway, vec![baseline.clone(), ForeignMigration::applied("3")]),
        ["1", "3"]
    );
    assert_eq!(listed(&set, Tool::Flyway, vec![baseline, ForeignMigration::applied("R__v")]), ["1", "R__v"]);
}

#[test]
fn rows_of_another_projects_migrations_list_none_of_the_sets() {
    let users = |name: &'static str| {
        set_of([SqlMigration::new(version("1"), name, script("1.sql", "CREATE TABLE users ();"))])
    };
    let named = |name: &str| vec![ForeignMigration::applied("1").named(name)];
    for (set, name, is_listed) in [
        ("0001_create_users", "create users", true),
        ("0001_create_users", "0001_create_users", true),
        ("V1__create_users", "create users", true),
        ("V1__create_users", "create_users", true),
        ("0001_create_users", "create posts", false),
        ("V1__create_users", "users", false),
        ("users", "users", true),
    ] {
        assert_eq!(listed(&users(set), Tool::Sqlx, named(name)).len() == 1, is_listed, "{set}: {name}");
    }
    let set = users("0001_create_users");
    let other_text = ToolChecksum::Sqlx(sqlx::checksum("other").to_vec());
    let same_text = ToolChecksum::Sqlx(sqlx::checksum("CREATE TABLE users ();").to_vec());
    let with = |name: &str, text: &ToolChecksum| {
        listed(&set, Tool::Sqlx, vec![ForeignMigration::applied("1").named(name).with_checksum(text.clone())])
            .len()
    };
    assert_eq!(with("create users", &other_text), 1, "it was edited");
    assert_eq!(with("create people", &same_text), 1, "it was renamed");
    assert_eq!(with("create people", &other_text), 0);
}

#[test]
fn a_tools_checksum_becomes_one_of_its_kind_and_is_made_anew_for_another_text() {
    let named = |text| SqlMigration::new(version("1"), "V1__a", script("V1__a.sql", text));
    let (before, after) = (named("A;"), named("B;"));
    let kinds = [
        (ToolChecksum::Prisma(prisma::checksum("A;")), "sha256", "SHA-256 of the file"),
        (ToolChecksum::Sqlx(sqlx::checksum("A;").to_vec()), "sha384", "SHA-384 of the file"),
        (
            ToolChecksum::Refinery(refinery::checksum("a", 1_i32, "A;")),
            "siphash13",
            "SipHash-1-3 of name, version and text",
        ),
        (ToolChecksum::Flyway(flyway::checksum("A;")), "crc32", "CRC32 of the lines"),
    ];
    for (checksum, algorithm, description) in kinds {
        assert!(checksum.is_of(&before) && !checksum.is_of(&after), "{algorithm}");
        assert_eq!(checksum.same_kind_of(&before), Some(checksum.clone()));
        let now = checksum.same_kind_of(&after).unwrap();
        assert!(now.is_of(&after) && now != checksum, "{algorithm}");
        assert_eq!((checksum.to_checksum().algorithm(), checksum.describe()), (algorithm, description));
        assert_ne!(checksum.to_checksum(), now.to_checksum());
    }
    let unnamed = SqlMigration::new(version("1"), "unnamed", script("1.sql", "A;"));
    let refinery = ToolChecksum::Refinery(refinery::checksum("a", 1_i32, "A;"));
    assert!(!refinery.is_of(&unnamed), "its checksum covers the name");
    assert_eq!(refinery.same_kind_of(&unnamed), None);
}

#[test]
fn a_migration_is_found_by_its_version_or_else_by_its_name() {
    let set = set_of([migration(1), migration(2)]);
    let found = |found: ForeignMigration| found.find(&set).map(Migration::name);
    assert_eq!(found(ForeignMigration::applied("002")), Some("2_m"));
    assert_eq!(found(ForeignMigration::applied("77").named("1_m")), Some("1_m"));
    assert_eq!(found(ForeignMigration::applied("77").named("m")), None);
    assert_eq!(found(ForeignMigration::applied("77")), None);
}
