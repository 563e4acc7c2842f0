//! Foreign histories: other tools' rows and checksums as data.
//!
//! A row of another tool's table becomes a [`ForeignMigration`], by the rules with which that tool reads its
//! own table. Each tool has a file here, which names its source. [`Adopt`](crate::plan::Adopt) takes the rows
//! over into this library's history.
//!
//! | tool | table | checksum |
//! |---|---|---|
//! | Prisma | `_prisma_migrations` | SHA-256 of the file, as hexadecimal digits |
//! | sqlx | `_sqlx_migrations` | SHA-384 of the file |
//! | refinery | `refinery_schema_history` | SipHash-1-3 of name, version and text |
//! | diesel | `__diesel_schema_migrations` | none |
//! | golang-migrate | `schema_migrations` with `dirty` | none |
//! | tern | `schema_version` | none |
//! | dbmate, Rails | `schema_migrations` | none |
//! | goose | `goose_db_version` | none |
//! | Flyway | `flyway_schema_history` | CRC32 of the lines without their endings |

mod crc32;
mod listed;
#[cfg(feature = "histories")]
mod state;
mod unusable;

pub use unusable::{Obstacle, UnusableHistory};

pub mod flyway;
pub mod goose;
pub mod prisma;
pub mod refinery;
pub mod sqlx;

use crate::set::Set;
#[cfg(feature = "histories")]
use crate::set::checksum::Checksum;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Another tool that keeps a history in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Tool {
    /// Prisma Migrate, up to version 7.
    Prisma,
    /// sqlx: its `migrate!` and its command line.
    Sqlx,
    /// refinery.
    Refinery,
    /// diesel: its `diesel_migrations` and its command line.
    Diesel,
    /// golang-migrate.
    GolangMigrate,
    /// tern, the Go tool.
    Tern,
    /// dbmate.
    Dbmate,
    /// Rails (Active Record).
    Rails,
    /// goose.
    Goose,
    /// Flyway.
    Flyway,
}

impl Tool {
    /// All tools.
    pub const ALL: [Tool; 10] = [
        Tool::Prisma,
        Tool::Sqlx,
        Tool::Refinery,
        Tool::Diesel,
        Tool::GolangMigrate,
        Tool::Tern,
        Tool::Dbmate,
        Tool::Rails,
        Tool::Goose,
        Tool::Flyway,
    ];

    /// The identifier at the command line. The function that names its history in Rust has underscores.
    pub fn word(self) -> &'static str {
        match self {
            Tool::Prisma => "prisma",
            Tool::Sqlx => "sqlx",
            Tool::Refinery => "refinery",
            Tool::Diesel => "diesel",
            Tool::GolangMigrate => "golang-migrate",
            Tool::Tern => "tern",
            Tool::Dbmate => "dbmate",
            Tool::Rails => "rails",
            Tool::Goose => "goose",
            Tool::Flyway => "flyway",
        }
    }

    /// The default name of its history table.
    pub fn table(self) -> &'static str {
        match self {
            Tool::Prisma => "_prisma_migrations",
            Tool::Sqlx => "_sqlx_migrations",
            Tool::Refinery => "refinery_schema_history",
            Tool::Diesel => "__diesel_schema_migrations",
            Tool::GolangMigrate | Tool::Dbmate | Tool::Rails => "schema_migrations",
            Tool::Tern => "schema_version",
            Tool::Goose => "goose_db_version",
            Tool::Flyway => "flyway_schema_history",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Tool::Prisma => "Prisma",
            Tool::Sqlx => "sqlx",
            Tool::Refinery => "refinery",
            Tool::Diesel => "diesel",
            Tool::GolangMigrate => "golang-migrate",
            Tool::Tern => "tern",
            Tool::Dbmate => "dbmate",
            Tool::Rails => "Rails",
            Tool::Goose => "goose",
            Tool::Flyway => "Flyway",
        })
    }
}

/// Another tool's history, as recorded in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignHistory {
    /// The tool.
    pub tool: Tool,
    /// The table, with its schema.
    pub table: String,
    /// The migrations that it records, in the tool's order; at most one entry for each.
    pub found: Vec<ForeignMigration>,
    /// The backend's evidence that the history is unchanged since it was read. It has no meaning to other
    /// code.
    pub witness: Vec<String>,
}

impl ForeignHistory {
    /// Creates a history of the given migrations.
    pub fn new(tool: Tool, table: impl Into<String>, found: Vec<ForeignMigration>) -> ForeignHistory {
        ForeignHistory { tool, table: table.into(), found, witness: Vec::new() }
    }

