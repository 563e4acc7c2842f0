//! tern, the Go tool of pgx's author: `<version>_<name>.sql` with `---- create above / drop below ----`
//! between its halves.
//!
//! A file without this line has only an up script, and `---- tern: disable-tx ----` on a line of a half runs
//! that half without a transaction. tern's files are also templates of Go's `text/template`. Those are not
//! evaluated here, so a template is a problem.

use crate::directory::layouts::flat::{classify_halves, is_numbered, takes_repeatable};
use crate::directory::layouts::halves::{Halves, Mark};
use crate::directory::layouts::marks;
use crate::directory::layouts::rules::{FileKind, PLAIN, Rules};
use crate::directory::place::FileLocation;
use crate::set::Layout;
use crate::set::problem::{MarkFault, ProblemKind};
use crate::sql::TransactionMode;

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Tern,
    shows: |look| look.place.folder.is_none() && look.marks == Some(Layout::Tern),
    hints: |place| place.folder.is_none() && place.file == "tern.conf",
    takes: |look| {
        let stem = look.place.file.strip_suffix(".sql").unwrap_or_default();
        let is_half = stem.ends_with(".up") || stem.ends_with(".down");
        takes_repeatable(look)
            || look.place.folder.is_none() && is_numbered(stem) && !is_half && look.marks.is_none()
    },
    classify,
    divide: Some(divide),
    needs_down: true,
    ..PLAIN
};

fn classify(place: FileLocation<'_>) -> FileKind {
    if place.folder.is_some() && place.is_sql() {
        let mend = "copy its text to each place that calls it with `{{ template … }}`, and delete the file; for \
                    objects that change often, write a repeatable migration, `R__<name>.sql`";
        let what = "a template that other scripts call".into();
        return FileKind::Problem(ProblemKind::OtherTool { tool: "tern", what, mend: mend.into() });
    }
    classify_halves(place, Layout::Tern)
}

const SEPARATOR: &str = "---- create above / drop below ----";

fn divide(text: &str) -> Halves {
    let mut halves = Halves::default();
    for mark in marks::comments(text) {
        if marks::of(mark) == Some(Layout::Tern) {
            // tern searches only for this text: without it, tern would run both halves, one after the other.
            match halves.down_at {
                _ if mark.line != SEPARATOR => {
                    halves.fault(
                        mark.start,
                        mark.line,
                        MarkFault::Unknown { known: "`---- create above / drop below ----`" },
                    );
                }
                _ if !mark.is_flush => halves.fault(mark.start, mark.line, MarkFault::Indented),
                None => halves.down_at = Some(mark.start),
                Some(first) => {
                    let first_line = crate::sql::line_column(text, first).line;
                    halves.fault(mark.start, mark.line, MarkFault::Again { first_line });
                }
            }
        } else if mark.line == "---- tern: disable-tx ----" && mark.is_flush {
            let half = usize::from(halves.down_at.is_some());
            let line = mark.line.to_owned();
            halves.modes[half] = Some(Mark { at: mark.start, line, mode: TransactionMode::None });
        }
    }
    for (at, _) in text.match_indices("{{") {
        let end = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
        let end = text[at..end].find("}}").map_or(end, |end| at + end + "}}".len());
        halves.fault(at, &text[at..end], MarkFault::Template);
    }
    halves
}
