//! Refusals: the reasons not to make a plan.

use crate::display::printable::printable;
use crate::history::{Interrupted, LostRows, list, numbered};
use crate::set::checksum::Checksum;
use crate::set::version::Version;
use similar::TextDiff;
use std::fmt;

/// A refusal: the history and the set contradict each other, or the request can't be fulfilled. Nothing was changed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// An applied migration was edited.
    #[error("{}", crate::clean!(
        "migration {name} was edited after it was applied{}; nothing was changed{diff}\nnext: {}",
        edited(applied_name, name, (applied, now), diff), after_edit(applied_name, name)
    ))]
    Edited {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
        /// Its name when it was applied.
        applied_name: String,
        /// The checksum it was applied with.
        applied: Checksum,
        /// The checksum it has now.
        now: Checksum,
        /// What changed; empty when the history did not keep the text.
        diff: Diff,
    },

    /// An edit can't be accepted: it changed statements, not only comments and formatting.
    #[error("{}", crate::clean!(
        "migration {name} was edited in more than comments and formatting{}; nothing was changed{diff}\n\
         next: restore the applied text and make the change in a new migration; or, if the database matches the new text, accept it \
         by force",
        if diff.as_str().is_empty() { ", or may have been: the applied text is not known" } else { "" }
    ))]
    OtherStatements {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
        /// What changed; empty when the history did not keep the text.
        diff: Diff,
    },

    /// An edit can't be accepted: the migration is not applied.
    #[error("{}", crate::clean!(
        "migration {name} is not applied, so there is no applied text to replace; nothing was changed\n\
         next: `run` applies it as it is now"
    ))]
    NotApplied {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
    },

    /// An applied migration is missing from the set, which has newer ones.
    #[error("{}", crate::clean!(
        "migration {name} is applied, but it is missing from the set, which has migrations up to {newest}{}; nothing was changed\n\
         next: {}",
        same_text(renumbered.as_deref()), after_missing(name, renumbered.as_deref())
    ))]
    Missing {
        /// The missing version.
        version: Version,
        /// Its name when it was applied.
        name: String,
        /// The newest migration of the set.
        newest: String,
        /// The name of a migration of the set that is not applied and has the same text.
        renumbered: Option<String>,
    },

    /// A migration replaces a range of others, of which some are applied and the others are missing from the set.
    #[error("{}", crate::clean!(
        "migration {name} replaces migrations up to version {}, but the last of them that is applied is {applied}, and those after \
         it are missing from the set; nothing was changed\n\
         next: start the release before the one that removed them, which applies them, and then this one",
        missing.as_written()
    ))]
    PartlyReplaced {
        /// The version of the migration that replaces them.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the last migration of the range that is applied.
        applied: String,
        /// The last version of the range, which is not applied.
        missing: Version,
    },

    /// A migration is pending although a later one is applied.
    #[error("{}", crate::clean!(
        "migration {name} is not applied, but {after}, which comes after it, is{}; nothing was changed\n\
         next: {}",
        same_text(applied_as.as_deref()), after_hole(name, after, applied_as.as_deref())
    ))]
    OutOfOrder {
        /// The version that is pending.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the applied migration that comes after it.
        after: String,
        /// The name of an applied migration that the set does not have, and that has the same text.
        applied_as: Option<String>,
    },

    /// The database has migrations from a newer release, and the policy is to refuse that.
    #[error("{}", crate::clean!(
        "the database is ahead of the set: {} applied by a newer release; nothing was changed\n\
         next: start the newer release, or revert with `down` (the history stores the down scripts)",
        list(newer)
    ))]
    Ahead {
        /// The names of the newer migrations.
        newer: Vec<String>,
    },

    /// A migration to revert has no down script, neither in the set nor in the history.
    #[error("{}", crate::clean!(
        "migration {name} can't be reverted: it has no down script; nothing was reverted\n\
         next: write one beside its up script, or stop before {name}"
    ))]
    NoDown {
        /// The version without one.
        version: Version,
        /// Its name.
        name: String,
    },

    /// A stored down script can't be run.
    #[error("{}", crate::clean!(
        "migration {name} can't be reverted: the down script stored in the history can't be run: {problem}; \
         nothing was reverted\n\
         next: revert with a release that has {name}"
    ))]
    KeptDown {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },

    /// Neither the set nor the history has the given version.
    #[error("{}", crate::clean!(
        "there is no migration {}: {}; nothing was changed\nnext: name a version that `status` shows",
        version.as_written(), match last { Some(last) => format!("the last is {last}"), None => "there are no migrations".to_owned() }
    ))]
    UnknownVersion {
        /// The version asked for.
        version: Version,
        /// The name of the last migration that there is.
        last: Option<String>,
    },

    /// No migration applied by the run to revert is still applied.
    #[error("{}", crate::clean!(
        "no migration that the run {run} applied is still applied; nothing was reverted\nnext: {}",
        match last {
            Some(last) => format!("choose a run from the history: the last is {last}"),
            None => "there is nothing to revert".to_owned(),
        }
    ))]
    UnknownRun {
        /// The run asked for.
        run: String,
        /// The run that applied what was applied last.
        last: Option<String>,
    },

    /// The run to revert marked migrations as applied and ran none: a baseline or an adoption.
    #[error("{}", crate::clean!(
        "the run {run} marked migrations as applied and ran none, so it is not a deployment; nothing was reverted\n\
         next: revert by number or to a version, if their down scripts may drop what existed before"
    ))]
    MarkedRun {
        /// The run.
        run: String,
    },

    /// Migrations to revert were marked as applied, not run by this library.
    #[error("{}", crate::clean!(
        "{} marked as applied by a baseline, an adoption, a squash or a resolve, not run by this library: a down script would drop \
         what existed before; nothing was reverted\n\
         next: revert only what came after {}; or, if what existed before may be dropped, use `Down::including_marked`",
        list(names), names[0]
    ))]
    Marked {
        /// Their names, in the order of reverting.
        names: Vec<String>,
    },

    /// The migrations to revert are not those that were shown and confirmed.
    #[error(
        "the migrations to revert are no longer those that were shown: the history has changed; nothing was reverted\n\
         next: check the state of the database, and decide again"
    )]
    NotAsShown,

    /// A run can't be reverted: the history does not record runs.
    #[error(
        "this history does not record which run applied a migration, so there is no deployment to revert; nothing was reverted\n\
         next: revert by number or to a version"
    )]
    NoRuns,

    /// A run can't be reverted: later runs have applied migrations after it.
    #[error("{}", crate::clean!(
        "the run {run} can't be reverted alone: {}; nothing was reverted\n\
         next: revert the later migrations first, or all of them at once by naming the version to go back to",
        if *later == 1 { format!("{first} was applied after it") } else { format!("{later} migrations were applied after it, the first {first}") }
    ))]
    RunBeneath {
        /// The run asked for.
        run: String,
        /// How many migrations other runs have applied after it.
        later: usize,
        /// The name of the first of them.
        first: String,
    },

    /// Rows were deleted from the middle of the history, and the remaining rows do not add up to what its end says is applied:
    /// a run would apply their migrations a second time.
    #[error("{}", crate::clean!(
        "the history {} lacks its {}{}: deleted by hand; nothing was changed\nnext: {}",
        lost.table, numbered(&lost.rows), lost_names(lost), after_loss(lost)
    ))]
    RowsLost {
        /// Which rows.
        lost: LostRows,
    },

    /// A baseline was requested, but migrations are already applied.
    #[error("{}", crate::clean!(
        "the database already has a history ({applied} applied, the last is {last}), so it can't be given a baseline; nothing was changed\n\
         next: `run` applies pending migrations; a baseline is for a database whose schema was created without this library"
    ))]
    NotEmpty {
        /// How many migrations are applied.
        applied: usize,
        /// The name of the last one.
        last: String,
    },

    /// A migration can't resume at a statement: it was not interrupted.
    #[error("{}", crate::clean!(
        "migration {name} was not interrupted: it is {}\n\
         next: `run` applies pending migrations; only a migration that stopped between two statements can resume at one",
        if *applied { "applied" } else { "pending" }
    ))]
    NotInterrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// Whether it is applied.
        applied: bool,
    },

    /// A migration can't resume at a statement that its script does not have.
    #[error("{}", crate::clean!(
        "migration {name} can't resume at statement {statement}: its script has statements 1 to {statements}"
    ))]
    NoSuchStatement {
        /// Its name.
        name: String,
        /// The statement asked for, the first being 1.
        statement: usize,
        /// How many there are.
        statements: usize,
    },

    /// Another tool's history can't be taken over.
    #[cfg(feature = "histories")]
    #[error(transparent)]
    UnusableHistory(#[from] crate::history::foreign::UnusableHistory),

    /// A migration that runs statement by statement is unfinished, and was edited or removed since, or another request
    /// came before it was finished.
    #[error("{}", crate::clean!(
        "migration {name} was interrupted after {}, and {}; nothing was changed\nnext: {}",
        statements(*statements_done), problem.what(), problem.next()
    ))]
    Interrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// How many statements are done.
        statements_done: usize,
        /// The reason why it can't resume.
        problem: Interruption,
    },
}

