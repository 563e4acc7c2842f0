//! libpq's TLS parameters, which `tokio_postgres` does not know: removed from a connection string before it
//! is parsed.

use super::{Mode, Roots, TlsOptions, Version};
use std::path::PathBuf;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, SslNegotiation};

/// The parameters, and the environment variables that set them.
pub(crate) const VARIABLES: [(&str, &str); 14] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslpassword", "PGSSLPASSWORD"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslsni", "PGSSLSNI"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("gssencmode", "PGGSSENCMODE"),
];

/// Parameters with their values. The first of a name counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsParameters(Vec<(&'static str, String)>);

impl TlsParameters {
    /// Removes the parameters from a connection string. Returns the rest and the parameters.
    pub(crate) fn take_from(text: &str) -> (String, TlsParameters) {
        let mut parameters = TlsParameters::default();
        let left = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            parameters.take_from_url(text)
        } else {
            parameters.take_from_pairs(text)
        };
        (left, parameters)
    }

    /// Adds a parameter, unless it is set already. Returns true if it is a TLS parameter.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> bool {
        let Some((name, _)) = VARIABLES.iter().find(|(known, _)| *known == name) else { return false };
        if self.get(name).is_none() {
            self.0.push((name, value.to_owned()));
        }
        true
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn take_from_url(&mut self, url: &str) -> String {
        let host = url.find('@').unwrap_or(0);
        let Some(query) = url[host..].find('?').map(|at| host + at) else { return url.to_owned() };
        let others = url[query + 1..].split('&').filter(|pair| {
            let Some((name, value)) = pair.split_once('=') else { return true };
            !decoded(name).zip(decoded(value)).is_some_and(|(name, value)| self.add(&name, &value))
        });
        let others: Vec<&str> = others.collect();
        let mark = if others.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", &url[..query], others.join("&"))
    }

    /// Removes the parameters from `name = 'value'` pairs separated by blanks. Text of any other form is left
    /// unchanged.
    fn take_from_pairs(&mut self, text: &str) -> String {
        let (mut left, mut rest) = (String::new(), text);
        while let Some((pair, name, value, after)) = next_pair(rest) {
            if !self.add(name, &value) {
                left.push_str(pair);
                left.push(' ');
            }
            rest = after;
        }
        left.push_str(rest);
        left.trim().to_owned()
    }

    /// Returns the TLS options, and stores in `config` those that it can hold.
    ///
    /// # Errors
    ///
    /// If a parameter is not supported, which the error names, or has an invalid value.
    pub(crate) fn options(&self, config: &mut Config) -> Result<TlsOptions, TlsProblem> {
        self.refuse_unsupported()?;
        let path = |name: &str| self.get(name).map(PathBuf::from);
        let roots = match self.get("sslrootcert") {
            None => Roots::Default,
            Some("system") => Roots::System,
            Some(file) => Roots::File(file.into()),
        };
        let by_default = if roots == Roots::System { Mode::VerifyFull } else { TlsOptions::of(config).mode };
        let mode = self.get("sslmode").map_or(Ok(by_default), mode)?;
        if roots == Roots::System && mode != Mode::VerifyFull && mode != Mode::Disable {
            return Err(TlsProblem {
                parameter: "sslmode",
                why: "sslrootcert=system requires sslmode=verify-full: anyone can get a certificate for some name",
            });
        }
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Allow | Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        if let Some(negotiation) = self.get("sslnegotiation") {
            config.ssl_negotiation(self.negotiation(negotiation, mode)?);
        }
        let min_version = self.version("ssl_min_protocol_version", Version::Tls12)?;
        let max_version = self.version("ssl_max_protocol_version", Version::Tls13)?;
        if min_version > max_version {
            let why = "it is later than ssl_max_protocol_version";
            return Err(TlsProblem { parameter: "ssl_min_protocol_version", why });
        }
        Ok(TlsOptions {
            mode,
            roots,
            certificate: path("sslcert"),
            key: path("sslkey"),
            revoked: path("sslcrl"),
            sends_no_certificate: self.get("sslcertmode") == Some("disable"),
            names_host: self.get("sslsni") != Some("0"),
            min_version,
            max_version,
        })
    }

    fn refuse_unsupported(&self) -> Result<(), TlsProblem> {
        let allowed: [(&str, &[&str], &str); 6] = [
            ("sslcrldir", &[], "a folder of revocation lists is not supported: name one file with sslcrl"),
            (
                "sslpassword",
                &[],
                "an encrypted key is not supported: store it without a password, readable only by its owner",
            ),
            ("sslcertmode", &["disable", "allow"], "only disable and allow are supported"),
            ("sslsni", &["0", "1"], "it must be 0 or 1"),
            ("sslcompression", &["0"], "compression is not supported"),
            ("gssencmode", &["disable", "prefer"], "GSSAPI encryption is not supported: use disable"),
        ];
        for (parameter, values, why) in allowed {
            if self.get(parameter).is_some_and(|value| !values.contains(&value)) {
                return Err(TlsProblem { parameter, why });
            }
        }
        Ok(())
    }

    fn negotiation(&self, value: &str, mode: Mode) -> Result<SslNegotiation, TlsProblem> {
        let parameter = "sslnegotiation";
        match value {
            "postgres" => Ok(SslNegotiation::Postgres),
            "direct" if mode >= Mode::Require => Ok(SslNegotiation::Direct),
            "direct" => {
                Err(TlsProblem { parameter, why: "direct requires sslmode=require or a stronger one" })
            }
            _ => Err(TlsProblem { parameter, why: "it must be postgres or direct" }),
        }
    }

    fn version(&self, parameter: &'static str, by_default: Version) -> Result<Version, TlsProblem> {
        let Some(value) = self.get(parameter) else { return Ok(by_default) };
        let is_minimum = by_default == Version::Tls12;
        match value.to_ascii_lowercase().as_str() {
            "tlsv1" | "tlsv1.1" if is_minimum => Ok(Version::Tls12),
            "tlsv1.2" => Ok(Version::Tls12),
            "tlsv1.3" => Ok(Version::Tls13),
            _ => Err(TlsProblem { parameter, why: "only TLSv1.2 and TLSv1.3 are supported" }),
        }
    }
}

