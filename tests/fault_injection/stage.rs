//! A stage for interrupted runs, and the conditions that must hold in the end.

use migrate_core::Set;
use migrate_postgres::testing::{self, Server};
use migrate_postgres::{AttemptOutcome, Migrator, SetPosition, Target, migrate};
use migrate_tests::history_head;
use migrate_tests::proxy::When;
use migrate_tests::sets::{self, Scripts};
use std::future::Future;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls};

/// The number of cases that run at once, across all tests: more would only slow each other down.
static TURNS: Semaphore = Semaphore::const_new(12);

/// The points of interruption that an ordinary run of the tests tries: one in so many.
const ONE_IN: usize = 16;

/// The points of interruption to try, out of endlessly many. Each test begins at another one, and two successive
/// major versions of PostgreSQL halfway between each other's, so that together they try nearly all. With
/// `MIGRATE_TEST_EVERY_POINT` in the environment each test tries every one, which takes minutes.
pub(crate) fn points(test: &str) -> impl Iterator<Item = usize> + use<> {
    let (first, step) = match std::env::var_os("MIGRATE_TEST_EVERY_POINT") {
        Some(_) => (0, 1),
        None => {
            let major = testing::server().unwrap().version_num() as usize / 10_000;
            let name: usize = test.bytes().map(usize::from).sum();
            ((name + major % 2 * ONE_IN / 2) % ONE_IN, ONE_IN)
        }
    };
    (first..).step_by(step)
}

/// Before and after each of a client's messages, the first of which is number 1.
pub(crate) fn moments(messages: usize) -> Vec<(usize, When)> {
    (1..=messages).flat_map(|k| [(k, When::BeforeForwarding), (k, When::AfterForwarding)]).collect()
}

/// The time after which a case counts as hanging, on a busy machine.
pub(crate) const HANGING: Duration = Duration::from_secs(90);

/// The kind of the middle migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Middle {
    /// Ordinary statements, each with its checkpoint.
    StatementByStatement,
    /// Ordinary statements around one that refuses a transaction.
    ConcurrentIndex,
    /// The script's own transactions.
    Own,
    /// The script's own transactions around a statement that refuses one.
    OwnAroundIndex,
    /// Rust code, and more of it before and behind it.
    Code,
}

impl Middle {
    pub(crate) const ALL: [Middle; 5] = [
        Middle::StatementByStatement,
        Middle::ConcurrentIndex,
        Middle::Own,
        Middle::OwnAroundIndex,
        Middle::Code,
    ];

    /// True if the scripts begin and end transactions themselves.
    fn is_own(self) -> bool {
        matches!(self, Middle::Own | Middle::OwnAroundIndex)
    }
}

/// The action of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Applies all migrations to an empty schema.
    Up,
    /// Reverts all but the first.
    Back,
}

impl Act {
    pub(crate) async fn take<T: Target + ?Sized>(
        self,
        migrator: &Migrator,
        target: &T,
    ) -> Result<(), String> {
        let taken = match self {
            Act::Up => migrator.run(target).await,
            Act::Back => migrator.to(target, "1").await,
        };
        taken.map(drop).map_err(|error| error.to_string())
    }

    /// The contents of the counting table afterwards, and the count.
    fn effects(self, middle: Middle) -> (&'static str, i32) {
        match (self, middle) {
            (Act::Up, Middle::Own) => ("1,2,3,5,6,40,41,42,43", 3),
            (Act::Back, Middle::Own) => ("-42,-41,-40,-6,-5,-3,-2,1,2,3,5,6,40,41,42,43", 5),
            (Act::Up, Middle::OwnAroundIndex) => ("1,2,3,5,6,40,41", 2),
            (Act::Back, Middle::OwnAroundIndex) => ("-41,-40,-6,-5,-3,-2,1,2,3,5,6,40,41", 3),
            (Act::Up, Middle::Code) => ("1,2,3,5,6,40,41", 1),
            (Act::Back, Middle::Code) => ("-41,-40,-6,-5,-3,-2,1,2,3,5,6,40,41", 2),
            (Act::Up, _) => ("1,2,3,5,6,40,41", 0),
            (Act::Back, _) => ("-41,-40,-6,-5,-3,-2,1,2,3,5,6,40,41", 0),
        }
    }

    /// The number of applied migrations afterwards.
    fn applied(self) -> usize {
        match self {
            Act::Up => 6,
            Act::Back => 1,
        }
    }
}

