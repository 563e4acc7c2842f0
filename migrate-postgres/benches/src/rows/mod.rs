//! The rows of the comparison.

mod backfill;
mod build_time;
mod first_boot;
mod memory;
mod nothing_pending;
mod one_pending;
mod profile;
mod race;
mod test_database;

use crate::Result;
use crate::report::Section;
use crate::stage::Stage;
use std::fmt;
use std::str::FromStr;

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    NothingPending,
    FirstBoot,
    OnePending,
    Race,
    Backfill,
    TestDatabase,
    TestSchema,
    BuildTime,
    Memory,
    Profile,
}

impl Row {
    pub(crate) const ALL: [Row; 10] = [
        Row::NothingPending,
        Row::FirstBoot,
        Row::OnePending,
        Row::Race,
        Row::Backfill,
        Row::TestDatabase,
        Row::TestSchema,
        Row::BuildTime,
        Row::Memory,
        Row::Profile,
    ];

    pub(crate) async fn run(self, stage: &Stage) -> Result<Section> {
        match self {
            Row::NothingPending => nothing_pending::run(stage).await,
            Row::FirstBoot => first_boot::run(stage).await,
            Row::OnePending => one_pending::run(stage).await,
            Row::Race => race::run(stage).await,
            Row::Backfill => backfill::run(stage).await,
            Row::TestDatabase => test_database::databases(stage).await,
            Row::TestSchema => test_database::schemas(stage).await,
            Row::BuildTime => build_time::run(stage).await,
            Row::Memory => memory::run(stage).await,
            Row::Profile => profile::run(stage).await,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Row::NothingPending => "nothing-pending",
            Row::FirstBoot => "first-boot",
            Row::OnePending => "one-pending",
            Row::Race => "race",
            Row::Backfill => "backfill",
            Row::TestDatabase => "test-database",
            Row::TestSchema => "test-schema",
            Row::BuildTime => "build-time",
            Row::Memory => "memory",
            Row::Profile => "profile",
        })
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Row, String> {
        let unknown = || format!("there is no row `{text}`: see --list");
        Row::ALL.into_iter().find(|row| row.to_string() == text).ok_or_else(unknown)
    }
}