    /// Adds the backend's evidence that the history is unchanged.
    pub fn witnessed(self, witness: Vec<String>) -> ForeignHistory {
        ForeignHistory { witness, ..self }
    }

    /// The migrations that count as applied.
    pub fn applied(&self) -> impl Iterator<Item = &ForeignMigration> {
        self.found.iter().filter(|found| {
            matches!(found.state, ForeignMigrationState::Applied | ForeignMigrationState::AppliedUpTo)
        })
    }
}

impl fmt::Display for ForeignHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        let applied: Vec<&ForeignMigration> = self.applied().collect();
        write!(f, "{} of {}: ", self.table, self.tool)?;
        match applied.last() {
            // This row covers all migrations before it.
            Some(last) if last.state == ForeignMigrationState::AppliedUpTo => {
                write!(f, "every version up to {last} is applied")
            }
            Some(last) => write!(f, "{} applied, the last is {last}", applied.len()),
            None => f.write_str("none applied"),
        }
    }
}

/// One migration in another tool's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignMigration {
    /// Its version, as the tool writes it; for a repeatable migration of Flyway's, `R__` and its description.
    pub version: String,
    /// Its name, if the tool stores one.
    pub name: Option<String>,
    /// The tool's checksum, if it stores one.
    pub checksum: Option<ToolChecksum>,
    /// The time of its application, if the tool stores it.
    pub at: Option<SystemTime>,
    /// The duration of its application, if the tool stores it.
    pub took: Option<Duration>,
    /// Its state in the tool's view.
    pub state: ForeignMigrationState,
}

impl ForeignMigration {
    /// Creates an applied migration with only its version known.
    pub fn applied(version: impl Into<String>) -> ForeignMigration {
        ForeignMigration {
            version: version.into(),
            name: None,
            checksum: None,
            at: None,
            took: None,
            state: ForeignMigrationState::Applied,
        }
    }

    /// Sets its name.
    pub fn named(self, name: impl Into<String>) -> ForeignMigration {
        ForeignMigration { name: Some(name.into()), ..self }
    }

    /// Sets the tool's checksum.
    pub fn with_checksum(self, checksum: ToolChecksum) -> ForeignMigration {
        ForeignMigration { checksum: Some(checksum), ..self }
    }

    /// Sets the time of its application.
    pub fn at(self, at: SystemTime) -> ForeignMigration {
        ForeignMigration { at: Some(at), ..self }
    }

    /// Sets its state.
    pub fn in_state(self, state: ForeignMigrationState) -> ForeignMigration {
        ForeignMigration { state, ..self }
    }

    /// Finds the corresponding migration of the set, by version or else by name.
    ///
    /// Versions match even if the tool spells them differently than the file does: leading zeros, trailing
    /// zero parts, diesel's dashes.
    pub fn find<'s>(&self, set: &'s Set) -> Option<&'s dyn Migration> {
        let version = Version::new(self.version.clone(), set.order());
        set.find(&version).or_else(|| {
            let name = self.name.as_deref()?;
            set.iter().find(|migration| migration.name() == name)
        })
    }
}

impl fmt::Display for ForeignMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        match &self.name {
            Some(name) if name.starts_with(&self.version) => f.write_str(name),
            Some(name) => write!(f, "{} ({name})", self.version),
            None => f.write_str(&self.version),
        }
    }
}

/// The state of a migration in a tool's view.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignMigrationState {
    /// It is applied.
    Applied,
    /// It is applied, and all migrations before it count as applied, too: the single row of golang-migrate
    /// and tern, and a baseline of Flyway's.
    AppliedUpTo,
    /// It was begun and failed: the tool applies nothing more until an operator has settled it.
    Failed {
        /// The tool's own note about the failure, if it stores one.
        logs: Option<String>,
    },
    /// This library uses the tool's table as its history, and was interrupted in a migration that runs
    /// statement by statement.
    Interrupted {
        /// The number of statements that are certainly done.
        statements_done: usize,
        /// True if the server answered the next one with an error.
        failed: bool,
    },
    /// It was applied once and is no longer.
    Reverted,
}

/// A checksum as another tool computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChecksum {
    /// SHA-256 of a file's bytes, in hexadecimal digits.
    Prisma(String),
    /// SHA-384 of a file's bytes.
    Sqlx(Vec<u8>),
    /// SipHash-1-3 of name, version and text.
    Refinery(u64),
    /// CRC32 of a text's lines.
    Flyway(i32),
}

