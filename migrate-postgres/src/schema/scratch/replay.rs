//! Scripts as they are replayed on a scratch database: without effect on what it shares with the other databases of its
//! server.
//!
//! The server of the scratch database is usually that of the target. A role that a migration makes is there already, and
//! `ALTER ROLE app PASSWORD …`, run again, would change it under the service. So statements about roles, databases,
//! tablespaces, subscriptions and the server's parameters are left out, and so is what names a role that the server does not
//! have: no privilege can be held by it any more. Code that the text does not show (`DO`, functions) is run, and watched: where
//! it has written to a catalog that databases share, the transaction is rolled back, and the statement is left out from
//! then on.

use super::ScratchError;
use crate::error::Error;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Action;
use migrate_core::sql::TransactionMode;
use migrate_core::sql::{self, Control, Ending, Statement};
use migrate_core::{Checksum, Migration, Payload, Script, Set, SqlMigration, Version};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A migration as it was applied: which of the set's it is, or what the history kept.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    OfSet(Box<Set>, Version),
    Kept(Box<SqlMigration>),
}

impl Source {
    fn migration(&self) -> &dyn Migration {
        match self {
            Source::OfSet(set, version) => set.find(version).expect("a migration of the set"),
            Source::Kept(migration) => &**migration,
        }
    }
}

/// Which scripts of the migrations are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replayed {
    /// The up scripts of what is applied somewhere: roles that are not there any more were there then.
    Applied,
    /// All scripts: a role that is not there, and that none of them makes, is an error.
    All,
}

/// Which of a migration's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Up,
    Down,
    Verify,
}

/// Migrations to be replayed, and what is left out of them.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    name: String,
    sources: Vec<(Version, Source)>,
    replayed: Replayed,
    /// Roles that the server does not have.
    missing: BTreeSet<String>,
    /// Statements that turned out to change what databases share: the place of the migration, the script, the statement.
    left_out: BTreeSet<(usize, Part, usize)>,
}

