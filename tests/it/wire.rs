//! Traffic on the wire: a boot with nothing pending takes one query, and a run takes few.

use deadpool_postgres::{Manager, Pool};
use migrate_core::plan::To;
use migrate_core::{Set, Version};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Target};
use migrate_tests::proxy::{Connection, Content, Point, Proxy, Side, When};
use migrate_tests::sets::{self, Scripts, tables};
use tokio_postgres::{Client, NoTls};

struct Wired {
    proxy: Proxy,
    database: Database,
}

/// A database behind a proxy.
async fn wired() -> Wired {
    let database = testing::server().unwrap().database().await.unwrap();
    Wired { proxy: Proxy::start(&database.config()).await, database }
}

impl Wired {
    /// A client through the proxy, with an empty record.
    async fn client(&self) -> Client {
        let (client, connection) = self.proxy.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        self.proxy.forget();
        client
    }

    fn pool(&self, size: usize) -> Pool {
        Pool::builder(Manager::new(self.proxy.config(), NoTls)).max_size(size).build().unwrap()
    }
}

/// Code in one transaction, after a script.
static CODE: Migrator = migrate_postgres::migrate!("fixtures/wired");

#[tokio::test]
async fn code_takes_a_round_trip_for_each_call_and_two_around_them() {
    let wired = wired().await;
    let client = wired.client().await;
    CODE.clone().up_to("0001").run(&client).await.unwrap();
    wired.proxy.forget();
    let report = CODE.run(&client).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    let connection = wired.proxy.connection();
    assert_unnamed(std::slice::from_ref(&connection));
    // The end of the history, the lock, the begin, two calls, the commit, the lock again.
    assert_eq!(connection.round_trips, 7, "{:?}", connection.sql());
    boots_with_one_query(&CODE, &wired.proxy, &client).await;
}

/// A set that counts as applied, without the time to apply it.
async fn applied(database: &Database, count: usize) -> Migrator {
    let set = tables(count);
    let last = set.last_version().unwrap().to_string();
    let migrator = Migrator::new(set);
    assert_eq!(migrator.baseline(&database.config(), &last).await.unwrap().steps.len(), count);
    migrator
}

/// One simple query.
fn assert_one_query(connection: &Connection) {
    assert_eq!(connection.tags(Side::Client), "Q");
    let answer = connection.tags(Side::Server).replace('D', "");
    assert_eq!(answer, "TCZ");
    assert_eq!(connection.round_trips, 1);
    assert_unnamed(std::slice::from_ref(connection));
    let sql = connection.sql()[0];
    for word in ["advisory", "BEGIN", "CREATE", "LOCK", "SET "] {
        assert!(!sql.contains(word), "{word} in {sql}");
    }
}

/// Statements and portals are unnamed: behind a transaction pooler, the next query may reach another server
/// process.
fn assert_unnamed(connections: &[Connection]) {
    for message in connections.iter().flat_map(|connection| &connection.messages) {
        assert!(!message.is_named(), "{message:?}");
    }
}

async fn boots_with_one_query<T: Target + ?Sized>(migrator: &Migrator, proxy: &Proxy, target: &T) -> usize {
    proxy.forget();
    let before = proxy.connections().len();
    assert!(migrator.run(target).await.unwrap().is_noop());
    let connections = proxy.connections();
    assert!(connections.len() <= before + 1, "one connection is enough");
    let used: Vec<&Connection> = connections.iter().filter(|c| !c.messages.is_empty()).collect();
    assert_eq!(used.len(), 1);
    assert_one_query(used[0]);
    used[0].bytes(Side::Server)
}

#[tokio::test]
async fn a_boot_with_nothing_pending_is_one_query_whatever_the_set_and_the_target() {
    let mut received = Vec::new();
    for count in [10, 1_000, 10_000] {
        let wired = wired().await;
        let (migrator, proxy) = (applied(&wired.database, count).await, &wired.proxy);
        received.extend([
            boots_with_one_query(&migrator, proxy, &wired.client().await).await,
            boots_with_one_query(&migrator, proxy, &wired.pool(2)).await,
            boots_with_one_query(&migrator, proxy, &wired.pool(1).get().await.unwrap()).await,
            boots_with_one_query(&migrator, proxy, proxy.url().as_str()).await,
            boots_with_one_query(&migrator, proxy, &proxy.config()).await,
        ]);
    }
    // A large set's names have more digits, and some of them are in the answer.
    let most = received[0] + 50;
    assert!(received.iter().all(|bytes| *bytes <= most), "bytes received grow: {received:?}");
}

#[tokio::test]
async fn an_older_binary_on_a_newer_schema_boots_with_one_query_and_a_much_older_one_with_two() {
    for (count, newer, queries) in [(10, 1, 1), (10_000, 7, 1), (10, 8, 2), (10_000, 100, 2)] {
        let wired = wired().await;
        let older = applied(&wired.database, count).await;
        let later = Migrator::new(tables(count + newer)).run(&wired.database.config()).await;
        assert_eq!(later.unwrap().steps.len(), newer);
        let client = wired.client().await;
        let report = older.run(&client).await.unwrap();
        assert!(report.is_noop());
        assert_eq!(report.applied, count + newer);
        assert_eq!(wired.proxy.connection().round_trips, queries);
        assert_unnamed(&[wired.proxy.connection()]);
    }
}

