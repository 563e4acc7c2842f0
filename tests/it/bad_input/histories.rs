//! Histories that contradict the set, and tables that are not histories.

use crate::bad_input::support::{Folder, assert_error, assert_snapshot, database, holds};
use migrate_postgres::testing::Database;
use migrate_postgres::{Down, Error, Migrator, Notice, Refused, Resolution, Set};

/// A database with three migrations applied, and their folder.
async fn migrated() -> (Database, Folder) {
    let (database, folder) = (database().await, Folder::good());
    folder.migrator().run(&database.config()).await.unwrap();
    (database, folder)
}

async fn execute(database: &Database, sql: &str) {
    database.connect().await.unwrap().batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn an_edited_migration_is_refused_with_a_diff() {
    let (database, folder) = migrated().await;
    folder.write(
        "0002_posts.up.sql",
        "-- What users write.\nCREATE TABLE posts (id bigint PRIMARY KEY, title text);\n",
    );
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    let Error::Refused(Refused::Edited { name, diff, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(name, "0002_posts");
    assert!(diff.as_str().contains("+CREATE TABLE posts (id bigint PRIMARY KEY, title text);"), "{diff}");
    assert_error("edited", &error, &database).await;
    // This must be reported even if nothing is pending.
    folder.remove("0004_likes.up.sql");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Edited { .. })), "{error}");
}

#[tokio::test]
async fn an_edit_of_comments_and_white_space_is_a_notice() {
    let (database, folder) = migrated().await;
    folder.write(
        "0002_posts.up.sql",
        "-- What readers read.\r\nCREATE TABLE posts (\r\n  id bigint PRIMARY KEY\r\n);\r\n",
    );
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert!(
        matches!(&*report.notices, [Notice::EditedComments { name, .. }] if name == "0002_posts"),
        "{report}"
    );
    assert_snapshot("edited_comments", &report.to_string(), &[]);
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert_eq!((report.steps.len(), report.notices.len()), (1, 1));
}

#[tokio::test]
async fn a_missing_migration_is_refused_unless_that_is_allowed() {
    let (database, folder) = migrated().await;
    folder.remove("0002_posts.up.sql");
    folder.remove("0002_posts.down.sql");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(Refused::Missing { name, .. }) if name == "0002_posts"),
        "{error}"
    );
    assert_error("missing", &error, &database).await;
    let report = folder.migrator().allow_missing(true).run(&database.config()).await.unwrap();
    assert!(matches!(&*report.notices, [Notice::Missing { name }] if name == "0002_posts"), "{report}");
}

#[tokio::test]
async fn a_hole_is_refused_unless_that_is_allowed() {
    let (database, folder) = (database().await, Folder::good());
    let (up, down) = ("0002_posts.up.sql", "0002_posts.down.sql");
    folder.remove(up);
    folder.remove(down);
    folder.migrator().run(&database.config()).await.unwrap();
    folder.write(up, "CREATE TABLE posts (id bigint PRIMARY KEY);");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(Refused::OutOfOrder { name, .. }) if name == "0002_posts"),
        "{error}"
    );
    assert_error("hole", &error, &database).await;
    let report = folder.migrator().allow_out_of_order(true).run(&database.config()).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    assert_snapshot("hole_allowed", &report.to_string(), &[]);
}

#[tokio::test]
async fn a_database_ahead_of_the_binary_is_a_notice_or_refused() {
    let (database, folder) = migrated().await;
    for file in ["0002_posts.up.sql", "0002_posts.down.sql", "0003_tags.up.sql", "0003_tags.down.sql"] {
        folder.remove(file);
    }
    let error = folder.migrator().allow_ahead(false).run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Ahead { newer }) if newer.len() == 2), "{error}");
    assert_error("ahead", &error, &database).await;
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert_snapshot("ahead_allowed", &report.to_string(), &[]);
    // The older binary reverts migrations that it does not have.
    let report = folder.migrator().down(&database.config(), Down::count(2)).await.unwrap();
    assert_eq!(report.steps.len(), 2);
}

#[tokio::test]
async fn two_migrations_with_one_version_make_no_set() {
    let folder = Folder::good();
    folder.write("2_likes.up.sql", "CREATE TABLE likes ();");
    let error = Set::from_folder(folder.path()).unwrap_err();
    assert_snapshot("one_version_twice", &error.to_string(), &[(folder.path().to_str().unwrap(), "DIR")]);
}