/// Migrations of every mode. Each writes rows to another migration's table, in both directions, so that a
/// second application shows; some change settings that must not leak.
pub(crate) fn set(middle: Middle) -> Set {
    let effect = |number: i32| format!("INSERT INTO effects VALUES ({number});");
    if middle.is_own() {
        return own_set(middle);
    }
    if middle == Middle::Code {
        return CODE.set().clone().named("cuts");
    }
    let (directive, index, no_index) = match middle {
        Middle::StatementByStatement => ("-- migrate: transaction=none\n", "", ""),
        Middle::ConcurrentIndex => (
            "",
            "CREATE INDEX CONCURRENTLY things_name ON things (name);",
            "DROP INDEX CONCURRENTLY things_name;",
        ),
        Middle::Own | Middle::OwnAroundIndex | Middle::Code => unreachable!("they have a set of their own"),
    };
    let first = format!("{TABLES} {}", effect(1));
    let second = format!(
        "{} CREATE TABLE more (id bigint PRIMARY KEY); SET lock_timeout = '4s'; SET TimeZone = 'Asia/Tokyo'; \
         SET search_path = pg_catalog;",
        effect(2)
    );
    let third = format!("{} ALTER TABLE more ADD COLUMN name text NOT NULL;", effect(3));
    let fourth = format!(
        "{directive}{} SET lock_timeout = '3s'; {index} ALTER TABLE things ADD COLUMN later int; {}",
        effect(40),
        effect(41)
    );
    let not_fourth = format!(
        "{directive}{} ALTER TABLE things DROP COLUMN later; {no_index} SET TimeZone = 'Asia/Tokyo'; {}",
        effect(-41),
        effect(-40)
    );
    sets::set(
        "cuts",
        [
            Scripts::up(1, first).down("DROP TABLE things; DROP TABLE effects;"),
            Scripts::up(2, second).down(format!("{} DROP TABLE more;", effect(-2))),
            Scripts::up(3, third)
                .down(format!(
                    "{} ALTER TABLE more DROP COLUMN name; SET search_path = pg_catalog;",
                    effect(-3)
                ))
                .verify("SELECT count(*) = 1 FROM effects WHERE migration = 3;"),
            Scripts::up(4, fourth).down(not_fourth),
            Scripts::up(5, format!("{} CREATE INDEX ON more (name);", effect(5)))
                .down(format!("DROP INDEX more_name_idx; {}", effect(-5))),
            Scripts::up(6, effect(6)).down(effect(-6)),
        ],
    )
}

/// The same effects as those of scripts, and a count that is not idempotent.
static CODE: Migrator = migrate!("fixtures/cut");

const TABLES: &str = "CREATE TABLE effects (migration int); CREATE TABLE things (name text); \
                      CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);";

/// Migrations that begin and end transactions themselves, and count an operation that is not idempotent: `n =
/// n + 1`.
fn own_set(middle: Middle) -> Set {
    let (fourth, not_fourth) = match middle {
        Middle::OwnAroundIndex => (
            "BEGIN; INSERT INTO effects VALUES (40); UPDATE counter SET n = n + 1; SET TimeZone = 'Asia/Tokyo'; COMMIT;
             CREATE INDEX CONCURRENTLY things_name ON things (name);
             BEGIN; INSERT INTO effects VALUES (999); ROLLBACK;
             START TRANSACTION READ ONLY; SELECT count(*) FROM effects; COMMIT;
             ALTER TABLE things ADD COLUMN later int;
             BEGIN; SAVEPOINT s; INSERT INTO effects VALUES (999); ROLLBACK TO s;
             UPDATE counter SET n = n + 1; INSERT INTO effects VALUES (41); COMMIT;",
            "BEGIN; INSERT INTO effects VALUES (-41); ALTER TABLE things DROP COLUMN later; COMMIT;
             DROP INDEX CONCURRENTLY things_name;
             BEGIN; UPDATE counter SET n = n + 1; INSERT INTO effects VALUES (-40); END;",
        ),
        _ => (
            "INSERT INTO effects VALUES (40);
             BEGIN; SET LOCAL lock_timeout = '3s'; ALTER TYPE mood ADD VALUE 'glad'; UPDATE counter SET n = n + 1; COMMIT;
             INSERT INTO moods VALUES ('glad'); SET TimeZone = 'Asia/Tokyo'; INSERT INTO effects VALUES (41); COMMIT;
             BEGIN; INSERT INTO effects VALUES (999); SET search_path = pg_catalog; ROLLBACK;
             BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE counter SET n = n + 1; COMMIT AND CHAIN;
             INSERT INTO effects SELECT 42 WHERE current_setting('transaction_isolation') = 'repeatable read'
               AND current_setting('TimeZone') = 'Asia/Tokyo'; COMMIT;
             BEGIN READ ONLY; SELECT count(*) FROM effects; COMMIT;
             ALTER TABLE things ADD COLUMN later int; UPDATE counter SET n = n + 1; INSERT INTO effects VALUES (43);",
            "BEGIN; INSERT INTO effects VALUES (-42); UPDATE counter SET n = n + 1; COMMIT AND CHAIN;
             INSERT INTO effects VALUES (-41); COMMIT; ALTER TABLE things DROP COLUMN later; COMMIT;
             BEGIN; INSERT INTO effects VALUES (-999); ROLLBACK;
             UPDATE counter SET n = n + 1; INSERT INTO effects VALUES (-40);",
        ),
    };
    sets::set(
        "cuts",
        [
            Scripts::up(
                1,
                format!(
                    "{TABLES} CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood); INSERT INTO effects VALUES (1);"
                ),
            ),
            Scripts::up(
                2,
                "-- AlterEnum\nBEGIN; CREATE TABLE more (id bigint PRIMARY KEY); INSERT INTO effects VALUES (2); COMMIT;",
            )
            .down("BEGIN; DROP TABLE more; INSERT INTO effects VALUES (-2); COMMIT; -- done"),
            Scripts::up(
                3,
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO effects VALUES (3);
                 ALTER TABLE more ADD COLUMN name text NOT NULL;",
            )
            .down(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO effects VALUES (-3);
                 ALTER TABLE more DROP COLUMN name; SET search_path = pg_catalog; END;",
            )
            .verify("SELECT count(*) = 1 FROM effects WHERE migration = 3;"),
            Scripts::up(4, fourth).down(not_fourth),
            Scripts::up(5, "INSERT INTO effects VALUES (5); CREATE INDEX ON more (name);")
                .down("DROP INDEX more_name_idx; INSERT INTO effects VALUES (-5);"),
            Scripts::up(6, "BEGIN; INSERT INTO effects VALUES (6); COMMIT;")
                .down("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; INSERT INTO effects VALUES (-6);"),
        ],
    )
}

