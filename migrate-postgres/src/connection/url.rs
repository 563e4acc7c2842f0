//! Connection URLs that are safe to show.

#[cfg(any(feature = "report", feature = "testing"))]
use std::fmt::Write as _;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The URL of `database` on the server of `config`, without a password.
///
/// The folder of a Unix socket is percent-encoded in place of the host, which libpq, tokio-postgres and sqlx
/// all read.
#[cfg(any(feature = "report", feature = "testing"))]
pub(crate) fn public(config: &Config, database: &str) -> String {
    let mut url = String::from("postgres://");
    if let Some(user) = config.get_user() {
        encode(&mut url, user.as_bytes());
        url.push('@');
    }
    for (n, host) in config.get_hosts().iter().enumerate() {
        if n > 0 {
            url.push(',');
        }
        match host {
            Host::Tcp(name) if name.contains(':') => _ = write!(url, "[{name}]"),
            Host::Tcp(name) => encode(&mut url, name.as_bytes()),
            #[cfg(unix)]
            Host::Unix(path) => encode(&mut url, path.as_os_str().as_encoded_bytes()),
        }
        let ports = config.get_ports();
        if let Some(port) = ports.get(n).or(ports.first()) {
            _ = write!(url, ":{port}");
        }
    }
    url.push('/');
    encode(&mut url, database.as_bytes());
    url
}

/// Appends text with all bytes percent-encoded except those allowed anywhere in a URL.
#[cfg(any(feature = "report", feature = "testing"))]
pub(crate) fn encode(url: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            _ => _ = write!(url, "%{byte:02X}"),
        }
    }
}

/// The part of a configuration that looks like part of a password: a URL whose password has unencoded special
/// characters is split in the wrong place, and then none of its destination may be shown.
pub(crate) fn uncertain_part(config: &Config) -> Option<&'static str> {
    let is_cut = |part: &str| part.contains('@') || part.contains("://");
    let is_host = |host: &Host| match host {
        Host::Tcp(name) => is_cut(name),
        #[cfg(unix)]
        Host::Unix(path) => is_cut(&path.to_string_lossy()),
    };
    if config.get_hosts().iter().any(is_host) {
        return Some("host");
    }
    if config.get_dbname().is_some_and(is_cut) {
        return Some("database");
    }
    config.get_user().is_some_and(|user| user.contains([':', '/'])).then_some("user")
}

/// True if a configuration names a host that can't exist on any network: a lookup would only leak part of a
/// password to the network.
pub(crate) fn has_impossible_host(config: &Config) -> bool {
    config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains(['@', '/'])))
}

#[cfg(all(test, any(feature = "report", feature = "testing")))]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_socket_is_read_back_as_it_was() {
        let mut config = Config::new();
        config.user("postgres").host_path("/tmp/a b").port(5432);
        let url = public(&config, "x/y");
        assert_eq!(url, "postgres://postgres@%2Ftmp%2Fa%20b:5432/x%2Fy");
        let read: Config = url.parse().unwrap();
        assert_eq!(read.get_hosts(), &[Host::Unix("/tmp/a b".into())]);
        assert_eq!((read.get_user(), read.get_dbname()), (Some("postgres"), Some("x/y")));
    }

    #[test]
    fn a_public_url_has_every_host_and_no_password() {
        let config: Config = "postgres://u:secret@h1:1,[::1]:2/db?application_name=x".parse().unwrap();
        assert_eq!(public(&config, "new"), "postgres://u@h1:1,[::1]:2/new");
    }
}
