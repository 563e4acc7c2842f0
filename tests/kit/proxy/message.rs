//! Protocol messages, parsed as far as the tests need.

/// The sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// One message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: Side,
    /// Its type byte; 0 for the packets that open a connection, which have none.
    pub tag: u8,
    /// Its size on the wire in bytes, including the type byte.
    pub size: usize,
    /// The parsed content.
    pub content: Content,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The packet that requests a session.
    Startup,
    /// A packet that requests encryption.
    EncryptionRequest,
    /// A packet that requests cancellation of another connection's statement.
    CancelRequest,
    /// `Q`: statements to run.
    Query(String),
    /// `P`: a statement to parse.
    Parse {
        /// The prepared statement's name; empty for the unnamed one.
        statement: String,
        /// Its text.
        sql: String,
    },
    /// `B`: parameters for a prepared statement.
    Bind {
        /// The portal's name; empty for the unnamed one.
        portal: String,
        /// The prepared statement's name; empty for the unnamed one.
        statement: String,
    },
    /// The client's `D`, `E` or `C` with the name of a prepared statement or portal.
    Named(String),
    /// Anything else.
    Other,
}

const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

impl Message {
    /// Parses the packet that opens a connection. `bytes` is the whole packet.
    pub(super) fn opening(bytes: &[u8]) -> Message {
        let code = bytes.get(4..8).map_or(0, |code| u32::from_be_bytes([code[0], code[1], code[2], code[3]]));
        let content = match code {
            SSL_REQUEST | GSS_ENCRYPTION_REQUEST => Content::EncryptionRequest,
            CANCEL_REQUEST => Content::CancelRequest,
            _ => Content::Startup,
        };
        Message { from: Side::Client, tag: 0, size: bytes.len(), content }
    }

    /// Parses any other message. `bytes` is the whole message.
    pub(super) fn typed(from: Side, bytes: &[u8]) -> Message {
        let (tag, body) = (bytes[0], &bytes[5..]);
        let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        let content = match (from, tag) {
            (Side::Client, b'Q') => Content::Query(text()),
            (Side::Client, b'P') => Content::Parse { statement: text(), sql: text() },
            (Side::Client, b'B') => Content::Bind { portal: text(), statement: text() },
            // A byte says if the name is a statement's or a portal's.
            (Side::Client, b'D' | b'C') => Content::Named(text().get(1..).unwrap_or_default().to_owned()),
            (Side::Client, b'E') => Content::Named(text()),
            _ => Content::Other,
        };
        Message { from, tag, size: bytes.len(), content }
    }

    /// True for the server's ReadyForQuery.
    pub fn is_ready(&self) -> bool {
        self.from == Side::Server && self.tag == b'Z'
    }

    /// The SQL in the message.
    pub fn sql(&self) -> Option<&str> {
        match &self.content {
            Content::Query(sql) | Content::Parse { sql, .. } => Some(sql),
            _ => None,
        }
    }

    /// True if it creates or uses a named prepared statement or portal.
    pub fn is_named(&self) -> bool {
        match &self.content {
            Content::Parse { statement, .. } => !statement.is_empty(),
            Content::Bind { portal, statement } => !portal.is_empty() || !statement.is_empty(),
            Content::Named(name) => !name.is_empty(),
            _ => false,
        }
    }
}

/// The bytes of the first complete message in a buffer, if any.
pub(super) fn first_whole(buffer: &[u8], has_tag: bool) -> Option<usize> {
    let at = usize::from(has_tag);
    let length = buffer.get(at..at + 4)?;
    let size = at + u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
    (buffer.len() >= size).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    #[test]
    fn messages_are_read_as_the_protocol_writes_them() {
        let query = typed(b'Q', b"SELECT 1\0");
        assert_eq!(first_whole(&query, true), Some(query.len()));
        assert_eq!(first_whole(&query[..query.len() - 1], true), None);
        assert_eq!(first_whole(&query[..3], true), None);
        assert_eq!(Message::typed(Side::Client, &query).sql(), Some("SELECT 1"));
        let cases: [(u8, &[u8], bool); 8] = [
            (b'P', b"\0SELECT $1\0\0\0", false),
            (b'P', b"s0\0SELECT $1\0\0\0", true),
            (b'B', b"\0\0\0\0\0\0\0\0", false),
            (b'B', b"\0s0\0\0\0\0\0\0\0", true),
            (b'B', b"p0\0\0\0\0\0\0\0\0", true),
            (b'D', b"S\0", false),
            (b'D', b"Ss0\0", true),
            (b'E', b"\0\0\0\0\0", false),
        ];
        for (tag, body, named) in cases {
            assert_eq!(Message::typed(Side::Client, &typed(tag, body)).is_named(), named, "{tag} {body:?}");
        }
        // The server's `D` is a data row.
        assert_eq!(Message::typed(Side::Server, &typed(b'D', b"Ss0\0")).content, Content::Other);
    }
}
