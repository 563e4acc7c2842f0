//! Where the files of a migration directory come from.
//!
//! `migrate!`, [`Set::from_folder`](crate::Set::from_folder) and `TryFrom<&include_dir::Dir>` each bring the same list of
//! [`SourceFile`]s to the one reader, [`layout::read`](crate::directory::read), and so give the same set.

pub mod folder;
#[cfg(feature = "include_dir")]
mod include_dir;

use std::borrow::Cow;

/// One file of a migration directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path relative to the directory, with `/` between folders. A `/` at its end makes it a folder that is empty, or that
    /// was not looked into.
    pub path: String,
    /// What it holds. Left empty for files that no layout reads.
    pub bytes: Cow<'static, [u8]>,
}

impl SourceFile {
    /// A file.
    pub fn new(path: impl Into<String>, bytes: impl Into<Cow<'static, [u8]>>) -> SourceFile {
        SourceFile { path: path.into(), bytes: bytes.into() }
    }

    /// A folder that is empty, or that was not looked into.
    fn folder(path: &str) -> SourceFile {
        SourceFile { path: format!("{path}/"), bytes: Cow::Borrowed(&[]) }
    }
}
