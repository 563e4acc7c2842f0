//! Faults of a proxy, and their points.

use super::message::Side;

/// A message, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The connection's number; if none, the messages of all connections are counted together.
    pub connection: Option<usize>,
    /// The side whose messages are counted; if none, both.
    pub from: Option<Side>,
    /// The message's number; the packet that opens the connection is 1.
    pub number: usize,
}

impl Point {
    /// The `number`th message from one side of one connection.
    pub fn of(connection: usize, from: Side, number: usize) -> Point {
        Point { connection: Some(connection), from: Some(from), number }
    }

    /// The `number`th message of any connection and side.
    pub fn of_any(number: usize) -> Point {
        Point { connection: None, from: None, number }
    }

    /// Counts only the messages of one side.
    pub fn from(self, from: Side) -> Point {
        Point { from: Some(from), ..self }
    }
}

/// The fate of the message at the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The receiver does not get it.
    BeforeForwarding,
    /// The receiver gets it.
    AfterForwarding,
}

/// A connection that breaks at a message: both ends find it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The message.
    pub at: Point,
    /// The fate of the message.
    pub when: When,
}

/// The fault at the point.
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

    /// Counts a message; returns the fault if this message is its point.
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
