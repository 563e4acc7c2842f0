//! The command line of this program, for the commands that it suggests.

use super::options::{Connection, Run};
use std::env;
use std::path::Path;

/// The command line that calls this program again: `myservice migrate`, with the options that locate the
/// migrations and the database.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    program: String,
    options: String,
    /// The run options of this call.
    run: String,
}

/// The commands that the run options affect.
const RUNS: [&str; 5] = ["up", "plan", "down", "redo", "reset"];

impl Invocation {
    /// The invocation of this process.
    pub(super) fn of_process(connection: &Connection, run: &Run) -> Invocation {
        let arguments: Vec<String> =
            env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let (program, options) = (program(&arguments), connection_options(connection));
        Invocation { program, options, run: run.arguments() }
    }

    /// Adds options.
    pub(super) fn with(self, options: &str) -> Invocation {
        Invocation { options: format!("{}{options}", self.options), ..self }
    }

    /// A command line.
    pub(super) fn command(&self, command: &str) -> String {
        let runs = command.split(' ').next().is_some_and(|word| RUNS.contains(&word));
        let run = if runs { self.run.as_str() } else { "" };
        format!("{}{} {command}{run}", self.program, self.options)
    }

    /// The caller, for `pg_stat_activity` and the history: several people may share a database role.
    pub(super) fn application_name(&self) -> String {
        let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default();
        let name = if user.is_empty() { self.program.clone() } else { format!("{} ({user})", self.program) };
        // NAMEDATALEN - 1 bytes; the server would truncate a longer name.
        name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(63).collect()
    }
}

/// The words before the command: the program's name and its subcommands.
fn program(arguments: &[String]) -> String {
    let name = arguments.first().and_then(|path| Path::new(path).file_name()?.to_str()).unwrap_or("migrate");
    let is_command = |word: &str| super::commands::NAMES.contains(&word);
    let way = arguments.iter().skip(1).take_while(|word| !word.starts_with('-') && !is_command(word));
    let way: Vec<&str> = std::iter::once(name).chain(way.map(String::as_str)).collect();
    way.join(" ")
}

/// A connection string may hold a password, so it is not repeated.
fn connection_options(connection: &Connection) -> String {
    match (&connection.database_url, &connection.service) {
        (Some(_), _) => " --database-url …".to_owned(),
        (None, Some(service)) => format!(" --service {}", quoted(service)),
        (None, None) => String::new(),
    }
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> String {
        program(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_way_to_a_command_ends_at_it_or_at_an_option() {
        assert_eq!(of(&["/usr/bin/migrate", "up"]), "migrate");
        assert_eq!(of(&["./myservice", "migrate", "status"]), "myservice migrate");
        assert_eq!(
            of(&["myservice", "migrate", "--database-url", "postgres://a:b@c/d", "up"]),
            "myservice migrate"
        );
        assert_eq!(of(&[]), "migrate");
    }

    #[test]
    fn a_word_with_signs_is_quoted() {
        assert_eq!(quoted("db/migrations"), "db/migrations");
        assert_eq!(quoted("it's; x"), r"'it'\''s; x'");
        assert_eq!(quoted(""), "''");
    }
}
