// In the README, the guide's links lead to files; in the documentation they lead to modules. The first
// definition of a link wins.
#![cfg_attr(not(doctest), doc = include_str!("../docs/readme-links.md"))]
// The README's code needs these features. Without them it is shown but not tested.
#![cfg_attr(
    any(not(doctest), all(feature = "deadpool", feature = "testing")),
    doc = include_str!("../README.md")
)]
// Links to items of optional features resolve with all features on, as on docs.rs and in `.ci/run`.
#![cfg_attr(
    not(all(feature = "cli", feature = "testing", feature = "tracing")),
    allow(rustdoc::broken_intra_doc_links)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(clippy::needless_doctest_main, reason = "a build.rs has a main")]

pub mod assertion;
mod backend;
mod backfill;
#[cfg(feature = "operate")]
mod backup;
#[cfg(feature = "cli")]
pub mod cli;
pub mod code;
mod connection;
#[cfg(feature = "catalog")]
pub mod difference;
#[cfg(feature = "operate")]
mod display;
mod embed;
mod error;
mod execute;
#[cfg(feature = "catalog")]
mod objects;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "catalog")]
mod schema;
mod settings;
#[cfg(feature = "catalog")]
pub mod sides;
mod sql;
// Only for rustdoc, so that a service's build does not include the text.
#[cfg(all(
    doc,
    any(
        not(doctest),
        all(
            feature = "cli",
            feature = "deadpool",
            feature = "metrics",
            feature = "testing",
            feature = "tracing"
        )
    )
))]
pub mod guide;
mod history;
mod lock;
mod migrator;
mod observe;
#[cfg(feature = "operate")]
pub mod operate;
#[cfg(feature = "testing")]
pub mod testing;

pub use assertion::{AssertionOutcome, AssertionResult, Assertions};
pub use backend::RunningAttempt;
pub use backfill::{BackfillAction, BackfillEnd, BackfillReport, BackfillSummary};
pub use connection::target::Target;
#[doc(hidden)]
pub use embed::__private;
pub use error::{BackfillCause, Error, ErrorKind, LimitOwner, SeedFailure, StoppedBackfill, StoppedRun};
pub use history::{Attempt, AttemptOutcome, QuarantinedRow};
pub use migrate_core::advice::{self, Advice, Left};
pub use migrate_core::backfill::{BackfillEvent, BackfillRecord, BackfillState, BatchReport, Throttle};
pub use migrate_core::directory::Reading;
pub use migrate_core::engine::Progress;
pub use migrate_core::engine::error::{ErrorNames, Failure, Place};
pub use migrate_core::engine::event::{
    Activity, Event, RunningStatement, ServerMessage, Severity, StatementText,
};
pub use migrate_core::engine::report::{Report, StepReport};
pub use migrate_core::engine::{Committed, CommittedPart, Holder};
pub use migrate_core::history::Notice;
pub use migrate_core::history::{AppliedRef, SetPosition};
pub use migrate_core::plan::{Accept, Action, Down, Refused, RefusedKind, Resolution, RiskyStatement, Step};
pub use migrate_core::{
    FolderError, Migration, PlaceholderError, Problem, ProblemKind, Problems, Set, Version, build,
};
pub use migrate_macros::test;
pub use migrator::Migrator;
pub use migrator::backfill::Backfill;
pub use migrator::seed::{SeedReport, SeedResult};
pub use migrator::status::{MigrationStatus, Status, StatusRow};
#[cfg(feature = "catalog")]
pub use schema::{catalog, drift};
pub use settings::LockKind;
pub use sql::value::Value;

/// Plans: this library's own, and the trait for a custom plan, which [`Migrator::run_plan`] runs.
pub mod plan {
    pub use migrate_core::history::{Applied, HistoryState, Interrupted};
    #[cfg(feature = "histories")]
    pub use migrate_core::plan::Adopt;
    pub use migrate_core::plan::{Baseline, Plan, Policies, Redo, Resolve, Steps, To, Up};
}

/// Rules that find dangerous migrations: statements that lose data, block other sessions, or break running
/// code.
///
/// `migrate check` shows what they find in a folder; [`lint`](lint::lint) returns it as data.
///
/// ```
/// use migrate_postgres::lint::{LintOptions, Risk, lint};
/// use migrate_postgres::{Migrator, migrate};
///
/// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// let judgement = lint(MIGRATIONS.set(), &LintOptions::new())?;
/// assert_eq!(judgement.at_least(Risk::Dangerous).count(), 0);
/// # Ok::<(), migrate_postgres::lint::LintError>(())
/// ```
pub mod lint {
    pub use migrate_core::lint::{
        Approved, ApprovedBy, ConfiguredApproval, Family, Finding, JudgedStatement, Judgement, LintError,
        LintOptions, LintRule, OptIn, Risk, Rule, RuleFinding, lint, rule, rules,
    };
    pub use migrate_core::render::{Rendered, RenderedLine, RenderedPart};
}

/// Migrations as data, for a set that is neither embedded nor read from a folder.
pub mod migration {
    pub use migrate_core::{Checksum, Code, CodeMigration, Options, Payload, Script, SqlMigration};
}

/// The histories of other tools, to adopt or to keep using: see [`Migrator::adopt`] and
/// [`Migrator::foreign_history`].
#[cfg(feature = "histories")]
pub mod tools {
    pub use crate::history::foreign::{
        ForeignTable, ToolTable, dbmate, diesel, flyway, golang_migrate, goose, prisma, rails, refinery,
        sqlx, tern,
    };
    pub use migrate_core::history::foreign::{
        ForeignHistory, ForeignMigration, ForeignMigrationState, Tool, ToolChecksum,
    };
    pub use migrate_core::history::foreign::{Obstacle, UnusableHistory};
}
