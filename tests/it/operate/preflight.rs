//! Preflight checks.

use crate::operate::support::{database, migrator};
use migrate_postgres::operate::{Check, Preflight, Thresholds, Verdict};
use migrate_postgres::testing::{Server, ShutdownMode};
use std::time::Duration;

const FILES: [(&str, &str); 3] = [
    ("1_users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);"),
    ("2_email.sql", "ALTER TABLE users ADD email text;"),
    ("3_index.sql", "CREATE INDEX CONCURRENTLY by_name ON users (name);"),
];

/// The most severe verdict of a check, and all its findings.
fn of(preflight: &Preflight, check: Check) -> (Verdict, String) {
    let findings = || preflight.findings.iter().filter(move |finding| finding.check == check);
    let texts = findings().map(|finding| {
        format!("{} {}", finding.found, finding.next.text(migrate_postgres::advice::Words::Library))
    });
    (findings().map(|finding| finding.verdict).max().unwrap(), texts.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn where_nothing_is_in_the_way_all_checks_pass_but_for_a_backup_that_is_not_recorded() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    // A migration is pending, and no backup is recorded.
    let warnings = preflight.findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    assert_eq!(warnings.map(|finding| finding.check).collect::<Vec<_>>(), [Check::Backup], "{preflight}");
    assert_eq!(of(&preflight, Check::Backup).0, Verdict::Warning);
    assert_eq!(preflight.findings.len(), 10);
    let unreachable =
        migrator(&FILES).preflight("postgres://localhost:1/none?connect_timeout=1").await.unwrap();
    assert_eq!(of(&unreachable, Check::Connection).0, Verdict::Stop);
}

#[tokio::test]
async fn a_session_that_idles_in_a_transaction_on_a_table_to_be_touched_stops_and_others_do_not() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let other = database.connect().await.unwrap();
    let idle = "CREATE TABLE other (); SET application_name = 'reporting'; BEGIN; SELECT FROM other";
    other.batch_execute(idle).await.unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    assert_eq!(of(&preflight, Check::Sessions).0, Verdict::Pass, "{preflight}");
    other.batch_execute("SELECT FROM users").await.unwrap();
    let (verdict, said) = of(&migrator(&FILES).preflight(database.url()).await.unwrap(), Check::Sessions);
    assert_eq!(verdict, Verdict::Stop);
    assert!(
        said.contains("(reporting) is idle in its transaction") && said.contains("holds public.users"),
        "{said}"
    );
    // The index is built while sessions read.
    let beside = migrator(&[FILES[0], FILES[2]]).preflight(database.url()).await.unwrap();
    assert_eq!(of(&beside, Check::Sessions).0, Verdict::Pass, "{beside}");
}

#[tokio::test]
async fn invalid_indexes_and_a_run_under_way_are_told() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')").await.unwrap();
    client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY u ON users (name)").await.unwrap_err();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Indexes);
    assert_eq!(verdict, Verdict::Warning);
    assert!(
        said.contains("the index u of users is invalid") && said.contains("REINDEX INDEX CONCURRENTLY u"),
        "{said}"
    );
    assert_eq!(of(&preflight, Check::Lock).0, Verdict::Pass);

    let config = database.config();
    let slow = migrator(&[FILES[0], ("2_slow.sql", "SELECT pg_sleep(600)")]);
    let running = tokio::spawn(async move { slow.run(&config).await });
    loop {
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        if crate::operate::support::value::<i64>(&client, held).await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    assert_eq!(of(&preflight, Check::Lock).0, Verdict::Stop, "{preflight}");
    running.abort();
}

#[tokio::test]
async fn a_role_that_may_not_write_the_history_or_owns_no_table_is_told_so() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let role = format!("app_{}", database.name());
    admin
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON migrate_history TO {role}"))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let preflight = migrator(&FILES).preflight(&config).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Rights);
    assert_eq!(verdict, Verdict::Stop, "{preflight}");
    assert!(
        said.contains("GRANT SELECT, INSERT, UPDATE") && said.contains("public.users belongs to"),
        "{said}"
    );
    admin.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_standby_stops_and_so_does_a_synchronous_one_that_is_away() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    for sql in [
        "SELECT pg_create_physical_replication_slot('away', true)",
        "ALTER SYSTEM SET synchronous_standby_names = 'away'",
    ] {
        admin.simple_query(sql).await.unwrap();
    }
    admin.simple_query("SELECT pg_reload_conf()").await.unwrap();
    drop(admin);
    server.stop(ShutdownMode::Fast).unwrap();
    server.restart().unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Replication);
    assert_eq!(verdict, Verdict::Stop, "{preflight}");
    assert!(said.contains("the inactive replication slot away retains"), "{said}");

    // A server in recovery accepts no writes; this file alone makes it a standby.
    server.stop(ShutdownMode::Fast).unwrap();
    let data = server.socket_dir().unwrap().join("data");
    let mut copy = std::process::Command::new("cp");
    let copied = copy.arg("-p").arg(data.join("PG_VERSION")).arg(data.join("standby.signal")).status();
    assert!(copied.unwrap().success());
    server.restart().unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Rights);
    assert!(verdict == Verdict::Stop && said.contains("hot standby"), "{preflight}");
}

