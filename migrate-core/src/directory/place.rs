//! Where a file stands, and what can be told from that in every layout.

/// Whether any layout may read a file of this name.
pub(crate) fn may_read(path: &str) -> bool {
    matches!(extension(path).to_ascii_lowercase().as_str(), "sql" | "toml" | "conf")
}

fn extension(path: &str) -> &str {
    path.rsplit(['/', '.']).next().filter(|_| path.contains('.')).unwrap_or_default()
}

/// A file's place: its name, and the folder that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLocation<'a> {
    pub(super) folder: Option<&'a str>,
    /// Ends in `/` when it is a folder in a folder, and is empty for an empty folder.
    pub(super) file: &'a str,
}

impl<'a> FileLocation<'a> {
    pub(super) fn of(path: &'a str) -> FileLocation<'a> {
        // Folders in folders are looked into for Flyway only; elsewhere they are names in their folder.
        let parts = if path.ends_with('/') { path.split_once('/') } else { path.rsplit_once('/') };
        match parts {
            Some((folder, file)) => FileLocation { folder: Some(folder), file },
            None => FileLocation { folder: None, file: path },
        }
    }

    pub(super) fn is_hidden(self) -> bool {
        let is_in_hidden = |folder: &str| folder.split('/').any(|folder| folder.starts_with('.'));
        self.folder.is_some_and(is_in_hidden) || self.file.starts_with('.')
    }

    /// Whether it stands in migration directories of every kind and means nothing.
    pub(super) fn is_known(self) -> bool {
        let documentation = matches!(self.file, "README" | "LICENSE")
            || matches!(extension(self.file), "md" | "txt" | "rst" | "adoc");
        let left_by_an_editor = self.file.ends_with('~')
            || self.file.len() > 1 && self.file.starts_with('#') && self.file.ends_with('#');
        self.is_hidden() || documentation || left_by_an_editor
    }

    /// Whether it is a verify script by its name, beside scripts that hold two halves.
    pub(super) fn is_verify(self) -> bool {
        self.folder.is_none() && self.file.ends_with(".verify.sql")
    }

    pub(super) fn is_sql(self) -> bool {
        extension(self.file).eq_ignore_ascii_case("sql")
    }
}
