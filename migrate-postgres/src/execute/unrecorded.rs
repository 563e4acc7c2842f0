//! Steps of which no history tells.

use super::{Around, Context, Halt, Lookout, Mode, Preamble, apply_transactions};
use crate::error::Error;
use crate::history::Standing;
use crate::history::settings::RunSettings;
use crate::history::{RunIdentity, Survey};
use migrate_core::Digest;
use migrate_core::engine::Progress;
use migrate_core::engine::error::ApplyError;
use migrate_core::engine::event::Unobserved;
use migrate_core::plan::Step;
use tokio_postgres::Client;

impl<'c> Context<'c> {
    /// What steps are executed with of which no history tells.
    pub(crate) fn unrecorded(
        client: &'c Client,
        survey: &'c Survey,
        settings: &'c RunSettings,
    ) -> Context<'c> {
        let run = RunIdentity { set: "", run: "", program: "" };
        Context { client, table: &survey.table, survey, settings, run, inspect: None, pipelining: None }
    }
}

/// Executes steps of which no history tells, all of them in transaction blocks, behind statements that make a place for
/// them.
pub(crate) async fn apply_unrecorded(
    context: Context<'_>,
    create: Option<Vec<String>>,
    steps: &[Step<'_>],
    mode: Mode<'_>,
) -> Result<(), ApplyError> {
    let (mut preamble, mut released) = (Preamble { create, ..Preamble::default() }, None);
    let released = &mut released;
    let around = Around { preamble: &mut preamble, last_of_run: false, release: None, released, mode };
    let mut standing = Standing { last_row: 0, digest: Digest::EMPTY, is_unended: false };
    let mut unobserved = Unobserved;
    let mut progress = Progress::new(&mut unobserved, steps.len());
    let mut lookout = Lookout::new(Box::new(|| None), None);
    let applied =
        apply_transactions(context, steps, around, &mut standing, &mut progress, &mut lookout).await;
    applied.map_err(|halt| match halt {
        Halt::Strange(error) => Error::server("preparing the session", error).into_apply(),
        Halt::Apply(error) => error,
    })
}
