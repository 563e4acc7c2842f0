//! Folders embedded by the `include_dir` crate.

use crate::directory::source::SourceFile;
use crate::directory::{self, Reading};
use crate::set::Set;
use crate::set::companion::SEEDS;
use crate::set::problem::Problems;
use ::include_dir::{Dir, DirEntry};
use std::path::Path;

impl TryFrom<&Dir<'static>> for Set {
    type Error = Problems;

    /// Reads the same set that `migrate!` embeds from that folder, but at run time.
    fn try_from(dir: &Dir<'static>) -> Result<Set, Problems> {
        Set::from_include_dir(dir, &Reading::default())
    }
}

impl Set {
    /// Reads the migrations of an embedded folder with other options, such as placeholders.
    ///
    /// # Errors
    ///
    /// Every problem with its files.
    pub fn from_include_dir(dir: &Dir<'static>, reading: &Reading) -> Result<Set, Problems> {
        let mut files = Vec::new();
        collect(dir, "", 1, &mut files);
        if directory::has_depth(files.iter().map(|file| file.path.as_str())) {
            files.clear();
            collect(dir, "", usize::MAX, &mut files);
        }
        reading.read(files).map(Set::from)
    }
}

/// Collects the files of a folder and of its subfolders down to a depth.
fn collect(dir: &Dir<'static>, prefix: &str, depth: usize, files: &mut Vec<SourceFile>) {
    for entry in dir.entries() {
        let name = format!("{prefix}{}", name(entry.path()));
        match entry {
            DirEntry::File(file) => files.push(SourceFile::new(name, file.contents())),
            DirEntry::Dir(inner) if depth == 0 || inner.entries().is_empty() => {
                files.push(SourceFile::folder(&name));
            }
            DirEntry::Dir(inner) => {
                let depth = if name == SEEDS { depth } else { depth - 1 };
                collect(inner, &format!("{name}/"), depth, files);
            }
        }
    }
}

/// The name in a path. Paths in a `Dir` are relative to its root; the last component is the name.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
