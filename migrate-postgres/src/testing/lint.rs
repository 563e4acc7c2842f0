//! Tests that a set has no dangerous migration.

use crate::Migrator;
use migrate_core::Set;
use migrate_core::config::{Config, JudgeError, LintConfig, Since, source};
use migrate_core::lint::{Judgement, LintRule, OptIn, Risk, lint};
use migrate_core::render::Rendered;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A judgement of a set, as [`lint_test!`](crate::lint_test) makes it.
///
/// # Examples
///
/// ```
/// use migrate_postgres::lint::Risk;
/// use migrate_postgres::testing::LintTest;
/// use migrate_postgres::{Migrator, migrate};
///
/// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// LintTest::of(&MIGRATIONS).deny(Risk::Careful).since("0001").check()?;
/// # Ok::<(), migrate_postgres::testing::LintTestError>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is judged until `check` is called"]
pub struct LintTest {
    set: Set,
    config: Result<LintConfig, JudgeError>,
    rules: Vec<Arc<dyn LintRule>>,
    folder: String,
    root: PathBuf,
}

impl LintTest {
    /// A test of the set of a migrator, which denies dangerous findings.
    pub fn of(migrator: &Migrator) -> LintTest {
        let set = migrator.set().clone();
        let folder = set.folder().unwrap_or_default().to_owned();
        LintTest { set, config: Ok(LintConfig::default()), rules: Vec::new(), folder, root: PathBuf::new() }
    }

    /// Takes the settings of the `migrate.toml` in a folder, if there is one. Later calls replace them.
    pub fn configured_in(mut self, folder: impl AsRef<Path>) -> LintTest {
        let folder = folder.as_ref();
        self.config = source::of_folder(folder).map(|config: Option<Config>| config.unwrap_or_default().lint);
        let relative = Path::new(&self.folder).strip_prefix(folder).ok().and_then(Path::to_str);
        self.folder = relative.unwrap_or(&self.folder).to_owned();
        self.root = folder.to_owned();
        self
    }

    /// Fails on findings of at least this risk.
    pub fn deny(self, risk: Risk) -> LintTest {
        self.with(|config| config.deny = Some(risk))
    }

    /// Judges only the migrations after this one, named by its version or name, as those of one deployment.
    pub fn since(self, migration: impl Into<String>) -> LintTest {
        let since = migration.into();
        self.with(|config| config.since = Since::Every(since))
    }

    /// Judges with the facts in a file, relative to the crate.
    pub fn facts(self, path: impl AsRef<Path>) -> LintTest {
        let path = self.root.join(path);
        self.with(|config| config.facts = Some(path))
    }

    /// Judges for this major version of PostgreSQL.
    pub fn pg(self, major: u32) -> LintTest {
        self.with(|config| config.pg = Some(major))
    }

    /// Applies rules that are off by default.
    pub fn opt_in(self, rules: OptIn) -> LintTest {
        self.with(|config| config.opt_in = rules)
    }

    /// Applies a rule of the project.
    pub fn rule(mut self, rule: impl LintRule + 'static) -> LintTest {
        self.rules.push(Arc::new(rule));
        self
    }

    fn with(mut self, set: impl FnOnce(&mut LintConfig)) -> LintTest {
        if let Ok(config) = &mut self.config {
            set(config);
        }
        self
    }

    /// Judges the set.
    ///
    /// # Errors
    ///
    /// The denied findings, and settings with which the set can't be judged.
    pub fn check(self) -> Result<Judgement, LintTestError> {
        let config = self.config?;
        let mut options = config.options(&self.set)?;
        let applied = |id: &String| self.rules.iter().any(|rule| rule.rule().id == id);
        options.known_rules.retain(|id| !applied(id));
        options.rules = self.rules;
        let judgement = lint(&self.set, &options).map_err(JudgeError::from)?;
        let denied = judgement.at_least(config.deny.unwrap_or(Risk::Dangerous));
        let rendered = denied.map(|finding| Rendered::new(finding, &self.set, &self.folder));
        let findings: Vec<Rendered> = rendered.collect();
        if findings.is_empty() { Ok(judgement) } else { Err(LintTestError::Denied { findings }) }
    }
}

/// The error of a [`LintTest`].
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum LintTestError {
    /// The set has denied findings.
    #[error("{}", Denied(findings))]
    Denied {
        /// The findings.
        findings: Vec<Rendered>,
    },
    /// The set can't be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

migrate_core::debug_as_display!(LintTestError);

struct Denied<'a>(&'a [Rendered]);

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {} denied", if count == 1 { "finding is" } else { "findings are" })?;
        self.0.iter().try_for_each(|finding| write!(f, "\n\n{finding}"))
    }
}

/// Defines a test that fails if lint finds a dangerous migration in a set.
///
/// ```no_run
/// use migrate_postgres::{Migrator, migrate};
///
/// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// #[cfg(test)]
/// migrate_postgres::lint_test!(MIGRATIONS, since = "0042");
/// ```
///
/// The test's name is `migrations_are_safe`. It takes the settings of the `migrate.toml` beside the crate's
/// `Cargo.toml`. Options are the methods of [`LintTest`](crate::testing::LintTest): `deny = Risk::Careful`, `since = "0042"`,
/// `facts = "facts.json"`, `rule = NoTriggers` for a [rule of one's own](crate::lint::LintRule).
#[macro_export]
macro_rules! lint_test {
    ($migrator:path $(, $option:ident = $value:expr)* $(,)?) => {
        #[test]
        fn migrations_are_safe() {
            let test = $crate::testing::LintTest::of(&$migrator)
                .configured_in(::core::env!("CARGO_MANIFEST_DIR"));
            $(let test = test.$option($value);)*
            if let ::core::result::Result::Err(problem) = test.check() {
                ::core::panic!("{problem}");
            }
        }
    };
}
