//! The test of a kept schema file.

use crate::connection::target::Target;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::schema::catalog::Differences;
use crate::schema::drift::Comparison;
use crate::sides::Side;
use std::path::{Path, PathBuf};

/// The reason why a kept schema file is not what the migrations make.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StaleSchemaFile {
    /// It makes another schema.
    #[error("{}", migrate_core::clean!(
        "`{}` is stale; `added` is only in the migrations, `removed` only in the file:\n{differences}\n\
         next: write it again with `migrate schema --sql --out {}`", path.display(), path.display()
    ))]
    Differs {
        /// The file.
        path: PathBuf,
        /// The changes from the file's schema to that of the migrations.
        differences: Differences,
    },
    /// The file or the migrations can't be run, or the file can't be read.
    #[error(transparent)]
    Error(#[from] Error),
}

migrate_core::debug_as_display!(StaleSchemaFile);

/// Compares a file that `migrate schema --sql` wrote with the schema that the migrations make, on scratch databases of
/// the target's server.
///
/// ```no_run
/// use migrate_postgres::testing::{Database, StaleSchemaFile, check_schema_file};
/// # use migrate_postgres::{Migrator, migrate};
/// # static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// #[migrate_postgres::test(set = MIGRATIONS)]
/// async fn the_schema_file_is_current(url: String) -> Result<(), StaleSchemaFile> {
///     check_schema_file(&url, &MIGRATIONS, "db/schema.sql").await
/// }
/// ```
///
/// # Errors
///
/// [`StaleSchemaFile::Differs`] with the differences.
pub async fn check_schema_file<T: Target + ?Sized>(
    target: &T,
    migrator: &Migrator,
    path: impl AsRef<Path>,
) -> Result<(), StaleSchemaFile> {
    let path = path.as_ref().to_owned();
    let (file, made) = (Side::file(&path)?, Side::migrations(migrator.set()));
    let compared = migrator.compare_sides(target, &file, &made, &Comparison::new()).await?;
    let differences = compared.differences;
    if differences.is_empty() { Ok(()) } else { Err(StaleSchemaFile::Differs { path, differences }) }
}
