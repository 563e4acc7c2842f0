//! One side of a difference, before it is read.

use super::plain::{PlainFile, files};
use super::renamed::renames;
use crate::connection::endpoint::Endpoint;
use crate::error::{Error, ScratchError};
use migrate_core::{Set, Version};
use std::fmt;
use std::path::Path;

/// One side of a difference: the source of a schema.
///
/// # Examples
///
/// ```
/// use migrate_postgres::sides::Side;
///
/// let wished = Side::sql("schema.sql", "CREATE TABLE users (id bigint PRIMARY KEY);")?;
/// assert_eq!(wished.to_string(), "schema.sql");
/// let error = Side::sql("schema.sql", "SELECT 'a").unwrap_err();
/// assert!(error.to_string().starts_with("schema.sql:1:8: this string has no closing quote"), "{error}");
/// # Ok::<(), migrate_postgres::Error>(())
/// ```
#[derive(Clone)]
pub struct Side {
    pub(super) kind: SideKind,
    name: String,
}

/// The kinds of sides.
#[derive(Clone)]
pub(super) enum SideKind {
    /// A new database.
    Empty,
    /// A database as it is.
    Database(Box<Endpoint>),
    /// The migrations of a set, in order.
    Migrations { set: Box<Set>, versions: Vec<Version> },
    /// Files of plain SQL.
    Plain(Vec<PlainFile>),
}

/// Omits the address of a database, which may hold a password.
impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A short name for messages, without a password.
impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        fmt::Write::write_str(f, &self.name)
    }
}

impl Side {
    /// A new, empty database.
    pub fn empty() -> Side {
        Side { kind: SideKind::Empty, name: "an empty database".to_owned() }
    }

    /// The database of a connection string, as it is. It is only read.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] if the text is no connection string.
    pub fn database(url: &str) -> Result<Side, Error> {
        Ok(Side::endpoint(Endpoint::of_text(url)?))
    }

    /// The database of an endpoint.
    pub(crate) fn endpoint(endpoint: Endpoint) -> Side {
        let name = endpoint.get_dbname().or(endpoint.get_user()).unwrap_or_default();
        let name = format!("the database {name}");
        Side { kind: SideKind::Database(Box::new(endpoint)), name }
    }

    /// The schema that all migrations of a set make.
    pub fn migrations(set: &Set) -> Side {
        let versions = set.iter().map(|migration| migration.version().clone()).collect();
        let name = format!("the migrations of {}", set.name());
        Side { kind: SideKind::Migrations { set: Box::new(set.clone()), versions }, name }
    }

    /// The schema that the migrations of a set up to a version make, without repeatable ones.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the set lacks the version.
    pub fn migrations_up_to(set: &Set, version: &str) -> Result<Side, Error> {
        let last = set.named_as(version).ok_or_else(|| {
            Error::Refused(migrate_core::plan::Refused::UnknownVersion {
                version: Version::new(version.to_owned(), set.order()),
                last: set.iter().next_back().map(|last| last.name().to_owned()),
            })
        })?;
        let all = set.iter().map(|migration| migration.version().clone());
        let versions = all.filter(|one| one <= last.version() && !one.is_repeatable()).collect();
        let name = format!("the migrations of {} up to {}", set.name(), last.name());
        Ok(Side { kind: SideKind::Migrations { set: Box::new(set.clone()), versions }, name })
    }

    /// The schema that all migrations of a set but one make.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the set lacks the version.
    pub fn migrations_without(set: &Set, version: &str) -> Result<Side, Error> {
        // The error names the migration.
        Side::migrations_up_to(set, version)?;
        let left_out = set.named_as(version).map(|migration| migration.version().clone());
        let all = set.iter().map(|migration| migration.version().clone());
        let versions = all.filter(|one| Some(one) != left_out.as_ref()).collect();
        Ok(Side::of_versions(set, versions, format!("the migrations of {} without {version}", set.name())))
    }

    /// The schema that some migrations of a set make.
    pub(crate) fn of_versions(set: &Set, versions: Vec<Version>, name: String) -> Side {
        Side { kind: SideKind::Migrations { set: Box::new(set.clone()), versions }, name }
    }

    /// The schema that plain SQL makes in an empty database. `path` names it in errors.
    ///
    /// # Errors
    ///
    /// [`ScratchError::PlainText`] if the text can't be split into statements.
    pub fn sql(path: impl Into<String>, text: impl Into<String>) -> Result<Side, Error> {
        let path = path.into();
        let file = PlainFile::read(path.clone(), text.into())?;
        Ok(Side { kind: SideKind::Plain(vec![file]), name: path })
    }

    /// The schema that a file of plain SQL makes in an empty database. The output of
    /// `pg_dump --schema-only` is one.
    ///
    /// # Errors
    ///
    /// [`ScratchError::File`] if it can't be read, and those of [`Side::sql`].
    pub fn file(path: impl AsRef<Path>) -> Result<Side, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScratchError::File { path: path.to_owned(), source })?;
        Side::sql(path.to_string_lossy(), text)
    }

    /// The schema that the files `*.sql` of a folder and of its subfolders make in an empty database, in the
    /// order of their paths. A file that needs objects of a later one runs after it.
    ///
    /// # Errors
    ///
    /// Those of [`Side::file`], and [`ScratchError::NoFiles`] if there is none.
    pub fn folder(path: impl AsRef<Path>) -> Result<Side, Error> {
        let path = path.as_ref();
        let name = path.to_string_lossy().into_owned();
        Ok(Side { kind: SideKind::Plain(files(path)?), name })
    }

    /// The renames that comments in plain SQL declare.
    pub(super) fn renames(&self) -> Vec<(String, String)> {
        match &self.kind {
            SideKind::Plain(files) => files.iter().flat_map(|file| renames(file.script.text())).collect(),
            _ => Vec::new(),
        }
    }

    /// The database, if the side is one.
    pub(crate) fn as_database(&self) -> Option<&Endpoint> {
        match &self.kind {
            SideKind::Database(endpoint) => Some(endpoint),
            _ => None,
        }
    }
}