const SHOP: &str = "\
    CREATE TABLE users (id int PRIMARY KEY, email text, name varchar(20), n bigint, secret text); \
    CREATE TABLE orders (region int, number int, user_id int, PRIMARY KEY (region, number)); \
    CREATE TABLE logs (line text); \
    INSERT INTO users SELECT i, CASE WHEN i % 2 = 0 THEN 'Same@x' || i % 3 END, repeat('x', i), i * 1000000000::bigint, \
      'hunter2' FROM generate_series(1, 9) i; \
    INSERT INTO orders SELECT 1, i, i FROM generate_series(8, 12) i; INSERT INTO logs VALUES ('a'), ('a');";

/// The findings about rows, for a migration after the shop's tables.
async fn about_rows(sql: &str, thresholds: &Thresholds) -> Vec<(Verdict, String)> {
    let database = database().await;
    let set = [("1_shop.sql", SHOP), ("2_change.sql", sql)];
    migrator(&set[..1]).run(database.url()).await.unwrap();
    let preflight = migrator(&set).preflight_with(database.url(), thresholds).await.unwrap();
    let found = preflight.findings.into_iter().filter(|finding| finding.check == Check::Data);
    found.map(|finding| (finding.verdict, finding.found)).collect()
}

async fn rows(sql: &str) -> Vec<String> {
    let found = about_rows(sql, &Thresholds::new()).await;
    assert!(found.iter().all(|(verdict, _)| *verdict == Verdict::Stop), "{found:?}");
    found.into_iter().map(|(_, found)| found.replace("2_change.sql:1: ", "")).collect()
}

#[tokio::test]
async fn rows_that_a_pending_constraint_excludes_are_counted_and_three_are_named() {
    let nulls = "5 rows of users have a null in email (id: 1, 3, 5, …)";
    assert_eq!(rows("ALTER TABLE users ALTER email SET NOT NULL;").await, [nulls]);
    let required = "users has 9 rows, and the new column age is NOT NULL without a default";
    assert_eq!(rows("ALTER TABLE users ADD age int NOT NULL;").await, [required]);
    let equal = "1 row of users has the (email) of another one (id: 8)";
    assert_eq!(rows("ALTER TABLE users ADD UNIQUE (email);").await, [equal]);
    let equal = "1 row of users has the (lower(email)) of another one (id: 8)";
    assert_eq!(
        rows("CREATE UNIQUE INDEX CONCURRENTLY i ON users (lower(email)) WHERE n > 0;").await,
        [equal]
    );
    let orphans = "3 rows of orders reference a missing row of public.users in user_id \
                   (region, number: (1, 10), (1, 11), (1, 12))";
    assert_eq!(rows("ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;").await, [orphans]);
    let violations = "5 rows of users violate CHECK (users.n < 5000000000) (id: 5, 6, 7, …)";
    assert_eq!(rows("ALTER TABLE users ADD CHECK (users.n < 5000000000);").await, [violations]);
    let later = "ALTER TABLE users ADD CONSTRAINT c CHECK (id < 9) NOT VALID; ALTER TABLE users VALIDATE CONSTRAINT c;";
    assert_eq!(rows(later).await, ["1 row of users violates CHECK (id < 9) (id: 9)"]);
}

