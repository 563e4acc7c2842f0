//! Units: the parts of a script that are committed separately.

use super::boundary::Statement;
use super::control::{Control, Modes};
use super::setting::sets_session;
use super::statement::{LexedStatement, StatementKind, TransactionControl};
use super::statements::Statements;
use crate::sql::TransactionMode;
use std::ops::Range;

/// A part of a script that is committed, or rolled back, as a whole.
///
/// # Examples
///
/// ```
/// use migrate_core::TransactionMode;
/// use migrate_core::sql::{Statements, split, units};
///
/// let script = "BEGIN; ALTER TYPE e ADD VALUE 'x'; COMMIT; UPDATE t SET c = 'x'; DELETE FROM u;";
/// let split = split(script).statements;
/// let units = units(Statements::of(&split), TransactionMode::Block);
/// assert_eq!(units.iter().map(|unit| unit.statements()).collect::<Vec<_>>(), [0..3, 3..5]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    statements: Range<usize>,
    /// The statements that open its transaction: its own `BEGIN`, or the modes that it inherits through
    /// `AND CHAIN`. Empty if the runner opens the transaction.
    opening: Vec<usize>,
    ending: Ending,
    is_bare: bool,
    modes: Modes,
    is_shaped: bool,
}

/// The end of a unit's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The runner commits.
    Runner,
    /// The unit's last statement commits.
    Commit,
    /// The unit's last statement rolls back.
    Rollback,
}

impl Unit {
    fn new(start: usize) -> Unit {
        Unit {
            statements: start..start,
            opening: Vec::new(),
            ending: Ending::Runner,
            is_bare: false,
            modes: Modes::None,
            is_shaped: false,
        }
    }

    /// The indexes of its statements in the script.
    pub fn statements(&self) -> Range<usize> {
        self.statements.clone()
    }

    /// The statements that open its transaction, in order: its own, or those of an earlier unit to which it
    /// is chained. Empty if the runner opens it.
    pub fn opening(&self) -> &[usize] {
        &self.opening
    }

    /// The end of its transaction.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// The statements between those that open the transaction and the one that ends it.
    pub fn body(&self) -> Vec<Range<usize>> {
        let Range { mut start, end } = self.statements;
        let end = if self.ending == Ending::Runner { end } else { end - 1 };
        let mut body = Vec::new();
        for &opening in self.opening.iter().filter(|opening| self.statements.contains(*opening)) {
            body.push(start..opening);
            start = opening + 1;
        }
        body.push(start..end);
        body.retain(|range| !range.is_empty());
        body
    }

    /// True if it is a single statement that is sent alone, outside of any transaction block.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// True if a checkpoint can be committed with it: not if it is rolled back or can't write.
    pub fn can_record(&self) -> bool {
        !self.is_bare && self.ending != Ending::Rollback && !self.is_read_only()
    }

    /// True if its transaction is `READ ONLY`.
    pub fn is_read_only(&self) -> bool {
        self.modes == Modes::ReadOnly
    }

    /// True if it sets modes on its transaction, which has to happen before any query.
    pub fn is_shaped(&self) -> bool {
        self.is_shaped
    }

    /// The rest of the unit from the statement `from` on: it opens its transaction as the whole unit did.
    pub fn rest(&self, from: usize, statements: Statements<'_>) -> Unit {
        let mut rest = self.clone();
        if from <= self.statements.start {
            return rest;
        }
        for index in self.statements.start..from {
            if !rest.opening.is_empty() && matches!(statements.at(index).control(), Some(Control::Set(_))) {
                rest.opening.push(index);
            }
        }
        rest.statements.start = from;
        rest
    }

    /// Adds a statement to its transaction.
    fn take(&mut self, index: usize, control: Option<Control>) {
        self.statements.end = index + 1;
        match control {
            Some(Control::Begin(_)) if self.opening.is_empty() => self.opening.push(index),
            Some(Control::Commit { .. }) => self.ending = Ending::Commit,
            Some(Control::Rollback { .. }) => self.ending = Ending::Rollback,
            _ => {}
        }
        let modes = control.map_or(Modes::None, Control::modes);
        self.is_shaped |= modes != Modes::None;
        if matches!(modes, Modes::ReadOnly | Modes::ReadWrite) {
            self.modes = modes;
        }
    }

