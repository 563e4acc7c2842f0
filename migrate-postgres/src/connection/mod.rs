//! Connections: their destination, their settings, TLS, and the server's messages on them.

pub(crate) mod connection_string;
pub(crate) mod endpoint;
pub(crate) mod heard;
pub(crate) mod protect;
pub(crate) mod session;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod url;
