//! goose: `<version>_<name>.sql` with `-- +goose Up` and `-- +goose Down`.
//!
//! Files are read as in goose's `internal/sqlparser`: an annotation is a comment at the beginning of a line,
//! in either case; `Up` comes first and once, `Down` at most once; `NO TRANSACTION`, anywhere, applies to
//! both halves. goose splits at semicolons, and `StatementBegin` and `StatementEnd` tell it where not to.
//! Here, statements end where the server ends them, so these marks only have to be paired. A `StatementEnd`
//! also ends a statement without a semicolon, as in goose.

use crate::directory::layouts::flat::{classify_halves, is_numbered, takes_repeatable};
use crate::directory::layouts::halves::{Halves, Mark};
use crate::directory::layouts::marks::{self, Comment};
use crate::directory::layouts::rules::{FileKind, PLAIN, Rules};
use crate::set::Layout;
use crate::set::problem::{MarkFault, ProblemKind};
use crate::sql::TransactionMode;

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Goose,
    shows: |look| look.place.folder.is_none() && look.marks == Some(Layout::Goose),
    takes: |look| takes_repeatable(look) || look.place.is_verify(),
    classify: |place| match place.file.strip_suffix(".go") {
        // A Go file that registers migrations, or a helper: both are for goose only.
        Some(stem) if is_numbered(stem) && !stem.ends_with("_test") => {
            FileKind::Problem(ProblemKind::OtherTool {
                tool: "goose",
                what: "a migration in Go".into(),
                mend: "write what it does as an SQL script of the same name".into(),
            })
        }
        _ => classify_halves(place, Layout::Goose),
    },
    divide: Some(divide),
    ..PLAIN
};

fn divide(text: &str) -> Halves {
    let mut reader = GooseReader { text, halves: Halves::default(), up: None, down: None, open: None };
    marks::comments(text).filter(|comment| comment.after("+goose").is_some()).for_each(|c| reader.mark(c));
    reader.finish()
}

struct GooseReader<'a> {
    text: &'a str,
    halves: Halves,
    up: Option<usize>,
    down: Option<usize>,
    /// A `StatementBegin` whose end has not been found yet.
    open: Option<Comment<'a>>,
}

impl<'a> GooseReader<'a> {
    fn mark(&mut self, mark: Comment<'a>) {
        if !mark.is_flush {
            self.halves.fault(mark.start, mark.line, MarkFault::Indented);
        }
        let annotation = mark.after("+goose").unwrap_or_default().trim().to_ascii_lowercase();
        let fault = match annotation.as_str() {
            "up" => {
                let first = self.up;
                self.up.get_or_insert(mark.start);
                first.map(|first| self.again(first))
            }
            "down" => {
                let first = self.down;
                self.down.get_or_insert(mark.start);
                first.map(|first| self.again(first))
            }
            "statementbegin" => {
                let open = self.open;
                self.open.get_or_insert(mark);
                open.map(|open| self.again(open.start))
            }
            "statementend" => self.open.take().is_none().then_some(MarkFault::NotOpen),
            "no transaction" => {
                let line = mark.line.to_owned();
                let mode = Mark { at: mark.start, line, mode: TransactionMode::None };
                self.halves.modes = [Some(mode.clone()), Some(mode)];
                None
            }
            "envsub off" => None,
            "envsub on" => Some(MarkFault::Substitution),
            _ => Some(MarkFault::Unknown {
                known: "`Up`, `Down`, `StatementBegin`, `StatementEnd` and `NO TRANSACTION`",
            }),
        };
        if let Some(fault) = fault {
            self.halves.fault(mark.start, mark.line, fault);
        }
    }

    fn again(&self, first: usize) -> MarkFault {
        MarkFault::Again { first_line: crate::sql::line_column(self.text, first).line }
    }

    fn finish(mut self) -> Halves {
        if let Some(open) = self.open {
            self.halves.fault(open.start, open.line, MarkFault::NotClosed);
        }
        self.halves.down_at = self.down;
        self.halves.check_up(self.text, "-- +goose Up", self.up);
        self.halves
    }
}
