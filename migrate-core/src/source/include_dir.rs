//! A folder embedded by the `include_dir` crate.

use crate::layout;
use crate::problem::Problems;
use crate::set::Set;
use crate::source::SourceFile;
use ::include_dir::{Dir, DirEntry};
use std::path::Path;

impl TryFrom<&Dir<'static>> for Set {
    type Error = Problems;

    /// The same set that `migrate!` embeds from that folder, but found at run time.
    fn try_from(dir: &Dir<'static>) -> Result<Set, Problems> {
        let mut files = Vec::new();
        for entry in dir.entries() {
            let name = name(entry.path());
            match entry {
                DirEntry::File(file) => files.push(SourceFile::new(name, file.contents())),
                DirEntry::Dir(inner) if inner.entries().is_empty() => files.push(SourceFile::folder(&name)),
                DirEntry::Dir(inner) => {
                    for entry in inner.entries() {
                        let name = format!("{name}/{}", self::name(entry.path()));
                        files.push(match entry {
                            DirEntry::File(file) => SourceFile::new(name, file.contents()),
                            DirEntry::Dir(_) => SourceFile::folder(&name),
                        });
                    }
                }
            }
        }
        layout::read(files).map(Set::from)
    }
}

/// Paths in a `Dir` are relative to its root; their last part is the name.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
