//! Replays: scripts edited to run on a scratch database without effects on objects that the server's
//! databases share.
//!
//! The scratch database is usually on the target's server. A role that a migration creates already exists
//! there, and `ALTER ROLE app PASSWORD …`, run again, would change it under the service. So statements about
//! roles, databases, tablespaces, subscriptions and server parameters are left out, and so are statements
//! that name a role that does not exist on the server: it can hold no privileges any more. Code that the text
//! does not show (`DO`, functions) is run under guard: if it has written to a shared catalog, the transaction
//! is rolled back, and the statement is left out from then on.

use super::Scratch;
use super::phase::PhaseCallback;
use crate::connection::protect::SessionTimeouts;
use crate::error::Error;
use crate::error::ScratchError;
use crate::migrator::Migrator;
use crate::settings::Inspect;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Action;
use migrate_core::sql::{self, Refusal, Statement, Unit};
use migrate_core::{Checksum, Migration, Payload, Script, Set, SqlMigration, Version};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// An applied migration: one of the set's, or a text from the history.
#[derive(Clone, Debug)]
pub(crate) enum ReplaySource {
    OfSet(Box<Set>, Version),
    Kept(Box<SqlMigration>),
}

impl ReplaySource {
    fn migration(&self) -> &dyn Migration {
        match self {
            ReplaySource::OfSet(set, version) => set.find(version).expect("a migration of the set"),
            ReplaySource::Kept(migration) => &**migration,
        }
    }
}

/// The scripts to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replayed {
    /// The up scripts of applied migrations: roles that no longer exist did exist then.
    Applied,
    /// All scripts: a role that does not exist and that no script creates is an error.
    All,
}

/// The role of a script in its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ScriptRole {
    Up,
    Down,
    Verify,
}

/// Migrations to replay, and the statements to leave out.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    name: String,
    sources: Vec<(Version, ReplaySource)>,
    replayed: Replayed,
    /// Roles that do not exist on the server.
    missing: BTreeSet<String>,
    /// Statements that turned out to change shared objects: the index of the migration, the script, the
    /// statement.
    left_out: BTreeSet<(usize, ScriptRole, usize)>,
}

impl Replay {
    /// Finds out which roles that the scripts name exist on the scratch database's server.
    pub(crate) async fn on(
        client: &Client,
        name: &str,
        sources: Vec<(Version, ReplaySource)>,
        replayed: Replayed,
    ) -> Result<Replay, Error> {
        let mut replay = Replay {
            name: name.to_owned(),
            sources,
            replayed,
            missing: BTreeSet::new(),
            left_out: BTreeSet::new(),
        };
        let named = replay.roles();
        if !named.is_empty() {
            let named: Vec<String> = named.into_iter().collect();
            let sql = "SELECT name FROM unnest($1) name WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)";
            let failed = |source| Error::server("reading the roles", source);
            let timeouts = SessionTimeouts::of(client).await.map_err(failed)?;
            let rows = timeouts.ask(client, sql, &[(&named, Type::TEXT_ARRAY)]).await.map_err(failed)?;
            replay.missing = rows.iter().map(|row| row.get(0)).collect();
        }
        Ok(replay)
    }