impl Replay {
    /// Looks which of the roles that scripts name are there on the server of a scratch database.
    pub(crate) async fn on(
        client: &Client,
        name: &str,
        sources: Vec<(Version, Source)>,
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
            let rows = client.query_typed(sql, &[(&named, Type::TEXT_ARRAY)]).await;
            let rows = rows.map_err(|source| Error::server("looking at the roles", source))?;
            replay.missing = rows.iter().map(|row| row.get(0)).collect();
        }
        Ok(replay)
    }

    /// The roles that may be missing.
    fn roles(&self) -> BTreeSet<String> {
        let roles = |of: fn(&str) -> Vec<String>| -> BTreeSet<String> {
            let scripts = self.sources.iter().flat_map(|(_, source)| self.scripts(source.migration()));
            let of_script = |script: Cow<'_, Script>| -> Vec<String> {
                script.statements().iter().flat_map(|statement| of(statement.text(script.text()))).collect()
            };
            scripts.flat_map(|(_, script)| of_script(script)).collect()
        };
        let named = roles(sql::roles_named);
        match self.replayed {
            Replayed::Applied => named,
            Replayed::All if named.is_empty() => named,
            Replayed::All => named.intersection(&roles(sql::roles_made)).cloned().collect(),
        }
    }

    fn scripts<'m>(&self, migration: &'m dyn Migration) -> Vec<(Part, Cow<'m, Script>)> {
        let of = |part, payload: Option<Payload<'m>>| Some((part, payload?.into_script()?));
        let up = of(Part::Up, Some(migration.up()));
        let all = self.replayed == Replayed::All;
        let down = if all { of(Part::Down, migration.down()) } else { None };
        let verify = migration.verify().filter(|_| all).map(|script| (Part::Verify, Cow::Borrowed(script)));
        up.into_iter().chain(down).chain(verify).collect()
    }

    /// The set that is run: with the versions and names that the sources were given, and their scripts as they are replayed.
    pub(crate) fn set(&self) -> Set {
        let steps = self.sources.iter().enumerate().map(|(place, (version, source))| {
            let mut step =
                Step { version: version.clone(), source: source.clone(), up: None, down: None, verify: None };
            for (part, script) in self.scripts(source.migration()) {
                let edited = self.edited(place, part, &script);
                *match part {
                    Part::Up => &mut step.up,
                    Part::Down => &mut step.down,
                    Part::Verify => &mut step.verify,
                } = Some(edited.map_or_else(|| script.clone().into_owned(), |edited| edited.script));
            }
            Arc::new(step) as Arc<dyn Migration>
        });
        Set::new(self.name.clone(), steps.collect()).expect("versions that differ")
    }

    /// Whether a run that has failed is to be tried again with [another set](Replay::set): a statement that a guard has
    /// stopped is left out of it. Otherwise the error.
    pub(crate) fn leave_out_after(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Failed(failure) if failure.code.as_deref() == Some(TOUCHED) => {
                Ok(self.leave_out(&failure)?)
            }
            Error::Failed(mut failure) => {
                self.put_back(&mut failure);
                Err(Error::Failed(failure))
            }
            error => Err(error),
        }
    }

    /// Makes a failure speak of the script as it is written.
    fn put_back(&self, failure: &mut Failure) {
        let Some(edited) = self.edited_of(failure) else { return };
        let Some(place) = &mut failure.place else { return };
        if let Some((statement, _)) = place.statement.checked_sub(1).and_then(|at| edited.statements.get(at))
        {
            place.statement = statement + 1;
        }
        place.statements = edited.statements.iter().map(|(statement, _)| statement + 1).max().unwrap_or(0);
        let guard = format!("; {GUARD}");
        while let Some(at) = place.excerpt.find(&guard) {
            let before = place.excerpt[..at].chars().count();
            let length = u32::try_from(guard.chars().count()).unwrap_or(u32::MAX);
            if place.mark as usize > before {
                place.mark = place.mark.saturating_sub(length).max(1);
                place.column = place.column.saturating_sub(length).max(1);
            }
            place.excerpt.replace_range(at..at + guard.len(), "");
        }
    }

    /// The script that failed.
    fn edited_of(&self, failure: &Failure) -> Option<Edited> {
        let place = self.sources.iter().position(|(version, _)| *version == failure.version)?;
        let part = if failure.action == Action::Revert { Part::Down } else { Part::Up };
        let source = &self.sources[place].1;
        let scripts = self.scripts(source.migration());
        let (_, script) = scripts.iter().find(|(of, _)| *of == part)?;
        self.edited(place, part, script)
    }

    /// Leaves out the statement after which a guard stopped the script.
    fn leave_out(&mut self, failure: &Failure) -> Result<(), ScratchError> {
        let shared = || ScratchError::Shared { name: failure.name.clone() };
        let place = self.sources.iter().position(|(version, _)| *version == failure.version);
        let part = if failure.action == Action::Revert { Part::Down } else { Part::Up };
        let number = failure.place.as_ref().and_then(|place| place.statement.checked_sub(1));
        let edited = self.edited_of(failure);
        let guarded = edited.zip(number).and_then(|(edited, number)| edited.guarded(number));
        let guarded = place.zip(guarded).map(|(place, statement)| (place, part, statement));
        let is_new = guarded.is_some_and(|guarded| self.left_out.insert(guarded));
        if is_new { Ok(()) } else { Err(shared()) }
    }

    /// A script as it is replayed; none where that is as it stands.
    fn edited(&self, place: usize, part: Part, script: &Script) -> Option<Edited> {
        let is_left_out = |statement| self.left_out.contains(&(place, part, statement));
        let is_missing = |role: &str| self.missing.contains(role);
        Edited::of(script, &is_left_out, &is_missing)
    }
}

/// The SQLSTATE by which a guard stops a script: of a class that is nobody's.
const TOUCHED: &str = "MGSHR";

