//! The record of a connection's traffic.

use super::message::{Message, Side};
use std::time::Instant;

/// The traffic of one connection since it was opened, or since [`Proxy::forget`](super::Proxy::forget).
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The messages up to the first ReadyForQuery: packets that open the connection, and authentication.
    pub opening: Vec<Message>,
    /// The messages after that, without the client's Terminate.
    pub messages: Vec<Message>,
    /// The time at which each of them reached the proxy.
    pub times: Vec<Instant>,
    /// The number of times that the client sent one or more messages and then waited for the answer.
    pub round_trips: usize,
    /// True if it was cut or closed.
    pub is_closed: bool,
    is_open: bool,
    /// True if the client has had no answer since it last sent something.
    is_waiting: bool,
}

impl Connection {
    /// Records messages of one side that were read together. Messages that the client sends in one flush
    /// belong to one round trip, regardless of the number of statements.
    pub(super) fn record(&mut self, messages: &[Message]) {
        let now = Instant::now();
        for message in messages {
            if !self.is_open {
                self.is_open = message.is_ready();
                self.opening.push(message.clone());
                continue;
            }
            match message.from {
                Side::Server => self.is_waiting = false,
                Side::Client if message.tag == b'X' => continue,
                Side::Client => {
                    self.round_trips += usize::from(!self.is_waiting);
                    self.is_waiting = true;
                }
            }
            self.messages.push(message.clone());
            self.times.push(now);
        }
    }

    pub(super) fn forget(&mut self) {
        self.opening.clear();
        self.messages.clear();
        self.times.clear();
        self.round_trips = 0;
    }

    /// The messages of one side, without those that open the connection.
    pub fn of(&self, side: Side) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.from == side)
    }

    /// The types of one side's messages, in order.
    pub fn tags(&self, side: Side) -> String {
        self.of(side).map(|message| char::from(message.tag)).collect()
    }

    /// The SQL that the client sent, in order.
    pub fn sql(&self) -> Vec<&str> {
        self.messages.iter().filter_map(Message::sql).collect()
    }

    /// The number of bytes that one side sent, without the messages that open the connection.
    pub fn bytes(&self, side: Side) -> usize {
        self.of(side).map(|message| message.size).sum()
    }

    /// The number of messages that one side sent, including those that open the connection: the number that
    /// [`Point`](super::Point) counts.
    pub fn count(&self, side: Side) -> usize {
        self.opening.iter().chain(&self.messages).filter(|message| message.from == side).count()
    }
}
