//! A new database from the folder, with the rows from another one that fit: the way forward after an edit
//! that can't be taken back. The other database is only read.

use super::problem::DevProblem;
use super::tables;
use crate::cli::answer::Answer;
use crate::cli::commands::run::report_page;
use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::reset;
use crate::connection::endpoint::Endpoint;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target as _;
use crate::error::{Error, cause};
use crate::schema::catalog::{Catalog, Kind, Scope};
use crate::schema::scratch::drops;
use crate::sql::answers::text;
use crate::sql::quote::{quote_ident, quote_literal};
use serde_json::json;
use std::collections::BTreeSet;

/// The rows that are sent in one statement.
const BATCH: usize = 1000;

/// A table whose rows were copied, or not.
pub(super) struct CopiedTable {
    /// As SQL.
    pub(super) name: String,
    pub(super) rows: usize,
    /// The reason why its rows do not fit.
    pub(super) problem: Option<String>,
}

/// Builds the database and copies the rows.
pub(super) async fn copy(context: &Context, from: &Endpoint, to: &str) -> Result<Answer, Problem> {
    let to = make(from, to).await?;
    let database = to.get_dbname().unwrap_or_default().to_owned();
    let session = to.open().await?;
    reset::mark(&session, &database, true).await?;
    session.close().await;
    let report = context.migrator.run(&to).await?;
    let copied = rows(from, &to).await?;
    let page = Page::default()
        .toned(format!("{database} was built from the folder; the other database is as it was"), Tone::Good)
        .append(report_page(&report))
        .lines(copied.iter().map(line))
        .line(format!("point DATABASE_URL to {database} to go on with it"));
    let data = json!({ "database": database, "report": json::report(&report), "copied": tables(&copied) });
    Ok(Answer::done(page, data))
}

fn line(table: &CopiedTable) -> String {
    let rows = |count: usize| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    match &table.problem {
        None => format!("{}: copied {}", table.name, rows(table.rows)),
        Some(problem) => format!("{}: not copied: {problem}", table.name),
    }
}

/// Creates the database, or checks that the one of a URL is empty.
async fn make(from: &Endpoint, to: &str) -> Result<Endpoint, Problem> {
    if !to.contains(['/', '=']) {
        let session = from.open().await?;
        let made = protect::alone(&session, &format!("CREATE DATABASE {}", quote_ident(to))).await;
        session.close().await;
        let refused = |error| DevProblem::Copy { database: to.to_owned(), message: cause(&error) };
        made.map_err(refused)?;
        let mut endpoint = from.clone();
        endpoint.dbname(to);
        return Ok(endpoint);
    }
    let endpoint = Endpoint::of_text(to)?;
    let session = endpoint.open().await?;
    let found = drops(&session).await;
    session.close().await;
    let found = found.map_err(|source| Error::server("reading the database", source))?;
    if found.is_empty() {
        return Ok(endpoint);
    }
    let database = endpoint.get_dbname().unwrap_or_default().to_owned();
    Err(DevProblem::Copy { database, message: format!("it is not empty (objects: {})", found.len()) }.into())
}

/// Copies the rows of all tables that both have, in one transaction: repeatedly, because a table can be filled
/// only after those that it refers to.
async fn rows(from: &Endpoint, to: &Endpoint) -> Result<Vec<CopiedTable>, Error> {
    let mut names = names_of(from).await?;
    let there = names_of(to).await?;
    names.retain(|name| there.contains(name));
    let (source, session) = (from.open().await?, to.open().await?);
    let failed = |source| Error::server("copying rows", source);
    session.batch_execute(&format!("BEGIN; {}", protect::no_timeouts())).await.map_err(failed)?;
    let mut copied = Vec::new();
    while !names.is_empty() {
        let (mut later, mut problems) = (Vec::new(), Vec::new());
        for name in &names {
            match table(&source, &session, name).await? {
                Ok(rows) => copied.push(CopiedTable { name: name.clone(), rows, problem: None }),
                Err(problem) => {
                    later.push(name.clone());
                    problems.push(CopiedTable { name: name.clone(), rows: 0, problem: Some(problem) });
                }
            }
        }
        if later.len() == names.len() {
            copied.extend(problems);
            break;
        }
        names = later;
    }
    sequences(&source, &session).await?;
    session.batch_execute("COMMIT").await.map_err(failed)?;
    source.close().await;
    session.close().await;
    copied.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(copied)
}

