//! Migrations in Rust without a file: a program registers them by their version.

use super::Functions;
use migrate_core::{CodeFunctions, RegisteredCode, TransactionMode};
use std::borrow::Cow;
use std::time::Duration;

/// A migration in Rust that a program registers with [`Migrator::with_code`](crate::Migrator::with_code).
///
/// ```
/// use migrate_postgres::code::{Context, Registration, Result};
/// use migrate_postgres::{Migrator, code_functions, migrate};
/// use std::sync::LazyLock;
///
/// async fn slugs(context: &mut Context<'_>) -> Result {
///     context.execute("UPDATE users SET slug = lower(name)", &[]).await?;
///     Ok(())
/// }
///
/// static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
///     let slugs = Registration::new("0042", "slugs", "1", code_functions!(up = slugs));
///     migrate!("tests/fixtures/quickstart").with_code(slugs).expect("the version 0042 is free")
/// });
/// # assert_eq!(MIGRATIONS.set().last_version().unwrap().as_written(), "0042");
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is registered with `Migrator::with_code`"]
pub struct Registration(RegisteredCode);

impl Registration {
    /// A migration with a version that no other one of the set has, a name, a revision, and its functions.
    ///
    /// The revision is any text, and takes the place of the checksum that a file has: change it when the code does something
    /// else, and a database that has applied the migration refuses the program, as it does where a script was edited.
    #[track_caller]
    pub fn new(
        version: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        revision: impl Into<Cow<'static, str>>,
        functions: &'static Functions,
    ) -> Registration {
        let code = RegisteredCode::new(version, name, revision, CodeFunctions::new(functions));
        Registration(code.with(functions.down.is_some(), functions.verify.is_some()))
    }

    /// Calls the functions outside of a transaction, as `// migrate: transaction=none` does in a file.
    pub fn without_transaction(self) -> Registration {
        Registration(self.0.options(|options| options.transaction = Some(TransactionMode::None)))
    }

    /// The longest wait of its statements for a lock; zero is no limit.
    pub fn lock_timeout(self, duration: Duration) -> Registration {
        Registration(self.0.options(|options| options.lock_timeout = Some(duration)))
    }

    /// The longest duration of its statements; zero is no limit.
    pub fn statement_timeout(self, duration: Duration) -> Registration {
        Registration(self.0.options(|options| options.statement_timeout = Some(duration)))
    }

    pub(crate) fn into_code(self) -> RegisteredCode {
        self.0
    }
}

/// The functions of a [`Registration`](crate::code::Registration), the last two of them optional:
/// `code_functions!(up = a, down = b, verify = c)`. Each is the path of an `async fn` that takes
/// a `&mut Context<'_>`.
#[macro_export]
macro_rules! code_functions {
    (up = $up:path $(, down = $down:path)? $(, verify = $verify:path)? $(,)?) => {{
        const FUNCTIONS: $crate::code::Functions = $crate::code::Functions {
            up: $crate::code_functions!(@one $up),
            down: $crate::code_functions!(@optional $($down)?),
            verify: $crate::code_functions!(@optional $($verify)?),
        };
        &FUNCTIONS
    }};
    (@one $function:path) => {{
        fn call<'c>(context: &'c mut $crate::code::Context<'_>) -> $crate::code::CodeFuture<'c> {
            $crate::code::boxed($function(context))
        }
        call
    }};
    (@optional) => {
        ::core::option::Option::None
    };
    (@optional $function:path) => {
        ::core::option::Option::Some($crate::code_functions!(@one $function))
    };
}
