//! Migrations that are judged when the crate is compiled and in a test, with a rule of the project's own.
//!
//! ```sh
//! cargo run --example lint
//! cargo test --test examples migrations_are_safe
//! ```
//!
//! It needs no database.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use migrate_postgres::lint::{JudgedStatement, LintRule, Risk, Rule, RuleFinding};
use migrate_postgres::testing::LintTest;
use migrate_postgres::{Migrator, migrate};

// A finding of this risk is a compile error with the line, the reason and the safe way. The script
// 0003_drop_phone.sql would be one, but its header accepts the finding and gives the reason.
static MIGRATIONS: Migrator = migrate!("lint/migrations", deny = "dangerous");

/// A rule of the project: roles and privileges are the platform team's.
#[derive(Debug)]
struct NoGrants;

static NO_GRANTS: Rule =
    Rule::new("no-grants", Risk::Dangerous).safe("Ask the platform team for the privilege.");

impl LintRule for NoGrants {
    fn rule(&self) -> &'static Rule {
        &NO_GRANTS
    }

    fn check(&self, statement: &JudgedStatement<'_>) -> Vec<RuleFinding> {
        let is_grant = statement.text().to_ascii_uppercase().starts_with("GRANT ");
        is_grant.then(|| RuleFinding::new("", "a migration grants a privilege")).into_iter().collect()
    }
}

// The same judgement as at compile time, and the project's own rules. It defines the test `migrations_are_safe`.
#[cfg(test)]
migrate_postgres::lint_test!(MIGRATIONS, deny = Risk::Dangerous, rule = NoGrants);

/// The judgement of that test, as a value.
fn lint_test() -> LintTest {
    LintTest::of(&MIGRATIONS).configured_in(env!("CARGO_MANIFEST_DIR")).rule(NoGrants)
}

fn main() {
    let judgement = lint_test().check().expect("the test passes");
    for approved in &judgement.approved {
        let reason = approved.reason.as_deref().unwrap_or("no reason given");
        println!("accepted: {}: {reason}", approved.finding);
    }
    // Short locks are findings, too: they matter where a long query is in the way.
    if let Err(denied) = lint_test().deny(Risk::Careful).since("0004").check() {
        println!("\n{denied}");
    }
}
