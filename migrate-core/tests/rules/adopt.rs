//! Adoption of another tool's history, as a pure function.

use crate::support::{set, set_of, with_text};
use migrate_core::history::HistoryState;
use migrate_core::history::Notice;
use migrate_core::history::foreign::Obstacle;
use migrate_core::history::foreign::{
    ForeignHistory, ForeignMigration, ForeignMigrationState, Tool, ToolChecksum, flyway, sqlx,
};
use migrate_core::plan::{Adopt, Plan, Policies, Refused, Steps, Up};
use migrate_core::{Set, Version};
use std::time::{Duration, SystemTime};

fn decide(set: &Set, foreign: ForeignHistory) -> Result<Steps<'_>, Refused> {
    decide_by(set, foreign, &Policies::DEFAULT)
}

fn decide_by<'s>(set: &'s Set, foreign: ForeignHistory, policies: &Policies) -> Result<Steps<'s>, Refused> {
    let state = HistoryState { foreign: Some(foreign), ..HistoryState::EMPTY };
    Adopt::then(Up::all()).decide(set, &state, policies)
}

fn words(steps: &Steps<'_>) -> Vec<String> {
    steps.steps.iter().map(|step| format!("{} {}", step.action, step.version)).collect()
}

fn obstacles(refused: Refused) -> Vec<Obstacle> {
    match refused {
        Refused::UnusableHistory(not) => not.obstacles,
        other => panic!("refused for another reason: {other}"),
    }
}

fn sqlx_row(version: u32, text: &str) -> ForeignMigration {
    ForeignMigration::applied(version.to_string())
        .named("m")
        .with_checksum(ToolChecksum::Sqlx(sqlx::checksum(text).to_vec()))
}

#[test]
fn what_the_tool_applied_is_marked_and_the_rest_is_applied() {
    let set = set(1..=4);
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let found = ["1", "2"].map(|version| ForeignMigration::applied(version).at(at));
    let steps = decide(&set, ForeignHistory::new(Tool::Diesel, "public.d", found.to_vec())).unwrap();
    assert_eq!(words(&steps), ["mark 1", "mark 2", "apply 3", "apply 4"]);
    assert_eq!(steps.steps[0].adopted.as_ref().and_then(|adopted| adopted.at), Some(at));
    assert_eq!(steps.steps[0].to_string(), "mark 1_m, adopted from public.d (diesel)");
    assert!(matches!(&steps.notices[..], [Notice::Adopted { tool: Tool::Diesel, count: 2, .. }]));
}

#[test]
fn a_history_of_ours_comes_before_the_other_tools() {
    let set = set(1..=2);
    let database = migrate_core::engine::MemoryDatabase::default();
    crate::support::take(&database, &crate::support::set([1]), &Up::all()).unwrap();
    let mut state = {
        use migrate_core::engine::History;
        crate::support::block_on(database.history().load(&set)).unwrap()
    };
    let foreign = ForeignHistory::new(
        Tool::Diesel,
        "public.d",
        vec![ForeignMigration::applied("1"), ForeignMigration::applied("2")],
    );
    state.foreign = Some(foreign);
    let steps = Adopt::then(Up::all()).decide(&set, &state, &Policies::DEFAULT).unwrap();
    assert_eq!(words(&steps), ["apply 2"]);
}

#[test]
fn everything_that_stands_in_the_way_is_said_at_once() {
    let set = set_of([with_text(1, "A;"), with_text(2, "B;"), with_text(3, "C;")]);
    let failed = ForeignMigration::applied("3")
        .in_state(ForeignMigrationState::Failed { logs: Some("no such table\nmore".to_owned()) });
    let found = vec![sqlx_row(1, "A;"), sqlx_row(2, "an older text"), failed, sqlx_row(9, "D;")];
    let refused =
        decide(&set, ForeignHistory::new(Tool::Sqlx, "public._sqlx_migrations", found)).unwrap_err();
    let text = refused.to_string();
    assert_eq!(text, include_str!("unusable_history.txt").trim_end(), "the text was:\n{text}");
    assert!(matches!(
        &obstacles(refused)[..],
        [Obstacle::Edited { .. }, Obstacle::Failed { .. }, Obstacle::Missing { .. }]
    ));
}

