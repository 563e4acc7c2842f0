//! Differences as scripts: the statements of a plan, divided where a transaction has to end, with the way back.

use super::compared::{SideComparison, compare};
use super::opened::Opener;
use super::proof::{Proof, Proved, prove};
use super::side::Side;
use crate::connection::target::Target;
use crate::difference::{RenameCandidate, SchemaPhase, SchemaStep, Unwritten, rename};
use crate::error::{Error, ScratchError};
use crate::migrator::Migrator;
use crate::schema::catalog::{Catalog, Kind, Object};
use crate::schema::drift::Comparison;

/// The statements that turn one side into another, as scripts, and their proof.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenDifference {
    /// The sides, and how they differ.
    pub compared: SideComparison,
    /// The scripts, in order; none if the sides do not differ.
    pub scripts: Vec<WrittenScript>,
    /// The changes that no statement was written for, up or down.
    pub unwritten: Vec<Unwritten>,
    /// Objects that the scripts drop and create, and that may have been renamed.
    pub renames: Vec<RenameCandidate>,
    /// The effects of the scripts on a copy of the first side.
    pub proof: Proof,
}

/// A script with its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenScript {
    /// The statements.
    pub up: String,
    /// The statements that take them back.
    pub down: String,
    /// The data that the up script deletes: `table public.users`. If it deletes any, the script belongs after
    /// the last release that needs the data.
    pub loses: Vec<String>,
    /// The data that the down script deletes.
    pub down_loses: Vec<String>,
}

impl WrittenScript {
    pub(super) fn new(up: &[SchemaStep], down: &[SchemaStep]) -> WrittenScript {
        let loses = |steps: &[SchemaStep]| steps.iter().flat_map(|step| step.loses.clone()).collect();
        WrittenScript { up: text(up), down: text(down), loses: loses(up), down_loses: loses(down) }
    }

    /// The script of renames, which lose nothing.
    pub(super) fn of_renames(renames: &[Renaming]) -> WrittenScript {
        let up = renames.iter().map(|renaming| format!("{};\n", renaming.up)).collect();
        let down = renames.iter().rev().map(|renaming| format!("{};\n", renaming.down)).collect();
        WrittenScript { up, down, loses: Vec::new(), down_loses: Vec::new() }
    }
}

/// Statements that form one script.
pub(super) struct Chunk<'s> {
    pub(super) steps: &'s [SchemaStep],
}

/// The statements as a script.
pub(super) fn text(steps: &[SchemaStep]) -> String {
    steps.iter().map(|step| format!("{};\n", step.sql)).collect()
}

/// Divides statements into scripts: after those whose result the next can use only in another transaction, and
/// before those that lose data.
pub(super) fn chunks(steps: &[SchemaStep]) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for end in 1..=steps.len() {
        let is_last = end == steps.len();
        let begins_contract = !is_last
            && steps[end].phase == SchemaPhase::Contract
            && steps[end - 1].phase != SchemaPhase::Contract;
        if is_last || begins_contract || steps[end - 1].commits {
            chunks.push(Chunk { steps: &steps[start..end] });
            start = end;
        }
    }
    chunks
}

/// Differences as SQL, with the feature `catalog`.
impl Migrator {
    /// Writes the statements that turn the first side into the second, and proves them on a copy of the first.
    /// Nothing is written to a side. `renames` are pairs of an identity, or its part behind `public`, and a new
    /// name: `("users.mail", "email")`.
    ///
    /// # Errors
    ///
    /// Those of [`Migrator::compare_sides`]. A difference that can't be proved is not an error: see
    /// [`Proof`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Migrator::compare_sides`].
    pub async fn write_difference<T: Target + ?Sized>(
        &self,
        target: &T,
        from: &Side,
        to: &Side,
        comparison: &Comparison,
        renames: &[(String, String)],
    ) -> Result<WrittenDifference, Error> {
        let mut opener = Opener::new(self, target, comparison).await?;
        let written = write(&mut opener, from, to, renames).await;
        opener.close().await;
        written
    }
}