impl ToolChecksum {
    /// Returns true if this is the checksum of a migration's current up script. Changed line endings or an
    /// added byte order mark are not an edit, because git makes such changes.
    pub fn is_of(&self, migration: &dyn Migration) -> bool {
        // No tool computes a checksum for anything but a text.
        let up = migration.up();
        let Some(text) = up.source() else { return false };
        match self {
            ToolChecksum::Prisma(checksum) => prisma::is_checksum_of(checksum, text),
            ToolChecksum::Sqlx(checksum) => {
                spellings(text).any(|text| sqlx::checksum(&text)[..] == checksum[..])
            }
            #[cfg(feature = "histories")]
            ToolChecksum::Refinery(checksum) => {
                let Some((name, version)) = refinery::name_and_version(migration.name()) else {
                    return false;
                };
                spellings(text)
                    .any(|text| refinery::checksums(name, version, &text).contains(&Some(*checksum)))
            }
            // This checksum covers the name, too, so the name alone says as much.
            #[cfg(not(feature = "histories"))]
            ToolChecksum::Refinery(_) => false,
            // For a repeatable migration, Flyway computes the checksum with placeholders replaced, and
            // accepts the other one.
            ToolChecksum::Flyway(checksum) => {
                [Some(text), up.text()].into_iter().flatten().any(|text| flyway::checksum(text) == *checksum)
            }
        }
    }

    /// Computes the tool's checksum of a migration's current up script.
    #[cfg(feature = "histories")]
    pub fn same_kind_of(&self, migration: &dyn Migration) -> Option<ToolChecksum> {
        let up = migration.up();
        let text = up.source()?;
        Some(match self {
            ToolChecksum::Prisma(_) => ToolChecksum::Prisma(prisma::checksum(text)),
            ToolChecksum::Sqlx(_) => ToolChecksum::Sqlx(sqlx::checksum(text).to_vec()),
            ToolChecksum::Refinery(_) => {
                let (name, version) = refinery::name_and_version(migration.name())?;
                let [of_32, of_64] = refinery::checksums(name, version, text);
                ToolChecksum::Refinery(of_32.or(of_64)?)
            }
            ToolChecksum::Flyway(_) => ToolChecksum::Flyway(flyway::checksum(text)),
        })
    }

    /// Converts it to this library's checksum type.
    #[cfg(feature = "histories")]
    pub fn to_checksum(&self) -> Checksum {
        let bytes = |digits: &str| crate::set::checksum::hex_32(digits);
        match self {
            ToolChecksum::Prisma(digits) => {
                bytes(digits).map_or_else(|| Checksum::of(digits), Checksum::Sha256)
            }
            ToolChecksum::Sqlx(bytes) => bytes
                .first_chunk()
                .map_or_else(|| Checksum::of(&self.to_string()), |first| Checksum::Sha384(*first)),
            ToolChecksum::Refinery(number) => Checksum::SipHash13(number.to_be_bytes()),
            ToolChecksum::Flyway(number) => Checksum::Crc32(number.to_be_bytes()),
        }
    }

    /// The algorithm, and the data that it covers.
    pub fn describe(&self) -> &'static str {
        match self {
            ToolChecksum::Prisma(_) => "SHA-256 of the file",
            ToolChecksum::Sqlx(_) => "SHA-384 of the file",
            ToolChecksum::Refinery(_) => "SipHash-1-3 of name, version and text",
            ToolChecksum::Flyway(_) => "CRC32 of the lines",
        }
    }
}

impl fmt::Display for ToolChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolChecksum::Prisma(digits) => f.write_str(digits),
            ToolChecksum::Sqlx(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            ToolChecksum::Refinery(number) => write!(f, "{number}"),
            ToolChecksum::Flyway(number) => write!(f, "{number}"),
        }
    }
}

/// A text and the variants that git or an editor may have made of it: with LF, with CRLF, with and without a
/// byte order mark, and without any carriage return or byte order mark at all, as with sqlx's
/// `ignored-chars`.
fn spellings(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    const MARK: char = '\u{feff}';
    let bare = text.strip_prefix(MARK).unwrap_or(text);
    let lf = move || bare.replace("\r\n", "\n");
    let crlf = move || lf().replace('\n', "\r\n");
    let others: [Box<dyn Fn() -> String>; 5] = [
        Box::new(lf),
        Box::new(crlf),
        Box::new(move || format!("{MARK}{}", lf())),
        Box::new(move || format!("{MARK}{}", crlf())),
        Box::new(move || text.replace(['\r', MARK], "")),
    ];
    std::iter::once(Cow::Borrowed(text)).chain(others.into_iter().map(|spelling| Cow::Owned(spelling())))
}

#[cfg(test)]
#[cfg(feature = "histories")]
mod tests;
