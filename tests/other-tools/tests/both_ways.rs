//! The tools themselves: one applies half, this library continues, and the tool finds nothing to do; and the
//! reverse. The tool's rows stay its own, with its table kept in use or adopted.

use migrate_other_tools_tests::{Folder, Tool};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Action, Migrator, Set, tools};
use std::path::Path;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn ours(folder: &Path) -> Migrator {
    Migrator::new(Set::from_folder(folder).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_the_tool_goes_on_where_this_library_stopped_and_the_other_way_round() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("kept-{tool:?}")));
        let mut by_turns = Vec::new();
        for count in 1..=4 {
            tool.write(folder.path(), count);
            if count % 2 == 1 {
                by_turns.push(tool.run(folder.path(), &database).await.unwrap());
            } else {
                let migrator = ours(folder.path()).foreign_history(tool.kept());
                by_turns.push(migrator.run(database.url()).await.unwrap().steps.len());
            }
        }
        assert_eq!(by_turns, [1, 1, 1, 1], "{tool:?}");
        assert_eq!(tool.run(folder.path(), &database).await, Ok(0), "{tool:?}");
        assert!(ours(folder.path()).foreign_history(tool.kept()).run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_from_the_beginning_the_tool_has_nothing_to_do() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("first-{tool:?}")));
        tool.write(folder.path(), 4);
        let migrator = ours(folder.path()).foreign_history(tool.kept());
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 4);
        assert_eq!(tool.run(folder.path(), &database).await, Ok(0), "{tool:?}");
        assert_eq!(tool.applied(&database).await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_the_rest_is_applied_and_the_tools_table_stays_as_it_is() {
    for tool in Tool::ALL {
        let (database, folder) = (database().await, Folder::new(&format!("adopted-{tool:?}")));
        tool.write(folder.path(), 2);
        assert_eq!(tool.run(folder.path(), &database).await, Ok(2));
        tool.write(folder.path(), 4);
        let migrator = ours(folder.path()).adopt();
        let planned = migrator.plan(database.url()).await.unwrap();
        assert_eq!(planned.steps.len(), 4, "{tool:?}: {planned:?}");
        let report = migrator.run(database.url()).await.unwrap();
        let actions: Vec<Action> = report.steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [Action::Mark, Action::Mark, Action::Apply, Action::Apply], "{tool:?}");
        assert_eq!(tool.applied(&database).await, 2);
        let attempts = migrator.history(database.url()).await.unwrap();
        let now = std::time::SystemTime::now();
        for attempt in &attempts {
            let age = now.duration_since(attempt.started_at).unwrap_or_default();
            assert!(age.as_secs() < 600, "{tool:?}: {attempt:?}");
        }
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_edited_after_the_tool_applied_it_is_found_both_ways() {
    for tool in [Tool::Sqlx, Tool::Refinery] {
        let (database, folder) = (database().await, Folder::new(&format!("edited-{tool:?}")));
        tool.write(folder.path(), 2);
        assert_eq!(tool.run(folder.path(), &database).await, Ok(2));
        std::fs::write(folder.path().join(tool.file(2)), "CREATE TABLE posts (id int);\n").unwrap();
        let adopted = ours(folder.path()).adopt().run(database.url()).await.unwrap_err().to_string();
        assert!(adopted.contains("was edited after"), "{adopted}");
        let kept =
            ours(folder.path()).foreign_history(tool.kept()).run(database.url()).await.unwrap_err().to_string();
        assert!(kept.contains("was edited after"), "{kept}");
        // The tool recognizes what this library has written.
        let other = database_with(tool, &folder).await;
        std::fs::write(folder.path().join(tool.file(2)), "CREATE TABLE posts (id text);\n").unwrap();
        let error = tool.run(folder.path(), &other).await.unwrap_err();
        assert!(error.contains("modified") || error.contains("different"), "{tool:?}: {error}");
    }
}

/// A database in which this library has applied a folder with the tool's history.
async fn database_with(tool: Tool, folder: &Folder) -> Database {
    let database = database().await;
    ours(folder.path()).foreign_history(tool.kept()).run(database.url()).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_reverted_the_other_applies_again() {
    for tool in [Tool::Sqlx, Tool::Diesel] {
        let (database, folder) = (database().await, Folder::new(&format!("reverted-{tool:?}")));
        tool.write(folder.path(), 3);
        let migrator = ours(folder.path()).foreign_history(tool.kept());
        migrator.run(database.url()).await.unwrap();
        migrator.down(database.url(), 1).await.unwrap();
        assert_eq!(tool.run(folder.path(), &database).await, Ok(1), "{tool:?}");
        tool.revert_last(folder.path(), &database).await;
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1, "{tool:?}");
        assert_eq!(tool.run(folder.path(), &database).await, Ok(0), "{tool:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlx_and_this_library_at_once_apply_each_migration_once() {
    let (database, folder) = (database().await, Folder::new("at-once"));
    Tool::Sqlx.write(folder.path(), 4);
    let migrator = ours(folder.path()).foreign_history(tools::sqlx());
    let ours = || async { migrator.run(database.url()).await.map(drop).map_err(|error| error.to_string()) };
    let theirs = || async { Tool::Sqlx.run(folder.path(), &database).await.map(drop) };
    let (a, b, c, d, e, f) = tokio::join!(ours(), theirs(), ours(), theirs(), ours(), theirs());
    for outcome in [a, b, c, d, e, f] {
        outcome.unwrap();
    }
    assert_eq!(Tool::Sqlx.applied(&database).await, 4);
}
