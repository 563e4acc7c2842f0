//! The rows that an exclusion constraint refuses.

use super::find::key_part;
use super::{ExclusionPart, FailingRows, KeyPart};
use crate::sql::statement::{Exclusion, Fragment, IndexConstraint, IndexElement};

/// The rows that conflict with another one, by the operators of the constraint.
pub(super) fn conflicts(exclusion: &Exclusion<'_>) -> Option<FailingRows> {
    let parts: Option<Vec<ExclusionPart>> =
        exclusion.elements.items().into_iter().map(exclusion_part).collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    let condition = exclusion.condition.map(|condition| condition.text().to_owned());
    Some(FailingRows::Excluded { parts, condition })
}

/// `room WITH =`
fn exclusion_part(item: Fragment<'_>) -> Option<ExclusionPart> {
    let mut reader = item.reader();
    let element = reader.until_last("WITH");
    reader.word("WITH").then_some(())?;
    let operator = reader.rest().text().to_owned();
    let part = key_part(&IndexElement::of(element));
    (!operator.is_empty()).then_some(ExclusionPart { part, operator })
}

/// The rows with equal keys and a common value in the last column (`WITHOUT OVERLAPS`).
pub(super) fn overlaps(index: &IndexConstraint<'_>) -> Option<FailingRows> {
    let (last, keys) = index.columns.split_last()?;
    let operators = keys.iter().map(|column| (column, "=")).chain([(last, "&&")]);
    let part = |(column, operator): (&crate::sql::statement::Name<'_>, &str)| ExclusionPart {
        part: KeyPart::Column(column.folded().into_owned()),
        operator: operator.to_owned(),
    };
    Some(FailingRows::Excluded { parts: operators.map(part).collect(), condition: None })
}