#[tokio::test]
async fn half_a_key_stands_in_the_way_of_match_full_and_a_value_in_that_of_a_domain() {
    let tables = "\
        CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b)); INSERT INTO pairs VALUES (1, 1); \
        CREATE TABLE refs (id int PRIMARY KEY, a int, b int); \
        INSERT INTO refs VALUES (1, 1, 1), (2, NULL, NULL), (3, 1, NULL), (4, 1, 2); \
        CREATE DOMAIN code AS text; CREATE TABLE coded (id int PRIMARY KEY, value int, c code); \
        INSERT INTO coded VALUES (1, 5, 'A'), (2, 5, ''), (3, 5, NULL);";
    let set = [
        ("1_tables.sql", tables),
        ("2_full.sql", "ALTER TABLE refs ADD FOREIGN KEY (a, b) REFERENCES pairs MATCH FULL;"),
        ("3_simple.sql", "ALTER TABLE refs ADD FOREIGN KEY (a, b) REFERENCES pairs;"),
        ("4_value.sql", "ALTER DOMAIN code ADD CHECK (VALUE <> '');"),
        ("5_null.sql", "ALTER DOMAIN code SET NOT NULL;"),
    ];
    let database = database().await;
    migrator(&set[..1]).run(database.url()).await.unwrap();
    let preflight = migrator(&set).preflight(database.url()).await.unwrap();
    let found = preflight.findings.into_iter().filter(|finding| finding.check == Check::Data);
    let found: Vec<String> = found.map(|finding| finding.found).collect();
    assert_eq!(
        found,
        [
            "2_full.sql:1: 2 rows of refs have no row of public.pairs for all of a, b, as MATCH FULL requires (id: 3, 4)",
            "3_simple.sql:1: 1 row of refs references a missing row of public.pairs in a, b (id: 4)",
            "4_value.sql:1: 1 row of public.coded violates CHECK (VALUE <> '') in c (id: 2)",
            "5_null.sql:1: 1 row of public.coded has a null in c (id: 3)",
        ]
    );
    // The statements fail as predicted.
    for at in 1..set.len() {
        assert!(migrator(&[set[0], set[at]]).run(database.url()).await.is_err(), "{}", set[at].0);
    }
}

/// The findings about rows of each migration after the first. Each one fails as predicted; only the last may
/// succeed.
async fn about_each(set: &[(&str, &str)]) -> Vec<String> {
    let database = database().await;
    migrator(&set[..1]).run(database.url()).await.unwrap();
    let preflight = migrator(set).preflight(database.url()).await.unwrap();
    let found = preflight.findings.into_iter().filter(|finding| finding.check == Check::Data);
    let (stops, others): (Vec<_>, Vec<_>) = found.partition(|finding| finding.verdict == Verdict::Stop);
    for (file, sql) in &set[1..] {
        let runs = migrator(&[set[0], (file, sql)]).run(database.url()).await.is_ok();
        let is_stopped = stops.iter().any(|stop| stop.found.starts_with(file));
        assert_eq!(runs, !is_stopped, "{file}: {stops:?}, {others:?}");
    }
    stops.into_iter().chain(others).map(|finding| finding.found).collect()
}

#[tokio::test]
async fn rows_on_the_wrong_side_of_a_partitions_bounds_are_counted() {
    let tables = "\
        CREATE TABLE events (id int, at date) PARTITION BY RANGE (at, id); \
        CREATE TABLE y24 PARTITION OF events FOR VALUES FROM ('2024-01-01', MINVALUE) TO ('2025-01-01', MINVALUE); \
        CREATE TABLE rest PARTITION OF events DEFAULT; \
        INSERT INTO events VALUES (1, '2024-05-01'), (1, '2025-05-01'), (2, '2025-05-02'), (3, NULL), (4, '2026-01-01'); \
        CREATE TABLE mixed (id int PRIMARY KEY, at date); \
        INSERT INTO mixed VALUES (1, '2027-01-01'), (2, NULL), (3, '2026-12-31'), (4, '2027-12-31'), (5, '2029-01-01'); \
        CREATE TABLE kinds (id int, kind text) PARTITION BY LIST (lower(kind)); \
        CREATE TABLE kinds_a PARTITION OF kinds FOR VALUES IN ('a', NULL); \
        CREATE TABLE others (id int PRIMARY KEY, kind text); \
        INSERT INTO others VALUES (1, 'A'), (2, 'b'), (3, 'C'), (4, NULL); \
        CREATE TABLE hashed (id int) PARTITION BY HASH (id); CREATE TABLE half (id int PRIMARY KEY); \
        INSERT INTO half SELECT generate_series(1, 20); \
        CREATE TABLE nested (id int, at date) PARTITION BY LIST (id); \
        CREATE TABLE nested_1 PARTITION OF nested FOR VALUES IN (1) PARTITION BY RANGE (at); \
        CREATE TABLE leaf (id int NOT NULL, at date); INSERT INTO leaf VALUES (1, '2024-05-01'), (2, '2024-05-01');";
    let mut found = about_each(&[
        ("1_tables.sql", tables),
        ("2_new.sql", "CREATE TABLE y25 PARTITION OF events FOR VALUES FROM ('2025-01-01', 1) TO ('2025-05-02', 2);"),
        ("3_attach.sql", "ALTER TABLE events ATTACH PARTITION mixed FOR VALUES FROM ('2027-01-01', 1) TO ('2027-12-31', 4);"),
        ("4_list.sql", "ALTER TABLE kinds ATTACH PARTITION others FOR VALUES IN ('b', 'c');"),
        ("5_default.sql", "ALTER TABLE kinds ATTACH PARTITION others DEFAULT;"),
        ("6_nested.sql", "ALTER TABLE nested_1 ATTACH PARTITION leaf FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"),
        ("7_hash.sql", "ALTER TABLE hashed ATTACH PARTITION half FOR VALUES WITH (MODULUS 2, REMAINDER 0);"),
    ])
    .await;
    let hashed = found.iter().position(|found| found.starts_with("7_hash.sql:1: ")).unwrap();
    let hashed = found.remove(hashed);
    assert!(hashed.contains(" rows of half are outside the bounds of the partition (id: "), "{hashed}");
    assert_eq!(
        found,
        [
            "2_new.sql:1: 1 row of the default partition public.rest belongs to the new partition y25 (ctid: (0,1))",
            "3_attach.sql:1: 4 rows of mixed are outside the bounds of the partition (id: 2, 3, 4, …)",
            "4_list.sql:1: 2 rows of others are outside the bounds of the partition (id: 1, 4)",
            "5_default.sql:1: 2 rows of others belong to another partition (id: 1, 4)",
            "6_nested.sql:1: 1 row of leaf is outside the bounds of the partition (ctid: (0,2))",
            "no conflicting rows found (1 query)",
        ]
    );
}

