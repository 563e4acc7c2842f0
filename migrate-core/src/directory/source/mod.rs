//! Sources: the origins of a migration directory's files.
//!
//! `migrate!`, [`Set::from_folder`](crate::Set::from_folder) and `TryFrom<&include_dir::Dir>` all pass the
//! same list of [`SourceFile`]s to the one reader, [`directory::read`](crate::directory::read), so they give
//! the same set.

pub mod folder;
#[cfg(feature = "include_dir")]
mod include_dir;

use std::borrow::Cow;

/// One file of a migration directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path relative to the directory, with `/` between folders. A trailing `/` marks a folder that is
    /// empty or was not searched.
    pub path: String,
    /// The contents. Empty for files that no layout reads.
    pub bytes: Cow<'static, [u8]>,
}

impl SourceFile {
    /// Creates a file.
    pub fn new(path: impl Into<String>, bytes: impl Into<Cow<'static, [u8]>>) -> SourceFile {
        SourceFile { path: path.into(), bytes: bytes.into() }
    }

    /// Creates a folder that is empty or was not searched.
    fn folder(path: &str) -> SourceFile {
        SourceFile { path: format!("{path}/"), bytes: Cow::Borrowed(&[]) }
    }
}
