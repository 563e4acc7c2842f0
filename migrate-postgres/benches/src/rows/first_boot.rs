//! Boot on an empty database.

use crate::corpus::{Corpus, Scratch};
use crate::report::{Criterion, Section, Table};
use crate::stage::{Line, Stage, Traffic, count};
use crate::times::{Times, ratio, shown, timed};
use crate::tool::{Loaded, Place, Tool};
use crate::{Problem, Result};
use migrate_tests::proxy::Proxy;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio_postgres::Config;

/// At this latency one turn will do: thousands of round trips of 20 ms vary little, and take minutes.
const SLOW: u64 = 10;

/// A tool, or psql, with its times by latency.
struct Contender {
    name: &'static str,
    loaded: Option<Loaded>,
    traffic: Traffic,
    times: Vec<Times>,
}

/// All scripts in one file, and the program that runs it.
struct Psql {
    program: PathBuf,
    file: PathBuf,
    _folder: Scratch,
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let size = stage.options.size(1000);
    let corpus = Corpus::tables(size);
    let psql = Psql::new(stage, &corpus)?;
    let latencies = &stage.options.latencies;
    let mut contenders = contenders(stage, &corpus, &psql).await?;
    for run in 0..stage.options.runs {
        for (column, latency) in
            latencies.iter().enumerate().filter(|(_, latency)| **latency < SLOW || run == 0)
        {
            for contender in &mut contenders {
                let database = stage.empty().await?;
                let line = Line::to(&database.config(), Duration::from_millis(*latency)).await;
                let boot = contender.boot(&psql, line.config());
                let (_, time) = timed(boot).await?;
                contender.times[column].push(time);
                database.close().await?;
            }
        }
    }
    let mut section = Section::new(
        "Boot on an empty database",
        format!("{size} migrations, a table of eight columns and an index each; connecting is included."),
    );
    section.tables.push(table(latencies, &contenders));
    section.criteria = criteria(latencies, &contenders);
    Ok(section)
}

async fn contenders(stage: &Stage, corpus: &Corpus, psql: &Psql) -> Result<Vec<Contender>> {
    let times = vec![Times::new(); stage.options.latencies.len()];
    let database = stage.empty().await?;
    let proxy = Proxy::start(&database.config()).await;
    psql.run(&proxy.config()).await?;
    let traffic = Traffic::of(&proxy);
    let limit = Contender { name: "`psql -1 -f all.sql`", loaded: None, traffic, times: times.clone() };
    let mut contenders = vec![limit];
    for tool in Tool::ALL {
        let loaded = Loaded::load(tool, corpus).await?;
        let database = stage.empty().await?;
        let traffic = count(&loaded, &database.config()).await?;
        contenders.push(Contender { name: tool.name(), loaded: Some(loaded), traffic, times: times.clone() });
    }
    Ok(contenders)
}

fn table(latencies: &[u64], contenders: &[Contender]) -> Table {
    let mut header = ["", "round trips", "bytes sent"].map(str::to_owned).to_vec();
    let mut rows: Vec<Vec<String>> = contenders
        .iter()
        .map(|Contender { name, traffic, .. }| {
            vec![(*name).to_owned(), traffic.round_trips.to_string(), traffic.sent.to_string()]
        })
        .collect();
    for (column, latency) in latencies.iter().enumerate() {
        header.extend([format!("{latency} ms"), "×".to_owned()]);
        let base = contenders[0].times[column].median();
        for (row, contender) in rows.iter_mut().zip(contenders) {
            let time = contender.times[column].median();
            row.extend([shown(time), format!("{:.2}", ratio(time, base))]);
        }
    }
    Table { header, rows }
}

fn criteria(latencies: &[u64], contenders: &[Contender]) -> Vec<Criterion> {
    let at = |contender: &Contender, column: usize| contender.times[column].median();
    let mut criteria = Vec::new();
    if let Some(column) = latencies.iter().position(|latency| *latency == 0) {
        let of_psql = ratio(at(&contenders[1], column), at(&contenders[0], column));
        criteria.push(Criterion::at_most("first boot, as against `psql -1`", of_psql, 1.0));
    }
    if let Some(column) = latencies.iter().position(|latency| *latency == 1) {
        let peer = contenders[2..].iter().map(|peer| at(peer, column)).min().unwrap_or_default();
        let faster = ratio(peer, at(&contenders[1], column));
        let what = "first boot at 1 ms of latency, faster than the fastest peer";
        criteria.push(Criterion::at_least(what, faster, 10.0));
    }
    criteria
}

impl Contender {
    /// Connects and boots.
    async fn boot(&self, psql: &Psql, config: &Config) -> Result<()> {
        match &self.loaded {
            Some(loaded) => loaded.connect(config).await?.boot().await,
            None => psql.run(config).await,
        }
    }
}

impl Psql {
    fn new(stage: &Stage, corpus: &Corpus) -> Result<Psql> {
        let folder = Scratch::new()?;
        let file = folder.path().join("all.sql");
        std::fs::write(&file, corpus.all())?;
        let program =
            stage.server.bin_dir().map_or_else(|| PathBuf::from("psql"), |folder| folder.join("psql"));
        Ok(Psql { program, file, _folder: folder })
    }

    /// `psql -1 -f all.sql`.
    async fn run(&self, config: &Config) -> Result<()> {
        let output = tokio::process::Command::new(&self.program)
            .args(["--no-psqlrc", "--quiet", "-1", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(Place::of(config)?.keywords())
            .arg("-f")
            .arg(&self.file)
            .stdin(Stdio::null())
            .output()
            .await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(Problem::from(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}
