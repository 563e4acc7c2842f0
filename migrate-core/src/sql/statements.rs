//! The statements of a script.

use super::boundary::Statement;
use super::control::Control;
use super::refusal::Refusal;
use std::fmt;

/// The size of a packed statement in bytes: start, end and line as little-endian numbers, and one byte for
/// its refusal of a transaction or its effect on one. The numbers take four bytes each, or two in short
/// scripts.
const LONG: usize = 13;
const SHORT: usize = 7;

/// The statements of a script, in order.
///
/// The statements of an embedded script are bytes, decoded on access: twenty thousand statements in a
/// constant cost a compiler seconds, and a byte literal costs nothing.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{self, Statements};
///
/// let text = "CREATE TABLE t ();\nVACUUM t;";
/// let split = sql::split(text).statements;
/// let packed = Statements::of(&split).pack();
/// let statements = Statements::packed(&packed);
/// assert_eq!(statements, Statements::of(&split));
/// assert_eq!(statements.at(1).text(text), "VACUUM t");
/// assert_eq!(statements.get(2), None);
/// ```
#[derive(Clone, Copy)]
pub struct Statements<'s>(Stored<'s>);

#[derive(Clone, Copy)]
enum Stored<'s> {
    Made(&'s [Statement]),
    Long(&'s [[u8; LONG]]),
    Short(&'s [[u8; SHORT]]),
}

impl<'s> Statements<'s> {
    /// Wraps these statements.
    pub const fn of(statements: &'s [Statement]) -> Statements<'s> {
        Statements(Stored::Made(statements))
    }

    /// Wraps packed statements.
    pub const fn packed(bytes: &'s [u8]) -> Statements<'s> {
        match bytes {
            [] => Statements(Stored::Made(&[])),
            [size, statements @ ..] if *size as usize == SHORT => {
                Statements(Stored::Short(statements.as_chunks().0))
            }
            [_, statements @ ..] => Statements(Stored::Long(statements.as_chunks().0)),
        }
    }

    /// Packs the statements into bytes.
    pub fn pack(self) -> Vec<u8> {
        let is_short = |number: usize| u16::try_from(number).is_ok();
        let short = self.iter().all(|s| is_short(s.range().end) && is_short(s.line() as usize));
        let size = if short { SHORT } else { LONG };
        let mut bytes = vec![size as u8];
        for statement in self.iter() {
            let range = statement.range();
            for number in [range.start as u32, range.end as u32, statement.line()] {
                bytes.extend(&number.to_le_bytes()[..if short { 2 } else { 4 }]);
            }
            bytes.push(nature(statement));
        }
        bytes
    }

    /// The number of statements.
    pub const fn len(self) -> usize {
        match self.0 {
            Stored::Made(made) => made.len(),
            Stored::Long(packed) => packed.len(),
            Stored::Short(packed) => packed.len(),
        }
    }

    /// True if there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The statement at an index, if it exists.
    pub fn get(self, index: usize) -> Option<Statement> {
        match self.0 {
            Stored::Made(made) => made.get(index).copied(),
            Stored::Long(packed) => packed.get(index).map(|[a, b, c, d, e, f, g, h, i, j, k, l, refuses]| {
                let numbers = [[*a, *b, *c, *d], [*e, *f, *g, *h], [*i, *j, *k, *l]];
                unpack(numbers.map(u32::from_le_bytes), *refuses)
            }),
            Stored::Short(packed) => packed.get(index).map(|[a, b, c, d, e, f, refuses]| {
                let numbers = [[*a, *b], [*c, *d], [*e, *f]];
                unpack(numbers.map(|number| u16::from_le_bytes(number).into()), *refuses)
            }),
        }
    }

    /// The statement at an index.
    ///
    /// # Panics
    ///
    /// If the index is out of bounds.
    pub fn at(self, index: usize) -> Statement {
        self.get(index)
            .unwrap_or_else(|| panic!("the script has {} statements, and none of index {index}", self.len()))
    }

    /// The number of statements before the first one for which `is_before` is false; it has to be false for
    /// the following ones, too.
    pub fn partition_point(self, is_before: impl Fn(&Statement) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(&self.at(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The last statement, if any.
    pub fn last(self) -> Option<Statement> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Iterates over the statements, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Statement> + DoubleEndedIterator + use<'s> {
        (0..self.len()).map(move |index| self.at(index))
    }
}

impl PartialEq for Statements<'_> {
    fn eq(&self, other: &Statements<'_>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Statements<'_> {}

impl fmt::Debug for Statements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One byte for a statement's refusal of a transaction or its effect on one: no statement has both. 0 means
/// neither.
fn nature(statement: Statement) -> u8 {
    let refuses = |refusal| Refusal::ALL.iter().position(|each| *each == refusal);
    let controls = |control| Control::ALL.iter().position(|each| *each == control);
    let control = statement.control().and_then(controls).map(|place| Refusal::ALL.len() + place);
    statement.refuses().and_then(refuses).or(control).map_or(0, |place| place as u8 + 1)
}

fn unpack([start, end, line]: [u32; 3], nature: u8) -> Statement {
    let place = usize::from(nature).checked_sub(1);
    let refuses = place.and_then(|place| Refusal::ALL.get(place).copied());
    let control =
        place.and_then(|place| place.checked_sub(Refusal::ALL.len())).map(|place| Control::ALL[place]);
    Statement::new(start, end, line, refuses).with_control(control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(all in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), 0..=Refusal::ALL.len() + Control::ALL.len()), 0..20), short: bool) {
            let statements: Vec<Statement> =
                all.into_iter().map(|(start, end, line, place)| {
                    let [start, end, line] = [start, end, line].map(|number| if short { number % 0x1_0000 } else { number });
                    unpack([start.min(end), end, line], place as u8)
                }).collect();
            let packed = Statements::of(&statements).pack();
            prop_assert_eq!(Statements::packed(&packed), Statements::of(&statements));
            prop_assert_eq!(Statements::packed(&packed).last(), statements.last().copied());
        }
    }
}