/// Stops a script whose transaction has written to a catalog that databases share: it holds the lock until it ends. The locks
/// are everybody's to see, and the catalogs are not.
const GUARD: &str = "DO $migrate$BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.database = 0 \
    AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND c.relname IN ('pg_authid', 'pg_auth_members', 'pg_database', \
    'pg_db_role_setting', 'pg_tablespace', 'pg_parameter_acl', 'pg_shdescription', 'pg_shseclabel', 'pg_subscription', \
    'pg_replication_origin')) THEN RAISE EXCEPTION USING ERRCODE = 'MGSHR', \
    MESSAGE = 'it changes what the databases of the server share'; END IF; END$migrate$";

/// A script as it is replayed.
struct Edited {
    script: Script,
    /// For each of its statements the place of the original one, and whether it is the guard behind that.
    statements: Vec<(usize, Guarding)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guarding {
    Itself,
    Statement,
    Script,
}

impl Edited {
    fn of(
        script: &Script,
        is_left_out: &dyn Fn(usize) -> bool,
        is_missing: &dyn Fn(&str) -> bool,
    ) -> Option<Edited> {
        let mode = script.transaction();
        let trials = trials(script, mode);
        let mut building = Building { text: String::new(), statements: Vec::new(), origins: Vec::new() };
        let mut done = 0;
        for (index, (statement, trial)) in script.statements().iter().zip(trials).enumerate() {
            let (range, text) = (statement.range(), statement.text(script.text()));
            building.text.push_str(&script.text()[done..range.start]);
            done = range.end;
            let stays = !is_left_out(index) && !is_to_leave_out(text, trial);
            let left = if stays { sql::without_roles(text, is_missing) } else { None };
            match &left {
                Some(text) => building.push(text, statement, (index, Guarding::Itself)),
                None => building.leave_out(text, statement.line(), index),
            }
            let Trial::Guarded { is_last } = trial else { continue };
            // Also behind one that is left out by now: the history counts the statements of a script that it goes on with.
            if sql::may_be_cluster_wide(text) {
                building.guard(statement.line(), (index, Guarding::Statement));
            } else if is_last {
                building.guard(statement.line(), (index, Guarding::Script));
            }
        }
        building.text.push_str(&script.text()[done..]);
        (building.text != script.text()).then(|| building.finish(script, mode))
    }

    /// The original statement behind which the statement of a number, from 0, is the guard.
    fn guarded(&self, number: usize) -> Option<usize> {
        let found = self.statements.get(number).filter(|(_, guarding)| *guarding == Guarding::Statement);
        found.map(|(statement, _)| *statement)
    }
}

/// How a statement whose text does not show all that it does can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// It is committed before a guard could look.
    None,
    /// Its transaction is rolled back in the end, whatever it has done.
    RolledBack,
    /// Guards look before its transaction is committed, for which it may be the last statement.
    Guarded { is_last: bool },
}

/// How each of a script's statements can be tried.
fn trials(script: &Script, mode: TransactionMode) -> Vec<Trial> {
    let mut trials = vec![Trial::None; script.statements().len()];
    for unit in script.units() {
        let is_transaction = mode != TransactionMode::None || !unit.opening().is_empty();
        if !is_transaction {
            continue;
        }
        let trial = match unit.ending() {
            Ending::Rollback => Trial::RolledBack,
            Ending::Runner | Ending::Commit => Trial::Guarded { is_last: false },
        };
        trials[unit.statements()].fill(trial);
        if let (Trial::Guarded { .. }, Some(body)) = (trial, unit.body().last()) {
            trials[body.end - 1] = Trial::Guarded { is_last: true };
        }
    }
    trials
}

/// Whether a statement is left out because of its text. Where it would be committed before a guard, what it quotes counts,
/// too.
fn is_to_leave_out(statement: &str, trial: Trial) -> bool {
    let is_tried = trial != Trial::None || !sql::may_be_cluster_wide(statement);
    sql::is_cluster_wide(statement) || !is_tried && sql::quotes_cluster_wide(statement)
}

/// A statement that does nothing, of as many lines. It takes no snapshot, so `SET TRANSACTION` may stand behind it.
fn blank(statement: &str) -> String {
    let lines = statement.matches('\n').count();
    format!("SHOW role{}", "\n".repeat(lines))
}