#[test]
fn each_tool_has_its_own_way_out_of_a_failed_migration() {
    let set = set(1..=2);
    let failed =
        || vec![ForeignMigration::applied("1").in_state(ForeignMigrationState::Failed { logs: None })];
    let ways = [
        (Tool::Prisma, "`prisma migrate resolve --rolled-back 1`"),
        (Tool::Sqlx, "DELETE FROM s.t WHERE version = 1"),
        (Tool::GolangMigrate, "`migrate force 1`"),
        (Tool::Flyway, "`flyway repair`"),
    ];
    for (tool, way) in ways {
        let text = decide(&set, ForeignHistory::new(tool, "s.t", failed())).unwrap_err().to_string();
        assert!(text.contains(way), "{text}");
    }
}

#[test]
fn one_row_may_stand_for_all_up_to_it() {
    let set = set(1..=4);
    let up_to = |tool, version| {
        let found = vec![ForeignMigration::applied(version).in_state(ForeignMigrationState::AppliedUpTo)];
        decide(&set, ForeignHistory::new(tool, "t", found))
    };
    assert_eq!(words(&up_to(Tool::GolangMigrate, "2").unwrap()), ["mark 1", "mark 2", "apply 3", "apply 4"]);
    assert_eq!(words(&up_to(Tool::Flyway, "2.5").unwrap()), ["mark 1", "mark 2", "apply 3", "apply 4"]);
    let ahead = obstacles(up_to(Tool::GolangMigrate, "7").unwrap_err());
    assert!(matches!(&ahead[..], [Obstacle::Missing { name }] if name == "7"), "{ahead:?}");
}

#[test]
fn a_hole_stays_pending_and_the_policy_says_whether_it_may_be_filled() {
    let set = set(1..=3);
    let foreign = || {
        ForeignHistory::new(
            Tool::Rails,
            "t",
            vec![ForeignMigration::applied("1"), ForeignMigration::applied("3")],
        )
    };
    assert!(
        matches!(decide(&set, foreign()).unwrap_err(), Refused::OutOfOrder { name, .. } if name == "2_m")
    );
    let lenient = Policies { allow_out_of_order: true, ..Policies::DEFAULT };
    assert_eq!(words(&decide_by(&set, foreign(), &lenient).unwrap()), ["mark 1", "mark 3", "apply 2"]);
}

#[test]
fn a_removed_migration_is_left_behind_only_on_purpose() {
    let set = set(2..=2);
    let foreign = || {
        ForeignHistory::new(
            Tool::Rails,
            "t",
            vec![ForeignMigration::applied("1"), ForeignMigration::applied("2")],
        )
    };
    assert!(matches!(&obstacles(decide(&set, foreign()).unwrap_err())[..], [Obstacle::Missing { .. }]));
    let lenient = Policies { allow_missing: true, ..Policies::DEFAULT };
    let steps = decide_by(&set, foreign(), &lenient).unwrap();
    assert_eq!(words(&steps), ["mark 2"]);
    assert!(steps.notices.contains(&Notice::Missing { name: "1".to_owned() }));
}

#[test]
fn versions_are_compared_as_versions_and_names_help_where_the_layout_has_changed() {
    let set = set(1..=2);
    let found =
        vec![ForeignMigration::applied("0001.0"), ForeignMigration::applied("20260101_m").named("2_m")];
    let steps = decide(&set, ForeignHistory::new(Tool::Flyway, "t", found)).unwrap();
    assert_eq!(words(&steps), ["mark 1", "mark 2"]);
}

#[test]
fn a_repeatable_migration_with_another_text_is_no_edit() {
    let up = with_text(1, "A;");
    let set = set_of([up]);
    let now = ForeignMigration::applied("1").with_checksum(ToolChecksum::Flyway(flyway::checksum("A;")));
    let gone = ForeignMigration::applied("R__views").with_checksum(ToolChecksum::Flyway(7));
    let steps = decide(&set, ForeignHistory::new(Tool::Flyway, "t", vec![now, gone])).unwrap();
    assert_eq!(words(&steps), ["mark 1"]);
}

#[test]
fn a_reverted_migration_is_pending() {
    let set = set(1..=2);
    let found = vec![
        ForeignMigration::applied("1"),
        ForeignMigration::applied("2").in_state(ForeignMigrationState::Reverted),
    ];
    let steps = decide(&set, ForeignHistory::new(Tool::Goose, "t", found)).unwrap();
    assert_eq!(words(&steps), ["mark 1", "apply 2"]);
    assert_eq!(steps.steps[1].version, Version::numeric("2"));
}
