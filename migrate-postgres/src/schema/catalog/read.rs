//! Reading a catalog from a server.

use super::{depend, query, row};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::objects::object::Catalog;
use crate::sql::quote::{quote_ident, quote_literal};
use crate::sql::transaction::IS_FREE;
use futures_util::future::try_join3;
use std::borrow::Cow;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

/// The part of a database to read.
///
/// # Examples
///
/// ```
/// use migrate_postgres::catalog::Scope;
///
/// let tenant = Scope::schema("tenant_42").with_owners();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each setting returns a scope"]
pub struct Scope {
    schema: Option<Cow<'static, str>>,
    owners: bool,
    dependencies: bool,
    /// Histories of other tools to leave out: their schemas and names.
    pub(super) histories: Vec<(String, String)>,
}

impl Scope {
    /// All schemas except the system's, and objects outside schemas: extensions, publications, event
    /// triggers, casts.
    pub const fn database() -> Scope {
        Scope { schema: None, owners: false, dependencies: false, histories: Vec::new() }
    }

    /// One schema, named as in the catalog, without quotes. Its own name appears in no identity, and only in
    /// definitions that a person wrote (function bodies, `SET search_path`), so the same schema under two
    /// names reads the same.
    ///
    /// An object whose name also exists in `pg_catalog`, for example a type `point`, keeps its schema in
    /// definitions that refer to it. While the schema is read it comes after `pg_catalog` in the search path,
    /// so that nothing in it is mistaken for PostgreSQL's own.
    pub fn schema(name: impl Into<Cow<'static, str>>) -> Scope {
        Scope { schema: Some(name.into()), owners: false, dependencies: false, histories: Vec::new() }
    }

    /// Includes the owner of each object in its definition.
    pub fn with_owners(self) -> Scope {
        Scope { owners: true, ..self }
    }

    /// Reads the dependencies between objects, too, which a [plan](crate::difference::plan) needs.
    pub fn with_dependencies(self) -> Scope {
        Scope { dependencies: true, ..self }
    }

    /// Begins a transaction with the settings that definitions depend on, and returns true if a transaction
    /// was already open; then nothing is set. BEGIN in a transaction is only a warning.
    pub(crate) fn begin(&self) -> String {
        let path = match &self.schema {
            // Temporary objects would come first if their schema were not named.
            Some(schema) => format!("pg_catalog, {}, pg_temp", quote_ident(schema)),
            None => "pg_catalog, pg_temp".to_owned(),
        };
        let settings = SETTINGS.iter().copied().chain([("search_path", path.as_str())]);
        let settings: Vec<String> = settings
            .map(|(name, value)| {
                format!("pg_catalog.set_config({}, {}, true)", quote_literal(name), quote_literal(value))
            })
            .collect();
        let (no_timeouts, settings) = (protect::no_timeouts(), settings.join(", "));
        format!("BEGIN; SELECT {IS_FREE}; {no_timeouts}; SELECT {settings} WHERE {IS_FREE}")
    }
}

