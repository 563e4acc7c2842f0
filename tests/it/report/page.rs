//! The contents of the page.

use crate::report::stage;
use migrate_postgres::report::{DatabaseHealth, ReportOptions};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;
use std::path::Path;
use std::{env, fs};

/// The text of a page, one line per text node.
fn text_of(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let mut text = String::new();
    for piece in body.split('<') {
        let (tag, content) = piece.split_once('>').unwrap_or(("", piece));
        let ends_line =
            ["p", "h1", "h2", "li", "dt", "dd", "tr", "summary", "text", "title", "svg", "div", "pre"];
        if ends_line.iter().any(|name| tag.trim_start_matches('/').split(' ').next() == Some(name)) {
            text.push('\n');
        } else if tag.starts_with("td")
            || tag.starts_with("th ")
            || tag.starts_with("span")
            || tag.starts_with("time")
        {
            text.push(' ');
        }
        text.push_str(content);
    }
    let text = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, sign)| text.replace(entity, sign));
    let lines = text.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

/// A word without the parts that vary between runs: dates, times, durations, sizes, run ids.
fn word(word: &str) -> String {
    let (bare, end) = match word.strip_suffix([',', ';', '.']) {
        Some(bare) => (bare, &word[bare.len()..]),
        None => (word, ""),
    };
    let of = |signs: &str| {
        !bare.is_empty() && bare.chars().all(|sign| sign.is_ascii_digit() || signs.contains(sign))
    };
    let is_moment = bare.len() >= 8 && of("-:");
    let is_run = bare.len() == 32 && bare.chars().all(|sign| sign.is_ascii_hexdigit());
    let number = bare.trim_end_matches(|sign: char| sign.is_alphabetic());
    let is_duration = ["ns", "µs", "ms", "s"].contains(&&bare[number.len()..])
        && !number.is_empty()
        && number.parse::<f64>().is_ok();
    if is_moment || is_run || is_duration { format!("…{end}") } else { word.to_owned() }
}

#[tokio::test]
async fn a_page_tells_of_failures_settlements_plans_drift_and_tables() {
    let database = stage::database().await;
    let report = stage::report(&database).await;
    assert_eq!(report.health(), DatabaseHealth::Failed);
    assert_eq!((report.applied(), report.failures()), (2, 2));
    let place = database.url().split('/').nth(2).unwrap().to_owned();
    let text = text_of(&report.to_html())
        .replace(database.name(), "DB")
        .replace(&place, "USER@PLACE")
        .replace(&format!("by {} ", place.split('@').next().unwrap()), "by USER ")
        .replace(
            &format!("PostgreSQL\n{}\n", report.server_version.split(" (").next().unwrap()),
            "PostgreSQL\n…\n",
        );
    let text = without_sizes(&text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/report.txt");
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "--- expected\n{expected}\n--- found\n{text}");
}

/// Sizes depend on the server.
fn without_sizes(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for index in 1..words.len() {
        if ["kB", "kB,", "MB"].iter().any(|unit| words[index].split('\n').next() == Some(unit)) {
            let digits = words[index - 1].trim_end_matches(|sign: char| sign.is_ascii_digit()).len();
            words[index - 1].replace_range(digits.., "…");
        }
    }
    words.join(" ")
}

#[tokio::test]
async fn no_name_no_script_and_no_message_becomes_markup_and_no_secret_is_shown() {
    let database = stage::database().await;
    let page = stage::report(&database).await.to_html();
    for tag in ["<script", "<img", "<i>", "<b>", "<hand>", "</title> 1.2"] {
        assert!(!page.contains(tag), "{tag}");
    }
    for shown in
        ["&lt;script&gt;alert('x')&lt;/script&gt;", "שלום עולם", "turned \\u{202e}around", "&amp;amp;"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("hunter2") && !page.contains('\u{202e}'));
}

#[tokio::test]
async fn when_all_is_well_it_says_so_over_a_client_too() {
    let database = stage::database().await;
    let report = stage::report_of_peace(&database).await;
    assert_eq!((report.health(), report.drift.is_none()), (DatabaseHealth::UpToDate, true));
    assert_eq!(report.database, database.name());
    let text = text_of(&report.to_html());
    assert!(text.contains("Up to date\nThe one migration of the set is applied.\n"), "{text}");
    assert!(text.contains("There is nothing to do.") && !text.contains("Drift"), "{text}");
    // Partitions are part of their table; self-references and cycles have their edges.
    assert_eq!((report.diagram.tables.len(), report.diagram.foreign_keys.len()), (6, 4));
}

#[tokio::test]
async fn a_run_that_would_be_refused_is_reported_and_no_error() {
    let database = stage::database().await;
    let migrator = |text: &str| {
        let folder = folder_of(&[("1_a.sql", text), ("2_b.sql", "SELECT 1;")]);
        Migrator::new(Set::from_folder(folder.path()).unwrap())
    };
    migrator("CREATE TABLE a ();").run(database.url()).await.unwrap();
    let edited = migrator("CREATE TABLE b ();");
    let report = edited.database_report(database.url(), &ReportOptions::new()).await.unwrap();
    assert_eq!(report.health(), DatabaseHealth::Refused);
    let text = text_of(&report.to_html());
    assert!(
        text.contains("A run would be refused\n") && text.contains("1_a was edited after it was applied"),
        "{text}"
    );
}

#[tokio::test]
async fn a_database_without_a_history_has_a_page() {
    let database = stage::database().await;
    let folder = folder_of(&[("1_a.sql", "CREATE TABLE a ();")]);
    let migrator = Migrator::new(Set::from_folder(folder.path()).unwrap());
    let report = migrator.database_report(database.url(), &ReportOptions::new()).await.unwrap();
    assert_eq!((report.health(), report.applied(), report.attempts.len()), (DatabaseHealth::Pending, 0, 0));
    let text = text_of(&report.to_html());
    for said in ["1 migration pending\n", "There are no attempts yet.", "There are no tables."] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let client = database.connect().await.unwrap();
    let row = client.query_one("SELECT count(*) FROM pg_class WHERE oid >= 16384", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0, "nothing was written");
}

#[tokio::test]
async fn a_page_tells_how_often_the_server_warned() {
    let database = stage::database().await;
    let raise = "DO $$ BEGIN RAISE WARNING 'w'; RAISE NOTICE 'n'; RAISE NOTICE 'm'; END $$;";
    let migrator = Migrator::new(Set::from_folder(folder_of(&[("1_a.sql", raise)]).path()).unwrap());
    migrator.run(database.url()).await.unwrap();
    let page = migrator.database_report(database.url(), &ReportOptions::new()).await.unwrap().to_html();
    assert!(page.contains("1 warning<") && page.contains("2 notices<"), "{page}");
}