crate::debug_as_display!(Refused);

impl Refused {
    /// The refusal of any other request before an interrupted migration is finished.
    pub fn unfinished(interrupted: &Interrupted) -> Refused {
        let problem = if interrupted.reverting { Interruption::Reverting } else { Interruption::Applying };
        Refused::interrupted(interrupted, problem)
    }

    /// The refusal to resume an interrupted migration.
    pub(crate) fn interrupted(interrupted: &Interrupted, problem: Interruption) -> Refused {
        Refused::Interrupted {
            version: interrupted.version.clone(),
            name: interrupted.name.clone(),
            statements_done: interrupted.statements_done,
            problem,
        }
    }
}

/// The reason why an interrupted migration can't resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interruption {
    /// It was edited after it was begun.
    Edited,
    /// It is missing from the set.
    Missing,
    /// It was being reverted, and something else was requested.
    Reverting,
    /// It was being applied, and something else was requested.
    Applying,
    /// It runs in a transaction, but its row in the history is one of a run statement by statement, whose last statement is in
    /// doubt.
    Transaction,
}

impl Interruption {
    fn what(self) -> &'static str {
        match self {
            Interruption::Edited => {
                "was edited since, in statements that are or may be done, or so that it would run in a transaction"
            }
            Interruption::Missing => "is missing from the set",
            Interruption::Reverting => "was being reverted",
            Interruption::Applying => "was being applied",
            Interruption::Transaction => "runs in a transaction, which leaves no such row in the history",
        }
    }

    fn next(self) -> &'static str {
        match self {
            Interruption::Edited => {
                "restore the statements that are done and the one in doubt, and `run` resumes where it stopped; or settle it with \
                 `resolve`"
            }
            Interruption::Missing => {
                "restore its file, and `run` resumes where it stopped; or settle it with `resolve`"
            }
            Interruption::Reverting => "`down` resumes where it stopped; or settle it with `resolve`",
            Interruption::Applying => {
                "`run` finishes it, and then it can be reverted; or settle it with `resolve`"
            }
            Interruption::Transaction => {
                "check whether its statements are done, and settle it with `resolve`: as applied, or as reverted to run it again"
            }
        }
    }
}

