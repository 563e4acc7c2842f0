//! One place to run the migrations in, and what must be true in the end.

use migrate_core::Set;
use migrate_postgres::{Migrator, Outcome, Position, Target};
use migrate_tests::sets::{self, Scripts};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls};

/// How many cases are under way at once.
const AT_ONCE: usize = 6;

/// How long a case may take before it counts as hanging, on a machine that has much else to do.
pub(crate) const HANGING: Duration = Duration::from_secs(90);

/// What the migration in the middle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Middle {
    /// Ordinary statements, each with its checkpoint.
    StatementByStatement,
    /// The same around one that refuses a transaction.
    ConcurrentIndex,
}

/// Migrations of every mode. Each leaves rows in a table that is not its own, so that a second application shows, and
/// some set what must not leak.
pub(crate) fn set(middle: Middle) -> Set {
    let effect = |number: usize| format!("INSERT INTO effects VALUES ({number});");
    let middle = match middle {
        Middle::StatementByStatement => format!(
            "-- migrate: transaction=none\n{} SET lock_timeout = '3s'; ALTER TABLE things ADD COLUMN later int; {}",
            effect(40),
            effect(41)
        ),
        Middle::ConcurrentIndex => format!(
            "{} CREATE INDEX CONCURRENTLY things_name ON things (name); ALTER TABLE things ADD COLUMN later int; {}",
            effect(40),
            effect(41)
        ),
    };
    let first =
        format!("CREATE TABLE effects (migration int); CREATE TABLE things (name text); {}", effect(1));
    let second = format!(
        "{} CREATE TABLE more (id bigint PRIMARY KEY); SET lock_timeout = '4s'; SET TimeZone = 'Asia/Tokyo'; \
         SET search_path = pg_catalog;",
        effect(2)
    );
    let third = format!("{} ALTER TABLE more ADD COLUMN name text NOT NULL;", effect(3));
    sets::set(
        "cuts",
        [
            Scripts::up(1, first),
            Scripts::up(2, second),
            Scripts::up(3, third).verify("SELECT count(*) = 1 FROM effects WHERE migration = 3;"),
            Scripts::up(4, middle),
            Scripts::up(5, format!("{} CREATE INDEX ON more (name);", effect(5))),
            Scripts::up(6, effect(6)),
        ],
    )
}

/// What the migrations leave in the table that counts.
const EFFECTS: &str = "1,2,3,5,6,40,41";

/// A schema of its own in a database that others use too, where all that goes on bears its name.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) config: Config,
    pub(crate) middle: Middle,
}

/// What went wrong, in a sentence.
pub(crate) type Verdict = Result<(), String>;

impl Stage {
    /// Makes an empty one.
    pub(crate) async fn make(database: &Config, name: &str, middle: Middle) -> Stage {
        let mut config = database.clone();
        config.application_name(name).options(format!("-c search_path={name}"));
        let client = connect(database).await;
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        Stage { name: name.to_owned(), config, middle }
    }

    pub(crate) fn migrator(&self) -> Migrator {
        Stage::migrator_of(self.middle)
    }

    pub(crate) fn migrator_of(middle: Middle) -> Migrator {
        // No case waits longer for the lock than the server needs to notice that a client is gone.
        let poll = Duration::from_millis(50);
        Migrator::new(set(middle)).poll_interval(poll).lock_wait(HANGING / 2)
    }

    /// Runs again, and looks at everything. `said` is what the run that was disturbed returned, if it returned.
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
            if !position.is_up_to_date() {
                return Err(format!("the first run said it was done, at {position:?}"));
            }
        }
        let again = migrator.run(target).await;
        again.map_err(|error| format!("the run after it: {error}; the first one: {said:?}"))?;
        self.inspect(expected).await
    }

    /// Whether everything is as an undisturbed run would have left it.
    async fn inspect(&self, expected: &str) -> Verdict {
        let client = connect(&self.config).await;
        let schema = catalog(&client).await;
        if schema != expected {
            return Err(format!("the schema is\n{schema}\ninstead of\n{expected}"));
        }
        let effects = "SELECT string_agg(migration::text, ',' ORDER BY migration) FROM effects";
        let effects: String = client.query_one(effects, &[]).await.unwrap().get(0);
        if effects != EFFECTS {
            return Err(format!("the effects are {effects} instead of {EFFECTS}"));
        }
        let migrator = self.migrator();
        let position = migrator.position(&client).await.unwrap();
        if position != (Position::Beginning { applied: 6, total: 6 }) {
            return Err(format!("the history ends at {position:?}"));
        }
        if migrator.verify(&client).await.map_err(|error| error.to_string())? != 1 {
            return Err("the verify script was not run".to_owned());
        }
        let attempts = migrator.history(&client).await.unwrap();
        let done: Vec<String> = attempts
            .iter()
            .filter(|attempt| attempt.outcome == Outcome::Done && attempt.live)
            .map(|attempt| attempt.version.canonical().into_owned())
            .collect();
        if done != ["1", "2", "3", "4", "5", "6"] || attempts.len() != 6 {
            return Err(format!("the history tells of {attempts:#?}"));
        }
        Ok(())
    }

    /// Waits until no session of this case is left, nor any lock of theirs.
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

/// All that is in the current schema, whatever it is called.
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

/// The schema that an undisturbed run leaves.
pub(crate) async fn undisturbed(database: &Config, name: &str, middle: Middle) -> String {
    let stage = Stage::make(database, name, middle).await;
    stage.migrator().run(&stage.config).await.unwrap();
    let client = connect(&stage.config).await;
    let schema = catalog(&client).await;
    stage.inspect(&schema).await.unwrap();
    schema
}

/// Plays cases, some at once, and panics with what went wrong in all of them.
pub(crate) async fn play<F>(cases: impl IntoIterator<Item = (String, F)>)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for (name, case) in cases {
        let turns = turns.clone();
        playing.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
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
