//! Connections: where to, by which settings, over TLS or not, and what the server says on them.

pub(crate) mod connection_string;
pub(crate) mod endpoint;
pub(crate) mod heard;
pub(crate) mod protect;
pub(crate) mod session;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod url;