/// A parameter that can't be used. The value, which may be a secret, is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", migrate_core::clean!("{parameter} can't be used as it is: {why}"))]
pub(crate) struct TlsProblem {
    pub(crate) parameter: &'static str,
    pub(crate) why: &'static str,
}

fn mode(value: &str) -> Result<Mode, TlsProblem> {
    let modes = [Mode::Disable, Mode::Allow, Mode::Prefer, Mode::Require, Mode::VerifyCa, Mode::VerifyFull];
    modes.into_iter().find(|mode| mode.word() == value).ok_or(TlsProblem {
        parameter: "sslmode",
        why: "it must be disable, allow, prefer, require, verify-ca or verify-full",
    })
}

/// Percent-decodes part of a URL.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

/// The next pair of a list: its full text, its name, its value, and the rest of the list.
fn next_pair(text: &str) -> Option<(&str, &str, String, &str)> {
    let start = text.trim_start();
    let (name, after) = start.split_once('=')?;
    let name = name.trim_end();
    let after = after.trim_start();
    let (mut value, mut escaped, quoted) = (String::new(), false, after.starts_with('\''));
    let mut end = after.len();
    for (at, c) in after.char_indices().skip(usize::from(quoted)) {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' if quoted => {
                end = at + 1;
                break;
            }
            c if !quoted && c.is_whitespace() => {
                end = at;
                break;
            }
            c => value.push(c),
        }
    }
    let rest = &after[end..];
    Some((start[..start.len() - rest.len()].trim_end(), name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (String, Vec<(&'static str, String)>) {
        let (left, TlsParameters(parameters)) = TlsParameters::take_from(text);
        (left, parameters)
    }

    #[test]
    fn what_is_not_of_tls_is_left_as_it_is() {
        let ca = vec![("sslmode", "verify-ca".to_owned()), ("sslrootcert", "/a b/ca".to_owned())];
        for (text, left) in [
            (
                "postgres://u:p%40@h/d?sslmode=verify-ca&application_name=a%20b&sslrootcert=/a%20b/ca",
                "postgres://u:p%40@h/d?application_name=a%20b",
            ),
            ("postgresql://h/d?sslmode=verify-ca&sslrootcert=%2Fa b/ca", "postgresql://h/d"),
            (
                "host=h sslmode = verify-ca password='it\\'s = b' sslrootcert='/a b/ca' dbname=d",
                "host=h password='it\\'s = b' dbname=d",
            ),
        ] {
            assert_eq!(taken(text), (left.to_owned(), ca.clone()), "{text}");
        }
        for text in
            ["", "host", "postgres://u:sslmode=a@h/d", "postgres://h/d?x", "password='sslmode=require'"]
        {
            assert_eq!(taken(text), (text.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_supported_is_refused_by_name() {
        for (text, parameter) in [
            ("sslmode=verify", "sslmode"),
            ("sslmode=require sslrootcert=system", "sslmode"),
            ("sslcrldir=/x", "sslcrldir"),
            ("sslpassword=x", "sslpassword"),
            ("sslcertmode=require", "sslcertmode"),
            ("sslcompression=1", "sslcompression"),
            ("gssencmode=require", "gssencmode"),
            ("sslnegotiation=direct", "sslnegotiation"),
            ("sslnegotiation=x sslmode=require", "sslnegotiation"),
            ("ssl_min_protocol_version=TLSv2", "ssl_min_protocol_version"),
            ("ssl_max_protocol_version=TLSv1.1", "ssl_max_protocol_version"),
            ("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2", "ssl_min_protocol_version"),
        ] {
            let (left, parameters) = TlsParameters::take_from(text);
            assert_eq!(left, "");
            let refused = parameters.options(&mut Config::new()).unwrap_err();
            assert_eq!(refused.parameter, parameter, "{text}");
        }
        let full = TlsParameters::take_from("sslrootcert=system").1.options(&mut Config::new()).unwrap();
        assert_eq!((full.mode, full.roots), (Mode::VerifyFull, Roots::System));
    }
}