    /// The roles that may be missing.
    fn roles(&self) -> BTreeSet<String> {
        let roles = |of: fn(&str) -> Vec<String>| -> BTreeSet<String> {
            let payloads = self.sources.iter().flat_map(|(_, source)| self.payloads(source.migration()));
            let of_payload = |payload: &Payload<'_>| -> Vec<String> {
                payload.statement_texts().into_iter().flat_map(of).collect()
            };
            payloads.flat_map(|(_, payload)| of_payload(&payload)).collect()
        };
        let named = roles(sql::roles_named);
        match self.replayed {
            Replayed::Applied => named,
            Replayed::All if named.is_empty() => named,
            Replayed::All => named.intersection(&roles(sql::roles_made)).cloned().collect(),
        }
    }

    /// The parts of a migration that may run.
    fn payloads<'m>(&self, migration: &'m dyn Migration) -> Vec<(ScriptRole, Payload<'m>)> {
        let all = self.replayed == Replayed::All;
        let up = (ScriptRole::Up, migration.up());
        let down = migration.down().filter(|_| all).map(|down| (ScriptRole::Down, down));
        let verify = migration.verify().filter(|_| all);
        let verify = verify.map(|verify| (ScriptRole::Verify, Payload::Script(Cow::Borrowed(verify))));
        std::iter::once(up).chain(down).chain(verify).collect()
    }

    /// The migrator for the replay: with the given one's settings, and with guards.
    pub(crate) fn over(&self, migrator: &Migrator) -> Migrator {
        let mut replaying = migrator.over(self.set());
        replaying.settings.inspect = Some(GUARDS);
        replaying
    }

    /// The set to run: with the versions and names of the sources, and their edited scripts.
    fn set(&self) -> Set {
        let steps = self.sources.iter().enumerate().map(|(place, (version, source))| {
            let mut step = ReplayStep {
                version: version.clone(),
                source: source.clone(),
                replayed: self.replayed,
                up: None,
                down: None,
                verify: None,
            };
            for (part, payload) in self.payloads(source.migration()) {
                *match part {
                    ScriptRole::Up => &mut step.up,
                    ScriptRole::Down => &mut step.down,
                    ScriptRole::Verify => &mut step.verify,
                } = payload.script().and_then(|script| self.edited(place, part, script));
            }
            Arc::new(step) as Arc<dyn Migration>
        });
        Set::new(self.name.clone(), steps.collect()).expect("versions that differ")
    }

    /// Runs the migrations on a scratch database, repeatedly while a guard finds a statement to leave out.
    pub(crate) async fn run(
        &mut self,
        migrator: &Migrator,
        scratch: &Scratch,
        told: &PhaseCallback,
    ) -> Result<(), Error> {
        loop {
            let told = told.clone();
            let replaying = self.over(migrator).on_event(move |event| told.event(event));
            let Err(error) = replaying.run(scratch.config()).await else { return Ok(()) };
            self.leave_out_after(error)?;
        }
    }

    /// After a failed run: if a guard stopped a statement, leaves it out, so that the run can be repeated
    /// with [another set](Replay::set). Otherwise returns the error.
    pub(crate) fn leave_out_after(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Failed(failure) if failure.code.as_deref() == Some(TOUCHED) => {
                Ok(self.leave_out(&failure)?)
            }
            Error::Failed(failure) if failure.code.as_deref() == Some(TOUCHED_AT_END) => {
                Err(ScratchError::Shared { name: failure.name }.into())
            }
            error => Err(error),
        }
    }

    /// Leaves out the statement after which a guard stopped the script.
    fn leave_out(&mut self, failure: &Failure) -> Result<(), ScratchError> {
        let place = self.sources.iter().position(|(version, _)| *version == failure.version);
        let part = if failure.action == Action::Revert { ScriptRole::Down } else { ScriptRole::Up };
        let number = failure.place.as_ref().and_then(|place| place.statement.checked_sub(1));
        let guarded = place.zip(number).map(|(place, statement)| (place, part, statement));
        let is_new = guarded.is_some_and(|guarded| self.left_out.insert(guarded));
        if is_new { Ok(()) } else { Err(ScratchError::Shared { name: failure.name.clone() }) }
    }

    /// The edited script; none if the script is replayed unchanged.
    fn edited(&self, place: usize, part: ScriptRole, script: &Script) -> Option<Script> {
        let is_left_out = |statement| self.left_out.contains(&(place, part, statement));
        let is_missing = |role: &str| self.missing.contains(role);
        edited(script, &is_left_out, &is_missing)
    }
}

/// The SQLSTATE with which a guard stops a script after a statement, from an unused class.
const TOUCHED: &str = "MGSHR";

/// The same at the end of a transaction, where no particular statement can be left out.
const TOUCHED_AT_END: &str = "MGSHE";

/// Code that fails with this SQLSTATE in a transaction that has written to a shared catalog: the transaction
/// holds the catalog's lock until its end. Every role may see the locks, but not the catalogs.
macro_rules! guard {
    ($code:literal, $before:literal) => {
        concat!(
            "DO $migrate$DECLARE held text; BEGIN ",
            $before,
            "IF EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
             WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.database = 0 \
             AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND c.relname IN ('pg_authid', 'pg_auth_members', \
             'pg_database', 'pg_db_role_setting', 'pg_tablespace', 'pg_parameter_acl', 'pg_shdescription', 'pg_shseclabel', \
             'pg_subscription', 'pg_replication_origin')) THEN RAISE EXCEPTION USING ERRCODE = '",
            $code,
            "', MESSAGE = 'it changes what the databases of the server share'; END IF; END$migrate$"
        )
    };
}

/// Guards after statements that may run code, and at the end of transactions. By then everything that a
/// COMMIT triggers has run: deferred work, and the queries of cursors that outlive the transaction.
const GUARDS: Inspect = Inspect {
    behind: guard!("MGSHR", ""),
    is_called_for: sql::may_be_cluster_wide,
    at_end: Some(guard!(
        "MGSHE",
        "FOR held IN SELECT name FROM pg_catalog.pg_cursors WHERE is_holdable \
         LOOP EXECUTE pg_catalog.format('MOVE ALL IN %I', held); END LOOP; "
    )),
};

