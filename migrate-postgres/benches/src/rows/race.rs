//! Many replicas at once.

use crate::Result;
use crate::corpus::Corpus;
use crate::report::{Criterion, Section, Table};
use crate::stage::Stage;
use crate::times::{Times, ratio, shown};
use crate::tool::{Loaded, Tool};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// `Migrator::poll_interval` when not set.
const POLL: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Contender {
    alone: Times,
    together: Times,
    /// Replicas whose boot failed, in each turn.
    failed: Vec<usize>,
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let (replicas, size) = (stage.options.size(64), stage.options.size(50));
    let corpus = Corpus::tables(size);
    let mut contenders = Vec::new();
    for tool in Tool::ALL {
        contenders.push((tool, Loaded::load(tool, &corpus).await?, Contender::default()));
    }
    for _ in 0..stage.options.runs {
        for (_, loaded, contender) in &mut contenders {
            contender.alone.push(boot(stage, loaded, 1).await?.0);
            let (time, failed) = boot(stage, loaded, replicas).await?;
            contender.together.push(time);
            contender.failed.push(failed);
        }
    }
    let together = format!("{replicas} replicas");
    let mut table = Table::new(["", "one replica", &together, "×", "replicas that failed to boot"]);
    for (tool, _, contender) in &contenders {
        let (alone, together) = (contender.alone.median(), contender.together.median());
        let mut failed = contender.failed.clone();
        failed.sort_unstable();
        table.push([
            tool.name().to_owned(),
            shown(alone),
            shown(together),
            format!("{:.1}", ratio(together, alone)),
            failed[failed.len() / 2].to_string(),
        ]);
    }
    let mut section = Section::new(
        "Replicas racing",
        format!(
            "{size} migrations on an empty database, each replica with a connection of its own, all of them started at \
             once; until the last one is done. A peer without a lock lets most of its replicas fail."
        ),
    );
    section.tables.push(table);
    let ours = &contenders[0].2;
    let (alone, together) = (ours.alone.median(), ours.together.median());
    section.criteria.push(Criterion {
        what: format!("{replicas} replicas, as against one"),
        asked: format!("at most 1.3 × and {}: {}", shown(POLL), shown(alone.mul_f64(1.3) + POLL)),
        measured: shown(together),
        met: Some(together <= alone.mul_f64(1.3) + POLL),
    });
    Ok(section)
}

/// How long all replicas take, and how many fail.
async fn boot(stage: &Stage, loaded: &Loaded, replicas: usize) -> Result<(Duration, usize)> {
    let database = stage.empty().await?;
    let mut sessions = Vec::new();
    for _ in 0..replicas {
        sessions.push(loaded.connect(&database.config()).await?);
    }
    let start = Instant::now();
    let mut boots: JoinSet<bool> =
        sessions.into_iter().map(|mut session| async move { session.boot().await.is_ok() }).collect();
    let mut failed = 0;
    while let Some(done) = boots.join_next().await {
        failed += usize::from(!done.unwrap_or(false));
    }
    let time = start.elapsed();
    database.close().await?;
    Ok((time, failed))
}
