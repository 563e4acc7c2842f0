//! The connection of a command: from the command line, the service, `DATABASE_URL`, and libpq's own sources.

mod dotenv;
mod ini;
mod parameters;

pub(super) use dotenv::Dotenv;

use crate::connection::connection_string;
use crate::connection::endpoint::Endpoint;
use crate::connection::tls::TlsParameters;
use crate::error::wording::url_problem;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use parameters::Parameters;
use std::fmt;
use std::path::PathBuf;
use std::{env, fs, io};
use tokio_postgres::Config;

/// A connection that is not configured, or not correctly.
#[non_exhaustive]
pub(crate) enum ConnectionProblem {
    /// A connection string that can't be parsed.
    Url {
        /// Its source.
        origin: &'static str,
        /// The problem, in words that repeat nothing of the string.
        problem: String,
    },
    /// A service that no file defines.
    NoService {
        /// Its name.
        service: String,
        /// The files that were read.
        files: String,
    },
    /// A file that can't be read.
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A setting that can't be honored.
    Setting {
        /// The variable, or the line of a service.
        origin: String,
        /// The reason.
        why: String,
        /// The advice.
        next: &'static str,
    },
    /// No database is configured.
    Nothing,
}

migrate_core::display_as_explained!(ConnectionProblem);

impl Explain for ConnectionProblem {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            ConnectionProblem::Url { origin, problem } => {
                write!(f, "{origin} is not a valid connection string: {problem}")
            }
            ConnectionProblem::NoService { service, files } => {
                write!(f, "there is no service `{service}` in {files}")
            }
            ConnectionProblem::File { path, source } => {
                write!(f, "can't read `{}`: {source}", path.display())
            }
            ConnectionProblem::Setting { origin, why, .. } => write!(f, "{origin} can't be used here: {why}"),
            ConnectionProblem::Nothing => f.write_str("no database is given"),
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    /// No database was contacted.
    fn state(&self, _: &mut Printable<'_, '_>) -> fmt::Result {
        Ok(())
    }

    fn advice(&self) -> Advice {
        match self {
            ConnectionProblem::Url { .. } => Advice::fix("write it as postgres://user@host:port/database"),
            ConnectionProblem::NoService { .. } => {
                Advice::fix("add it there").or(NextStep::fix("name the file with PGSERVICEFILE"))
            }
            ConnectionProblem::File { .. } => Advice::NONE,
            ConnectionProblem::Setting { next, .. } => Advice::fix(*next),
            ConnectionProblem::Nothing => Advice::fix("set DATABASE_URL")
                .or(NextStep::fix("give --database-url, --service, or libpq's PGHOST and PGDATABASE")),
        }
    }
}

/// Reads one variable of the environment.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The connection options of the command line.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    /// `--database-url`.
    pub(super) url: Option<&'a str>,
    /// `--service`.
    pub(super) service: Option<&'a str>,
}

/// The process's own environment; an empty variable counts as none, as for libpq.
pub(super) fn process_environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The configuration from the first of these: `--database-url`, `--service`, the service's own,
/// `DATABASE_URL`. `PGSERVICE`, libpq's variables and the password file fill the gaps.
///
/// # Errors
///
/// See [`ConnectionProblem`].
pub(super) fn config(
    asked: Asked<'_>,
    own: Option<&Config>,
    environment: Environment<'_>,
) -> Result<Endpoint, ConnectionProblem> {
    let database_url = environment("DATABASE_URL");
    let named = asked.service.map(str::to_owned);
    let (mut config, mut tls) = match (asked.url, &named, own, &database_url) {
        (Some(url), ..) => parse(url, "--database-url")?,
        (None, Some(_), ..) => Default::default(),
        (None, None, Some(own), _) => return Ok(own.clone().into()),
        (None, None, None, Some(url)) => parse(url, "DATABASE_URL")?,
        (None, None, None, None) => Default::default(),
    };
    let text = asked.url.or(if named.is_some() { None } else { database_url.as_deref() }).unwrap_or_default();
    let mut parameters = Parameters::default();
    if let Some(service) = named.or_else(|| environment("PGSERVICE")) {
        parameters.take_service(service_settings(&service, environment)?);
    }
    parameters.take_environment(environment);
    if text.is_empty() && parameters.is_empty() {
        return Err(ConnectionProblem::Nothing);
    }
    parameters.fill(&mut config, &mut tls, text)?;
    if config.get_password().is_none() {
        fill_password(&mut config, environment)?;
    }
    let options = tls.options(&mut config).map_err(|problem| ConnectionProblem::Setting {
        origin: format!("`{}`", problem.parameter),
        why: problem.why.to_owned(),
        next: "correct it in the connection string, the service or the environment",
    })?;
    Ok(Endpoint::new(config, options))
}

fn parse(url: &str, origin: &'static str) -> Result<(Config, TlsParameters), ConnectionProblem> {
    let (others, tls) = TlsParameters::take_from(url);
    match connection_string::config(&others) {
        Ok(config) => Ok((config, tls)),
        Err(error) => Err(ConnectionProblem::Url { origin, problem: url_problem(&error) }),
    }
}

fn home(file: &str, environment: Environment<'_>) -> Option<PathBuf> {
    environment("HOME").map(|home| PathBuf::from(home).join(file))
}

/// The settings of a service: in the user's file, else in the system's.
fn service_settings(
    name: &str,
    environment: Environment<'_>,
) -> Result<Vec<(String, String)>, ConnectionProblem> {
    let own =
        environment("PGSERVICEFILE").map(PathBuf::from).or_else(|| home(".pg_service.conf", environment));
    let system = environment("PGSYSCONFDIR").map(|folder| PathBuf::from(folder).join("pg_service.conf"));
    let files: Vec<PathBuf> = own.into_iter().chain(system).collect();
    for path in &files {
        if let Some(settings) = read(path)?.and_then(|text| ini::service(&text, name)) {
            return Ok(settings);
        }
    }
    let files = files.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or ");
    Err(ConnectionProblem::NoService { service: name.to_owned(), files })
}

fn read(path: &PathBuf) -> Result<Option<String>, ConnectionProblem> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConnectionProblem::File { path: path.clone(), source }),
    }
}

/// Takes the password from the password file, if only its owner may read it.
fn fill_password(config: &mut Config, environment: Environment<'_>) -> Result<(), ConnectionProblem> {
    let path = environment("PGPASSFILE").map(PathBuf::from).or_else(|| home(".pgpass", environment));
    let Some(path) = path.filter(|path| is_private(path)) else { return Ok(()) };
    let Some(text) = read(&path)? else { return Ok(()) };
    let (host, port) = parameters::first_place(config);
    let user = config.get_user().map(str::to_owned).or_else(|| environment("USER")).unwrap_or_default();
    let database = config.get_dbname().unwrap_or(&user).to_owned();
    let login = ini::Login { host: &host, port, database: &database, user: &user };
    if let Some(password) = ini::password(&text, login) {
        config.password(password);
    }
    Ok(())
}

/// True if only its owner may read a file: libpq ignores a password file that others may read, and so do we.
#[cfg(unix)]
fn is_private(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(path: &std::path::Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests;