#[tokio::test]
async fn a_damaged_row_is_named_with_what_is_wrong() {
    let damages = [
        ("checksum", "UPDATE migrate_history SET checksum = 'sha256:c0ffee' WHERE seq = 2"),
        ("digest", "UPDATE migrate_history SET digest = '\\xc0ffee' WHERE seq = 3"),
        ("outcome", "UPDATE migrate_history SET outcome = 'unfinished', checkpoint = -1 WHERE seq = 2"),
        (
            "name",
            "ALTER TABLE migrate_history ALTER COLUMN name DROP NOT NULL; UPDATE migrate_history SET name = NULL WHERE seq = 2",
        ),
        (
            "twice",
            "DROP INDEX migrate_history_set_name_version_idx; UPDATE migrate_history SET version = '1' WHERE seq = 2",
        ),
    ];
    for (what, damage) in damages {
        let (database, folder) = migrated().await;
        execute(&database, damage).await;
        folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
        let error = match folder.migrator().run(&database.config()).await {
            Err(error) => error,
            Ok(report) => panic!("{what}: {report}"),
        };
        assert!(matches!(&error, Error::DamagedRow { .. }), "{what}: {error}");
        assert_error(&format!("damaged_{what}"), &error, &database).await;
        for text in [
            folder.migrator().status(&database.config()).await.map(|status| status.to_string()),
            folder.migrator().plan(&database.config()).await.map(|steps| format!("{steps:?}")),
        ] {
            assert!(what == "digest" || matches!(text, Err(Error::DamagedRow { .. })), "{what}: {text:?}");
        }
    }
}

/// The row's statement counts: without it the migration would be applied a second time.
#[tokio::test]
async fn a_row_that_was_deleted_by_hand_is_refused_by_name_until_it_is_settled() {
    let (database, folder) = migrated().await;
    execute(&database, "DELETE FROM migrate_history WHERE seq = 2").await;
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    folder.write("0004_likes.down.sql", "DROP TABLE likes;");
    let (migrator, config) = (folder.migrator(), database.config());
    let lax = migrator.clone().allow_out_of_order(true);
    let refused = [
        migrator.run(&config).await.map(drop),
        lax.run(&config).await.map(drop),
        migrator.plan(&config).await.map(drop),
        migrator.verify(&config).await.map(drop),
        migrator.down(&config, Down::all()).await.map(drop),
        migrator.redo(&config, 1).await.map(drop),
        migrator.baseline(&config, "4").await.map(drop),
    ];
    for outcome in refused {
        match outcome.unwrap_err() {
            Error::Refused(Refused::RowsLost { lost }) => {
                assert_eq!((lost.rows, lost.names), (vec![(2, 2)], vec!["0002_posts".to_owned()]));
            }
            error => panic!("{error}"),
        }
    }
    let error = migrator.run(&config).await.unwrap_err();
    assert_error("deleted_row", &error, &database).await;
    migrator.resolve(&config, "2", Resolution::Applied, "its row was deleted").await.unwrap();
    let report = migrator.run(&config).await.unwrap();
    assert!(matches!(&*report.notices, [Notice::RowsGone { rows, .. }] if *rows == [(2, 2)]), "{report}");
    assert_eq!(report.steps.len(), 1);
    migrator.verify(&config).await.unwrap();
}

/// Their text is unknown: the set does not have it.
#[tokio::test]
async fn deleted_rows_of_migrations_that_the_set_lacks_are_refused_with_what_lets_the_rest_count() {
    let (database, folder) = migrated().await;
    for file in ["0002_posts.up.sql", "0002_posts.down.sql"] {
        folder.remove(file);
    }
    execute(&database, "DELETE FROM migrate_history WHERE seq = 2").await;
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_error("deleted_row_unknown", &error, &database).await;
    let Error::Refused(Refused::RowsLost { lost }) = error else { panic!("{error}") };
    execute(&database, &lost.remedy).await;
    assert_eq!(folder.migrator().run(&database.config()).await.unwrap().steps.len(), 1);
    folder.migrator().verify(&database.config()).await.unwrap();
}

#[tokio::test]
async fn deleted_rows_that_count_for_nothing_are_a_notice() {
    let (database, folder) = migrated().await;
    folder.write("0004_likes.up.sql", "CREATE TABLE likes (id nonsense);");
    folder.migrator().run(&database.config()).await.unwrap_err();
    folder.migrator().run(&database.config()).await.unwrap_err();
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    folder.migrator().run(&database.config()).await.unwrap();
    execute(&database, "DELETE FROM migrate_history WHERE outcome = 'failed'").await;
    folder.write("0005_more.up.sql", "CREATE TABLE more ();");
    let (migrator, config) = (folder.migrator(), database.config());
    let gone = |notices: &[Notice]| {
        assert!(matches!(notices, [Notice::RowsGone { rows, .. }] if *rows == [(4, 5)]), "{notices:?}");
    };
    gone(&migrator.plan(&config).await.unwrap().notices);
    let status = migrator.status(&config).await.unwrap();
    gone(&status.notices);
    assert!(
        status
            .to_string()
            .ends_with("rows 4 to 5 of the history public.migrate_history were deleted by hand; this does not change what is applied")
    );
    gone(&migrator.run(&config).await.unwrap().notices);
    // A boot with nothing to do reads only the end.
    assert!(migrator.run(&config).await.unwrap().notices.is_empty());
}