/// The edited script, with one statement for each original one, on the same line; none if the script is
/// replayed unchanged.
fn edited(
    script: &Script,
    is_left_out: &dyn Fn(usize) -> bool,
    is_missing: &dyn Fn(&str) -> bool,
) -> Option<Script> {
    // A statement that is sent alone is committed before a guard could run.
    let bare: BTreeSet<usize> =
        script.units().iter().filter(|unit| unit.is_bare()).flat_map(Unit::statements).collect();
    let mut building = Building::default();
    let mut done = 0;
    for (index, statement) in script.statements().iter().enumerate() {
        let (range, text) = (statement.range(), statement.text(script.text()));
        building.text.push_str(&script.text()[done..range.start]);
        done = range.end;
        let stays = !is_left_out(index) && !is_to_leave_out(text, !bare.contains(&index));
        let left = if stays { sql::without_roles(text, is_missing) } else { None };
        match &left {
            Some(text) => building.push(text, statement, statement.refuses()),
            None => building.push(&blank(text), statement, None),
        }
    }
    building.text.push_str(&script.text()[done..]);
    (building.text != script.text()).then(|| building.finish(script))
}

/// True if a statement is left out because of its text. If it would be committed before a guard runs, its
/// quoted text counts, too.
fn is_to_leave_out(statement: &str, is_guarded: bool) -> bool {
    let is_tried = is_guarded || !sql::may_be_cluster_wide(statement);
    sql::is_cluster_wide(statement) || !is_tried && sql::quotes_cluster_wide(statement)
}

/// A statement that does nothing, with the same number of lines. It takes no snapshot, so `SET TRANSACTION`
/// may follow it.
fn blank(statement: &str) -> String {
    let lines = statement.matches('\n').count();
    format!("SHOW role{}", "\n".repeat(lines))
}

#[derive(Default)]
struct Building {
    text: String,
    statements: Vec<Statement>,
}

impl Building {
    /// Replaces a statement with a text: on its line, and with its effect on the transaction.
    fn push(&mut self, text: &str, of: Statement, refuses: Option<Refusal>) {
        let end = self.text.len() + text.trim_end().len();
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let statement = Statement::new(offset(self.text.len()), offset(end), of.line(), refuses);
        self.statements.push(statement.with_control(of.control()));
        self.text.push_str(text);
    }

    fn finish(self, script: &Script) -> Script {
        let mut options = script.options().clone();
        options.transaction = Some(script.transaction());
        let edited = Script::new(script.path().to_owned(), self.text, self.statements, options);
        match script.part() {
            Some((start, line)) => edited.in_part(start, line),
            None => edited,
        }
    }
}

/// A migration to replay, with the scripts that were edited.
#[derive(Debug)]
struct ReplayStep {
    version: Version,
    source: ReplaySource,
    replayed: Replayed,
    up: Option<Script>,
    down: Option<Script>,
    verify: Option<Script>,
}

/// The work with its script edited, if it was.
fn in_place<'s>(original: Payload<'s>, edited: Option<&'s Script>) -> Payload<'s> {
    match edited {
        Some(script) => original.with_sql(script),
        None => original,
    }
}

impl Migration for ReplayStep {
    fn version(&self) -> &Version {
        &self.version
    }

    fn name(&self) -> &str {
        self.source.migration().name()
    }

    fn checksum(&self) -> Checksum {
        self.source.migration().checksum()
    }

    fn up(&self) -> Payload<'_> {
        in_place(self.source.migration().up(), self.up.as_ref())
    }

    fn down(&self) -> Option<Payload<'_>> {
        let down = self.source.migration().down();
        down.map(|down| in_place(down, self.down.as_ref()))
    }

    fn verify(&self) -> Option<&Script> {
        let original = self.source.migration().verify().filter(|_| self.replayed == Replayed::All);
        self.verify.as_ref().or(original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::TransactionMode;

    fn replayed(text: &str) -> Option<Script> {
        let script = Script::of_up_text("1.sql", text.to_owned()).unwrap();
        edited(&script, &|_| false, &|role| role == "gone")
    }

    #[test]
    fn each_statement_stays_on_its_line_and_is_split_where_it_was() {
        let text = "CREATE ROLE a\n  NOLOGIN;\nDO $$ BEGIN\nEND $$;\nGRANT SELECT ON t TO gone; SELECT 1 -- a\n;CREATE TABLE t ()\n";
        let script = replayed(text).unwrap();
        let split = sql::split(script.text()).statements;
        let texts = |statements: &[Statement]| -> Vec<String> {
            statements.iter().map(|one| one.text(script.text()).to_owned()).collect()
        };
        assert_eq!(texts(&split), texts(&script.statements().iter().collect::<Vec<_>>()));
        let lines: Vec<u32> = script.statements().iter().map(|one| one.line()).collect();
        assert_eq!(lines, [1, 3, 5, 5, 6]);
        assert!(script.statements().iter().all(|one| one.refuses().is_none()));
    }

    #[test]
    fn a_script_that_runs_statement_by_statement_keeps_its_mode_when_what_called_for_it_is_left_out() {
        let text = "ALTER SYSTEM SET work_mem = '1MB'; CALL p(); DO $$ BEGIN CREATE ROLE a; END $$";
        let edited = replayed(text).unwrap();
        assert_eq!(edited.text(), "SHOW role; CALL p(); SHOW role");
        assert_eq!(edited.transaction(), TransactionMode::None);
    }
}
