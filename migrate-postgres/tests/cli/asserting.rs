//! `assert`, `compare`, `seed`, and what other commands do with assertions and seeds.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};

/// Assertions of each outcome.
fn write_assertions(stage: &Stage) {
    stage.write("assertions/posts_have_users.sql", "-- migrate: since=0002 key=id\nSELECT id, 'secret' AS title FROM posts WHERE id NOT IN (SELECT id FROM users) ORDER BY id;");
    stage.write("assertions/slow.sql", "-- migrate: statement_timeout=100ms\nSELECT true FROM pg_sleep(60);");
    stage.write("assertions/unknown.sql", "SELECT nothing FROM users;");
    stage.write("assertions/users_are_there.sql", "SELECT count(*) >= 0 FROM users;");
}

#[tokio::test]
async fn assertions_are_listed_with_what_was_found() {
    let stage = Stage::new(&TABLES).await;
    write_assertions(&stage);
    stage.done("up --to 0001");
    let early = stage.run("assert");
    assert!(early.stdout.contains("posts_have_users  skipped"), "{early:?}");
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO posts SELECT generate_series(1, 8)").await.unwrap();
    assert_snapshot("assert.txt", &stage.transcript(&["assert", "assert --json"]));
    stage.remove("assertions/slow.sql");
    stage.remove("assertions/unknown.sql");
    client.batch_execute("TRUNCATE posts").await.unwrap();
    assert_eq!(stage.done("assert").code, 0);
}

#[tokio::test]
async fn up_checks_the_assertions_by_choice() {
    let stage = Stage::new(&TABLES).await;
    stage.write("assertions/users.sql", "SELECT count(*) > 0 FROM users;");
    assert_snapshot("up_assert.txt", &stage.transcript(&["up", "up --assert", "up --assert --json"]));
    stage.write("assertions/users.sql", "UPDATE users SET id = 1;");
    let refused = stage.run("up --assert");
    assert_eq!(refused.code, 5);
    assert!(
        refused.stderr.contains("assertions/users.sql:1:1: `UPDATE users SET id = 1` is not a query"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_test_of_the_folder_checks_the_assertions() {
    let stage = Stage::new(&TABLES[..3]).await;
    stage.write("assertions/names.sql", "SELECT name FROM users;");
    let tested = stage.run("test");
    assert_eq!(tested.code, 13, "{tested:?}");
    assert!(tested.stdout.contains("names error at assertions/names.sql:1:8: column \"name\""), "{tested:?}");
}

#[tokio::test]
async fn seeds_run_when_they_are_new_or_have_changed() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("seeds/users.sql", "INSERT INTO users VALUES (1);");
    stage.write("seeds/development/posts.sql", "INSERT INTO posts VALUES (1);");
    let lines = [
        "seed",
        "seed --environment development",
        "seed --environment development --json",
        "seed --again",
        "seed --environment staging",
    ];
    assert_snapshot("seed.txt", &stage.transcript(&lines));
    stage.write("seeds/users.sql", "INSERT INTO users VALUES (2);\nINSERT INTO nobody VALUES (2);");
    assert_snapshot("seed_fails.txt", &stage.transcript(&["seed", "seed --json"]));
    assert_eq!(stage.value("SELECT count(*) FROM users").await, "2");
}

#[tokio::test]
async fn a_reset_runs_the_seeds_of_its_environment() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    stage.write("seed.sql", "INSERT INTO users VALUES (1);");
    stage.write("seeds/users.sql", "INSERT INTO users VALUES (2);");
    stage.write("seeds/development/users.sql", "INSERT INTO users VALUES (3);");
    let reset = stage.done("reset");
    assert!(reset.stdout.contains("2 seeds ran"), "{reset:?}");
    stage.done("reset --environment development");
    assert_eq!(stage.value("SELECT count(*) FROM users").await, "3");
    // What has no seeds is found before anything is dropped.
    let refused = stage.run("reset --environment staging");
    assert_eq!((refused.code, stage.value("SELECT count(*) FROM users").await.as_str()), (5, "3"));
    stage.write("seeds/users.sql", "INSERT INTO nobody VALUES (2);");
    let failed = stage.run("reset");
    assert_eq!(failed.code, 7);
    assert!(failed.stderr.contains("was emptied and rebuilt before it"), "{failed:?}");
    assert!(failed.stderr.contains("the seeds before it stay: ../seed.sql"), "{failed:?}");
}

#[tokio::test]
async fn a_file_that_is_no_seed_or_no_text_is_named() {
    let stage = Stage::new(&TABLES).await;
    // Beside the migrations, a file of another kind is another tool's.
    stage.write("seeds/users.csv", "1");
    stage.write("seeds/users.sql", "INSERT INTO users VALUES (1);");
    stage.done("up");
    stage.done("seed");
    std::fs::rename(stage.path().join("seeds"), stage.path().join("migrations/seeds")).unwrap();
    let latin = stage.path().join("migrations/seeds/latin.sql");
    std::fs::write(latin, b"INSERT INTO users VALUES ('\xe9');").unwrap();
    let refused = stage.run("seed");
    assert_eq!(refused.code, 5);
    for expected in ["seeds/latin.sql:1:28: the file is not valid UTF-8", "seeds/users.csv:1:1: not a seed"] {
        assert!(refused.stderr.contains(expected), "{refused:?}");
    }
}

#[tokio::test]
async fn rows_of_two_queries_are_compared_without_a_folder() {
    let stage = Stage::new(&[]).await;
    std::fs::remove_dir(stage.path().join("migrations")).unwrap();
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE people AS SELECT n AS id, 'name ' || n AS name FROM generate_series(1, 1000) n;
             CREATE TABLE users AS TABLE people; UPDATE users SET name = 'secret' WHERE id = 7; DELETE FROM users WHERE id = 9",
        )
        .await
        .unwrap();
    let lines = [
        "compare 'SELECT id FROM people WHERE id < 9' 'SELECT id FROM users WHERE id < 9' --key id",
        "compare 'TABLE people' 'TABLE users' --key id",
        "compare 'TABLE people' 'TABLE users' --key id --values --json",
        "compare 'TABLE people' 'TABLE users' --key number",
        "compare 'TABLE people' 'TABLE users'",
    ];
    assert_snapshot("compare.txt", &stage.transcript(&lines));
    let other = Stage::new(&[]).await;
    let client = other.database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE users (id int, name text)").await.unwrap();
    let line = format!("compare 'TABLE people' 'TABLE users' --key id --to {}", other.database.url());
    let compared = stage.run(&line);
    assert_eq!(compared.code, 14);
    assert!(compared.stdout.contains("1000 rows in the first query, 0 in the second"), "{compared:?}");
}