struct Building {
    text: String,
    statements: Vec<Statement>,
    origins: Vec<(usize, Guarding)>,
}

impl Building {
    /// A text in the place of a statement: on its line, and with its effect on the transaction.
    fn push(&mut self, text: &str, of: Statement, origin: (usize, Guarding)) {
        let end = self.text.len() + text.trim_end().len();
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let statement = Statement::new(offset(self.text.len()), offset(end), of.line(), of.refuses());
        self.statements.push(statement.with_control(of.control()));
        self.origins.push(origin);
        self.text.push_str(text);
    }

    fn leave_out(&mut self, text: &str, line: u32, index: usize) {
        self.push(&blank(text), Statement::new(0, 0, line, None), (index, Guarding::Itself));
    }

    /// On the line of the statement that it is behind, so that the others stay on theirs.
    fn guard(&mut self, line: u32, origin: (usize, Guarding)) {
        self.text.push_str("; ");
        let guard = Statement::new(0, 0, line, None).with_control(Control::of(GUARD));
        self.push(GUARD, guard, origin);
    }

    fn finish(self, script: &Script, mode: TransactionMode) -> Edited {
        let mut options = script.options().clone();
        options.transaction = Some(mode);
        let edited = Script::new(script.path().to_owned(), self.text, self.statements, options);
        let edited = match script.part() {
            Some((start, line)) => edited.in_part(start, line),
            None => edited,
        };
        Edited { script: edited, statements: self.origins }
    }
}

/// A migration that is replayed.
#[derive(Debug)]
struct Step {
    version: Version,
    source: Source,
    up: Option<Script>,
    down: Option<Script>,
    verify: Option<Script>,
}

impl Migration for Step {
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
        match &self.up {
            Some(script) => Payload::Script(Cow::Borrowed(script)),
            None => self.source.migration().up(),
        }
    }

    fn down(&self) -> Option<Payload<'_>> {
        self.down.as_ref().map(|script| Payload::Script(Cow::Borrowed(script)))
    }

    fn verify(&self) -> Option<&Script> {
        self.verify.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str) -> Option<Edited> {
        let script = Script::of_up_text("1.sql", text.to_owned()).unwrap();
        Edited::of(&script, &|_| false, &|role| role == "gone")
    }

    #[test]
    fn each_statement_stays_on_its_line_and_is_split_where_it_was() {
        let text = "CREATE ROLE a\n  NOLOGIN;\nDO $$ BEGIN\nEND $$;\nGRANT SELECT ON t TO gone; SELECT 1 -- a\n;CREATE TABLE t ()\n";
        let edited = edited(text).unwrap();
        let script = &edited.script;
        assert_eq!(script.text().replace(GUARD, "GUARD").matches("GUARD").count(), 3);
        let split = sql::split(script.text()).statements;
        let texts = |statements: &[Statement]| -> Vec<String> {
            statements.iter().map(|one| one.text(script.text()).to_owned()).collect()
        };
        assert_eq!(texts(&split), texts(&script.statements().iter().collect::<Vec<_>>()));
        let lines: Vec<u32> = script.statements().iter().map(|one| one.line()).collect();
        assert_eq!(lines, [1, 3, 3, 5, 5, 5, 6, 6]);
        assert_eq!(edited.guarded(2), Some(1));
        assert_eq!(edited.guarded(5), Some(3));
        assert_eq!([edited.guarded(1), edited.guarded(7)], [None, None]);
    }

    #[test]
    fn a_script_that_runs_statement_by_statement_has_no_guard_and_keeps_its_mode() {
        let text = "ALTER SYSTEM SET work_mem = '1MB'; CALL p(); DO $$ BEGIN CREATE ROLE a; END $$";
        let edited = edited(text).unwrap().script;
        assert_eq!(edited.text(), "SHOW role; CALL p(); SHOW role");
        assert_eq!(edited.transaction(), TransactionMode::None);
    }
}