#[tokio::test]
async fn a_role_that_may_only_read_the_history_boots_with_one_query() {
    let wired = wired().await;
    let migrator = applied(&wired.database, 10).await;
    let role = format!("reader_of_{}", wired.database.name());
    let admin = wired.database.connect().await.unwrap();
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'reader'; REVOKE ALL ON SCHEMA public FROM public; \
             GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON migrate_history, migrate_history_head TO {role};"
        ))
        .await
        .unwrap();
    let mut config = wired.proxy.config();
    config.user(&role).password("reader");
    boots_with_one_query(&migrator, &wired.proxy, &config).await;
    // It may read nothing else, and write nothing.
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert!(client.batch_execute("DELETE FROM migrate_history").await.is_err());
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// The server reports an error at once, and ReadyForQuery a moment later. PgBouncer before 1.21 considers a
/// message sent in between answered, and gives its answer to another client if this one is lost.
#[tokio::test]
async fn what_follows_an_error_is_sent_when_the_server_is_ready_for_it() {
    let (counted, held) = (wired().await, wired().await);
    let migrator = Migrator::new(tables(1));
    migrator.run(counted.proxy.url().as_str()).await.unwrap();
    let first = &counted.proxy.connections()[0];
    let error = first.tags(Side::Server).find('E').expect("a database without a history says so by an error");
    let opening = first.count(Side::Server) - first.of(Side::Server).count();
    held.proxy.hold(Point::of(0, Side::Server, opening + error + 2), When::BeforeForwarding);
    let url = held.proxy.url();
    let run = tokio::spawn(async move { migrator.run(&url).await });
    held.proxy.held().await;
    // Enough time to send something.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let connection = &held.proxy.connections()[0];
    assert!(connection.tags(Side::Server).starts_with("EZ"), "{:?}", connection.messages);
    assert_eq!(connection.tags(Side::Client), "Q", "{:?}", connection.sql());
    run.abort();
}

/// The number of round trips of each connection, and the total.
fn round_trips(proxy: &Proxy) -> Vec<usize> {
    let connections = proxy.connections();
    assert_unnamed(&connections);
    connections.iter().map(|connection| connection.round_trips).collect()
}

/// Reads the history, takes the lock, creates the history's table, applies, and releases the lock. With two
/// connections, the one that holds the lock releases it.
#[tokio::test]
async fn a_first_boot_takes_as_many_round_trips_for_a_hundred_migrations_as_for_one() {
    for count in [1, 100] {
        let over_client = wired().await;
        let client = over_client.client().await;
        assert_eq!(Migrator::new(tables(count)).run(&client).await.unwrap().steps.len(), count);
        assert_eq!(round_trips(&over_client.proxy), [3], "{count} migrations over a client");

        let over_url = wired().await;
        Migrator::new(tables(count)).run(over_url.proxy.url().as_str()).await.unwrap();
        assert_eq!(round_trips(&over_url.proxy), [3, 1], "{count} migrations over a URL");
    }
}

/// Reads the history, takes the lock, and applies. The end of the history shows that exactly the beginning of
/// the set is applied.
#[tokio::test]
async fn one_pending_takes_as_many_round_trips_of_a_thousand_migrations_as_of_two() {
    for count in [2, 1_000] {
        let migrator = Migrator::new(tables(count));
        let over_client = wired().await;
        drop(applied(&over_client.database, count - 1).await);
        let client = over_client.client().await;
        assert_eq!(migrator.run(&client).await.unwrap().steps.len(), 1);
        assert_eq!(round_trips(&over_client.proxy), [3], "one of {count} over a client");

        let over_url = wired().await;
        drop(applied(&over_url.database, count - 1).await);
        assert_eq!(migrator.run(over_url.proxy.url().as_str()).await.unwrap().steps.len(), 1);
        assert_eq!(round_trips(&over_url.proxy), [3, 1], "one of {count} over a URL");
    }
}

/// Migrations of every mode, for every command.
fn every_mode() -> Set {
    sets::set(
        "modes",
        [
            Scripts::up(1, "CREATE TABLE a (id bigint);")
                .down("DROP TABLE a;")
                .verify("SELECT count(*) = 0 FROM a;"),
            Scripts::up(2, "CREATE INDEX CONCURRENTLY a_id ON a (id); ANALYZE a;")
                .down("DROP INDEX CONCURRENTLY a_id;"),
            Scripts::up(3, "CREATE TABLE b (id bigint);").down("DROP TABLE b;"),
        ],
    )
}

