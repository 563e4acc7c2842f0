//! Every change is detected, and nothing else.

use crate::catalog::Sample;
use crate::catalog::cases::{CASES, Case};
use migrate_postgres::catalog::{Change, Difference, Differences};
use migrate_postgres::testing;
use migrate_tests::{sample, spread};

/// The first lines, with the role of the test run shown as `postgres`.
fn headers(differences: &Differences, sample: &Sample) -> Vec<String> {
    let config = sample.database.config();
    let user = format!(" for {} ", config.get_user().unwrap_or_default());
    let header =
        |one: &Difference| format!("{}: {}", one.object, one.change).replace(&user, " for postgres ");
    differences.iter().map(header).collect()
}

#[test]
fn a_change_of_any_kind_of_object_is_seen_and_nothing_else() {
    let version = testing::server().unwrap().version_num();
    let cases = CASES.iter().filter(|case| case.since <= version / 10_000).copied();
    let cases: Vec<Case> = sample(cases, 2, version);
    spread(&cases, async |cases: Vec<&Case>| {
        for case in cases {
            assert_seen(case).await;
        }
    });
}

async fn assert_seen(case: &Case) {
    let sample = Sample::new().await;
    sample.run(case.setup).await;
    let before = sample.catalog().await;
    sample.run(case.change).await;
    let after = sample.catalog().await;

    let differences = before.differences(&after);
    assert_eq!(headers(&differences, &sample), case.seen, "{}\n{differences}", case.change);
    let text = differences.to_string();
    assert!(text.contains(case.line), "{}: {} in\n{text}", case.change, case.line);
    assert_eq!(before.fingerprint() == after.fingerprint(), case.seen.is_empty(), "{}", case.change);
    // In the other direction, an addition is a removal.
    let back = after.differences(&before);
    assert_eq!(back.len(), differences.len());
    let count = |all: &Differences, change| all.iter().filter(|one| one.change == change).count();
    assert_eq!(count(&back, Change::Removed), count(&differences, Change::Added));
}

/// Object ids belong to the server, and are never reused: a recreated object has new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_and_made_again_is_what_it_was() {
    let cases = [WHOLE]
        .into_iter()
        .chain(CASES.iter().map(|case| case.setup).filter(|setup| setup.contains("FUNCTION")));
    for setup in cases {
        let sample = Sample::new().await;
        sample.run("CREATE SCHEMA again; SET search_path = again").await;
        sample.run(setup).await;
        let before = sample.catalog().await;
        assert!(before.objects().len() > 5, "{before:#?}");
        sample.run("DROP SCHEMA again CASCADE; CREATE SCHEMA again").await;
        assert_ne!(sample.catalog().await.fingerprint(), before.fingerprint());
        sample.run(setup).await;
        let after = sample.catalog().await;
        assert_eq!(before.differences(&after).to_string(), "", "{setup}");
        assert_eq!(before, after);
        assert_eq!(before.fingerprint(), after.fingerprint());
    }
}

/// A sample of every kind.
const WHOLE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
    CREATE TABLE users (id bigserial PRIMARY KEY, mail email NOT NULL UNIQUE, mood mood DEFAULT 'ok');
    CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY, author bigint REFERENCES users ON DELETE CASCADE);
    CREATE INDEX by_author ON posts (author) WHERE author IS NOT NULL;
    CREATE VIEW authors AS SELECT u.* FROM users u JOIN posts p ON p.author = u.id;
    CREATE MATERIALIZED VIEW counts AS SELECT author, count(*) FROM posts GROUP BY author;
    CREATE TABLE log (at timestamptz, what text) PARTITION BY RANGE (at);
    CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE INDEX log_at ON log (at);
    COMMENT ON TABLE users IS 'people';
    GRANT SELECT ON users TO PUBLIC;
    ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON users USING (mail = current_user);
";
