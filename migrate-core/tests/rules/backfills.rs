//! Migrations that run in batches, and migrations that wait for them.

use crate::support::{block_on, set_of, steps, take, take_with};
use migrate_core::advice::{Words, explained};
use migrate_core::backfill::{BackfillState, Specification};
use migrate_core::engine::{History as _, MemoryDatabase, Settings};
use migrate_core::history::{HistoryState, Notice};
use migrate_core::plan::{
    Baseline, Down, Plan, Policies, Redo, Refused, Resolution, Resolve, Up, waiting_for,
};
use migrate_core::{Payload, Script, Set, SqlMigration, Version};

fn version(number: u32) -> Version {
    Version::numeric(number.to_string())
}

fn migration(number: u32, text: &str) -> SqlMigration {
    let script = |text: &str| Script::of_up_text(format!("{number}.sql"), text.to_owned()).unwrap();
    SqlMigration::new(version(number), format!("{number}_m"), script(text))
        .with_down(script(&format!("SELECT -{number}")))
}

const FILL: &str = "-- migrate: batch=users(id)\nUPDATE users SET n = n + 1 WHERE ${batch}";

/// 2 fills, 3 waits for it, 4 does not.
fn migrations() -> Vec<SqlMigration> {
    vec![
        migration(1, "CREATE TABLE users ()"),
        migration(2, FILL),
        migration(3, "-- migrate: after=2\nSELECT 3"),
        migration(4, "SELECT 4"),
    ]
}

fn set() -> Set {
    set_of(migrations())
}

fn large() -> MemoryDatabase {
    let database = MemoryDatabase::default();
    database.enlarge("users");
    database
}

fn finish(database: &MemoryDatabase) {
    database.change_backfill("app", "2", |record| record.state = BackfillState::Done);
}

fn waits(status: &str) -> Notice {
    let (version, name) = (version(3), "3_m".to_owned());
    Notice::WaitsForBackfill { version, name, backfill: "2_m".to_owned(), status: status.to_owned() }
}

#[test]
fn a_small_table_is_filled_at_once_and_nothing_waits() {
    let database = MemoryDatabase::default();
    let report = take(&database, &set(), &Up::all()).unwrap();
    assert_eq!((steps(&report).as_str(), report.notices), ("+1 +2 +3 +4", Vec::new()));
    assert_eq!(database.statements()[1], "UPDATE users SET n = n + 1 WHERE true");
}

#[test]
fn what_waits_is_left_out_and_only_that_and_is_not_out_of_order_when_its_turn_comes() {
    let database = large();
    let report = take(&database, &set(), &Up::all()).unwrap();
    assert_eq!((steps(&report).as_str(), report.notices), ("+1 +2 +4", vec![waits("0 % done")]));

    let report = take(&database, &set(), &Up::all()).unwrap();
    assert!(report.is_noop());
    assert_eq!(report.notices, [waits("0 % done")]);

    finish(&database);
    let report = take(&database, &set(), &Up::all()).unwrap();
    assert_eq!((steps(&report).as_str(), report.notices), ("+3", Vec::new()));
    assert!(take(&database, &set(), &Up::all()).unwrap().is_noop());
}

#[test]
fn a_wait_takes_no_lock_and_a_run_without_one_loads_nothing() {
    let database = large();
    take(&database, &set(), &Up::all()).unwrap();
    let locks = database.locks();
    take(&database, &set(), &Up::all()).unwrap();
    assert_eq!(database.locks(), locks, "nothing is to do");
    finish(&database);
    take(&database, &set(), &Up::all()).unwrap();
    let loads = database.loads();
    assert!(take(&database, &set(), &Up::all()).unwrap().is_noop());
    assert_eq!(database.loads(), loads);
}

#[test]
fn a_migration_waits_until_its_backfill_is_finished() {
    let (database, set) = (large(), set());
    take(&database, &set, &Up::all()).unwrap();
    let state = || block_on(database.history().load(&set)).unwrap();
    let waits = |state: &HistoryState, number| {
        waiting_for(state, set.find(&version(number)).unwrap()).map(|record| record.name.clone())
    };
    assert_eq!((waits(&state(), 3), waits(&state(), 4)), (Some("2_m".to_owned()), None));
    finish(&database);
    assert_eq!(waits(&state(), 3), None);
}

#[test]
fn paused_stopped_canceled_and_quarantined_backfills_hold_back_what_waits() {
    let database = large();
    take(&database, &set(), &Up::all()).unwrap();
    for (state, quarantined, status) in [
        (BackfillState::Paused, 0, "paused at 43 %"),
        (BackfillState::Stopped, 0, "stopped at 43 %"),
        (BackfillState::Cancelled, 0, "canceled at 43 %"),
        (BackfillState::Done, 2, "done, 2 rows in quarantine"),
    ] {
        database.change_backfill("app", "2", |record| {
            (record.state, record.quarantined) = (state, quarantined);
            (record.rows_done, record.rows_total) = (43, 100);
        });
        let report = take(&database, &set(), &Up::all()).unwrap();
        assert_eq!((report.is_noop(), report.notices), (true, vec![waits(status)]));
    }
}

