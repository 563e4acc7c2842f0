//! What went over a connection.

use super::message::{Message, Side};
use std::time::Instant;

/// What went over one connection since it was opened, or since [`Proxy::forget`](super::Proxy::forget).
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The messages up to the first ReadyForQuery: packets that open the connection, and authentication.
    pub opening: Vec<Message>,
    /// The messages after that, without the client's Terminate.
    pub messages: Vec<Message>,
    /// When each of them came to the proxy.
    pub times: Vec<Instant>,
    /// How often the client sent something, be it in several messages, and waited for the answer.
    pub round_trips: usize,
    /// Whether it was cut or closed.
    pub is_closed: bool,
    is_open: bool,
    /// Whether the client has had no answer since it last sent something.
    is_waiting: bool,
}

impl Connection {
    /// Records messages of one side that were read together: what the client sends in one flush belongs to one round
    /// trip, however many statements it holds.
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

    /// The messages of one side, those that open the connection left out.
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

    /// How many bytes one side sent, those that open the connection left out.
    pub fn bytes(&self, side: Side) -> usize {
        self.of(side).map(|message| message.size).sum()
    }

    /// How many messages one side sent, those that open the connection included: what [`Point`](super::Point) counts.
    pub fn count(&self, side: Side) -> usize {
        self.opening.iter().chain(&self.messages).filter(|message| message.from == side).count()
    }
}
