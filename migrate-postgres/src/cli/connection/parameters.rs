//! libpq's parameters: fills in from the environment or a service what a connection string leaves open.

use super::{ConnectionProblem, Environment};
use crate::connection::tls::TlsParameters;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, TargetSessionAttrs};

/// The supported parameters, and their environment variables.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-envars.html>.
const VARIABLES: [(&str, &str); 11] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("channel_binding", "PGCHANNELBINDING"),
];

/// Parameters with their sources. The first value of a name wins.
#[derive(Default)]
pub(super) struct Parameters(Vec<Parameter>);

struct Parameter {
    key: String,
    value: String,
    origin: String,
}

impl Parameters {
    pub(super) fn take_service(&mut self, settings: Vec<(String, String)>) {
        for (key, value) in settings {
            self.0.push(Parameter { origin: format!("`{key}` of the service"), key, value });
        }
    }

    pub(super) fn take_environment(&mut self, environment: Environment<'_>) {
        for (key, variable) in VARIABLES.into_iter().chain(crate::connection::tls::VARIABLES) {
            if let Some(value) = environment(variable) {
                self.0.push(Parameter { key: key.to_owned(), value, origin: variable.to_owned() });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| parameter.key == key)
    }

    /// Fills in the missing parameters of a configuration. `text` is its connection string.
    pub(super) fn fill(
        &self,
        config: &mut Config,
        tls: &mut TlsParameters,
        text: &str,
    ) -> Result<(), ConnectionProblem> {
        for parameter in &self.0 {
            let is_known = VARIABLES.iter().any(|(key, _)| *key == parameter.key);
            if !tls.add(&parameter.key, &parameter.value) && !is_known {
                return Err(parameter.refused("the parameter is not supported".to_owned(), "remove it"));
            }
        }
        self.fill_place(config)?;
        let lacks = |key: &str| !text.contains(&format!("{key}="));
        if let Some(user) = self.get("user").filter(|_| config.get_user().is_none()) {
            config.user(&user.value);
        }
        if let Some(password) = self.get("password").filter(|_| config.get_password().is_none()) {
            config.password(&password.value);
        }
        if let Some(database) = self.get("dbname").filter(|_| config.get_dbname().is_none()) {
            config.dbname(&database.value);
        }
        if let Some(options) = self.get("options").filter(|_| config.get_options().is_none()) {
            config.options(&options.value);
        }
        if let Some(name) = self.get("application_name").filter(|_| config.get_application_name().is_none()) {
            config.application_name(&name.value);
        }
        if let Some(timeout) = self.get("connect_timeout").filter(|_| lacks("connect_timeout")) {
            config.connect_timeout(Duration::from_secs(timeout.number()?));
        }
        if let Some(attributes) = self.get("target_session_attrs").filter(|_| lacks("target_session_attrs")) {
            config.target_session_attrs(attributes.session_attributes()?);
        }
        if let Some(binding) = self.get("channel_binding").filter(|_| lacks("channel_binding")) {
            config.channel_binding(binding.channel_binding()?);
        }
        Ok(())
    }

    fn fill_place(&self, config: &mut Config) -> Result<(), ConnectionProblem> {
        if config.get_ports().is_empty()
            && let Some(ports) = self.get("port")
        {
            for port in ports.value.split(',') {
                config.port(port.trim().parse().map_err(|_| ports.bad("a port number"))?);
            }
        }
        if !config.get_hosts().is_empty() {
            return Ok(());
        }
        let host = self.get("hostaddr").or(self.get("host"));
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let hosts = host.map_or_else(|| default_host(port).to_owned(), |host| host.value.clone());
        for host in hosts.split(',') {
            config.host(host.trim());
        }
        Ok(())
    }
}

/// The usual folder of the server's socket, on Debian or elsewhere; otherwise localhost.
fn default_host(port: u16) -> &'static str {
    let has_socket = |folder: &&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    ["/var/run/postgresql", "/tmp"].into_iter().find(has_socket).unwrap_or("localhost")
}

/// Host and port as a password file writes them: `localhost` for a socket.
pub(super) fn first_place(config: &Config) -> (String, u16) {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        _ => "localhost".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

impl Parameter {
    fn refused(&self, why: String, next: &'static str) -> ConnectionProblem {
        ConnectionProblem::Setting { origin: self.origin.clone(), why, next }
    }

    fn bad(&self, expected: &'static str) -> ConnectionProblem {
        self.refused(format!("its value is not {expected}"), "correct it")
    }

    fn number(&self) -> Result<u64, ConnectionProblem> {
        self.value.parse().map_err(|_| self.bad("a number of seconds"))
    }

    fn session_attributes(&self) -> Result<TargetSessionAttrs, ConnectionProblem> {
        match self.value.as_str() {
            "any" => Ok(TargetSessionAttrs::Any),
            "read-write" | "primary" => Ok(TargetSessionAttrs::ReadWrite),
            "read-only" | "standby" => Ok(TargetSessionAttrs::ReadOnly),
            _ => Err(self.bad("any, read-write or read-only")),
        }
    }

    fn channel_binding(&self) -> Result<ChannelBinding, ConnectionProblem> {
        match self.value.as_str() {
            "disable" => Ok(ChannelBinding::Disable),
            "prefer" => Ok(ChannelBinding::Prefer),
            "require" => Ok(ChannelBinding::Require),
            _ => Err(self.bad("disable, prefer or require")),
        }
    }
}