#[test]
fn what_waits_for_one_that_waits_waits_too() {
    let database = large();
    let chain = set_of([
        migration(1, "CREATE TABLE users ()"),
        migration(2, FILL),
        migration(3, "-- migrate: after=2 batch=posts(id)\nDELETE FROM posts WHERE ${batch}"),
        migration(4, "-- migrate: after=3\nSELECT 4"),
        migration(5, "SELECT 5"),
    ]);
    let report = take(&database, &chain, &Up::all()).unwrap();
    assert_eq!(steps(&report), "+1 +2 +5");
    let told: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "migration 3_m waits for the backfill of 2_m, which is 0 % done",
            "migration 4_m waits for the backfill of 3_m, which is not begun",
        ]
    );
    finish(&database);
    assert_eq!(steps(&take(&database, &chain, &Up::all()).unwrap()), "+3 +4", "posts is small");
}

#[test]
fn by_choice_a_run_is_refused_with_the_rows_left_and_the_command() {
    let database = large();
    let policies = Policies { require_backfills: true, ..Policies::DEFAULT };
    let settings = Settings { policies, ..Settings::DEFAULT };
    let error = take_with(&database, &set(), &Up::all(), &settings).unwrap_err();
    assert!(error.to_string().contains("2 steps are done"), "what came before it stays: {error}");
    database.change_backfill("app", "2", |record| (record.rows_done, record.rows_total) = (43, 100));
    let state = block_on(database.history().load(&set())).unwrap();
    let refused = Up::all().decide(&set(), &state, &policies).unwrap_err();
    let text = explained(&refused, Words::CommandLine).to_string();
    assert!(
        text.contains("3_m waits for the backfill of 2_m, which is 43 % done: about 57 rows are left"),
        "{text}"
    );
    assert!(text.contains("`backfill run`"), "{text}");
    assert!(matches!(refused, Refused::BackfillUnfinished { rows_left: Some(57), eta: None, .. }));
    finish(&database);
    assert_eq!(steps(&take_with(&database, &set(), &Up::all(), &settings).unwrap()), "+3 +4");
}

#[test]
fn a_revert_forgets_the_backfill_and_a_redo_begins_it_again() {
    let database = large();
    take(&database, &set(), &Up::all()).unwrap();
    let backfills =
        |database: &MemoryDatabase| block_on(database.history().load(&set())).unwrap().backfills.len();
    assert_eq!(steps(&take(&database, &set(), &Down::count(2)).unwrap()), "-4 -2");
    assert_eq!(backfills(&database), 0);
    assert_eq!(steps(&take(&database, &set(), &Up::all()).unwrap()), "+2 +4");
    assert_eq!(backfills(&database), 1);
    finish(&database);
    take(&database, &set(), &Up::all()).unwrap();
    // 3 was applied last, and waits again: its backfill has begun anew.
    let report = take(&database, &set(), &Redo::count(3)).unwrap();
    assert_eq!((steps(&report).as_str(), backfills(&database)), ("-3 -4 -2 +2 +4", 1));
    assert_eq!(report.notices, [waits("0 % done")]);
}

#[test]
fn a_run_up_to_what_waits_applies_what_comes_before_it() {
    let database = large();
    let report = take(&database, &set(), &Up::to(version(3))).unwrap();
    assert_eq!((steps(&report).as_str(), report.notices), ("+1 +2", vec![waits("0 % done")]));
}

#[test]
fn a_baseline_and_a_person_may_say_that_it_is_applied() {
    let database = large();
    assert_eq!(steps(&take(&database, &set(), &Baseline::at(version(2))).unwrap()), "=1 =2");
    assert_eq!(steps(&take(&database, &set(), &Up::all()).unwrap()), "+3 +4", "nothing is left to fill");

    let database = large();
    take(&database, &set(), &Up::all()).unwrap();
    let applied = Resolve::new(version(3), Resolution::Applied);
    assert_eq!(steps(&take(&database, &set(), &applied).unwrap()), "=3");
    assert!(take(&database, &set(), &Up::all()).unwrap().is_noop());
    let report = take(&database, &set(), &Redo::count(1).including_marked()).unwrap();
    assert_eq!(
        (steps(&report).as_str(), report.notices),
        ("-3", vec![waits("0 % done")]),
        "it waits after all"
    );
}

#[test]
fn a_squash_waits_for_the_backfill_that_it_replaces() {
    let database = large();
    take(&database, &set_of(migrations().into_iter().take(2)), &Up::all()).unwrap();
    let squash = migration(5, "-- migrate: replaces=1..2\nCREATE TABLE users (n int)");
    let squashed = set_of(migrations().into_iter().take(2).chain([squash, migration(6, "SELECT 6")]));
    let report = take(&database, &squashed, &Up::all()).unwrap();
    assert_eq!(steps(&report), "+6");
    assert!(report.notices[0].to_string().starts_with("migration 5_m waits for the backfill of 2_m"));
    finish(&database);
    assert_eq!(steps(&take(&database, &squashed, &Up::all()).unwrap()), "=5");
}

