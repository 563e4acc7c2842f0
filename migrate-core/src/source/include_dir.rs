//! A folder embedded by the `include_dir` crate.

use crate::layout::Reading;
use crate::problem::Problems;
use crate::set::Set;
use crate::source::SourceFile;
use ::include_dir::{Dir, DirEntry};
use std::path::Path;

impl TryFrom<&Dir<'static>> for Set {
    type Error = Problems;

    /// The same set that `migrate!` embeds from that folder, but found at run time.
    fn try_from(dir: &Dir<'static>) -> Result<Set, Problems> {
        Set::from_include_dir(dir, &Reading::default())
    }
}

impl Set {
    /// The migrations of an embedded folder, read in another way than usual: with placeholders, say.
    ///
    /// # Errors
    ///
    /// All that is wrong with its files.
    pub fn from_include_dir(dir: &Dir<'static>, reading: &Reading) -> Result<Set, Problems> {
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
        reading.read(files).map(Set::from)
    }
}

/// Paths in a `Dir` are relative to its root; their last part is the name.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