#[tokio::test]
async fn a_table_of_somebody_elses_is_left_alone() {
    let cases = [
        ("not_ours", "CREATE TABLE migrate_history (version bigint, name text, installed_on timestamptz)"),
        (
            "not_ours_types",
            "CREATE TABLE migrate_history (set_name bigint, seq bigint, digest text, version bigint)",
        ),
        ("not_ours_view", "CREATE VIEW migrate_history AS SELECT 1 AS id"),
    ];
    for (case, sql) in cases {
        let (database, folder) = (database().await, Folder::good());
        execute(&database, sql).await;
        let error = folder.migrator().run(&database.config()).await.unwrap_err();
        assert!(matches!(&error, Error::NotOurTable { .. }), "{case}: {error}");
        assert_snapshot(case, &error.to_string(), &[]);
        let error = folder.migrator().status(&database.config()).await.unwrap_err();
        assert!(matches!(&error, Error::NotOurTable { .. }), "{case}: {error}");
        let client = database.connect().await.unwrap();
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 1);
        folder.migrator().history_table("schema_history").run(&database.config()).await.unwrap();
    }
}

#[tokio::test]
async fn a_table_with_our_columns_and_other_types_is_no_history() {
    let (database, folder) = migrated().await;
    // The head table would report that there is nothing to do.
    execute(
        &database,
        "TRUNCATE migrate_history_head; \
         ALTER TABLE migrate_history ALTER COLUMN digest TYPE text USING encode(digest, 'hex')",
    )
    .await;
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::DamagedTable { .. }), "{error}");
    assert_error("not_ours_one_type", &error, &database).await;
}

#[tokio::test]
async fn a_migration_without_a_down_script_keeps_all_from_being_reverted() {
    let (database, folder) = (database().await, Folder::good());
    folder.remove("0002_posts.down.sql");
    folder.migrator().run(&database.config()).await.unwrap();
    let error = folder.migrator().down(&database.config(), Down::all()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(Refused::NoDown { name, .. }) if name == "0002_posts"),
        "{error}"
    );
    assert_error("no_down", &error, &database).await;
    let error = folder.migrator().redo(&database.config(), 2).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::NoDown { .. })), "{error}");
    folder.migrator().down(&database.config(), 1).await.unwrap();
}

#[tokio::test]
async fn a_version_that_does_not_exist_is_named() {
    let (database, folder) = migrated().await;
    let migrator = folder.migrator();
    for (case, result) in [
        ("unknown_version", migrator.to(&database.config(), "7").await),
        ("unknown_version_target", migrator.clone().up_to("0007_likes").run(&database.config()).await),
        ("unknown_version_baseline", migrator.baseline(&database.config(), "20260101").await),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::Refused(Refused::UnknownVersion { .. })), "{case}: {error}");
        assert_snapshot(case, &error.to_string(), &[]);
    }
    let empty = Folder::new([]);
    let set = Set::new("default", Vec::new()).unwrap();
    drop(empty);
    let error = Migrator::new(set).to(&database.config(), "7").await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::UnknownVersion { .. })), "{error}");
}

#[tokio::test]
async fn a_baseline_is_for_a_database_without_a_history() {
    let (database, folder) = migrated().await;
    let error = folder.migrator().baseline(&database.config(), "2").await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::NotEmpty { applied: 3, .. })), "{error}");
    assert_error("baseline_not_empty", &error, &database).await;
    // At the same version, it is not an error.
    assert!(folder.migrator().baseline(&database.config(), "3").await.unwrap().is_noop());
}

#[tokio::test]
async fn two_sets_in_one_database_do_not_mix() {
    let (database, folder) = migrated().await;
    let library = Folder::new([
        ("0001_jobs.sql", "CREATE TABLE jobs (id bigint);"),
        ("0002_queue.sql", "CREATE TABLE queue (id bigint REFERENCES jobs);"),
    ]);
    let migrator = Migrator::new(library.set().named("jobs"));
    let error = migrator.run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::Failed(failure) if failure.name == "0002_queue"), "{error}");
    assert_error("two_sets", &error, &database).await;
    assert!(folder.migrator().run(&database.config()).await.unwrap().is_noop());
    library.write("0002_queue.sql", "CREATE TABLE queue (id bigint);");
    let migrator = Migrator::new(library.set().named("jobs"));
    assert_eq!(migrator.run(&database.config()).await.unwrap().steps.len(), 1);
    let holds = holds(&database.connect().await.unwrap()).await;
    assert!(holds.contains("table queue") && holds.contains("table tags"), "{holds}");
}

