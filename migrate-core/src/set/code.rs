//! Migrations in Rust: what a set knows of their code.
//!
//! The code itself belongs to the program that was compiled with it, and the backend runs it. A set that was read from a folder
//! at run time has the same migrations, with the same checksums, and can't run them.

use crate::set::checksum::Checksum;
use crate::set::migration::{Migration, Payload};
use crate::set::options::Options;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::TransactionMode;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// The compiled functions of a migration, of a type that only their backend knows.
#[derive(Clone, Copy)]
pub struct CodeFunctions(&'static (dyn Any + Send + Sync));

impl CodeFunctions {
    /// Wraps the functions.
    pub const fn new(functions: &'static (dyn Any + Send + Sync)) -> CodeFunctions {
        CodeFunctions(functions)
    }

    /// The functions, if they are of this type.
    pub fn get<T: Any>(&self) -> Option<&'static T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for CodeFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeFunctions")
    }
}

/// The code of a migration in Rust: its file, its options, and the functions that it has.
#[derive(Clone, Debug)]
pub struct Code {
    path: Cow<'static, str>,
    options: Options,
    pub(super) has_down: bool,
    pub(super) has_verify: bool,
    functions: Option<CodeFunctions>,
}

impl Code {
    /// Code in a file, with the options at its top. It has an `up` function, and others as given by the calls below.
    pub(crate) fn new(path: impl Into<Cow<'static, str>>, options: Options) -> Code {
        Code { path: path.into(), options, has_down: false, has_verify: false, functions: None }
    }

    /// Says which optional functions it has.
    pub(crate) fn with(self, has_down: bool, has_verify: bool) -> Code {
        Code { has_down, has_verify, ..self }
    }

    /// Replaces the options.
    pub(super) fn with_options(self, options: Options) -> Code {
        Code { options, ..self }
    }

    /// Adds the compiled functions.
    pub(crate) fn compiled(self, functions: Option<CodeFunctions>) -> Code {
        Code { functions, ..self }
    }

    /// The file, relative to the migration directory.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The options at the top of the file.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// True if it has a `verify` function, which runs after `up`.
    pub fn has_verify(&self) -> bool {
        self.has_verify
    }

    /// True if it has a `down` function.
    pub fn has_down(&self) -> bool {
        self.has_down
    }

    /// One transaction, or none if the file asks for that.
    pub fn transaction(&self) -> TransactionMode {
        self.options.transaction.unwrap_or(TransactionMode::Block)
    }

    /// Its header as a script without statements, for what reads only that.
    pub fn header(&self) -> Script {
        let is_plain = self.options == Options::NONE;
        let text = if is_plain { String::new() } else { format!("-- migrate: {}\n", self.options) };
        Script::new(self.path.clone(), text, Vec::new(), self.options.clone())
    }

    /// The compiled functions; `None` if this program does not contain them.
    pub fn functions(&self) -> Option<CodeFunctions> {
        self.functions
    }
}

/// A migration in Rust. Its down and verify scripts may be SQL.
#[derive(Clone, Debug)]
pub struct CodeMigration {
    version: Version,
    name: Cow<'static, str>,
    checksum: Checksum,
    code: Code,
    down: Option<Box<Script>>,
    verify: Option<Box<Script>>,
}

impl CodeMigration {
    /// Creates a migration from code that is identified by the checksum of its tokens.
    pub fn new(
        version: Version,
        name: impl Into<Cow<'static, str>>,
        checksum: Checksum,
        code: Code,
    ) -> CodeMigration {
        CodeMigration { version, name: name.into(), checksum, code, down: None, verify: None }
    }

    /// Adds SQL scripts beside the code.
    pub(crate) fn with_scripts(self, down: Option<Script>, verify: Option<Script>) -> CodeMigration {
        CodeMigration { down: down.map(Box::new), verify: verify.map(Box::new), ..self }
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The down script in SQL, if any.
    pub fn down_script(&self) -> Option<&Script> {
        self.down.as_deref()
    }

    /// The verify script in SQL, if any.
    pub fn verify_script(&self) -> Option<&Script> {
        self.verify.as_deref()
    }
}

impl Migration for CodeMigration {
    fn version(&self) -> &Version {
        &self.version
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn checksum(&self) -> Checksum {
        self.checksum
    }

    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        self.code.options.replaced_by(&self.version)
    }

    fn after(&self) -> Option<Version> {
        self.code.options.awaited_by(&self.version)
    }

    fn up(&self) -> Payload<'_> {
        Payload::Code(&self.code)
    }

    fn down(&self) -> Option<Payload<'_>> {
        match &self.down {
            Some(script) => Some(Payload::Script(Cow::Borrowed(script))),
            None => self.code.has_down.then_some(Payload::Code(&self.code)),
        }
    }

    fn verify(&self) -> Option<&Script> {
        self.verify.as_deref()
    }
}
