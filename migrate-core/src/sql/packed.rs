//! Statements as bytes: how a macro hands many of them to the compiler.
//!
//! To a compiler, twenty thousand calls of [`Statement::new`] in a constant, or a thousand small constants, are seconds of
//! work. A literal of bytes is one token, whatever its length, and one constant function reads it.

use super::refusal::Refusal;
use super::statement::Statement;

/// The statements of a set's scripts as bytes.
///
/// For each script there is the number of its statements, and then three numbers for each: how many bytes lie between it and
/// the one before it, how many it has itself, and how many lines further it begins. Numbers are LEB128: seven bits in a
/// byte, the lowest first, and the highest bit set where more follow. Refusals are few, and stand beside the bytes.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{self, Refusal, packed};
///
/// let statements = sql::split("CREATE TABLE t ();\nVACUUM t;").statements;
/// let mut scripts = packed::Packed::default();
/// assert_eq!(scripts.push(&statements), 0);
/// assert_eq!(scripts.push(&statements[..1]), 2);
/// assert_eq!(scripts.bytes, [2, 0, 17, 1, 2, 8, 1, 1, 0, 17, 1]);
/// assert_eq!(scripts.refusals, [(1, Refusal::Vacuum)]);
///
/// let unpacked = packed::unpack::<3>(&scripts.bytes, &scripts.refusals);
/// assert_eq!(unpacked[..2], statements);
/// assert_eq!(unpacked[2], statements[0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many statements they are of.
    pub count: usize,
    /// The statements that refuse a transaction, by their places.
    pub refusals: Vec<(usize, Refusal)>,
}

impl Packed {
    /// Adds the statements of one script; returns the place of the first.
    pub fn push(&mut self, statements: &[Statement]) -> usize {
        let first = self.count;
        self.number(statements.len());
        let (mut end, mut line) = (0, 0);
        for statement in statements {
            let range = statement.range();
            self.number(range.start - end);
            self.number(range.len());
            self.number((statement.line() - line) as usize);
            (end, line) = (range.end, statement.line());
            self.refusals.extend(statement.refuses().map(|refusal| (self.count, refusal)));
            self.count += 1;
        }
        first
    }

    fn number(&mut self, mut number: usize) {
        while number > 0x7F {
            self.bytes.push(0x80 | (number & 0x7F) as u8);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// What is [`Packed`]: `N` statements in all, and which of them refuse a transaction.
///
/// # Panics
///
/// When the bytes are not those of `N` statements; in a constant, that is an error of the build.
pub const fn unpack<const N: usize>(packed: &[u8], refusals: &[(usize, Refusal)]) -> [Statement; N] {
    let mut statements = [Statement::new(0, 0, 0, None); N];
    let (mut at, mut place) = (0, 0);
    while at < packed.len() {
        let (mut left, mut end, mut line) = (0, 0, 0);
        at = number(packed, at, &mut left);
        while left > 0 {
            let (mut gap, mut length, mut lines) = (0, 0, 0);
            at = number(packed, at, &mut gap);
            at = number(packed, at, &mut length);
            at = number(packed, at, &mut lines);
            let start = end + gap;
            (end, line) = (start + length, line + lines);
            statements[place] = Statement::new(start, end, line, None);
            (left, place) = (left - 1, place + 1);
        }
    }
    assert!(place == N, "the statements are as many as were packed");
    let mut refusal = 0;
    while refusal < refusals.len() {
        let (place, refuses) = refusals[refusal];
        statements[place] = statements[place].refused(refuses);
        refusal += 1;
    }
    statements
}

/// Reads the number at a place; returns the place behind it.
const fn number(packed: &[u8], mut at: usize, number: &mut u32) -> usize {
    let mut shift = 0;
    loop {
        let byte = packed[at];
        *number |= ((byte & 0x7F) as u32) << shift;
        shift += 7;
        at += 1;
        if byte < 0x80 {
            return at;
        }
    }
}

/// Some of the statements of a set: those of one script.
pub const fn part(statements: &'static [Statement], first: usize, count: usize) -> &'static [Statement] {
    statements.split_at(first).1.split_at(count).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split;

    #[test]
    fn numbers_of_any_size_come_back() {
        let far = [Statement::new(127, 128, 1, None), Statement::new(16_511, u32::MAX, u32::MAX, None)];
        let mut packed = Packed::default();
        packed.push(&[]);
        packed.push(&far);
        packed.push(&[]);
        assert_eq!(unpack::<2>(&packed.bytes, &packed.refusals), far);
        assert_eq!(unpack::<0>(&[], &[]), []);
    }

    #[test]
    fn each_script_has_its_part() {
        static STATEMENTS: [Statement; 3] = {
            let bytes = [2, 0, 8, 1, 2, 8, 0, 1, 3, 6, 2];
            unpack(&bytes, &[(2, Refusal::Vacuum)])
        };
        let (first, second) = ("SELECT 1; SELECT 2", "--\n\nVACUUM".replacen('\n', "", 0));
        assert_eq!(part(&STATEMENTS, 0, 2), split(first).statements);
        assert_eq!(part(&STATEMENTS, 2, 1)[0].refuses(), split(&second).statements[0].refuses());
        assert!(part(&STATEMENTS, 3, 0).is_empty());
    }
}