/// A private schema in a shared database; all activity in it carries the schema's name.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// The schema of the history.
    pub(crate) schema: String,
    pub(crate) config: Config,
    pub(crate) middle: Middle,
    pub(crate) act: Act,
}

/// The failure, in a sentence.
pub(crate) type Verdict = Result<(), String>;

impl Stage {
    /// Makes an empty stage, for going forward.
    pub(crate) async fn make(database: &Config, name: &str, middle: Middle) -> Stage {
        let mut config = database.clone();
        config.application_name(name).options(format!("-c search_path={name}"));
        let client = connect(database).await;
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        Stage { name: name.to_owned(), schema: name.to_owned(), config, middle, act: Act::Up }
    }

    /// Makes an empty stage in a separate database, for poolers that set no search path.
    pub(crate) async fn make_alone(server: &Server, name: &str, middle: Middle) -> Stage {
        let admin = connect(&server.config("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let mut config = server.config(name);
        config.application_name(name);
        Stage { name: name.to_owned(), schema: "public".to_owned(), config, middle, act: Act::Up }
    }

    /// Makes a stage on which everything is applied, for going back.
    pub(crate) async fn make_to_go(act: Act, database: &Config, name: &str, middle: Middle) -> Stage {
        let stage = Stage::make(database, name, middle).await;
        if act == Act::Back {
            stage.migrator().run(&stage.config).await.unwrap();
        }
        Stage { act, ..stage }
    }

    pub(crate) fn migrator(&self) -> Migrator {
        Stage::migrator_of(self.middle, &self.schema)
    }

    /// Here, each schema acts as a separate database, so a run must be told its schema by name.
    pub(crate) fn migrator_of(middle: Middle, schema: &str) -> Migrator {
        // No case waits longer for the lock than the server needs to notice that a client is gone.
        let poll = Duration::from_millis(50);
        Migrator::new(set(middle))
            .history_schema(schema.to_owned())
            .poll_interval(poll)
            .lock_wait(HANGING / 2)
    }

    /// Runs again, and checks everything. `said` is the result of the interrupted run, if it returned.
    pub(crate) async fn finish<T: Target + ?Sized>(
        &self,
        target: &T,
        said: Option<Result<(), String>>,
        expected: &str,
    ) -> Verdict {
        let migrator = self.migrator();
        let said_done = said == Some(Ok(()));
        if said_done {
            let position = migrator.position(&self.config).await.map_err(|error| error.to_string())?;
            if position != self.end() {
                return Err(format!("the first run said it was done, at {position:?}"));
            }
        }
        if let Some(fault) = history_head::fault(&connect(&self.config).await).await {
            return Err(format!("before the run after it, {fault}; the first one: {said:?}"));
        }
        let again = self.act.take(&migrator, target).await;
        again.map_err(|error| format!("the run after it: {error}; the first one: {said:?}"))?;
        self.inspect(expected).await
    }

    fn end(&self) -> SetPosition {
        SetPosition::at(self.act.applied(), 6)
    }

    /// True if the history says that everything is done.
    pub(crate) async fn is_at_its_end(&self) -> bool {
        self.migrator().position(&self.config).await.unwrap() == self.end()
    }

    /// Checks that everything is as an uninterrupted run would have left it.
    async fn inspect(&self, expected: &str) -> Verdict {
        let client = connect(&self.config).await;
        let schema = catalog(&client).await;
        if schema != expected {
            return Err(format!("the schema is\n{schema}\ninstead of\n{expected}"));
        }
        let effects = "SELECT string_agg(migration::text, ',' ORDER BY migration) FROM effects";
        let effects: String = client.query_one(effects, &[]).await.unwrap().get(0);
        let counted: i32 = client.query_one("SELECT n FROM counter", &[]).await.unwrap().get(0);
        let expected = self.act.effects(self.middle);
        if (effects.as_str(), counted) != expected {
            return Err(format!(
                "the effects are {effects}, counted {counted} times, instead of {expected:?}"
            ));
        }
        if let Some(fault) = history_head::fault(&client).await {
            return Err(fault);
        }
        if history_head::head(&client, "cuts").await.is_none_or(|head| head.is_empty()) {
            return Err("a boot would not find its head".to_owned());
        }
        let migrator = self.migrator();
        let position = migrator.position(&client).await.unwrap();
        if position != self.end() {
            return Err(format!("the history ends at {position:?}"));
        }
        migrator.verify(&client).await.map_err(|error| error.to_string())?;
        let attempts = migrator.history(&client).await.unwrap();
        // An interrupted attempt has a row that says so, and so does one that hit a lock timeout after it.
        let is_cut_short = |attempt: &&migrate_postgres::Attempt| match &attempt.outcome {
            AttemptOutcome::Interrupted { .. } => true,
            AttemptOutcome::Failed { sqlstate, .. } => sqlstate.as_deref() == Some("55P03"),
            _ => false,
        };
        let ended: Vec<_> = attempts.iter().filter(|attempt| !is_cut_short(attempt)).collect();
        let live = attempts.iter().filter(|attempt| attempt.live).map(|a| a.version.canonical().into_owned());
        let expected: Vec<String> = (1..=self.act.applied()).map(|version| version.to_string()).collect();
        let all_done = ended.iter().all(|attempt| attempt.outcome == AttemptOutcome::Done);
        if live.collect::<Vec<String>>() != expected || ended.len() != 6 + 6 - expected.len() || !all_done {
            return Err(format!("the history tells of {attempts:#?}"));
        }
        Ok(())
    }

    /// Waits until no session or lock of this case is left.
    pub(crate) async fn leave(&self, database: &Config) -> Verdict {
        let admin = connect(database).await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        loop {
            let left: i64 = admin.query_one(sql, &[&self.name]).await.unwrap().get(0);
            if left == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The complete contents of the current schema, without its name.
pub(crate) async fn catalog(client: &Client) -> String {
    let sql = "\
        WITH ours AS (SELECT c.oid, c.relname, c.relkind FROM pg_class c \
                      WHERE c.relnamespace = current_schema()::regnamespace) \
        SELECT replace(string_agg(line, E'\\n' ORDER BY line), current_schema()::text, 'the_schema') FROM ( \
          SELECT format('%s %s', relkind, relname) AS line FROM ours \
          UNION ALL SELECT format('%s.%s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull, \
            (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)) \
          FROM ours JOIN pg_attribute ON attrelid = oid AND attnum > 0 WHERE relkind = 'r' \
          UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c JOIN ours ON conrelid = ours.oid \
          UNION ALL SELECT format('%s valid %s ready %s', pg_get_indexdef(indexrelid), indisvalid, indisready) \
          FROM pg_index JOIN ours ON indexrelid = oid) lines";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The schema that an uninterrupted run leaves.
pub(crate) async fn undisturbed(act: Act, database: &Config, middle: Middle) -> String {
    let stage = Stage::make_to_go(act, database, "undisturbed", middle).await;
    act.take(&stage.migrator(), &stage.config).await.unwrap();
    let client = connect(&stage.config).await;
    let schema = catalog(&client).await;
    stage.inspect(&schema).await.unwrap();
    schema
}

/// Runs cases, several at once, and panics with all failures.
pub(crate) async fn play<F>(cases: impl IntoIterator<Item = (String, F)>)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    let mut playing = JoinSet::new();
    for (name, case) in cases {
        playing.spawn(async move {
            let _turn = TURNS.acquire().await.unwrap();
            let verdict =
                tokio::time::timeout(HANGING, case).await.unwrap_or_else(|_| Err("it hangs".to_owned()));
            verdict.map_err(|problem| format!("{name}: {problem}"))
        });
    }
    let mut problems: Vec<String> = playing.join_all().await.into_iter().filter_map(Result::err).collect();
    problems.sort();
    let count = problems.len();
    assert!(problems.is_empty(), "{count} cases went wrong:\n{}", problems.join("\n"));
}
