//! The comparison of two sides.

use super::left_alone::{LeftAlone, LeftAloneReason, take_out};
use super::opened::{OpenedSide, Opener};
use super::side::Side;
use crate::connection::target::Target;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::schema::catalog::{Catalog, Change, Differences, Object};
use crate::schema::drift::{Comparison, without_print_forms};
use crate::schema::scratch::Scratch;
use std::collections::BTreeSet;

/// Two sides as catalogs, and how they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideComparison {
    /// The schema of the first side, without the objects that are left alone.
    pub from: Catalog,
    /// The schema of the second side, without the objects that are left alone.
    pub to: Catalog,
    /// The changes from the first side to the second: `Added` means that only the second has the object.
    pub differences: Differences,
    /// The objects of databases that do not belong to the set.
    pub left_alone: Vec<LeftAlone>,
}

/// The comparison of sides, with the feature `catalog`.
impl Migrator {
    /// Reads two sides and compares them. A side that is not a database is run on a scratch database: a
    /// temporary one on the server of `target`, or the one of [`Comparison::scratch`].
    /// Nothing else is written.
    ///
    /// The migrator's settings locate the history of a database, and its set's name tells its own rows there
    /// from those of other sets.
    ///
    /// # Errors
    ///
    /// [`Error::Scratch`] if a side can't be run on an empty database, with the place in its file, and the
    /// errors of reading: see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a separate task on the tokio runtime drops or empties the scratch database.
    pub async fn compare_sides<T: Target + ?Sized>(
        &self,
        target: &T,
        from: &Side,
        to: &Side,
        comparison: &Comparison,
    ) -> Result<SideComparison, Error> {
        let mut opener = Opener::new(self, target, comparison).await?;
        let compared = compare(&mut opener, from, to).await;
        opener.close().await;
        compared
    }
}

/// Compares two sides. A scratch database that is given can hold one side at a time, so the first one is
/// closed before the second is made.
pub(super) async fn compare<T: Target + ?Sized>(
    opener: &mut Opener<'_, T>,
    from: &Side,
    to: &Side,
) -> Result<SideComparison, Error> {
    let keeps_first = to.as_database().is_some();
    let mut first = opener.open(from).await?;
    if !keeps_first && let Some(scratch) = first.scratch.take() {
        scratch.close().await?;
    }
    let second = match opener.open(to).await {
        Ok(second) => second,
        Err(error) => {
            first.close().await?;
            return Err(error);
        }
    };
    let compared = compare_opened(opener, &first, &second).await;
    let closed = [first.close().await, second.close().await];
    let compared = compared?;
    closed.into_iter().collect::<Result<(), Error>>()?;
    Ok(compared)
}

async fn compare_opened<T: Target + ?Sized>(
    opener: &Opener<'_, T>,
    first: &OpenedSide,
    second: &OpenedSide,
) -> Result<SideComparison, Error> {
    let (from, mut left_alone) = without_other_sets(first, &second.catalog);
    let (to, left_of_second) = without_other_sets(second, &first.catalog);
    left_alone.extend(left_of_second);
    let scratch = second.scratch.as_ref().or(first.scratch.as_ref());
    let differences = differences(opener, scratch, &from, &to).await?;
    Ok(SideComparison { from, to, differences, left_alone })
}

/// The changes from one catalog to another, without those that are only another printed form: a scratch
/// database that has one of the two can tell them apart.
pub(super) async fn differences<T: Target + ?Sized>(
    opener: &Opener<'_, T>,
    scratch: Option<&Scratch>,
    from: &Catalog,
    to: &Catalog,
) -> Result<Differences, Error> {
    let mut differences = from.differences(to);
    let is_changed = differences.iter().any(|difference| difference.change == Change::Changed);
    let (Some(scratch), true) = (scratch, is_changed) else { return Ok(differences) };
    let session = scratch.config().open().await?;
    let real = without_print_forms(&session, &opener.scope(), from, to).await;
    session.close().await;
    let real = real?;
    let real: BTreeSet<_> =
        real.iter().map(|difference| (difference.object.kind(), difference.object.identity())).collect();
    differences.retain(|one| real.contains(&(one.object.kind(), one.object.identity())));
    Ok(differences)
}

/// The catalog of a side without the objects of other sets, unless the other side has them.
fn without_other_sets(side: &OpenedSide, other: &Catalog) -> (Catalog, Vec<LeftAlone>) {
    let mut left_alone = side.left_alone.clone();
    let mut catalog = side.catalog.clone();
    let is_only_here = |object: &Object| other.find(object.kind(), object.identity()).is_none();
    for (set, made) in &side.other_sets {
        let set = set.clone();
        let (rest, taken) = match made {
            Some(made) => take_out(
                &catalog,
                &|object| is_only_here(object) && made.find(object.kind(), object.identity()).is_some(),
                &LeftAloneReason::OtherSet { set },
            ),
            None => take_out(&catalog, &is_only_here, &LeftAloneReason::InDoubt { set }),
        };
        catalog = rest;
        left_alone.extend(taken);
    }
    (catalog, left_alone)
}