#[test]
fn a_failure_after_a_backfill_was_begun_tells_of_it_as_done() {
    let database = large();
    database.fail_on("SELECT 4");
    take(&database, &set(), &Up::all()).unwrap_err();
    let state = block_on(database.history().load(&set())).unwrap();
    assert_eq!((state.applied.len(), state.backfills.len()), (2, 1));
    database.heal();
    assert_eq!(steps(&take(&database, &set(), &Up::all()).unwrap()), "+4");
}

#[test]
fn a_specification_tells_table_key_and_what_the_statement_changes() {
    let of = |text: &str| {
        let script = Script::of_up_text("1.sql", text.to_owned()).unwrap();
        Specification::of(&script).unwrap_or_else(|| panic!("{text}"))
    };
    for (header, statement, relation, qualifier, condition) in [
        ("users(id)", "UPDATE users SET a = 1 WHERE ${batch}", "users", Some("users"), None),
        (
            "users",
            "UPDATE ONLY app.users AS u SET a = 1 WHERE (a IS NULL) AND ${batch}",
            "app.users",
            Some("u"),
            Some("(a IS NULL) AND true"),
        ),
        (
            "app.users",
            "DELETE FROM users WHERE ${batch} AND old RETURNING id",
            "app.users",
            Some("users"),
            Some("true AND old"),
        ),
        (
            "users",
            "DELETE FROM posts USING users u WHERE u.id = posts.user_id AND ${batch}",
            "users",
            Some("u"),
            None,
        ),
        (
            "users",
            "UPDATE posts SET n = 1 FROM users WHERE users.id = posts.user_id AND ${batch}",
            "users",
            Some("users"),
            None,
        ),
        (
            "users",
            "INSERT INTO posts (a) SELECT u.id FROM app.users u JOIN users2 ON true WHERE ${batch} ON CONFLICT DO UPDATE SET a = 1",
            "app.users",
            Some("u"),
            None,
        ),
        ("users", "INSERT INTO users SELECT id FROM users WHERE ${batch}", "users", Some("users"), None),
        (
            "users",
            "WITH u AS (SELECT 1 FROM x, users b) UPDATE users SET a = 1 WHERE ${batch} AND a",
            "users",
            None,
            Some("true AND a"),
        ),
        ("\"Users\"", "UPDATE \"Users\" SET a = 1 WHERE ${batch}", "\"Users\"", Some("\"Users\""), None),
    ] {
        let specification = of(&format!("-- migrate: batch={header}\n{statement}"));
        let found = (
            specification.relation.as_str(),
            specification.qualifier.as_deref(),
            specification.condition.as_deref(),
        );
        assert_eq!(found, (relation, qualifier, condition), "{statement}");
    }
    let specification = of(
        "-- migrate: batch=users(\"Id\", Tenant) rows=7 pause=1s\nUPDATE users SET (a, \"B\") = (1, 2), c = 3 WHERE ${batch}",
    );
    assert_eq!(specification.key, ["Id", "tenant"]);
    assert_eq!(specification.assigned, ["a", "B", "c"]);
    assert_eq!(
        (specification.rows.map(u32::from), specification.pause),
        (Some(7), Some(std::time::Duration::from_secs(1)))
    );
}

#[test]
fn one_batch_after_another_keeps_values_lines_and_columns() {
    use migrate_core::directory::Reading;
    use migrate_core::directory::source::SourceFile;
    use migrate_core::set::placeholder::Values;
    let text =
        "-- migrate: batch=users(id)\nUPDATE ${schema}.users\nSET a = 1 WHERE ${batch} AND ${batch} OR b;";
    let reading = Reading::default().placeholders(["schema"]);
    let set = Set::from(reading.read(vec![SourceFile::new("1_a.sql", text.as_bytes().to_vec())]).unwrap());
    let mut values = Values::NONE;
    values.insert("schema", "\"tenant 7\"".to_owned());
    values.insert("batch", "false".to_owned());
    let set = set.filled(values);
    let Some(Payload::Backfill(script)) = set.get(0).map(|migration| migration.up()) else {
        panic!("no backfill")
    };
    assert_eq!(Specification::of(&script).unwrap().relation, "\"tenant 7\".users");
    assert!(script.text().ends_with("WHERE ${batch} AND ${batch} OR b;"), "it is no placeholder of the set");
    for batch in ["(id <= 4)", "((id > 4) AND (id <= 90))"] {
        let script = script.in_batch(batch).in_batch(batch);
        let statement = format!("UPDATE \"tenant 7\".users\nSET a = 1 WHERE {batch} AND {batch} OR b");
        assert_eq!(script.statements().at(0).text(script.text()), statement);
        assert_eq!(script.source(), text);
        let at = script.line_column(script.text().find("OR b").unwrap());
        assert_eq!((at.line, at.column), (3, 39));
    }
}
