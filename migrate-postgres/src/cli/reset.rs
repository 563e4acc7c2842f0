//! Emptying a database, and the mark that allows it.

use super::context::Context;
use crate::error::Error;
use crate::history::PgHistory;
use crate::quote::quote_ident;
use crate::session::Session;
use migrate_core::engine::Backoff;
use migrate_core::history::{History as _, Locking};
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config};

/// The setting of a database that marks it as a development one.
///
/// It stands in `pg_db_role_setting`: it outlives all that is dropped in the database, and goes neither with a dump of its contents
/// nor with `CREATE DATABASE … TEMPLATE`, so that a copy of it elsewhere is not marked.
const MARK: &str = "migrate.development";

/// What has to be known of a database before it is emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Its name.
    pub(super) database: String,
    /// Whether it is marked as a development database.
    pub(super) is_development: bool,
}

const LOOK: &str = "\
    SELECT d.datname::text, EXISTS ( \
        SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS setting \
        WHERE s.setdatabase = d.oid AND s.setrole = 0 AND setting = $1 || '=on') \
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

/// Looks at the database of a connection.
pub(super) async fn look(client: &Client) -> Result<Look, Error> {
    let row = client.query_typed(LOOK, &[(&MARK, Type::TEXT)]).await;
    let row = row.map_err(|source| Error::server("looking at the database", source))?;
    let row = &row[0];
    Ok(Look { database: row.get(0), is_development: row.get(1) })
}

/// Marks a database as a development one, or takes the mark away.
pub(super) async fn mark(client: &Client, database: &str, is_development: bool) -> Result<(), Error> {
    let database = quote_ident(database);
    let change = if is_development { format!("SET {MARK} = 'on'") } else { format!("RESET {MARK}") };
    let sql = format!("ALTER DATABASE {database} {change}");
    client.batch_execute(&sql).await.map_err(|source| Error::server("marking the database", source))
}

/// What is dropped, each with the statement that does it; a schema `public` is made again as it was.
///
/// What belongs to an extension is left to it. An extension whose schema is dropped goes with that.
const DROPS: &str = "\
    SELECT drop FROM ( \
        SELECT 1 AS place, format('DROP PUBLICATION %I', pubname) AS drop FROM pg_catalog.pg_publication \
        UNION ALL \
        SELECT 2, format('DROP EVENT TRIGGER %I', evtname) FROM pg_catalog.pg_event_trigger e \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_event_trigger'::regclass \
                          AND d.objid = e.oid AND d.deptype = 'e') \
        UNION ALL \
        SELECT 3, format('DROP SCHEMA %I CASCADE', nspname) FROM pg_catalog.pg_namespace n \
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::regclass \
                          AND d.objid = n.oid AND d.deptype = 'e') \
        UNION ALL \
        SELECT 4, format('CREATE SCHEMA public AUTHORIZATION %I', pg_catalog.pg_get_userbyid(nspowner)) \
        FROM pg_catalog.pg_namespace WHERE nspname = 'public' \
        UNION ALL \
        SELECT 5, format('GRANT %s ON SCHEMA public TO %s', a.privilege_type, \
                         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_catalog.pg_get_userbyid(a.grantee)) END) \
        FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a \
        WHERE n.nspname = 'public' AND a.grantee <> n.nspowner \
    ) drops ORDER BY place, drop";

/// Drops all that is in a database, under the set's migration lock: a run under way is waited for as another run would wait.
pub(super) async fn empty_under_lock(
    context: &Context,
    target: &Config,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let (set, settings) = (context.migrator.set(), &context.migrator.settings);
    let mut history = PgHistory::open(target, settings).await?;
    let began = Instant::now();
    let mut backoff = Backoff::new(Duration::from_millis(20), settings.engine.poll);
    let emptied = loop {
        let waited = began.elapsed();
        match history.try_lock(set).await? {
            Locking::Acquired(locked) => {
                let emptied = empty(session).await;
                // A lease goes with the schema that it stands in.
                drop(locked.release().await);
                break emptied;
            }
            Locking::Held(holder) if waited >= settings.engine.lock_wait => {
                break Err(Error::LockWait { waited, holder });
            }
            Locking::Held(holder) => context.ui.wait_for_lock(&holder),
            Locking::Crowded(error) if waited >= settings.engine.lock_wait => break Err(error.into()),
            Locking::Crowded(_) => {}
        }
        history.pause(backoff.pause().min(settings.engine.lock_wait.saturating_sub(waited))).await;
    };
    history.close().await;
    emptied
}

/// Drops all that is in a database, in one transaction.
async fn empty(session: &mut Session<'_>) -> Result<(), Error> {
    let failed = |source| Error::server("dropping all that is in the database (it is rolled back)", source);
    session.mark("ROLLBACK");
    session.batch_execute("BEGIN; SET LOCAL lock_timeout = '10s'").await.map_err(failed)?;
    let drops = session.query_typed(DROPS, &[]).await.map_err(failed)?;
    let statements: Vec<String> = drops.iter().map(|row| row.get(0)).collect();
    let script = format!("SET LOCAL client_min_messages = warning; {}; COMMIT", statements.join("; "));
    session.batch_execute(&script).await.map_err(failed)?;
    session.unmark();
    Ok(())
}