    /// The unit after it, which inherits its modes if it ends with `AND CHAIN`.
    fn next(&self, statements: Statements<'_>) -> Unit {
        let mut next = Unit::new(self.statements.end);
        let end = self.statements.end.checked_sub(1).and_then(|last| statements.at(last).control());
        if matches!(end, Some(Control::Commit { chain: true } | Control::Rollback { chain: true }))
            && !self.opening.is_empty()
        {
            let sets = |index: &usize| matches!(statements.at(*index).control(), Some(Control::Set(_)));
            next.opening = self.opening.iter().copied().chain(self.statements().filter(sets)).collect();
            (next.modes, next.is_shaped) = (self.modes, self.is_shaped);
        }
        next
    }

    fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// The units of a script, in order; together they contain all its statements.
///
/// By default, a script is grouped as the server groups the statements of one query: everything up to a
/// `COMMIT` or `ROLLBACK` is one transaction, a `BEGIN` inside it does not begin another one, and the next
/// transaction follows (manual, "Multiple Statements in a Simple Query"). Tools that send a file as one query
/// have the same effect, with or without their own transaction.
///
/// A script that runs statement by statement ([`TransactionMode::None`]) has one unit for each of its own
/// blocks, and one for each statement outside of them.
pub fn units(statements: Statements<'_>, mode: TransactionMode) -> Vec<Unit> {
    units_sent(statements, mode, None)
}

/// The units of a script whose tool, like goose, sends it query by query within its own transaction. If the
/// script ends that transaction, each query after it is a separate unit. `queries` holds the queries of more
/// than one statement; every other statement is one query.
pub(crate) fn units_sent(
    statements: Statements<'_>,
    mode: TransactionMode,
    queries: Option<&[Range<usize>]>,
) -> Vec<Unit> {
    let mut by_statement = mode == TransactionMode::None;
    let goes_on = |index: usize| {
        queries.is_some_and(|queries| {
            queries.iter().any(|query| query.contains(&index) && query.contains(&(index + 1)))
        })
    };
    let mut units: Vec<Unit> = Vec::new();
    let mut unit = Unit::new(0);
    for (index, statement) in statements.iter().enumerate() {
        let control = statement.control();
        unit.take(index, control);
        let is_alone = by_statement && unit.opening.is_empty() && !goes_on(index);
        if is_alone {
            unit.is_bare = unit.statements.len() == 1 && is_bare(statement);
        }
        if is_alone || control.is_some_and(Control::is_end) {
            let next = unit.next(statements);
            units.push(std::mem::replace(&mut unit, next));
        }
        let ends =
            matches!(control, Some(Control::Commit { chain: false } | Control::Rollback { chain: false }));
        by_statement |= ends && queries.is_some();
    }
    units.extend(Some(unit).filter(|unit| !unit.is_empty()));
    units
}

/// Returns true if a statement is sent alone, outside of any transaction block. A procedure or a
/// `DO` block might commit; in a script that runs statement by statement it is allowed to.
fn is_bare(statement: Statement) -> bool {
    statement.refuses().is_some() || statement.control() == Some(Control::Code)
}

/// The statements before this index that changed session settings and were not undone.
pub(crate) fn settings_before<'t>(
    text: &'t str,
    statements: Statements<'_>,
    units: &[Unit],
    index: usize,
) -> Vec<&'t str> {
    let mut settings = Vec::new();
    for unit in units.iter().take_while(|unit| unit.statements.start < index) {
        let is_done = unit.statements.end <= index;
        if is_done && unit.ending == Ending::Rollback {
            continue;
        }
        let mut savepoints: Vec<(String, usize)> = Vec::new();
        for statement in unit.statements().take_while(|at| *at < index).map(|at| statements.at(at)) {
            if statement.control().is_some() {
                continue;
            }
            let statement = statement.text(text);
            let lexed = LexedStatement::new(statement);
            let parsed = lexed.parse();
            match savepoint(&parsed.kind) {
                None if sets_session(&parsed) => settings.push(statement),
                None => {}
                Some(Savepoint::Set(name)) => savepoints.push((name, settings.len())),
                Some(Savepoint::Release(name)) => {
                    if let Some(place) = savepoints.iter().rposition(|(set, _)| *set == name) {
                        savepoints.truncate(place);
                    }
                }
                Some(Savepoint::RollBackTo(name)) => {
                    if let Some(place) = savepoints.iter().rposition(|(set, _)| *set == name) {
                        savepoints.truncate(place + 1);
                        settings.truncate(savepoints[place].1);
                    }
                }
            }
        }
    }
    settings
}

