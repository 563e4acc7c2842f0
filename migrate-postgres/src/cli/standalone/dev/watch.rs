//! Watching files, by their times and sizes: no service of the system is needed, and it works in every
//! container.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(300);

/// The state of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    files: Vec<(PathBuf, Option<SystemTime>, u64)>,
}

impl Watched {
    /// Reads the state of files and folders.
    pub(super) fn of(paths: &[PathBuf]) -> Watched {
        let mut files = Vec::new();
        for path in paths {
            collect(path, &mut files);
        }
        files.sort();
        Watched { files }
    }

    /// Waits until the state has changed and then settled: an editor may write a file in steps.
    pub(super) async fn changed(&self, paths: &[PathBuf]) {
        let mut last = self.clone();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = Watched::of(paths);
            if now != *self && now == last {
                return;
            }
            last = now;
        }
    }
}

/// A file that can't be read counts as changed once it can.
fn collect(path: &Path, files: &mut Vec<(PathBuf, Option<SystemTime>, u64)>) {
    let Ok(found) = fs::metadata(path) else { return };
    if !found.is_dir() {
        files.push((path.to_owned(), found.modified().ok(), found.len()));
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        collect(&entry.path(), files);
    }
}
