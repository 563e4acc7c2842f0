//! The JSON output. `docs/cli.md` documents its schema, and the snapshots of `tests/cli` pin it.

mod advice;
mod error;
mod history;
mod report;

pub(super) use error::{error, failure};
pub(super) use history::{attempt, running, status_row};
pub(super) use report::{differences, notices, report};

use super::answer::Answer;
use super::context::Context;
use super::exit::Exit;
use super::next;
use super::problem::Problem;
use advice::next_steps;
use migrate_core::display::printable::is_obeyed;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// The format's version. It increases when a field changes its meaning or is removed; new fields do not
/// increase it.
const FORMAT: u32 = 1;

/// The document of a command.
pub(super) fn document(
    command: &str,
    exit: Exit,
    answer: &Result<Answer, Problem>,
    context: &Context,
) -> Value {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("format", json!(FORMAT));
    put("command", json!(command));
    put("outcome", json!(exit.word()));
    put("exit_code", json!(exit.code()));
    if let Some(dump) = context.ui.backup() {
        let restore = context.restore_command(dump);
        let file = dump.file.display().to_string();
        put("backup", json!({ "file": file, "bytes": dump.bytes, "restore": restore }));
    }
    match answer {
        Ok(answer) => {
            if let Value::Object(data) = &answer.data {
                data.iter().for_each(|(key, value)| _ = put(key, value.clone()));
            }
            put("next", next_steps(&answer.next));
            let notes = file_notes(command, context);
            if !notes.is_empty() {
                put("notes", json!(notes));
            }
        }
        Err(problem) => {
            put("error", error(problem));
            put("next", next_steps(&next::after(problem, context)));
        }
    }
    Value::Object(document)
}

/// Notes about the set's files, for the commands that show the set.
pub(super) fn file_notes<'c>(command: &str, context: &'c Context) -> Vec<&'c str> {
    let shows = matches!(command, "status" | "plan" | "up");
    context.migrator.set().notices().filter(|_| shows).collect()
}

/// A document as text without characters that a terminal would obey: JSON itself requires escapes for only
/// some of them.
pub(super) fn text(document: &Value) -> String {
    let mut text = String::new();
    for character in format!("{document:#}\n").chars() {
        match character {
            // They occur only inside strings, and each fits in one 16-bit escape.
            _ if is_obeyed(character) => _ = write!(text, "\\u{:04x}", u32::from(character)),
            _ => text.push(character),
        }
    }
    text
}

pub(super) fn seconds(duration: Duration) -> Value {
    json!(duration.as_secs_f64())
}

pub(super) fn time(time: SystemTime) -> Value {
    json!(humantime::format_rfc3339_millis(time).to_string())
}