/// The tables that have rows of their own or in partitions, without our history.
async fn names_of(database: &Endpoint) -> Result<Vec<String>, Error> {
    let catalog = Catalog::read(database, &Scope::database()).await?;
    let tables: BTreeSet<&str> = catalog
        .objects()
        .iter()
        .filter(|object| object.kind() == Kind::Table && !object.definition().contains("PARTITION OF"))
        .map(crate::catalog::Object::identity)
        .collect();
    Ok(tables.into_iter().map(str::to_owned).collect())
}

/// Copies the rows of a table whose columns, by their names, both have; the reason if they do not fit.
async fn table(
    source: &Session<'_>,
    session: &Session<'_>,
    name: &str,
) -> Result<Result<usize, String>, Error> {
    let failed = |source| Error::server("copying rows", source);
    let columns = format!(
        "SELECT pg_catalog.quote_ident(attname) FROM pg_catalog.pg_attribute \
         WHERE attrelid = {}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        quote_literal(name)
    );
    let names = |rows: Vec<tokio_postgres::SimpleQueryRow>| -> Vec<String> {
        rows.iter().filter_map(|row| text(row, 0).map(str::to_owned)).collect()
    };
    let mut common = names(protect::ask(source, &columns).await.map_err(failed)?);
    let there = names(protect::ask(session, &columns).await.map_err(failed)?);
    common.retain(|column| there.contains(column));
    let columns = common.join(", ");
    let select = format!("SELECT pg_catalog.row_to_json(s)::text FROM (SELECT {columns} FROM {name}) s");
    let rows = protect::ask(source, &select).await.map_err(failed)?;
    let rows: Vec<&str> = rows.iter().filter_map(|row| text(row, 0)).collect();
    let begin = format!("SAVEPOINT copied; ALTER TABLE {name} DISABLE TRIGGER USER; DELETE FROM {name}");
    let mut statements = vec![begin];
    for batch in rows.chunks(BATCH).filter(|_| !columns.is_empty()) {
        let array = quote_literal(&format!("[{}]", batch.join(",")));
        statements.push(format!(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE \
             SELECT {columns} FROM pg_catalog.json_populate_recordset(NULL::{name}, {array})"
        ));
    }
    statements.push(format!("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE {name} ENABLE TRIGGER USER"));
    for statement in statements {
        if let Err(error) = session.batch_execute(&statement).await {
            session.batch_execute("ROLLBACK TO SAVEPOINT copied").await.map_err(failed)?;
            return Ok(Err(cause(&error)));
        }
    }
    Ok(Ok(rows.len()))
}

/// Sets the sequences that both have to the values of the source.
async fn sequences(source: &Session<'_>, session: &Session<'_>) -> Result<(), Error> {
    const VALUES: &str = "SELECT pg_catalog.format('%I.%I', schemaname, sequencename), last_value \
        FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL";
    let failed = |source| Error::server("copying the values of sequences", source);
    for row in &protect::ask(source, VALUES).await.map_err(failed)? {
        let (Some(name), Some(value)) = (text(row, 0), text(row, 1)) else { continue };
        let name = quote_literal(name);
        let set = format!(
            "SELECT pg_catalog.setval(oid::pg_catalog.regclass, {value}) FROM pg_catalog.pg_class \
             WHERE oid = pg_catalog.to_regclass({name}) AND relkind = 'S'"
        );
        session.batch_execute(&set).await.map_err(failed)?;
    }
    Ok(())
}
