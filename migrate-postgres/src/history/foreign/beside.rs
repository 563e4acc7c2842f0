//! Histories beside ours: before a set's first row, checks that no other tool and no history of ours in
//! another schema has applied its migrations already.

use super::find::{Candidate, names, question, recognize};
use super::read;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::history::settings::RunSettings;
use crate::sql::answers::Answers;
use crate::sql::quote::{quote_ident, quote_if_needed};
use migrate_core::advice::{Advice, NextStep, Setting};
use migrate_core::history::Notice;
use migrate_core::history::foreign::{ForeignHistory, Tool};
use migrate_core::{Migration, Set};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// The tables that may be such histories.
#[derive(Clone, Debug, Default)]
pub(crate) struct BesideTables(Vec<Candidate>);

/// The tables with the comment of a history of ours, under any name.
const OURS: &str = "SELECT objoid FROM pg_catalog.pg_description \
                    WHERE classoid = 'pg_catalog.pg_class'::regclass AND objsubid = 0 \
                    AND description LIKE 'What was migrated, by migrate-postgres%'";

impl BesideTables {
    /// The query for them, as a statement of a message. If `condition` is false, it costs nothing and returns
    /// no answer.
    pub(crate) fn question(settings: &RunSettings, condition: &str) -> String {
        let mut names = if settings.ignores_foreign { Vec::new() } else { names() };
        names.push(&settings.history_table);
        let ours = settings.history_schema.is_none().then_some(OURS);
        question(&names, ours, condition)
    }

    /// Reads the answer.
    pub(crate) fn read(answers: &mut Answers) -> BesideTables {
        BesideTables(answers.next().iter().map(Candidate::read).collect())
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks that a set with no rows in our history was not applied by another tool, and is not in a history of
/// ours in another schema. Returns notices to show.
///
/// # Errors
///
/// [`Error::ForeignHistory`] if another tool's table lists migrations of the set, [`Error::OtherSchema`] if
/// our history of it is in another schema, and [`Error::Privilege`] if a table on the search path can't be
/// read.
pub(crate) async fn read_beside(
    client: &Client,
    session_info: &SessionInfo,
    settings: &RunSettings,
    set: &Set,
) -> Result<Vec<Notice>, Error> {
    let mut notices = Vec::new();
    for table in &session_info.beside.0 {
        let is_own = table.schema == session_info.table.schema() && table.table == session_info.table.name();
        if !is_own && is_ours(table) {
            read_ours(client, session_info, settings, set, table).await?;
        } else if !settings.ignores_foreign && is_in_reach(table, session_info, settings) {
            notices.extend(read_foreign(client, session_info, set, table).await?);
        }
    }
    Ok(notices)
}

/// True if a table has the columns of our history's first format.
fn is_ours(table: &Candidate) -> bool {
    table.has_all(
        ["set_name", "seq", "version", "name", "action", "outcome", "checksum", "digest"].into_iter(),
    )
}

/// True if another tool's table can concern the objects that a run would change. If the history's schema is
/// given, one schema for each tenant is likely, and another tenant's table says nothing about this one.
fn is_in_reach(table: &Candidate, session_info: &SessionInfo, settings: &RunSettings) -> bool {
    settings.history_schema.is_none()
        || table.on_path
        || table.schema == session_info.table.schema()
        || table.schema == "public"
}

async fn read_foreign(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
    table: &Candidate,
) -> Result<Option<Notice>, Error> {
    let (is_readable, on_path) = (table.is_readable, table.on_path);
    let Some(there) = recognize(table.clone()) else { return Ok(None) };
    if !is_readable {
        let (tool, shown) = (there.tool, there.shown());
        let sql = format!("{}.{}", quote_if_needed(&there.schema), quote_if_needed(&there.table));
        if on_path {
            return Err(unreadable(session_info, tool, &shown, &sql));
        }
        return Ok(Some(Notice::Backend(format!(
            "{shown} of {tool} can't be read by this role; it is assumed to be another set's"
        ))));
    }
    let history = read::history(client, session_info.timeouts, &there).await?;
    let listed = history.listed(set);
    match listed.first() {
        Some(first) => Err(Error::ForeignHistory {
            tool: history.tool,
            table: history.table.clone(),
            listed: listed.len(),
            first: first.name().to_owned(),
            total: set.len(),
        }),
        None => Ok(bystander(&history)),
    }
}

/// The error for an unreadable table of another tool that may list the set's migrations.
fn unreadable(session_info: &SessionInfo, tool: Tool, shown: &str, table: &str) -> Error {
    let role = session_info.role().to_owned();
    let to = quote_if_needed(&role);
    Error::Privilege {
        what: "check whether another tool has applied this set's migrations",
        message: format!("permission denied for {shown}, the history of {tool}"),
        advice: Advice::of(NextStep::sql(format!("GRANT SELECT ON {table} TO {to}"))).or_if(
            "it lists another set's migrations",
            NextStep::set(Setting::IgnoreForeignHistory, "ignore it"),
        ),
        role,
    }
}

/// The notice about a history that lists no migration of the set.
fn bystander(history: &ForeignHistory) -> Option<Notice> {
    let count = history.applied().count();
    (count > 0).then(|| {
        Notice::Backend(format!(
            "{} of {} lists {count} applied migrations, none of them in this set; it is ignored",
            history.table, history.tool
        ))
    })
}

/// Reads a table of ours in a schema that is not searched for the set's history. It counts only if it has
/// migrations of the set: in a database of several applications, each may have a set with the default name.
async fn read_ours(
    client: &Client,
    session_info: &SessionInfo,
    settings: &RunSettings,
    set: &Set,
    table: &Candidate,
) -> Result<(), Error> {
    if settings.history_schema.is_some() || !table.is_readable {
        return Ok(());
    }
    let name = format!("{}.{}", quote_ident(&table.schema), quote_ident(&table.table));
    let is_of_set = "version || ' ' || name = ANY ($2) OR version || ' ' || checksum = ANY ($2)";
    let sql = format!("SELECT EXISTS (SELECT FROM {name} WHERE set_name = $1 AND ({is_of_set}))");
    let keys = |m: &dyn Migration| {
        let version = m.version().canonical();
        [format!("{version} {}", m.name()), format!("{version} {}", m.checksum())]
    };
    let keys: Vec<String> = set.replaced().chain(set.iter()).flat_map(keys).collect();
    let rows = session_info.ask(client, &sql, &[(&set.name(), Type::TEXT), (&keys, Type::TEXT_ARRAY)]).await;
    let rows = rows.map_err(|source| Error::server("reading a history in another schema", source))?;
    if !rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
        return Ok(());
    }
    Err(Error::OtherSchema {
        table: table.table.clone(),
        own: session_info.table.name().to_owned(),
        found: table.schema.clone(),
        first: session_info.table.schema().to_owned(),
    })
}
