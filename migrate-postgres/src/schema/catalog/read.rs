//! Reading a catalog from a server.

use super::query;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::objects::kind::Kind;
use crate::objects::object::{Catalog, Object};
use crate::sql::quote::{quote_ident, quote_literal};
use crate::sql::transaction::IS_FREE;
use futures_util::future::try_join;
use std::borrow::Cow;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

/// How much of a database is read.
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
    /// Histories of other tools, which are left out: their schemas and names.
    pub(super) histories: Vec<(String, String)>,
}

impl Scope {
    /// All schemas but the system's, and what is in no schema: extensions, publications, event triggers, casts.
    pub const fn database() -> Scope {
        Scope { schema: None, owners: false, histories: Vec::new() }
    }

    /// One schema, its name as the catalog has it, without quotes. Its own name is in no identity, and in no definition but
    /// those that a person wrote (the bodies of functions, `SET search_path`): the same schema under two names reads the
    /// same.
    ///
    /// An object of the schema whose name is also that of something in `pg_catalog`, a type `point` say, keeps its schema
    /// in the definitions that speak of it: the schema is behind `pg_catalog` in the search path while it is read, so that
    /// nothing in it is mistaken for PostgreSQL's own.
    pub fn schema(name: impl Into<Cow<'static, str>>) -> Scope {
        Scope { schema: Some(name.into()), owners: false, histories: Vec::new() }
    }

    /// The same, with the owner of each object in its definition.
    pub fn with_owners(self) -> Scope {
        Scope { owners: true, ..self }
    }

    /// Begins a transaction with the settings that definitions depend on, and says whether one had been begun before: then
    /// nothing is set. BEGIN in a transaction is only a warning.
    pub(crate) fn begin(&self) -> String {
        let path = match &self.schema {
            // A temporary object would come first if its schema were not named.
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

/// What the text of a definition, or of a constant in it, depends on. And a query over so many small tables is never worth
/// compiling, nor planning anew where it is prepared.
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
    /// Reads what a scope holds, in two round trips, over any [`Target`]: a `Client`, a URL, a pool. Nothing is written,
    /// settings of the session are as before, and it is safe behind a transaction pooler. Like a query of a view, it locks the
    /// tables of views in `ACCESS SHARE` mode while it reads, and waits for whoever has them in `ACCESS EXCLUSIVE` mode.
    ///
    /// Any role may read a catalog. DDL that runs at the same time may be seen in part; where it drops what is being read, the
    /// catalog is read again, a few times.
    ///
    /// # Errors
    ///
    /// [`Error::InTransaction`] where a `Client` is in a transaction of its owner's; what goes wrong with a connection.
    pub async fn read<T: Target + ?Sized>(target: &T, scope: &Scope) -> Result<Catalog, Error> {
        let mut session = target.open().await?;
        let catalog = read(&mut session, scope).await;
        session.close().await;
        catalog
    }
}

/// How often a catalog is read of which others drop objects meanwhile.
const TRIES: u32 = 10;

/// The pause before it is read again, for the first time; twice as long each time.
const PAUSE: Duration = Duration::from_millis(10);

/// Reads over an open session.
pub(crate) async fn read(session: &mut Session<'_>, scope: &Scope) -> Result<Catalog, Error> {
    read_with(session, scope, None).await
}

/// Prepares the query in a session that reads often, and is its own: parsing and planning it takes as long as running it.
#[cfg(feature = "testing")]
pub(crate) async fn prepare(client: &Client) -> Result<Statement, Error> {
    let types = [Type::TEXT, Type::BOOL, Type::TEXT_ARRAY, Type::TEXT_ARRAY];
    client.prepare_typed(&query::catalog(), &types).await.map_err(failed)
}

/// Reads over an open session, by the query that was prepared in it if one was.
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

/// The query sees the catalog as it was at its beginning, and the functions that print definitions as it is: for what was
/// dropped in between they have an internal error, "could not open relation with OID" or "cache lookup failed".
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
            // What would end our transaction would end its owner's.
            session.unmark();
            return Err(Error::InTransaction);
        }
        rows => rows,
    };
    if session.batch_execute("ROLLBACK").await.is_ok() {
        session.unmark();
    }
    Ok(Catalog::of(rows?.iter().filter_map(object)))
}

/// Sends both messages at once: the server answers them one after the other.
async fn rows(client: &Client, scope: &Scope, prepared: Option<&Statement>) -> Result<Vec<Row>, Error> {
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
    let ((), rows) = try_join(begun, read).await?;
    Ok(rows)
}

/// Whether the transaction is ours: what the first query of the message said.
fn is_free(answer: &[SimpleQueryMessage]) -> bool {
    let first = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    first == Some("t")
}

/// An object of a row. A kind that is not known can't come out of our query.
fn object(row: &Row) -> Option<Object> {
    let kind = Kind::of_word(row.get(0))?;
    let object = Object::new(kind, row.get::<_, String>(1), row.get::<_, Option<String>>(3)?);
    Some(match row.get::<_, Option<String>>(2) {
        Some(table) => object.of(table),
        None => object,
    })
}