/// Settings that affect the text of a definition, or of a constant in it. Also, a query over so many small
/// tables is never worth compiling, or replanning once it is prepared.
const SETTINGS: [(&str, &str); 11] = [
    ("bytea_output", "hex"),
    ("datestyle", "ISO, YMD"),
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("timezone", "UTC"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
];

impl Catalog {
    /// Reads the objects of a scope in two round trips over any [`Target`]: a `Client`, a URL, a pool.
    /// Nothing is written, the session's settings are restored, and it is safe behind a transaction pooler.
    /// Like a query of a view, it locks the tables of views in `ACCESS SHARE` mode while it reads, and waits
    /// for sessions that hold them in `ACCESS EXCLUSIVE` mode.
    ///
    /// Any role may read a catalog. Concurrent DDL may be seen in part; if it drops an object that is being
    /// read, the catalog is read again, a few times.
    ///
    /// # Errors
    ///
    /// [`Error::InTransaction`] if a `Client` is in its owner's transaction, and connection errors.
    pub async fn read<T: Target + ?Sized>(target: &T, scope: &Scope) -> Result<Catalog, Error> {
        let mut session = target.open().await?;
        let catalog = read(&mut session, scope).await;
        session.close().await;
        catalog
    }
}

/// The number of attempts to read a catalog while other sessions drop objects.
const TRIES: u32 = 10;

/// The pause before the first retry; it doubles each time.
const PAUSE: Duration = Duration::from_millis(10);

/// Reads over an open session.
pub(crate) async fn read(session: &mut Session<'_>, scope: &Scope) -> Result<Catalog, Error> {
    read_with(session, scope, None).await
}

/// Prepares the query in a private session that reads often: parsing and planning take as long as execution.
#[cfg(feature = "testing")]
pub(crate) async fn prepare(client: &Client) -> Result<Statement, Error> {
    let types = [Type::TEXT, Type::BOOL, Type::TEXT_ARRAY, Type::TEXT_ARRAY];
    client.prepare_typed(&query::catalog(), &types).await.map_err(failed)
}

/// Reads over an open session, with the prepared query if given.
pub(crate) async fn read_with(
    session: &mut Session<'_>,
    scope: &Scope,
    prepared: Option<&Statement>,
) -> Result<Catalog, Error> {
    for tried in 0..TRIES {
        match read_once(session, scope, prepared).await {
            Err(error) if is_of_an_object_that_is_gone(&error) => {
                tokio::time::sleep(PAUSE * 2_u32.pow(tried)).await;
            }
            read => return read,
        }
    }
    read_once(session, scope, prepared).await
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("reading the catalog", source)
}

/// The query sees the catalog as of its start, but the functions that print definitions see it as it is now.
/// For an object dropped in between they raise an internal error, "could not open relation with OID" or
/// "cache lookup failed".
fn is_of_an_object_that_is_gone(error: &Error) -> bool {
    matches!(error, Error::Server { source, .. } if source.code() == Some(&SqlState::INTERNAL_ERROR))
}

async fn read_once(
    session: &mut Session<'_>,
    scope: &Scope,
    prepared: Option<&Statement>,
) -> Result<Catalog, Error> {
    session.mark("ROLLBACK");
    let rows = match rows(session, scope, prepared).await {
        Err(Error::InTransaction) => {
            // A statement that ended our transaction would end the owner's.
            session.unmark();
            return Err(Error::InTransaction);
        }
        rows => rows,
    };
    if session.batch_execute("ROLLBACK").await.is_ok() {
        session.unmark();
    }
    let (rows, dependencies) = rows?;
    let catalog = Catalog::of(rows.iter().filter_map(row::object));
    if dependencies.is_empty() {
        return Ok(catalog);
    }
    let reader = dependencies.first().and_then(|row| row.get(9));
    Ok(catalog.depending(depend::resolve(&rows, &dependencies)).read_by(reader))
}

/// The rows of the objects, and those of the dependencies. Sends all messages at once; the server answers them
/// in order.
async fn rows(
    client: &Client,
    scope: &Scope,
    prepared: Option<&Statement>,
) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let begin = scope.begin();
    let schema = scope.schema.as_deref();
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        scope.histories.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).unzip();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
        (&schema, Type::TEXT),
        (&scope.owners, Type::BOOL),
        (&schemas, Type::TEXT_ARRAY),
        (&names, Type::TEXT_ARRAY),
    ];
    let begun = async {
        let answer = client.simple_query(&begin).await.map_err(failed)?;
        if is_free(&answer) { Ok(()) } else { Err(Error::InTransaction) }
    };
    let read = async {
        let Some(prepared) = prepared else {
            return client.query_typed(&query::catalog(), &parameters).await.map_err(failed);
        };
        client.query(prepared, &parameters.map(|(parameter, _)| parameter)).await.map_err(failed)
    };
    let depending = async {
        match scope.dependencies {
            true => client.query_typed(query::DEPENDENCIES, &[]).await.map_err(failed),
            false => Ok(Vec::new()),
        }
    };
    let ((), rows, dependencies) = try_join3(begun, read, depending).await?;
    Ok((rows, dependencies))
}

/// True if the transaction is ours, according to the first query of the message.
fn is_free(answer: &[SimpleQueryMessage]) -> bool {
    let first = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    first == Some("t")
}
