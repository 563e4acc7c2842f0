//! dbmate: `<version>_<name>.sql` with `-- migrate:up` and `-- migrate:down`, each with an optional
//! `transaction:false`.
//!
//! dbmate applies its files in the text order of their names (`FindMigrations` sorts by `FileName`), and
//! keeps the digits as written: `001` and `1` are two versions. So versions compare as text. If names sort
//! differently than their versions, which requires versions of different lengths, that is a problem.

use crate::directory::layouts::flat::{classify_halves, takes_repeatable};
use crate::directory::layouts::halves::{Halves, Mark};
use crate::directory::layouts::marks::{self, Comment};
use crate::directory::layouts::rules::{PLAIN, Rules};
use crate::set::problem::MarkFault;
use crate::set::{Layout, Role};
use crate::sql::TransactionMode;

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Dbmate,
    shows: |look| look.place.folder.is_none() && look.marks == Some(Layout::Dbmate),
    takes: |look| takes_repeatable(look) || look.place.is_verify(),
    classify: |place| classify_halves(place, Layout::Dbmate),
    divide: Some(divide),
    needs_down: true,
    ..PLAIN
};

fn divide(text: &str) -> Halves {
    let mut halves = Halves::default();
    let (mut up, mut down) = (None, None);
    for mark in marks::comments(text) {
        let (options, role, seen) = match (mark.after("migrate:up"), mark.after("migrate:down")) {
            (Some(options), _) => (options, Role::Up, &mut up),
            (_, Some(options)) => (options, Role::Down, &mut down),
            _ => continue,
        };
        if !mark.is_flush {
            halves.fault(mark.start, mark.line, MarkFault::Indented);
        }
        match *seen {
            // dbmate uses the first of each mark (`getMatchPosition`).
            Some(_) => halves.repeated.push(mark.start),
            None => {
                *seen = Some(mark.start);
                let mode = mode(options, mark, &mut halves);
                halves.modes[usize::from(role == Role::Down)] = mode;
            }
        }
    }
    halves.down_at = down;
    halves.check_up(text, "-- migrate:up", up);
    halves
}

/// The mode in the key-value pairs after a mark, such as `transaction:false`. Other words are prose, for
/// dbmate as well.
fn mode(options: &str, mark: Comment<'_>, halves: &mut Halves) -> Option<Mark> {
    let mut found = None;
    for (key, value) in options.split_whitespace().filter_map(|word| word.split_once(':')) {
        let mode = match (key, value) {
            ("transaction", "false") => TransactionMode::None,
            ("transaction", "true") => TransactionMode::Block,
            _ => {
                let option = format!("{key}:{value}");
                halves.fault(
                    mark.start,
                    mark.line,
                    MarkFault::BadOption { option, known: "`transaction:false`" },
                );
                continue;
            }
        };
        found = Some(Mark { at: mark.start, line: mark.line.to_owned(), mode });
    }
    // A request for the default has no effect: a statement that refuses a transaction is detected anyway.
    found.filter(|mark| mark.mode == TransactionMode::None)
}
