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
    /// The reason why the contents are not known.
    pub(crate) unread: Option<String>,
}

impl SourceFile {
    /// Creates a file.
    pub fn new(path: impl Into<String>, bytes: impl Into<Cow<'static, [u8]>>) -> SourceFile {
        SourceFile { path: path.into(), bytes: bytes.into(), unread: None }
    }

    /// Creates a folder that is empty or was not searched.
    fn folder(path: &str) -> SourceFile {
        SourceFile::new(format!("{path}/"), &[][..])
    }

    /// Creates a file or a folder that can't be read.
    fn unreadable(path: &str, reason: String) -> SourceFile {
        SourceFile { unread: Some(reason), ..SourceFile::new(path, &[][..]) }
    }
}
