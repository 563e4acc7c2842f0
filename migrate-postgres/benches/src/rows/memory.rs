//! Memory of a boot with megabytes of scripts.

use crate::corpus::Corpus;
use crate::report::{Criterion, Section, Table};
use crate::stage::Stage;
use crate::tool::{Loaded, Session, Tool};
use crate::{HEAP, Result};

const BYTES: usize = 5_000_000;

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let count = stage.options.size(1000);
    let corpus = Corpus::wordy(count, BYTES / count);
    let mut table = Table::new(["", "all pending", "nothing pending"]);
    let mut ours = 0;
    for tool in Tool::ALL {
        let loaded = Loaded::load(tool, &corpus).await?;
        let database = stage.empty().await?;
        let mut session = loaded.connect(&database.config()).await?;
        let pending = growth(&mut session).await?;
        let nothing = growth(&mut session).await?;
        if tool == Tool::Ours {
            ours = pending;
        }
        table.push([tool.name().to_owned(), kilobytes(pending), kilobytes(nothing)]);
    }
    let mut section = Section::new(
        "Memory of a boot",
        format!(
            "{count} scripts of {} bytes in all: how far the heap grows during a boot beyond what it holds before, the \
             scripts and the open connection. libpq's heap, which diesel uses, is not counted.",
            corpus.bytes()
        ),
    );
    section.tables.push(table);
    section.criteria.push(Criterion {
        what: "growth of the heap, all pending".to_owned(),
        asked: "under 2 MB".to_owned(),
        measured: kilobytes(ours),
        met: Some(ours < 2 << 20),
    });
    Ok(section)
}

async fn growth(session: &mut Session) -> Result<usize> {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    session.boot().await?;
    Ok(HEAP.peak_usage().saturating_sub(before))
}

fn kilobytes(bytes: usize) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}
