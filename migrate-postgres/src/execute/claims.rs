//! A decision about an interrupted migration, checked against the catalog.

use crate::error::Error;
use crate::history::SessionInfo;
use migrate_core::plan::{Action, Step};
use migrate_core::sql::{self, Subject};
use migrate_core::{Script, TransactionMode};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// An index of a table, by the names as written: whether it is valid. No row where there is none.
const INDEX: &str = "\
    SELECT i.indisvalid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    WHERE i.indrelid = pg_catalog.to_regclass($1) AND c.relname = (pg_catalog.parse_ident($2))[1]::name";

/// Refuses a step that settles an interrupted migration by hand where the catalog shows the contrary of what it claims:
/// an index that is not there, or not valid, of a migration that is said to be applied, or one that is there of a migration
/// that is said to be reverted.
///
/// Only what builds or drops an index by name is looked at, and only in scripts that leave the session as it is: there the
/// names mean what they meant.
pub(crate) async fn check_claim(
    client: &Client,
    session_info: &SessionInfo,
    step: &Step<'_>,
) -> Result<(), Error> {
    let (Some(settled), Some(script)) = (step.settles, step.up.as_deref()) else { return Ok(()) };
    // A corrected script claims nothing: it is run.
    if step.action == Action::Apply || settled.reverting || script.transaction() == TransactionMode::Block {
        return Ok(());
    }
    let texts: Vec<&str> = texts(script);
    if texts.iter().any(|text| sql::is_session_setting(text)) {
        return Ok(());
    }
    let done = match step.action {
        Action::Mark => texts.len(),
        Action::Rewind => settled.statements_done,
        _ => 0,
    };
    for (index, text) in texts.iter().enumerate() {
        let is_said_to_be_done = index < done;
        if step.action == Action::Rewind && !is_said_to_be_done {
            break;
        }
        if let Some(contrary) = contrary(client, session_info, text, is_said_to_be_done).await? {
            let name = step.name.clone().into_owned();
            return Err(Error::ClaimContradicted { name, statement: index + 1, contrary });
        }
    }
    Ok(())
}

fn texts(script: &Script) -> Vec<&str> {
    script.statements().iter().map(|statement| statement.text(script.text())).collect()
}

/// The contradiction between the catalog and the claim that a statement is done, or is not.
async fn contrary(
    client: &Client,
    session_info: &SessionInfo,
    text: &str,
    done: bool,
) -> Result<Option<String>, Error> {
    let Some(Subject::CreateIndex { name: Some(name), table, .. }) = sql::subject(text) else {
        return Ok(None);
    };
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&table, Type::TEXT), (&name, Type::TEXT)];
    let rows = session_info.ask(client, INDEX, &parameters).await;
    let rows = rows.map_err(|source| Error::server("reading the catalog", source))?;
    let is_valid: Option<bool> = rows.first().map(|row| row.get(0));
    Ok(match (done, is_valid) {
        (true, None) => Some(format!("there is no index {name}")),
        (true, Some(false)) => Some(format!("the index {name} is INVALID")),
        (false, Some(_)) => Some(format!("the index {name} exists")),
        (true, Some(true)) | (false, None) => None,
    })
}
