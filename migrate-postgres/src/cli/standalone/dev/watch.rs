//! Watching files, by their times and sizes: no service of the system is needed, and it works in every
//! container.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// The state of the files of a folder and of those beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    files: Vec<(PathBuf, Option<SystemTime>, u64)>,
}

impl Watched {
    /// Reads the state. Assertions and seeds may stand beside the folder.
    pub(super) fn of(folder: &Path) -> Watched {
        let mut files = Vec::new();
        let beside = folder.parent().map(|parent| ["assertions", "seeds"].map(|name| parent.join(name)));
        for path in [folder.to_owned()].into_iter().chain(beside.into_iter().flatten()) {
            collect(&path, &mut files);
        }
        files.sort();
        Watched { files }
    }

    /// Waits until the state is another one and has stopped changing: an editor may write a file in steps.
    pub(super) async fn changed(&self, folder: &Path) {
        let mut last = self.clone();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = Watched::of(folder);
            if now != *self && now == last {
                return;
            }
            last = now;
        }
    }
}

/// A file that can't be read is one that changes when it can.
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
