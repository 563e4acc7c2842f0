//! Boot with one migration pending.

use crate::Result;
use crate::corpus::Corpus;
use crate::report::{Criterion, Section, Table};
use crate::stage::{Line, Stage, Traffic, count};
use crate::times::{Times, shown, timed};
use crate::tool::{Loaded, Tool};
use migrate_postgres::testing::Database;
use std::time::Duration;
use tokio_postgres::Config;

struct Contender {
    tool: Tool,
    all: Loaded,
    /// A database with all but the last.
    before: Database,
    traffic: Traffic,
    times: Vec<Times>,
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let size = stage.options.size(1000);
    let corpus = Corpus::light(size);
    let latencies = &stage.options.latencies;
    let mut contenders = Vec::new();
    for tool in Tool::ALL {
        let before = stage.empty().await?;
        let loaded = Loaded::load(tool, &corpus.first(size - 1)).await?;
        loaded.connect(&before.config()).await?.boot().await?;
        let all = Loaded::load(tool, &corpus).await?;
        let copy = Copy::of(stage, &before).await?;
        let traffic = count(&all, &copy.config).await?;
        copy.drop(stage).await?;
        let times = vec![Times::default(); latencies.len()];
        contenders.push(Contender { tool, all, before, traffic, times });
    }
    for _ in 0..stage.options.runs * 3 {
        for (column, latency) in latencies.iter().enumerate() {
            for contender in &mut contenders {
                let copy = Copy::of(stage, &contender.before).await?;
                let line = Line::to(&copy.config, Duration::from_millis(*latency)).await;
                let mut session = contender.all.connect(line.config()).await?;
                contender.times[column].push(timed(session.boot()).await?.1);
                drop(session);
                copy.drop(stage).await?;
            }
        }
    }
    let header = ["", "round trips", "bytes"].map(str::to_owned).into_iter();
    let columns = latencies.iter().map(|latency| format!("{latency} ms"));
    let mut table = Table { header: header.chain(columns).collect(), rows: Vec::new() };
    for Contender { tool, traffic, times, .. } in &contenders {
        let bytes = (traffic.sent + traffic.received).to_string();
        let mut row = vec![tool.name().to_owned(), traffic.round_trips.to_string(), bytes];
        row.extend(times.iter().map(|times| shown(times.median())));
        table.rows.push(row);
    }
    let mut section = Section::new(
        "Boot with one migration pending",
        format!("The last of {size}, on a new connection, the time to connect left out."),
    );
    section.tables.push(table);
    let trips = contenders[0].traffic.round_trips;
    section.criteria.push(Criterion::count("one pending", trips, 4, "round trips"));
    Ok(section)
}

/// A copy of a database.
struct Copy {
    name: String,
    config: Config,
}

impl Copy {
    async fn of(stage: &Stage, database: &Database) -> Result<Copy> {
        let name = format!("{}_copy", database.name());
        stage.admin(&format!("CREATE DATABASE {name} TEMPLATE {}", database.name())).await?;
        Ok(Copy { config: stage.server.config(&name), name })
    }

    async fn drop(self, stage: &Stage) -> Result<()> {
        stage.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }
}
