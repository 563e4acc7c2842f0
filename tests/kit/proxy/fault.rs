//! Where and how a proxy goes wrong.

use super::message::Side;

/// A message, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The connection's number; of any connection when not given, and then all their messages are counted together.
    pub connection: Option<usize>,
    /// Whose messages are counted; both sides' when not given.
    pub from: Option<Side>,
    /// The message's number, the packet that opens the connection being 1.
    pub number: usize,
}

impl Point {
    /// The `number`th message that one side sends over one connection.
    pub fn of(connection: usize, from: Side, number: usize) -> Point {
        Point { connection: Some(connection), from: Some(from), number }
    }

    /// The `number`th message that anybody sends over any connection.
    pub fn of_any(number: usize) -> Point {
        Point { connection: None, from: None, number }
    }

    /// The same among the messages of one side.
    pub fn from(self, from: Side) -> Point {
        Point { from: Some(from), ..self }
    }
}

/// Whether the receiver still gets the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It does not.
    BeforeForwarding,
    /// It does.
    AfterForwarding,
}

/// A connection that breaks at a message: both ends find it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The message.
    pub at: Point,
    /// Whether its receiver still gets it.
    pub when: When,
}

/// What happens at the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    Cut,
    Hold,
}

/// A fault that waits for its point.
#[derive(Debug)]
pub(super) struct Fault {
    at: Point,
    when: When,
    blow: Blow,
    counted: usize,
}

impl Fault {
    pub(super) fn cut(cut: Cut) -> Fault {
        Fault { at: cut.at, when: cut.when, blow: Blow::Cut, counted: 0 }
    }

    pub(super) fn hold(at: Point, when: When) -> Fault {
        Fault { at, when, blow: Blow::Hold, counted: 0 }
    }

    pub(super) fn is_struck(&self) -> bool {
        self.counted >= self.at.number
    }

    /// Counts a message; whether this is the one.
    pub(super) fn count(&mut self, connection: usize, from: Side) -> Option<(Blow, When)> {
        let counts = self.at.connection.is_none_or(|wanted| wanted == connection)
            && self.at.from.is_none_or(|wanted| wanted == from);
        if self.is_struck() || !counts {
            return None;
        }
        self.counted += 1;
        self.is_struck().then_some((self.blow, self.when))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_once_and_counts_only_its_own() {
        let mut fault = Fault::hold(Point::of(1, Side::Client, 2), When::AfterForwarding);
        assert_eq!(fault.count(0, Side::Client), None);
        assert_eq!(fault.count(1, Side::Client), None);
        assert_eq!(fault.count(1, Side::Server), None);
        assert!(!fault.is_struck());
        assert_eq!(fault.count(1, Side::Client), Some((Blow::Hold, When::AfterForwarding)));
        assert_eq!(fault.count(1, Side::Client), None);
        let mut any = Fault::hold(Point::of_any(2), When::BeforeForwarding);
        assert_eq!(any.count(0, Side::Client), None);
        assert_eq!(any.count(3, Side::Server), Some((Blow::Hold, When::BeforeForwarding)));
    }
}