#[tokio::test]
async fn two_sets_that_share_a_name_by_mistake_are_refused() {
    let (database, _folder) = migrated().await;
    let library = Folder::new([("0001_jobs.sql", "CREATE TABLE jobs (id bigint);")]);
    let error = library.migrator().run(&database.config()).await.unwrap_err();
    assert_error("two_sets_one_name", &error, &database).await;
}

/// A rule or a trigger that removes the row: for every kind of script, and for actions that only record.
#[tokio::test]
async fn a_history_that_does_not_keep_its_rows_has_nothing_applied() {
    let function = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; ";
    let trigger = |event: &str| {
        format!(
            "{function} CREATE TRIGGER t BEFORE {event} ON migrate_history FOR EACH ROW EXECUTE FUNCTION nothing()"
        )
    };
    let rule = |event: &str| format!("CREATE RULE r AS ON {event} TO migrate_history DO INSTEAD NOTHING");
    for takes in [trigger("INSERT"), trigger("UPDATE"), rule("INSERT"), rule("UPDATE")] {
        for script in ["CREATE TABLE likes ();", "CREATE TABLE likes (); VACUUM likes;"] {
            let (database, folder) = migrated().await;
            execute(&database, &takes).await;
            folder.write("0004_likes.up.sql", script);
            folder.write("0004_likes.down.sql", "DROP TABLE likes;");
            let error = folder.migrator().run(&database.config()).await.unwrap_err();
            let is_named = matches!(&error, Error::RowNotKept { name, .. } if name == "0004_likes");
            assert!(is_named, "{takes}, {script}: {error}");
            let client = database.connect().await.unwrap();
            let likes = client.query_one("SELECT to_regclass('likes')::text", &[]).await.unwrap();
            assert_eq!(likes.get::<_, Option<String>>(0), None, "{takes}, {script}");
        }
        if takes.contains("INSERT") {
            let (database, folder) = migrated().await;
            execute(&database, &takes).await;
            folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
            let resolved =
                folder.migrator().resolve(&database.config(), "4", Resolution::Applied, "a try").await;
            assert!(matches!(resolved, Err(Error::RowNotKept { .. })), "{takes}: {resolved:?}");
        }
    }
}

/// Advice to rename the history would cause everything to be applied a second time.
#[tokio::test]
async fn a_history_that_lacks_a_column_is_damaged_and_not_another_table() {
    for column in ["reason", "digest", "up_sql", "detail", "action"] {
        let (database, folder) = migrated().await;
        execute(
            &database,
            &format!("ALTER TABLE migrate_history DROP COLUMN {column}; TRUNCATE migrate_history_head"),
        )
        .await;
        folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
        let error = folder.migrator().run(&database.config()).await.unwrap_err();
        let is_named = matches!(&error, Error::DamagedTable { missing, .. } if missing == &[column]);
        assert!(is_named, "{column}: {error}");
        assert!(!error.to_string().contains("run again"), "{error}");
    }
}

#[tokio::test]
async fn a_view_of_a_history_is_none() {
    let (database, folder) = migrated().await;
    let view = "TRUNCATE migrate_history_head; ALTER TABLE migrate_history RENAME TO there; \
                CREATE VIEW migrate_history AS SELECT * FROM there";
    execute(&database, view).await;
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::NotATable { .. }), "{error}");
}

#[tokio::test]
async fn verify_notices_a_digest_that_the_rows_do_not_bear_out() {
    let wrong =
        "UPDATE migrate_history SET digest = sha256('x') WHERE seq = (SELECT max(seq) FROM migrate_history)";
    let (database, folder) = migrated().await;
    let verify = async || folder.migrator().verify(&database.config()).await;
    verify().await.unwrap();
    // A boot does not read a row in the middle.
    for damage in [wrong, "DELETE FROM migrate_history WHERE version = '2'"] {
        execute(&database, "CREATE TABLE kept AS TABLE migrate_history").await;
        execute(&database, damage).await;
        let refused = verify().await;
        let remedy = match refused {
            Err(Error::WrongDigest { remedy, .. }) => remedy,
            // The refusal for a gap in the history comes first.
            Err(Error::Refused(_)) if damage != wrong => {
                execute(&database, "DROP TABLE kept").await;
                continue;
            }
            outcome => panic!("{damage}: {outcome:?}"),
        };
        execute(&database, &remedy).await;
        verify().await.unwrap();
        assert!(folder.migrator().run(&database.config()).await.unwrap().is_noop());
        execute(&database, "DROP TABLE kept").await;
    }
}
