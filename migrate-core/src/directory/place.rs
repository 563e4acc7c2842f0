//! File locations, and the properties of a location that are the same in every layout.

/// Returns true if any layout might read a file of this name.
pub(crate) fn may_read(path: &str) -> bool {
    matches!(extension(path).to_ascii_lowercase().as_str(), "sql" | "rs" | "toml" | "conf")
}

fn extension(path: &str) -> &str {
    path.rsplit(['/', '.']).next().filter(|_| path.contains('.')).unwrap_or_default()
}

/// The location of a file: its name and its folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLocation<'a> {
    pub(super) folder: Option<&'a str>,
    /// Ends in `/` if it is a nested folder; empty for an empty folder.
    pub(super) file: &'a str,
}

impl<'a> FileLocation<'a> {
    pub(super) fn of(path: &'a str) -> FileLocation<'a> {
        // Only Flyway's nested folders are searched; elsewhere they are names in their folder.
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

    /// Returns true for files that appear in every kind of migration directory and have no effect.
    pub(super) fn is_known(self) -> bool {
        let documentation = matches!(self.file, "README" | "LICENSE")
            || matches!(extension(self.file), "md" | "txt" | "rst" | "adoc");
        let left_by_an_editor = self.file.ends_with('~')
            || self.file.len() > 1 && self.file.starts_with('#') && self.file.ends_with('#');
        self.is_hidden() || documentation || left_by_an_editor
    }

    /// Returns true if its name is that of a verify script, in layouts whose files hold two halves.
    pub(super) fn is_verify(self) -> bool {
        self.folder.is_none() && self.file.ends_with(".verify.sql")
    }

    pub(super) fn is_sql(self) -> bool {
        extension(self.file).eq_ignore_ascii_case("sql")
    }
}