/// A hint at a renumbering: the same text under two versions.
fn same_text(other: Option<&str>) -> String {
    other.map_or_else(String::new, |other| {
        format!("; {other} has the same text, so it was probably renumbered")
    })
}

fn after_missing(name: &str, renumbered: Option<&str>) -> String {
    match renumbered {
        Some(now) => back_to(name, now),
        None => "restore its file, or set `allow_missing` if it was removed on purpose".to_owned(),
    }
}

fn after_hole(name: &str, after: &str, applied_as: Option<&str>) -> String {
    match applied_as {
        Some(applied) => back_to(applied, name),
        None => format!("give {name} a version after {after}, or set `allow_out_of_order`"),
    }
}

/// The advice to keep an applied migration's version: under another one it would be applied a second time.
fn back_to(applied: &str, now: &str) -> String {
    format!(
        "rename {now} back to {applied}, under which it is applied; as {now} it would be applied a second time"
    )
}

fn statements(done: usize) -> String {
    if done == 1 { "1 statement".to_owned() } else { format!("{done} statements") }
}

/// Details of an edit: the former name, and the checksums if there is no diff.
fn edited(applied_name: &str, name: &str, (applied, now): (&Checksum, &Checksum), diff: &Diff) -> String {
    let mut text = String::new();
    if applied_name != name {
        text = format!("; it was {applied_name} then");
    }
    if diff.as_str().is_empty() {
        text = format!("{text}: it was applied with {applied} and is now {now}");
    }
    text
}

fn after_edit(applied_name: &str, name: &str) -> String {
    let put_back = "restore the applied text and make the change in a new migration; or, if only comments or formatting changed, `accept` it";
    if applied_name == name {
        return put_back.to_owned();
    }
    format!(
        "{put_back}; or, if these are two sets in one database, give one of them a name: migrate!(…, set = \"…\")"
    )
}

/// The migrations of the lost rows.
fn lost_names(lost: &LostRows) -> String {
    match lost.names.as_slice() {
        [] => ", and the remaining rows do not add up to what its end says is applied".to_owned(),
        names => format!(", which said that {} applied", list(names)),
    }
}

/// The advice after a loss of rows.
fn after_loss(lost: &LostRows) -> String {
    match lost.names.as_slice() {
        [] => format!(
            "restore the deleted rows from a backup of the table; or let the remaining rows count: {}",
            lost.remedy
        ),
        [first, rest @ ..] => format!(
            "restore the deleted rows from a backup of the table; or, if {first} is in this database, record that with \
             `resolve {first} --applied`{}",
            if rest.is_empty() { "" } else { ", and likewise for each of them" },
        ),
    }
}

/// A change of text, line by line; [`Display`](fmt::Display) gives it in the unified format, after a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff(String);

impl Diff {
    /// The change from one text to the other.
    pub fn between(old: &str, new: &str) -> Diff {
        let diff = TextDiff::from_lines(old, new);
        Diff(diff.unified_diff().context_radius(2).header("applied", "now").to_string())
    }

    /// The change in the unified format; empty if it is not known.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "\n{}", printable(self.0.trim_end())) }
    }
}
