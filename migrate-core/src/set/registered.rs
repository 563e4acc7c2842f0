//! Migrations in Rust that a program registers by their version, without a file in the directory.

use crate::set::checksum::Checksum;
use crate::set::code::{Code, CodeFunctions, CodeMigration};
use crate::set::options::Options;
use crate::set::version::{Version, VersionOrder};
use crate::set::{DuplicateVersion, Set};
use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

/// A migration in Rust that a program registers. A text of its author's, the revision, takes the place of the checksum of a file.
#[derive(Clone, Debug)]
#[must_use = "it is registered with a set"]
pub struct RegisteredCode {
    version: Cow<'static, str>,
    name: Cow<'static, str>,
    revision: Cow<'static, str>,
    code: Code,
}

/// A migration that can't be registered with a set.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The set has a migration of this version.
    #[error(transparent)]
    DuplicateVersion(#[from] DuplicateVersion),
    /// A text that is no version in the set's order.
    #[error("{}", crate::clean!("`{version}` is not the version of a migration: write it as the set's other versions are, `0042`"))]
    Version {
        /// The text.
        version: String,
    },
    /// A name that no file could have.
    #[error("{}", crate::clean!("`{name}` is not the name of a migration: write letters, digits and `_`, as in `slugs`"))]
    Name {
        /// The text.
        name: String,
    },
}

crate::debug_as_display!(RegistrationError);

impl RegisteredCode {
    /// Names a migration. Messages show the place of this call where they show the file of another migration.
    #[track_caller]
    pub fn new(
        version: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        revision: impl Into<Cow<'static, str>>,
        functions: CodeFunctions,
    ) -> RegisteredCode {
        let code = Code::new(Location::caller().file(), Options::NONE).compiled(Some(functions));
        RegisteredCode { version: version.into(), name: name.into(), revision: revision.into(), code }
    }

    /// Says which optional functions it has.
    pub fn with(self, has_down: bool, has_verify: bool) -> RegisteredCode {
        RegisteredCode { code: self.code.with(has_down, has_verify), ..self }
    }

    /// Changes its options: those that a file has in a comment at its top.
    pub fn options(self, change: impl FnOnce(&mut Options)) -> RegisteredCode {
        let mut options = self.code.options().clone();
        change(&mut options);
        RegisteredCode { code: self.code.with_options(options), ..self }
    }

    fn migration(self, order: VersionOrder) -> Result<CodeMigration, RegistrationError> {
        let RegisteredCode { version, name, revision, code } = self;
        let is_number =
            version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        let is_word = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        let found = Version::new(version.clone(), order);
        let is_version = if order == VersionOrder::Numeric { is_number } else { is_word(&version) };
        if !is_version || found.is_repeatable() {
            return Err(RegistrationError::Version { version: version.into_owned() });
        }
        if !is_word(&name) {
            return Err(RegistrationError::Name { name: name.into_owned() });
        }
        let full_name = format!("{version}_{name}");
        Ok(CodeMigration::new(found, full_name, Checksum::of_revision(&revision), code))
    }
}

impl Set {
    /// Adds a migration that the program registers, in the order of the versions.
    ///
    /// # Errors
    ///
    /// If the set has a migration of this version, or if the version or the name is none.
    pub fn with_code(self, registered: RegisteredCode) -> Result<Set, RegistrationError> {
        let migration = registered.migration(self.order())?;
        Ok(self.with(Arc::new(migration))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::source::SourceFile;
    use crate::set::migration::Migration;
    use crate::set::placeholder::Values;

    fn set(order: &[&str]) -> Set {
        let files = order.iter().map(|path| SourceFile::new(*path, b"SELECT 1;")).collect();
        crate::directory::read(files).unwrap().into()
    }

    fn registered(version: &'static str, name: &'static str, revision: &'static str) -> RegisteredCode {
        RegisteredCode::new(version, name, revision, CodeFunctions::new(&()))
    }

    #[test]
    fn a_registered_migration_has_its_place_its_digest_and_its_revision() {
        let plain = set(&["0001_a.sql", "0003_c.sql"]);
        let with = |revision| plain.clone().with_code(registered("2", "b", revision)).unwrap();
        let (first, second) = (with("1"), with("2"));
        let names: Vec<&str> = first.iter().map(Migration::name).collect();
        assert_eq!(names, ["0001_a", "2_b", "0003_c"]);
        assert_ne!(first.digests().of_all(), second.digests().of_all());
        assert_eq!(first.digests().of_all(), with("1").digests().of_all());
        let migration = first.find(&Version::numeric("0002")).unwrap();
        assert!(migration.checksum().is_of_code());
        assert!(migration.up().path().ends_with("registered.rs"));
    }

    #[test]
    fn placeholders_keep_their_values_and_replaced_migrations_their_place() {
        let files = vec![
            SourceFile::new("0001_a.sql", b"SELECT 1;"),
            SourceFile::new("0003_c.sql", b"-- migrate: replaces=0001..0002\nCREATE TABLE ${schema}.t ();"),
        ];
        let read = crate::directory::Reading::default().placeholders(["schema"]).read(files).unwrap();
        let mut values = Values::default();
        values.insert("schema", "app".to_owned());
        let set = Set::from(read).filled(values).with_code(registered("0002", "b", "1")).unwrap();
        assert_eq!((set.len(), set.replaced().count()), (1, 2));
        assert_eq!(
            set.get(0).unwrap().up().text(),
            Some("-- migrate: replaces=0001..0002\nCREATE TABLE app.t ();")
        );
    }

    #[test]
    fn what_can_not_be_registered_is_named() {
        let refused =
            |version, name| set(&["0001_a.sql"]).with_code(registered(version, name, "1")).unwrap_err();
        assert_eq!(
            refused("1", "b").to_string(),
            "version 1 is both `0001_a` and `1_b`: give one of them another version"
        );
        for (version, name) in
            [("", "b"), ("x", "b"), ("1..2", "b"), ("R__b", "b"), ("2", ""), ("2", "a b"), ("2", "../b")]
        {
            let error = refused(version, name);
            assert!(!matches!(error, RegistrationError::DuplicateVersion(_)), "{error}");
        }
    }
}
