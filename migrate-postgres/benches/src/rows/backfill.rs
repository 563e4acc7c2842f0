//! A backfill of a large table beside a steady load of short queries: its effect on them.
//!
//! The measure is the slowest query in each second, since an average hides what a user waits for.

use crate::corpus::Scratch;
use crate::report::{Criterion, Section, Table};
use crate::stage::{Stage, connect};
use crate::times::{ratio, shown};
use crate::{Problem, Result};
use migrate_postgres::testing::Database;
use migrate_postgres::{Migrator, Set};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::types::Type;

/// The sessions of the load.
const SESSIONS: usize = 4;

/// The pause of a session between two queries.
const PAUSE: Duration = Duration::from_millis(2);

/// The statement that fills the column.
const FILL: &str = "UPDATE users SET slug = lower(name) WHERE slug IS NULL";

/// The ways to fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    /// Nothing is filled: the load alone.
    Nothing,
    Ours,
    OneStatement,
}

const ALL: [Contender; 3] = [Contender::Nothing, Contender::Ours, Contender::OneStatement];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Contender::Nothing => "the load alone",
            Contender::Ours => "**a backfill in batches**",
            Contender::OneStatement => "one `UPDATE`",
        }
    }
}

/// The measurements of the load.
struct Felt {
    took: Duration,
    /// The slowest query of each second, in ascending order.
    slowest: Vec<Duration>,
}

impl Felt {
    fn at(&self, percent: usize) -> Duration {
        let last = self.slowest.len().saturating_sub(1);
        self.slowest.get(last * percent / 100).copied().unwrap_or_default()
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let rows = if stage.options.quick { 100_000 } else { 10_000_000 };
    let mut table = Table::new([
        "",
        "took",
        "rows per second",
        "slowest query in a second: median",
        "95 % of the seconds",
        "worst",
    ]);
    let mut felt = Vec::new();
    for contender in ALL {
        eprintln!("filling {rows} rows: {} …", contender.name());
        let measured = measure(stage, contender, rows).await?;
        let per_second = match contender {
            Contender::Nothing => "–".to_owned(),
            _ => format!("{:.0}", rows as f64 / measured.took.as_secs_f64()),
        };
        table.push([
            contender.name().to_owned(),
            shown(measured.took),
            per_second,
            shown(measured.at(50)),
            shown(measured.at(95)),
            shown(measured.at(100)),
        ]);
        felt.push(measured);
    }
    let mut section = Section::new(
        "A backfill beside a steady load",
        format!(
            "{rows} rows get a column from another one, while {SESSIONS} sessions read rows by their key and change every \
             tenth, with {} ms between two queries.",
            PAUSE.as_millis()
        ),
    );
    section.tables.push(table);
    let [_, ours, one] = &felt[..] else { return Err(Problem::from("each contender is measured")) };
    section.criteria.push(Criterion::at_most(
        "the worst query beside the backfill, as against one `UPDATE`",
        ratio(ours.at(100), one.at(100)),
        0.5,
    ));
    Ok(section)
}

async fn measure(stage: &Stage, contender: Contender, rows: usize) -> Result<Felt> {
    let database = stage.empty().await?;
    let scratch = Scratch::new()?;
    let migrator = prepare(&database, &scratch, rows).await?;
    let load = Load::start(&database.config(), rows).await?;
    let start = Instant::now();
    match contender {
        Contender::Nothing => tokio::time::sleep(Duration::from_secs(10)).await,
        Contender::Ours => {
            migrator.run(database.url()).await?;
            migrator.backfill(database.url()).await?;
        }
        Contender::OneStatement => {
            let client = connect(&database.config()).await?;
            client.batch_execute("ALTER TABLE users ADD COLUMN slug text").await?;
            client.batch_execute(FILL).await?;
        }
    }
    let took = start.elapsed();
    let slowest = load.end().await?;
    if contender != Contender::Nothing {
        let left = "SELECT count(*) FROM users WHERE slug IS DISTINCT FROM lower(name)";
        let left: i64 = connect(&database.config()).await?.query_one(left, &[]).await?.get(0);
        if left > 0 {
            return Err(Problem::from(format!("{left} rows were not filled")));
        }
    }
    database.close().await?;
    Ok(Felt { took, slowest })
}

/// The table with its rows, and the migrations that fill a column of it.
async fn prepare(database: &Database, scratch: &Scratch, rows: usize) -> Result<Migrator> {
    let users = "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, visits int NOT NULL DEFAULT 0);";
    let column = "ALTER TABLE users ADD COLUMN slug text;";
    let fill = format!("-- migrate: batch=users(id)\n{FILL} AND ${{batch}};");
    for (name, text) in [("1_users.sql", users), ("2_slug.sql", column), ("3_slugs.sql", &fill)] {
        fs::write(scratch.path().join(name), text)?;
    }
    let migrator = Migrator::new(Set::from_folder(scratch.path())?);
    migrator.to(database.url(), "1").await?;
    let client = connect(&database.config()).await?;
    client
        .batch_execute(&format!("INSERT INTO users SELECT n, 'User ' || n FROM generate_series(1, {rows}) n"))
        .await?;
    client.batch_execute("VACUUM (ANALYZE) users").await?;
    Ok(migrator)
}

/// Sessions that send short queries until told to end.
struct Load {
    is_over: Arc<AtomicBool>,
    sessions: JoinSet<Result<Vec<(Instant, Duration)>>>,
}

impl Load {
    async fn start(config: &Config, rows: usize) -> Result<Load> {
        let (is_over, mut sessions) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..SESSIONS {
            let client = connect(config).await?;
            let is_over = Arc::clone(&is_over);
            sessions.spawn(async move {
                let mut queries = Vec::new();
                // Steps through the table in an order without a pattern, the same in each run.
                for step in number.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = i64::try_from(step.wrapping_mul(2_654_435_761) % rows)? + 1;
                    let sql = match step % 10 {
                        0 => "UPDATE users SET visits = visits + 1 WHERE id = $1",
                        _ => "SELECT name FROM users WHERE id = $1",
                    };
                    let sent = Instant::now();
                    client.query_typed(sql, &[(&id, Type::INT8)]).await?;
                    queries.push((sent, sent.elapsed()));
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(queries)
            });
        }
        Ok(Load { is_over, sessions })
    }

    /// Ends the sessions, and returns the slowest query of each second in ascending order.
    async fn end(mut self) -> Result<Vec<Duration>> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut queries = Vec::new();
        while let Some(session) = self.sessions.join_next().await {
            queries.extend(session??);
        }
        queries.sort_unstable();
        let first = queries.first().map(|(sent, _)| *sent);
        let mut slowest: Vec<Duration> = Vec::new();
        for (sent, took) in queries {
            let second = first.map_or(0, |first| (sent - first).as_secs()) as usize;
            slowest.resize(slowest.len().max(second + 1), Duration::ZERO);
            slowest[second] = slowest[second].max(took);
        }
        // A second in which no query was sent belongs to a query that took longer.
        slowest.retain(|slowest| !slowest.is_zero());
        slowest.sort_unstable();
        Ok(slowest)
    }
}