#[tokio::test]
async fn no_verb_uses_a_named_statement_or_portal() {
    async fn every_verb<T: Target + ?Sized>(migrator: &Migrator, target: &T) {
        assert_eq!(migrator.plan(target).await.unwrap().steps.len(), 3);
        assert_eq!(migrator.run(target).await.unwrap().steps.len(), 3);
        migrator.status(target).await.unwrap();
        assert_eq!(migrator.verify(target).await.unwrap(), 1);
        assert_eq!(migrator.redo(target, 3).await.unwrap().steps.len(), 6);
        assert_eq!(migrator.down(target, 1).await.unwrap().steps.len(), 1);
        assert_eq!(migrator.to(target, "1").await.unwrap().steps.len(), 1);
        migrator.run_plan(target, &To::version(Version::numeric("3"))).await.unwrap();
        migrator.position(target).await.unwrap();
        assert!(!migrator.history(target).await.unwrap().is_empty());
        migrator.down(target, 3).await.unwrap();
        migrator.baseline(target, "2").await.unwrap();
    }
    let migrator = Migrator::new(every_mode());
    let (over_client, over_pool, over_url) = (wired().await, wired().await, wired().await);
    every_verb(&migrator, &over_client.client().await).await;
    every_verb(&migrator, &over_pool.pool(2)).await;
    every_verb(&migrator, over_url.proxy.url().as_str()).await;
    for wired in [over_client, over_pool, over_url] {
        let connections = wired.proxy.connections();
        assert_unnamed(&connections);
        let parsed = |c: &Connection| c.messages.iter().any(|m| matches!(m.content, Content::Parse { .. }));
        assert!(connections.iter().any(parsed), "the proxy saw what was parsed");
        assert_eq!(wired.proxy.cancels(), 0, "nothing is cancelled that went well");
    }
}

/// The round trips and the SQL of one call, which opens at most one connection.
async fn reading<T: Target + ?Sized>(wired: &Wired, target: &T) -> (usize, Vec<String>) {
    let migrator = Migrator::new(tables(3));
    wired.proxy.forget();
    let before = wired.proxy.connections().len();
    assert_eq!(migrator.status(target).await.unwrap().pending().count(), 1);
    let connections = wired.proxy.connections();
    assert!(connections.len() <= before + 1, "one connection is enough");
    assert_unnamed(&connections);
    let used: Vec<&Connection> = connections.iter().filter(|c| !c.messages.is_empty()).collect();
    assert_eq!(used.len(), 1);
    (used[0].round_trips, used[0].sql().into_iter().map(str::to_owned).collect())
}

/// Only a single transaction reads a history consistently while a run is in progress.
#[tokio::test]
async fn a_status_is_one_read_only_transaction_of_three_round_trips_at_most() {
    let wired = wired().await;
    Migrator::new(tables(2)).run(&wired.database.config()).await.unwrap();
    let (url, pool) = (wired.proxy.url(), wired.pool(1));
    for (round_trips, sql) in [reading(&wired, url.as_str()).await, reading(&wired, &pool).await] {
        assert!(round_trips <= 3, "{round_trips} round trips");
        assert!(sql[0].starts_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"), "{}", sql[0]);
        assert_eq!(sql.last().unwrap(), "COMMIT");
        assert_eq!(sql.iter().filter(|sql| sql.contains("COMMIT")).count(), 1);
    }
}

#[tokio::test]
async fn a_status_over_a_client_leaves_the_transaction_of_its_owner_as_it_is() {
    let wired = wired().await;
    Migrator::new(tables(2)).run(&wired.database.config()).await.unwrap();
    let client = wired.client().await;
    client.batch_execute("BEGIN; CREATE TABLE of_the_owner (id int)").await.unwrap();
    let (round_trips, sql) = reading(&wired, &client).await;
    assert!(round_trips <= 3, "{round_trips} round trips");
    assert!(sql.iter().all(|sql| !sql.contains("BEGIN") && !sql.contains("COMMIT")), "{sql:?}");
    client.batch_execute("INSERT INTO of_the_owner VALUES (1); COMMIT").await.unwrap();
    let row = client.query_one("SELECT count(*) FROM of_the_owner", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

/// A plan asks the catalog about the objects of its statements beside what a status reads: once for all of them.
#[tokio::test]
async fn a_plan_takes_three_round_trips_more_than_a_status_however_many_migrations_are_pending() {
    let wired = wired().await;
    Migrator::new(tables(1)).run(&wired.database.config()).await.unwrap();
    let pending = |count: usize| {
        let first = Scripts::up(1, "CREATE TABLE t1 (id bigint);").down("DROP TABLE t1;");
        let later = (2..count + 2).map(|n| {
            Scripts::up(n, format!("ALTER TABLE t1 ALTER COLUMN id TYPE int; CREATE INDEX i{n} ON t1 (id);"))
        });
        Migrator::new(sets::set("tables", std::iter::once(first).chain(later)))
    };
    for count in [1, 50] {
        wired.proxy.forget();
        let explained = pending(count).explain(wired.proxy.url().as_str()).await.unwrap();
        assert_eq!(explained.steps.len(), count);
        let round_trips: usize = wired.proxy.connections().iter().map(|c| c.round_trips).sum();
        assert!(round_trips <= 6, "{round_trips} round trips for {count} migrations");
    }
}