async fn write<T: Target + ?Sized>(
    opener: &mut Opener<'_, T>,
    from: &Side,
    to: &Side,
    renames: &[(String, String)],
) -> Result<WrittenDifference, Error> {
    let compared = compare(opener, from, to).await?;
    if compared.differences.is_empty() {
        let (scripts, unwritten, renames) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(WrittenDifference { compared, scripts, unwritten, renames, proof: Proof::default() });
    }
    let mut wanted = Renaming::all(&compared.from, renames)?;
    // The comment stays in the file after the rename is done.
    let is_new = |(old, new): (String, String)| Renaming::of(&compared.from, &old, &new).ok();
    let declared: Vec<Renaming> = to.renames().into_iter().filter_map(is_new).collect();
    for one in declared {
        if !wanted.iter().any(|other| other.identities == one.identities) {
            wanted.push(one);
        }
    }
    let proved = prove(opener, from, (&compared.from, &compared.to), &wanted).await?;
    let Proved { scripts, unwritten, renames, proof } = proved;
    Ok(WrittenDifference { compared, scripts, unwritten, renames, proof })
}

/// A rename and its inverse.
pub(super) struct Renaming {
    pub(super) up: String,
    pub(super) down: String,
    /// The identities, before and after.
    pub(super) identities: [String; 2],
}

impl Renaming {
    /// Finds the objects of renames.
    fn all(catalog: &Catalog, renames: &[(String, String)]) -> Result<Vec<Renaming>, Error> {
        renames.iter().map(|(from, to)| Renaming::of(catalog, from, to)).collect()
    }

    fn of(catalog: &Catalog, from: &str, to: &str) -> Result<Renaming, Error> {
        let in_public = format!("public.{from}");
        let is_one = |object: &&Object| [from, in_public.as_str()].contains(&object.identity());
        let objects = catalog.objects().iter().filter(is_one);
        let mut found = objects.filter(|object| {
            !matches!(object.kind(), Kind::Comment | Kind::Privileges | Kind::DefaultPrivileges)
        });
        let renaming = found.find_map(|object| {
            let identity = object.identity();
            let whole = identity.rsplit_once('.').map_or("", |(whole, _)| whole);
            let name = to.rsplit_once('.').map_or(to, |(_, name)| name);
            let renamed = if whole.is_empty() { name.to_owned() } else { format!("{whole}.{name}") };
            let up = rename(catalog, object.kind(), identity, &renamed)?;
            let table = object.table().map(str::to_owned);
            let after = Object::new(object.kind(), renamed.clone(), object.definition());
            let after = match table {
                Some(table) => after.of(table),
                None => after,
            };
            let down = rename(&Catalog::of([after]), object.kind(), &renamed, identity)?;
            Some(Renaming { up, down, identities: [identity.to_owned(), renamed] })
        });
        renaming.ok_or_else(|| ScratchError::Rename { from: from.to_owned(), to: to.to_owned() }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::SchemaAction;

    fn step(phase: SchemaPhase, commits: bool) -> SchemaStep {
        let (sql, identity, loses) = (String::new(), String::new(), Vec::new());
        SchemaStep { sql, kind: Kind::Table, identity, action: SchemaAction::Alter, phase, loses, commits }
    }

    #[test]
    fn statements_are_divided_after_a_commit_and_before_a_loss() {
        let steps = [
            step(SchemaPhase::Clear, false),
            step(SchemaPhase::Build, true),
            step(SchemaPhase::Build, false),
            step(SchemaPhase::Contract, false),
            step(SchemaPhase::Contract, false),
        ];
        let lengths: Vec<usize> = chunks(&steps).iter().map(|chunk| chunk.steps.len()).collect();
        assert_eq!(lengths, [2, 1, 2]);
        assert!(chunks(&[]).is_empty());
    }

    #[test]
    fn a_rename_names_an_object_with_or_without_public() {
        let column = Object::new(Kind::Column, "public.users.mail", "text").of("public.users");
        let catalog = Catalog::of([Object::new(Kind::Table, "public.users", "TABLE"), column]);
        for from in ["users.mail", "public.users.mail"] {
            let renaming = Renaming::of(&catalog, from, "email").unwrap();
            assert_eq!(renaming.up, "ALTER TABLE public.users RENAME COLUMN mail TO email");
            assert_eq!(renaming.down, "ALTER TABLE public.users RENAME COLUMN email TO mail");
        }
        assert!(Renaming::of(&catalog, "users.nothing", "email").is_err());
    }
}
