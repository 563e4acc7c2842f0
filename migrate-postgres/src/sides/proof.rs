//! The proof of a written difference: its scripts are applied to a copy of the first side, and taken back.

use super::compared::differences;
use super::opened::Opener;
use super::plain::{self, PlainFile};
use super::rows::Rows;
use super::side::Side;
use super::written::{Renaming, WrittenScript, chunks, text};
use crate::connection::protect;
use crate::connection::target::Target;
use crate::difference::{RenameCandidate, SchemaStep, Unwritten, plan};
use crate::error::{Error, ScratchError};
use crate::schema::catalog::{Catalog, Differences, Object};
use crate::schema::scratch::Scratch;
use crate::sql::answers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The effects of the scripts of a difference on a copy of the first side. [`Display`](fmt::Display)
/// summarizes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The statement that failed, with its place and the server's message.
    pub failed: Option<String>,
    /// The differences that are left to the second side after the up scripts.
    pub left: Differences,
    /// The differences that are left to the first side after the down scripts.
    pub left_after_down: Differences,
    /// The tables that no statement names, and that were rewritten.
    pub rewritten: Vec<String>,
    /// The tables whose rows did not survive, except for losses that the scripts announce.
    pub changed_rows: Vec<String>,
    /// The tables for which no row could be made, so that nothing is known about their rows.
    pub without_rows: Vec<String>,
    /// The number of changes without a statement.
    pub unwritten: usize,
}

impl Proof {
    /// True if the scripts turn the first side into the second and back, and everything survives except for
    /// what they say that they lose.
    pub fn is_proved(&self) -> bool {
        self.failed.is_none()
            && self.left.is_empty()
            && self.left_after_down.is_empty()
            && self.rewritten.is_empty()
            && self.changed_rows.is_empty()
            && self.unwritten == 0
    }

    /// The reasons why it is not proved, one a line.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.failed.iter().cloned().collect();
        for (left, side) in [(&self.left, "second"), (&self.left_after_down, "first")] {
            let names: Vec<String> =
                left.iter().map(|one| format!("{} {}", one.object, one.change)).collect();
            if !names.is_empty() {
                reasons.push(format!("differs from the {side} side: {}", names.join(", ")));
            }
        }
        let of_tables = |tables: &[String], what: &str| {
            (!tables.is_empty()).then(|| format!("{what}: {}", tables.join(", ")))
        };
        reasons.extend(of_tables(&self.rewritten, "rewritten without a statement that names it"));
        reasons.extend(of_tables(&self.changed_rows, "rows changed"));
        if self.unwritten > 0 {
            reasons.push(format!("changes without a statement: {}", self.unwritten));
        }
        reasons
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        if self.is_proved() {
            f.write_str("proved on a copy, up and down")?;
            return match self.without_rows.len() {
                0 => Ok(()),
                _ => write!(f, "; without rows in {}", self.without_rows.join(", ")),
            };
        }
        write!(f, "not proved: {}", self.reasons().join("; "))
    }
}

/// The scripts of a difference, and their effects.
#[derive(Default)]
pub(super) struct Proved {
    pub(super) scripts: Vec<WrittenScript>,
    pub(super) unwritten: Vec<Unwritten>,
    pub(super) renames: Vec<RenameCandidate>,
    pub(super) proof: Proof,
}

/// Plans the statements, applies them to a copy of the first side, writes the way back, and runs it.
pub(super) async fn prove<T: Target + ?Sized>(
    opener: &Opener<'_, T>,
    side: &Side,
    (from, to): (&Catalog, &Catalog),
    renames: &[Renaming],
) -> Result<Proved, Error> {
    let scratch = opener.scratch().await?;
    let mut trial = Trial { opener, scratch: &scratch, proved: Proved::default() };
    let tried = trial.run(side, from, to, renames).await;
    let Trial { mut proved, .. } = trial;
    proved.proof.unwritten = proved.unwritten.len();
    scratch.close().await?;
    tried?;
    Ok(proved)
}

/// A proof in progress.
struct Trial<'t, 'a, T: Target + ?Sized> {
    opener: &'t Opener<'a, T>,
    scratch: &'t Scratch,
    proved: Proved,
}

