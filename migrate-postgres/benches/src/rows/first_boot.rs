//! Boot on an empty database.

use crate::corpus::{Corpus, Scratch};
use crate::report::{Criterion, Section, Table};
use crate::stage::{Line, Stage, count};
use crate::times::{Times, ratio, shown, timed};
use crate::tool::{Loaded, Place, Tool};
use crate::{Problem, Result};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio_postgres::Config;

const LATENCIES: [u64; 3] = [0, 1, 10];

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let size = stage.options.size(1000);
    let corpus = Corpus::tables(size);
    let scratch = Scratch::new()?;
    let all = scratch.path().join("all.sql");
    std::fs::write(&all, corpus.all())?;
    let psql = stage.server.bin_dir().map_or_else(|| PathBuf::from("psql"), |folder| folder.join("psql"));
    let mut tools = Vec::new();
    for tool in Tool::ALL {
        let loaded = Loaded::load(tool, &corpus).await?;
        let database = stage.empty().await?;
        let traffic = count(&loaded, &database.config()).await?;
        tools.push((tool, loaded, traffic));
    }
    let mut limit: Vec<Times> = vec![Times::default(); LATENCIES.len()];
    let mut times: Vec<Vec<Times>> = vec![vec![Times::default(); LATENCIES.len()]; tools.len()];
    for run in 0..stage.options.runs {
        for (column, latency) in LATENCIES.into_iter().enumerate() {
            if !stage.options.latencies.contains(&latency) {
                continue;
            }
            // Thousands of round trips of 20 ms vary little, and take minutes.
            if latency == 10 && run > 0 {
                continue;
            }
            let latency = Duration::from_millis(latency);
            let database = stage.empty().await?;
            let line = Line::to(&database.config(), latency).await;
            limit[column].push(timed(psql_1(&psql, line.config(), &all)).await?.1);
            database.close().await?;
            for ((_, loaded, _), times) in tools.iter().zip(&mut times) {
                let database = stage.empty().await?;
                let line = Line::to(&database.config(), latency).await;
                let boot = async { loaded.connect(line.config()).await?.boot().await };
                times[column].push(timed(boot).await?.1);
                database.close().await?;
            }
        }
    }
    let mut table = Table::new(["", "round trips", "bytes sent", "0 ms", "× `psql -1`", "1 ms", "10 ms"]);
    let base = limit[0].median();
    let psql_trips = format!("{}", 2 * size + 2);
    let cells = |times: &[Times]| times.iter().map(|times| shown(times.median())).collect::<Vec<_>>();
    let at = cells(&limit);
    table.push([
        "`psql -1 -f all.sql`".to_owned(),
        psql_trips,
        corpus.bytes().to_string(),
        at[0].clone(),
        "1.00".to_owned(),
        at[1].clone(),
        at[2].clone(),
    ]);
    for ((tool, _, traffic), times) in tools.iter().zip(&times) {
        let at = cells(times);
        table.push([
            tool.name().to_owned(),
            traffic.round_trips.to_string(),
            traffic.sent.to_string(),
            at[0].clone(),
            format!("{:.2}", ratio(times[0].median(), base)),
            at[1].clone(),
            at[2].clone(),
        ]);
    }
    let fastest = times[1..].iter().map(|times| times[1].median()).min().unwrap_or_default();
    let mut section = Section::new(
        "Boot on an empty database",
        format!("{size} migrations, a table of eight columns and an index each; connecting is included."),
    );
    section.tables.push(table);
    section.criteria = vec![
        Criterion::at_most("first boot, as against `psql -1`", ratio(times[0][0].median(), base), 1.0),
        Criterion::at_least(
            "first boot at 1 ms of latency, faster than the fastest peer",
            ratio(fastest, times[0][1].median()),
            10.0,
        ),
    ];
    Ok(section)
}

/// `psql -1 -f all.sql`.
async fn psql_1(psql: &Path, config: &Config, file: &Path) -> Result<()> {
    let output = tokio::process::Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "-1", "-v", "ON_ERROR_STOP=1", "-d"])
        .arg(Place::of(config)?.keywords())
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .await?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Problem::from(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