/// The effect of a statement on a savepoint.
#[derive(Debug, PartialEq, Eq)]
enum Savepoint {
    Set(String),
    Release(String),
    RollBackTo(String),
}

fn savepoint(statement: &StatementKind<'_>) -> Option<Savepoint> {
    let StatementKind::Transaction(control) = statement else { return None };
    match control {
        TransactionControl::Savepoint(name) => Some(Savepoint::Set(name.folded().into_owned())),
        TransactionControl::Release(name) => Some(Savepoint::Release(name.folded().into_owned())),
        TransactionControl::RollbackTo(name) => Some(Savepoint::RollBackTo(name.folded().into_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(text: &str, mode: TransactionMode) -> (Vec<Statement>, Vec<Unit>) {
        let split = crate::sql::split(text).statements;
        let units = units(Statements::of(&split), mode);
        (split, units)
    }

    fn body(unit: &Unit) -> Vec<usize> {
        unit.body().into_iter().flatten().collect()
    }

    fn settings(text: &str, mode: TransactionMode, index: usize) -> Vec<&str> {
        let (split, units) = made(text, mode);
        settings_before(text, Statements::of(&split), &units, index)
    }

    #[test]
    fn a_pair_around_the_whole_script_is_one_unit_and_its_middle_is_its_body() {
        let (_, units) = made("BEGIN; a; b; COMMIT;", TransactionMode::Block);
        assert_eq!(units.len(), 1);
        assert_eq!((units[0].opening(), body(&units[0])), ([0].as_slice(), vec![1, 2]));
        assert_eq!((units[0].ending(), units[0].can_record()), (Ending::Commit, true));
    }

    #[test]
    fn what_stands_before_a_begin_is_of_its_transaction_as_in_one_query_and_not_statement_by_statement() {
        let text = "a; BEGIN; b; ROLLBACK; c; d";
        let (_, together) = made(text, TransactionMode::Block);
        let parts: Vec<_> = together.iter().map(|unit| (unit.statements(), unit.ending())).collect();
        assert_eq!(parts, [(0..4, Ending::Rollback), (4..6, Ending::Runner)]);
        assert_eq!((together[0].opening(), together[0].body()), ([1].as_slice(), vec![0..1, 2..3]));
        let (_, one_by_one) = made(text, TransactionMode::None);
        let parts: Vec<_> = one_by_one.iter().map(Unit::statements).collect();
        assert_eq!(parts, [0..1, 1..4, 4..5, 5..6]);
    }

    #[test]
    fn behind_the_end_of_its_tools_transaction_each_query_is_one_by_itself() {
        let text = "a; b; COMMIT; c; VACUUM; BEGIN; d; e; COMMIT; f; g; h; i";
        let split = crate::sql::split(text).statements;
        let queries = [9..11, 11..12];
        let units = units_sent(Statements::of(&split), TransactionMode::Block, Some(&queries));
        let parts: Vec<_> = units.iter().map(|unit| (unit.statements(), unit.is_bare())).collect();
        let expected = [
            (0..3, false),
            (3..4, false),
            (4..5, true),
            (5..9, false),
            (9..11, false),
            (11..12, false),
            (12..13, false),
        ];
        assert_eq!(parts, expected);
        // Nothing ends the transaction, or the next one is chained to it.
        for text in ["a; b; SAVEPOINT s; c", "a; COMMIT AND CHAIN; b; c"] {
            let split = crate::sql::split(text).statements;
            let mode = TransactionMode::Block;
            assert_eq!(
                units_sent(Statements::of(&split), mode, Some(&[])),
                super::units(Statements::of(&split), mode)
            );
        }
    }

    #[test]
    fn a_chained_unit_opens_with_the_modes_of_the_one_before_it() {
        let text = "BEGIN ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY; a; COMMIT AND CHAIN; b; COMMIT; c";
        for mode in [TransactionMode::Block, TransactionMode::None] {
            let (split, units) = made(text, mode);
            let parts: Vec<_> = units.iter().map(|unit| (unit.statements(), unit.opening())).collect();
            assert_eq!(parts, [(0..4, [0].as_slice()), (4..6, [0, 1].as_slice()), (6..7, [].as_slice())]);
            assert!(units[0].is_read_only() && units[1].is_read_only() && !units[2].is_read_only());
            assert!(units[1].is_shaped() && !units[2].is_shaped());
            let rest = units[0].rest(2, Statements::of(&split));
            assert_eq!((rest.opening(), body(&rest)), ([0, 1].as_slice(), vec![2]));
        }
    }

    #[test]
    fn calls_and_what_refuses_a_block_go_bare_outside_of_blocks_only() {
        let text = "CALL p(); BEGIN; CALL p(); COMMIT; DO $$ $$; VACUUM; SELECT 1";
        let (_, units) = made(text, TransactionMode::None);
        let bare: Vec<_> = units.iter().map(Unit::is_bare).collect();
        assert_eq!(bare, [true, false, true, true, false]);
    }

    #[test]
    fn settings_that_were_rolled_back_are_not_made_again() {
        let mode = TransactionMode::None;
        let text = "SET a.a = 1; BEGIN; SET a.b = 2; ROLLBACK; BEGIN; SAVEPOINT s; SET a.c = 3; \
                    ROLLBACK TO S; SET a.d = 4; SET LOCAL a.e = 5; SET transaction_read_only = off; COMMIT; x";
        assert_eq!(settings(text, mode, 12), ["SET a.a = 1", "SET a.d = 4"]);
        assert_eq!(settings(text, mode, 3), ["SET a.a = 1", "SET a.b = 2"]);
        assert_eq!(settings(text, mode, 7), ["SET a.a = 1", "SET a.c = 3"]);
        let text = "SAVEPOINT s; SET a.a = 1; RELEASE SAVEPOINT s; ROLLBACK TO s; SET a.b = 2; x";
        assert_eq!(settings(text, TransactionMode::Block, 5), ["SET a.a = 1", "SET a.b = 2"]);
    }

    /// The transactions of a session that receives these statements in one query, or one by one: for each
    /// statement the number of its transaction, and for each transaction whether it was rolled back.
    fn simulate(controls: &[Option<Control>], by_statement: bool) -> Vec<(usize, bool)> {
        let (mut transaction, mut in_block, mut numbers) = (0, false, Vec::new());
        let mut rolled_back = Vec::new();
        for control in controls {
            numbers.push(transaction);
            match control {
                Some(Control::Begin(_)) => in_block = true,
                Some(Control::Commit { chain } | Control::Rollback { chain }) => {
                    if matches!(control, Some(Control::Rollback { .. })) {
                        rolled_back.push(transaction);
                    }
                    in_block &= *chain;
                    transaction += 1;
                }
                _ if by_statement && !in_block => transaction += 1,
                _ => {}
            }
        }
        numbers.into_iter().map(|number| (number, rolled_back.contains(&number))).collect()
    }

    proptest! {
        #[test]
        fn units_are_the_transactions_that_the_server_would_make(
            places in prop::collection::vec(0..Control::ALL.len() + 4, 0..24),
            by_statement: bool,
        ) {
            let controls: Vec<Option<Control>> = places.iter().map(|place| Control::ALL.get(*place).copied()).collect();
            let statements: Vec<Statement> =
                controls.iter().map(|control| Statement::new(0, 0, 1, None).with_control(*control)).collect();
            let statements = Statements::of(&statements);
            let mode = if by_statement { TransactionMode::None } else { TransactionMode::Block };
            let units = units(statements, mode);
            let found: Vec<(usize, bool)> = units
                .iter()
                .enumerate()
                .flat_map(|(number, unit)| unit.statements().map(move |_| (number, unit.ending() == Ending::Rollback)))
                .collect();
            prop_assert_eq!(found, simulate(&controls, by_statement));
            // The units are contiguous, and the parts of each one make up the whole.
            let mut next = 0;
            for unit in &units {
                prop_assert_eq!(unit.statements().start, next);
                next = unit.statements().end;
                prop_assert!(next > unit.statements().start);
                let own_opening = unit.opening().iter().filter(|index| unit.statements().contains(index)).count();
                let ending = usize::from(unit.ending() != Ending::Runner);
                let body: usize = unit.body().iter().map(ExactSizeIterator::len).sum();
                prop_assert_eq!(own_opening + body + ending, unit.statements().len());
                prop_assert!(!unit.is_bare() || unit.statements().len() == 1 && by_statement);
                for from in unit.statements() {
                    let rest = unit.rest(from, statements);
                    prop_assert_eq!(rest.statements(), from..next);
                    prop_assert!(rest.opening().iter().all(|index| statements.at(*index).control().is_some()));
                }
            }
            prop_assert_eq!(next, statements.len());
        }
    }
}