#[tokio::test]
async fn rows_that_an_exclusion_constraint_refuses_are_counted_unless_all_pairs_are_too_many() {
    let tables = "\
        CREATE TABLE bookings (id int PRIMARY KEY, room int4range, during daterange, canceled bool); \
        INSERT INTO bookings VALUES (1, '[1,2)', '[2024-01-01,2024-01-05)', false), (2, '[1,2)', '[2024-01-04,2024-01-09)', false), \
          (3, '[2,3)', '[2024-01-04,2024-01-09)', false), (4, '[1,2)', '[2024-01-02,2024-01-03)', true), (5, NULL, NULL, false); \
        CREATE TABLE many (id int PRIMARY KEY, span int4range); \
        INSERT INTO many SELECT i, int4range(i * 10, i * 10 + 5) FROM generate_series(1, 2001) i; \
        CREATE TABLE indexed (id int PRIMARY KEY, span int4range); INSERT INTO indexed TABLE many; \
        INSERT INTO indexed VALUES (9999, '[12,13)'); CREATE INDEX ON indexed USING gist (span); ANALYZE indexed;";
    let found = about_each(&[
        ("1_tables.sql", tables),
        (
            "2_all.sql",
            "ALTER TABLE bookings ADD EXCLUDE USING gist (room WITH =, during range_ops WITH OPERATOR(pg_catalog.&&));",
        ),
        (
            "3_some.sql",
            "ALTER TABLE bookings ADD CONSTRAINT one EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (NOT bookings.canceled);",
        ),
        ("4_indexed.sql", "ALTER TABLE indexed ADD EXCLUDE USING gist (span WITH &&);"),
        ("5_many.sql", "ALTER TABLE many ADD EXCLUDE USING gist (span WITH &&);"),
    ])
    .await;
    assert_eq!(
        found,
        [
            "2_all.sql:1: 3 rows of bookings conflict with another one in \
             EXCLUDE (room WITH =, during WITH OPERATOR(pg_catalog.&&)) (id: 1, 2, 4)",
            "3_some.sql:1: 2 rows of bookings conflict with another one in \
             EXCLUDE (room WITH =, during WITH &&) WHERE (NOT bookings.canceled) (id: 1, 2)",
            "4_indexed.sql:1: 2 rows of indexed conflict with another one in EXCLUDE (span WITH &&) (id: 1, 9999)",
            "5_many.sql:1: the rows of many could not be checked: without an index, comparing more than 2000 rows \
             with each other takes too long",
        ]
    );
}

#[tokio::test]
async fn values_that_a_narrower_type_excludes_are_counted() {
    let long = "2 rows of users have a value in name that does not fit varchar(7) (id: 8, 9)";
    assert_eq!(rows("ALTER TABLE users ALTER name TYPE varchar(7);").await, [long]);
    let large = "7 rows of users have a value in n that does not fit int4 (id: 3, 4, 5, …)";
    assert_eq!(rows("ALTER TABLE users ALTER n TYPE int;").await, [large]);
    let digits = "9 rows of users have a value in n that does not fit numeric(10,2) (id: 1, 2, 3, …)";
    assert_eq!(rows("ALTER TABLE users ALTER n TYPE numeric(10, 2);").await, [digits]);
    let millions = "9 rows of users have a value in n that does not fit numeric(3,-6) (id: 1, 2, 3, …)";
    assert_eq!(rows("ALTER TABLE users ALTER n TYPE numeric(3, -6);").await, [millions]);
}

