//! The choice of the key that the batches of a statement go by, and the reasons against it.

use super::key::{Key, KeyedTable};
use crate::error::BackfillCause;
use migrate_core::backfill::{BatchedStatement, Specification};
use migrate_core::plan::Step;
use tokio_postgres::{Client, Error};

/// Chooses a key: the columns that are named, or the best of the table. The cause, if the statement can't run in batches
/// over any.
pub(super) async fn choose(
    client: &Client,
    specification: &Specification,
    relation: &str,
    named: &[String],
) -> Result<Result<(u32, Key), BackfillCause>, Error> {
    let Some(table) = KeyedTable::read(client, relation, specification.into.as_deref()).await? else {
        return Ok(Err(BackfillCause::NoTable));
    };
    let key = match table.key(named, may_go_by_position(specification)) {
        Ok(key) => key,
        Err(cause) => return Ok(Err(cause)),
    };
    if let Some(column) = key.names().into_iter().find(|name| specification.assigned.contains(name)) {
        return Ok(Err(BackfillCause::KeyAssigned { column }));
    }
    if table.is_inserted_into {
        return Ok(Err(BackfillCause::OwnRows));
    }
    Ok(Ok((table.oid, key)))
}

/// The reason why the statement of a migration can't run in batches, if there is one, with the table.
pub(crate) async fn obstacle(
    client: &Client,
    step: &Step<'_>,
) -> Result<Option<(String, BackfillCause)>, Error> {
    let Some(specification) = step.script().and_then(Specification::of) else { return Ok(None) };
    let chosen = choose(client, &specification, &specification.relation, &specification.key).await?;
    Ok(chosen.err().map(|cause| (specification.relation, cause)))
}

/// True if the rows that a batch has changed can be told from others without a key.
fn may_go_by_position(specification: &Specification) -> bool {
    let Specification { statement, condition, qualifier, .. } = specification;
    let changes = matches!(statement, BatchedStatement::Update | BatchedStatement::Delete);
    changes && condition.is_some() && qualifier.is_some()
}
