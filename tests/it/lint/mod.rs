//! Findings at compile time, in tests, in plans, and in runs that refuse them.

mod configured;
mod facts;
mod planned;
mod refused;

use migrate_postgres::lint::Risk;
use migrate_postgres::{Migrator, lint_test, migrate};

/// It compiles: the only very risky statement is accepted, and the index is built concurrently.
static MIGRATIONS: Migrator = migrate!("fixtures/lint", deny = "dangerous", since = "0001");

lint_test!(MIGRATIONS, since = "0001", deny = Risk::Careful, rule = configured::NoDots);