impl<T: Target + ?Sized> Trial<'_, '_, T> {
    async fn run(
        &mut self,
        side: &Side,
        from: &Catalog,
        to: &Catalog,
        renames: &[Renaming],
    ) -> Result<(), Error> {
        if !self.copy(side, from).await? {
            return Ok(());
        }
        let session = self.scratch.config().open().await?;
        let rows = Rows::make(&session, from).await;
        session.close().await;
        let mut rows = rows?;
        self.proved.proof.without_rows = rows.without();
        let nodes = self.file_nodes().await?;
        let mut named: BTreeSet<String> = BTreeSet::new();
        if !renames.is_empty() {
            let script = WrittenScript::of_renames(renames);
            self.proved.scripts.push(script.clone());
            if !self.apply("the renames", &script.up).await? {
                return Ok(());
            }
            for Renaming { identities: [before, after], .. } in renames {
                rows.rename(before, after);
                named.extend([before.clone(), after.clone()]);
            }
        }
        let mut before = self.opener.catalog_of(self.scratch).await?;
        let planned = plan(&before, to);
        self.proved.renames = planned.renames;
        self.proved.unwritten = planned.unwritten;
        named.extend(self::named(&before, to, &planned.steps));
        for (index, chunk) in chunks(&planned.steps).iter().enumerate() {
            if !self.apply(&format!("up script {}", index + 1), &text(chunk.steps)).await? {
                // Without the schema behind it, its way back is that of the whole difference.
                self.proved.scripts.push(WrittenScript::new(chunk.steps, &plan(to, from).steps));
                return Ok(());
            }
            let after = self.opener.catalog_of(self.scratch).await?;
            let back = plan(&after, &before);
            named.extend(self::named(&after, &before, &back.steps));
            let script = WrittenScript::new(chunk.steps, &back.steps);
            rows.will_lose(&script.loses);
            self.proved.unwritten.extend(back.unwritten);
            self.proved.scripts.push(script);
            before = after;
        }
        self.proved.proof.left = self.differences(to).await?;
        self.check_rows(&rows).await?;
        self.back(from, &mut rows, renames).await?;
        self.check_nodes(&nodes, &named).await
    }

    /// Runs the way back.
    async fn back(&mut self, from: &Catalog, rows: &mut Rows, renames: &[Renaming]) -> Result<(), Error> {
        let scripts: Vec<WrittenScript> = self.proved.scripts.clone();
        for (index, script) in scripts.iter().enumerate().rev() {
            rows.will_lose(&script.down_loses);
            if !self.apply(&format!("down script {}", index + 1), &script.down).await? {
                return Ok(());
            }
        }
        for Renaming { identities: [before, after], .. } in renames.iter().rev() {
            rows.rename(after, before);
        }
        self.proved.proof.left_after_down = self.differences(from).await?;
        self.check_rows(rows).await
    }

    /// Makes a copy of the first side: a database's from its catalog.
    /// False if that fails.
    async fn copy(&mut self, side: &Side, catalog: &Catalog) -> Result<bool, Error> {
        if side.as_database().is_none() {
            self.opener.make(side, self.scratch).await?;
            return Ok(true);
        }
        let empty = self.opener.catalog_of(self.scratch).await?;
        let whole = plan(&empty, catalog);
        for (index, chunk) in chunks(&whole.steps).iter().enumerate() {
            if !self.apply(&format!("copy of {side}, part {}", index + 1), &text(chunk.steps)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs a script; false if one of its statements fails.
    async fn apply(&mut self, name: &str, text: &str) -> Result<bool, Error> {
        let file = PlainFile::read(name.to_owned(), text.to_owned())?;
        let told = &self.opener.comparison.told;
        match plain::run(&[file], self.opener.migrator(), self.scratch, told).await {
            Ok(()) => Ok(true),
            Err(Error::Scratch(ScratchError::PlainSql { path, line, column, message, .. })) => {
                self.proved.proof.failed = Some(format!("{path}:{line}:{column}: {message}"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The differences from the scratch database to a catalog; the order of columns does not count.
    async fn differences(&self, goal: &Catalog) -> Result<Differences, Error> {
        let now = self.opener.catalog_of(self.scratch).await?.without_order_of_columns();
        differences(self.opener, Some(self.scratch), &now, &goal.clone().without_order_of_columns()).await
    }

    async fn check_rows(&mut self, rows: &Rows) -> Result<(), Error> {
        let session = self.scratch.config().open().await?;
        let changed = rows.changed(&session).await;
        session.close().await;
        let mut changed = changed?;
        changed.retain(|table| !self.proved.proof.changed_rows.contains(table));
        self.proved.proof.changed_rows.extend(changed);
        Ok(())
    }

    /// The file of each table.
    async fn file_nodes(&self) -> Result<BTreeMap<String, u32>, Error> {
        const NODES: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_relation_filenode(c.oid) \
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
        let session = self.scratch.config().open().await?;
        let rows = protect::ask(&session, NODES).await;
        session.close().await;
        let rows = rows.map_err(|source| Error::server("reading the files of tables", source))?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((answers::text(row, 0)?.to_owned(), answers::parsed(row, 1)?)))
            .collect())
    }

    async fn check_nodes(
        &mut self,
        before: &BTreeMap<String, u32>,
        named: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let now = self.file_nodes().await?;
        let is_rewritten = |(table, node): &(&String, &u32)| {
            !named.contains(*table) && now.get(*table).is_some_and(|now| now != *node)
        };
        self.proved.proof.rewritten =
            before.iter().filter(is_rewritten).map(|(table, _)| table.clone()).collect();
        Ok(())
    }
}

/// The tables that steps are about, or that have a part that they are about.
fn named(from: &Catalog, to: &Catalog, steps: &[SchemaStep]) -> BTreeSet<String> {
    let table = |catalog: &Catalog, step: &SchemaStep| {
        catalog.find(step.kind, &step.identity).and_then(Object::table).map(str::to_owned)
    };
    let of_step = |step: &SchemaStep| [Some(step.identity.clone()), table(from, step), table(to, step)];
    steps.iter().flat_map(of_step).flatten().collect()
}