#[tokio::test]
async fn not_a_number_fits_every_precision_and_a_table_may_have_any_name() {
    let nan = "ALTER TABLE users ADD f float8 DEFAULT 'NaN';";
    let key = "ALTER TABLE referenced ADD FOREIGN KEY (user_id) REFERENCES users;";
    let database = database().await;
    let table =
        "CREATE TABLE referenced (id int PRIMARY KEY, user_id int); INSERT INTO referenced VALUES (1, 99);";
    let set = [
        ("1_shop.sql", SHOP),
        ("2_nan.sql", nan),
        ("3_table.sql", table),
        ("4_f.sql", "ALTER TABLE users ALTER f TYPE numeric(10, 2);"),
        ("5_key.sql", key),
    ];
    migrator(&set[..3]).run(database.url()).await.unwrap();
    let preflight = migrator(&set).preflight(database.url()).await.unwrap();
    let found = preflight.findings.into_iter().filter(|finding| finding.check == Check::Data);
    let found: Vec<_> = found.map(|finding| (finding.verdict, finding.found)).collect();
    let orphan =
        "5_key.sql:1: 1 row of referenced references a missing row of public.users in user_id (id: 1)";
    let passed = "no conflicting rows found (1 query)";
    assert_eq!(found, [(Verdict::Stop, orphan.to_owned()), (Verdict::Pass, passed.to_owned())]);
}

#[tokio::test]
async fn a_table_without_a_primary_key_shows_where_its_rows_are() {
    let equal = "1 row of logs has the (line) of another one (ctid: (0,2))";
    assert_eq!(rows("ALTER TABLE logs ADD UNIQUE (line);").await, [equal]);
}

#[tokio::test]
async fn rows_are_not_asked_about_where_the_answer_would_say_nothing() {
    let filled =
        "UPDATE users SET email = '' WHERE email IS NULL; ALTER TABLE users ALTER email SET NOT NULL;";
    let found = about_rows(filled, &Thresholds::new()).await;
    let reason = "2_change.sql:1: the rows of users were not checked: the statement at 2_change.sql:1 writes public.users first";
    assert_eq!(found, [(Verdict::Pass, reason.to_owned())]);
    let off = Thresholds::new().probe_time(None);
    assert_eq!(about_rows("ALTER TABLE users ALTER email SET NOT NULL;", &off).await, []);
    let fine = about_rows("ALTER TABLE users ALTER name SET NOT NULL;", &Thresholds::new()).await;
    assert_eq!(fine, [(Verdict::Pass, "no conflicting rows found (1 query)".to_owned())]);
}

#[tokio::test]
async fn rows_that_can_not_be_read_or_not_in_time_are_told() {
    let database = database().await;
    let set = [("1_shop.sql", SHOP), ("2_change.sql", "ALTER TABLE users ALTER email SET NOT NULL;")];
    migrator(&set[..1]).run(database.url()).await.unwrap();
    let told = async |target: &str| {
        let limit = Thresholds::new().probe_time(Some(Duration::from_millis(300)));
        let preflight = migrator(&set).preflight_with(target, &limit).await.unwrap();
        of(&preflight, Check::Data)
    };
    // The server's message would show a value.
    let cast = about_rows("ALTER TABLE users ADD CHECK (email::int > 0);", &Thresholds::new()).await;
    let failed =
        "2_change.sql:1: the rows of users could not be checked: the query failed with SQLSTATE 22P02";
    assert_eq!(cast, [(Verdict::Warning, failed.to_owned())]);
    let other = database.connect().await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE users").await.unwrap();
    let (verdict, said) = told(database.url()).await;
    assert_eq!(verdict, Verdict::Warning, "{said}");
    assert!(said.contains("the rows of users could not be checked"), "{said}");
    // A row policy that hides rows would make the count too small.
    other
        .batch_execute(
            "ROLLBACK; ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE ROLE reader LOGIN; \
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT CREATE ON SCHEMA public TO reader",
        )
        .await
        .unwrap();
    let mut config = database.config();
    config.user("reader");
    let preflight = migrator(&set).preflight(&config).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Data);
    assert_eq!(verdict, Verdict::Warning, "{said}");
    assert!(said.contains("would be affected by row-level security"), "{said}");
    other.batch_execute("DROP OWNED BY reader; DROP ROLE reader").await.unwrap();
}
