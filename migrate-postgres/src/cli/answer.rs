//! The answer of a command, and how it is printed.

use super::context::Context;
use super::exit::Exit;
use super::json;
use super::next::{self, Next};
use super::page::{Page, Tone};
use super::problem::Problem;
use super::signals::Signal;
use crate::operate::Bytes;
use anstream::{AutoStream, ColorChoice};
use migrate_core::advice::message;
use serde_json::Value;
use std::io::Write;

/// The answer of a command that did not fail.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) exit: Exit,
    /// For people.
    pub(super) page: Page,
    /// For programs: an object.
    pub(super) data: Value,
    /// The advice, if there is any.
    pub(super) next: Next,
    /// The whole output, if it is in a format of other programs.
    pub(super) raw: Option<String>,
}

impl Answer {
    pub(super) fn done(page: Page, data: Value) -> Answer {
        Answer { exit: Exit::Done, page, data, next: Next::default(), raw: None }
    }

    /// The answer of a command that a signal has stopped, unless it had come to its end.
    pub(super) fn stopped_by(self, signal: Signal) -> Answer {
        let is_interrupted = self.data["interrupted"] == Value::Bool(true);
        let exit = if is_interrupted { Exit::of(&Problem::Interrupted(signal)) } else { self.exit };
        Answer { exit, ..self }
    }
}

/// Prints the result of a command.
pub(super) fn print(command: &str, answer: Result<Answer, Problem>, context: &Context) -> Exit {
    let exit = match &answer {
        Ok(answer) => answer.exit,
        Err(problem) => Exit::of(problem),
    };
    let choice = context.ui.color();
    if context.options.output.json {
        let document = json::document(command, exit, &answer, context);
        return write(AutoStream::new(std::io::stdout(), ColorChoice::Never), &json::text(&document), exit);
    }
    match answer {
        Ok(Answer { raw: Some(raw), .. }) => {
            write(AutoStream::new(std::io::stdout(), ColorChoice::Never), &raw, exit)
        }
        Ok(answer) => {
            let notes = json::file_notes(command, context).into_iter().map(|note| format!("note: {note}"));
            let page = answer.page.lines(notes).append(backup_page(context)).lines(answer.next.lines());
            write(AutoStream::new(std::io::stdout(), choice), &page.render(context.ui.output()), exit)
        }
        Err(problem) => {
            let page = problem_page(&problem, &next::after(&problem, context), backup_page(context));
            write(AutoStream::new(std::io::stderr(), choice), &page.render(context.ui.errors()), exit)
        }
    }
}

/// The backup that was made and how to restore it, even if a later step failed.
fn backup_page(context: &Context) -> Page {
    let Some(backup) = context.ui.backup() else { return Page::default() };
    let (file, size) = (backup.file.display(), Bytes(backup.bytes));
    Page::default()
        .line(format!("backup: {file}, {size}"))
        .line("to restore it into a new database:")
        .line(format!("  {}", context.restore_command(backup)))
}

/// A problem: what went wrong, the state of the database, and the advice.
fn problem_page(problem: &Problem, next: &Next, backup: Page) -> Page {
    let what = message(problem).to_string();
    let mut lines = what.lines();
    let first = lines.next().unwrap_or_default();
    Page::default()
        .toned(format!("error: {first}"), Tone::Bad)
        .lines(lines)
        .append(backup)
        .lines(next.lines())
}

/// Writes the text. A reader that goes away, such as `head`, does not change the exit code.
fn write(mut stream: impl Write, text: &str, exit: Exit) -> Exit {
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
    exit
}
