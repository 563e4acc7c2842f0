//! Boot with nothing pending.

use crate::corpus::Corpus;
use crate::report::{Criterion, Section, Table};
use crate::stage::{Line, Stage, Traffic, connect, count};
use crate::times::{Times, paired_ratio, ratio, shown, timed};
use crate::tool::{Loaded, Session, Tool};
use crate::{Problem, Result};
use migrate_postgres::testing::Database;
use std::time::Duration;
use tokio_postgres::Client;

/// A boot is short: each turn has so many, and where nothing delays them, many more.
const TURNS: usize = 20;
const TURNS_WITHOUT_LATENCY: usize = 100;

/// A tool whose migrations are all applied.
struct Contender {
    tool: Tool,
    loaded: Loaded,
    database: Database,
    traffic: Traffic,
    /// On a connection that has booted before.
    warm: Vec<Times>,
    /// On a new one, connecting left out.
    cold: Times,
}

/// One query, on the connection that booted and on a new one.
#[derive(Default)]
struct Limit {
    warm: Vec<Times>,
    cold: Times,
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "Boot with nothing pending",
        "On an open connection that has booted before, boots in a row (by latency of the line, each way), and on a new connection, \
         the time to connect left out. Ours take turns with the `SELECT 1`, so for them × is the median of each one's ratio.",
    );
    let latencies: Vec<String> =
        stage.options.latencies.iter().map(|latency| format!("{latency} ms")).collect();
    let header = ["migrations", "", "round trips", "bytes"].map(str::to_owned).into_iter();
    let tail = ["new connection", "× `SELECT 1`"].map(str::to_owned);
    let mut table = Table { header: header.chain(latencies).chain(tail).collect(), rows: Vec::new() };
    for size in [10, 1000, 10_000].map(|size| stage.options.size(size)) {
        let (limit, contenders) = measure(stage, size).await?;
        let base = limit.warm[0].median();
        table.rows.push(cells(size, "one `SELECT 1`", "1", String::new(), &limit.warm, &limit.cold, 1.0));
        for contender in &contenders {
            let Traffic { round_trips, sent, received, .. } = &contender.traffic;
            let (trips, bytes) = (round_trips.to_string(), (sent + received).to_string());
            let name = contender.tool.name();
            // The machine is faster at some times than at others, and each of ours has its own `SELECT 1` right before it.
            let against = match contender.tool {
                Tool::Ours => paired_ratio(&contender.warm[0], &limit.warm[0]),
                _ => ratio(contender.warm[0].median(), base),
            };
            table.rows.push(cells(size, name, &trips, bytes, &contender.warm, &contender.cold, against));
        }
        let ours = &contenders[0];
        let what = format!("nothing pending, {size} migrations");
        section.criteria.push(Criterion::count(&*what, ours.traffic.round_trips, 1, "round trip"));
        section.criteria.push(Criterion::at_most(
            format!("{what}, as against one `SELECT 1` on the same connection"),
            paired_ratio(&ours.warm[0], &limit.warm[0]),
            1.5,
        ));
    }
    section.tables.push(table);
    Ok(section)
}

fn cells(
    size: usize,
    name: &str,
    trips: &str,
    bytes: String,
    warm: &[Times],
    cold: &Times,
    against: f64,
) -> Vec<String> {
    let mut row = vec![size.to_string(), name.to_owned(), trips.to_owned(), bytes];
    row.extend(warm.iter().map(|times| shown(times.median())));
    row.push(shown(cold.median()));
    row.push(format!("{against:.2}"));
    row
}

async fn measure(stage: &Stage, size: usize) -> Result<(Limit, Vec<Contender>)> {
    let corpus = Corpus::light(size);
    let latencies = &stage.options.latencies;
    let mut contenders = Vec::new();
    for tool in Tool::ALL {
        let loaded = Loaded::load(tool, &corpus).await?;
        let database = stage.empty().await?;
        loaded.connect(&database.config()).await?.boot().await?;
        let client = database.connect().await?;
        // As autovacuum leaves the tables.
        client.batch_execute("VACUUM ANALYZE").await?;
        let traffic = count(&loaded, &database.config()).await?;
        let warm = vec![Times::default(); latencies.len()];
        contenders.push(Contender { tool, loaded, database, traffic, warm, cold: Times::default() });
    }
    let mut limit = Limit { warm: vec![Times::default(); latencies.len()], ..Limit::default() };
    for (column, latency) in latencies.iter().enumerate() {
        warm(stage, column, Duration::from_millis(*latency), &mut limit, &mut contenders).await?;
    }
    for _ in 0..stage.options.runs * TURNS {
        let client = connect(&contenders[0].database.config()).await?;
        limit.cold.push(timed(client.simple_query("SELECT 1")).await?.1);
        for contender in &mut contenders {
            let mut session = contender.loaded.connect(&contender.database.config()).await?;
            contender.cold.push(timed(session.boot()).await?.1);
        }
    }
    Ok((limit, contenders))
}

async fn warm(
    stage: &Stage,
    column: usize,
    latency: Duration,
    limit: &mut Limit,
    contenders: &mut [Contender],
) -> Result<()> {
    let mut sessions = Vec::new();
    for contender in &*contenders {
        let line = Line::to(&contender.database.config(), latency).await;
        let mut session = contender.loaded.connect(line.config()).await?;
        session.boot().await?;
        sessions.push((session, line));
    }
    let turns = if latency.is_zero() { TURNS_WITHOUT_LATENCY } else { TURNS };
    // The first turn is that of connections that have only just been made, and is not counted.
    for turn in 0..=stage.options.runs {
        if turn == 1 {
            limit.warm[column] = Times::default();
        }
        for (contender, (session, _)) in contenders.iter_mut().zip(&mut sessions) {
            if turn == 1 {
                contender.warm[column] = Times::default();
            }
            for _ in 0..turns {
                // Between boots, so that both find the processor's caches as our own connection leaves them.
                if let Ok(ours) = client(session) {
                    limit.warm[column].push(timed(ours.simple_query("SELECT 1")).await?.1);
                }
                contender.warm[column].push(timed(session.boot()).await?.1);
            }
        }
    }
    Ok(())
}

/// The connection that our boot uses.
fn client(session: &Session) -> Result<&Client> {
    match session {
        Session::Ours(session) => Ok(&session.client),
        _ => Err(Problem::from("our session is the first")),
    }
}
