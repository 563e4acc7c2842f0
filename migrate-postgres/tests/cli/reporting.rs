//! `report`.

use crate::snapshot::assert_snapshot;
use crate::stage::{HALF, Stage, TABLES};
use std::fs;

#[tokio::test]
async fn a_page_is_written_and_what_is_on_it_is_counted() {
    let stage = Stage::new(&TABLES).await;
    let mut transcript =
        stage.transcript(&["report --html page.html", "up --quiet", "report --html page.html --drift"]);
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute("CREATE TABLE by_hand (id int PRIMARY KEY, friend int REFERENCES by_hand)")
        .await
        .unwrap();
    let lines =
        ["report --html page.html --drift", "report --html page.html --drift --ignore public.by_hand --json"];
    transcript += &stage.transcript(&lines);
    stage.write(&format!("migrations/{}", HALF.0), HALF.1);
    assert_eq!(stage.run("up --quiet").code, 7);
    transcript +=
        &stage.transcript(&["report --html page.html --json", "report --html no/such/folder.html", "report"]);
    assert_snapshot("report.txt", &transcript);

    let page = fs::read_to_string(stage.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    assert!(
        page.contains("<bdi>0003_index</bdi> failed") && page.contains("<bdi>public.by_hand</bdi>"),
        "{page}"
    );
}

#[tokio::test]
async fn the_tables_that_are_shown_are_those_of_the_schema_that_was_asked_for() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up --quiet");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE SCHEMA app; CREATE TABLE app.orders (id int)").await.unwrap();
    stage.done("report --html page.html --schema app");
    let page = fs::read_to_string(stage.path().join("page.html")).unwrap();
    assert!(page.contains("<dt><bdi>orders</bdi></dt>") && !page.contains("<dt><bdi>users"), "{page}");
}

#[tokio::test]
async fn a_password_is_not_on_the_page() {
    let stage = Stage::new(&TABLES).await;
    // A server given by URL has its own password, which the test must use.
    let (user, place) = stage.database.url().split_once('@').unwrap();
    let password = if user.matches(':').count() == 1 { ":hunter2" } else { "" };
    let url = format!("{user}{password}@{place}");
    let ran = stage.run(&format!("report --html page.html --database-url '{url}'"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let page = fs::read_to_string(stage.path().join("page.html")).unwrap();
    assert!(!page.contains("hunter2") && page.contains("postgres://"), "{page}");
}
