//! Refusals: the reasons why a plan can't be made.

use crate::advice::{Advice, Call, Explain, Left, NextStep, Setting};
use crate::display::printable::{Printable, printable};
use crate::history::{AppliedRef, Interrupted, LostRows, list, numbered};
use crate::set::checksum::Checksum;
use crate::set::version::Version;
use similar::TextDiff;
use std::fmt;

/// A refusal: the history and the set contradict each other, or the request can't be fulfilled. Nothing was
/// changed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// An applied migration was edited.
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
        /// The change of the text; empty if the history did not store it.
        diff: Diff,
    },

    /// An edit can't be accepted: it changed statements, not only comments and formatting.
    OtherStatements {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
        /// The change of the text; empty if the history did not store it.
        diff: Diff,
    },

    /// An edit can't be accepted: the migration is not applied.
    NotApplied {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
    },

    /// An applied migration is missing from the set, which has newer ones.
    Missing {
        /// The missing version.
        version: Version,
        /// Its name when it was applied.
        name: String,
        /// The newest migration of the set.
        newest: String,
        /// The name of a pending migration of the set with the same text.
        renumbered: Option<String>,
    },

    /// A migration replaces a range of others, of which some are applied and the others are missing from the
    /// set.
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
    OutOfOrder {
        /// The pending version.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the applied migration that follows it in order.
        after: String,
        /// An applied migration with the same text that the set does not have.
        applied_as: Option<Box<AppliedRef>>,
    },

    /// The database has migrations from a newer release, and the policy is to refuse that.
    Ahead {
        /// The names of the newer migrations.
        newer: Vec<String>,
    },

    /// A migration to revert has no down script, neither in the set nor in the history.
    NoDown {
        /// The version without one.
        version: Version,
        /// Its name.
        name: String,
    },

    /// A stored down script can't be run.
    KeptDown {
        /// Its name.
        name: String,
        /// The fault in it.
        problem: String,
    },

    /// Neither the set nor the history has the given version.
    UnknownVersion {
        /// The requested version.
        version: Version,
        /// The name of the last existing migration.
        last: Option<String>,
    },

    /// No migration applied by the run to revert is still applied.
    UnknownRun {
        /// The requested run.
        run: String,
        /// The run that made the last change.
        last: Option<String>,
    },

    /// The run to revert marked migrations as applied and ran none: a baseline or an adoption.
    MarkedRun {
        /// The run.
        run: String,
    },

    /// Migrations to revert were marked as applied, not run by this library.
    Marked {
        /// Their names, in the order of reverting.
        names: Vec<String>,
    },

    /// The migrations to revert are not those that were shown and confirmed.
    NotAsShown,

    /// A run can't be reverted: the history does not record runs.
    NoRuns,

    /// A run can't be reverted: later runs have applied migrations after it.
    RunBeneath {
        /// The requested run.
        run: String,
        /// The number of migrations that other runs have applied after it.
        later: usize,
        /// The name of the first of them.
        first: String,
    },

    /// Rows were deleted from the middle of the history, and the remaining rows do not add up to the digest
    /// at its end: a run would apply their migrations a second time.
    RowsLost {
        /// The missing rows.
        lost: LostRows,
    },

    /// A baseline was requested, but migrations are already applied.
    NotEmpty {
        /// The number of applied migrations.
        applied: usize,
        /// The name of the last one.
        last: String,
    },

    /// A migration can't resume at a statement: it was not interrupted.
    NotInterrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// True if it is applied.
        applied: bool,
    },

    /// A migration can't resume at a statement that its script does not have.
    NoSuchStatement {
        /// Its name.
        name: String,
        /// The requested statement, starting at 1.
        statement: usize,
        /// The number of statements.
        statements: usize,
    },

    /// Another tool's history can't be taken over.
    #[cfg(feature = "histories")]
    UnusableHistory(crate::history::foreign::UnusableHistory),

    /// A migration that runs statement by statement is unfinished, and was edited or removed since, or
    /// another action was requested before it was finished.
    Interrupted {
        /// The version.
        version: Version,
        /// Its name.
        name: String,
        /// The number of finished statements.
        statements_done: usize,
        /// The reason why it can't resume.
        problem: Interruption,
    },
}

crate::display_as_explained!(Refused);

impl std::error::Error for Refused {}

#[cfg(feature = "histories")]
impl From<crate::history::foreign::UnusableHistory> for Refused {
    fn from(unusable: crate::history::foreign::UnusableHistory) -> Refused {
        Refused::UnusableHistory(unusable)
    }
}

impl Explain for Refused {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Refused::Edited { name, applied_name, applied, now, diff, .. } => {
                write!(f, "migration {name} was edited after it was applied")?;
                if applied_name != name {
                    write!(f, "; it was {applied_name} then")?;
                }
                if diff.as_str().is_empty() {
                    write!(f, ": it was applied with {applied} and is now {now}")?;
                }
                Ok(())
            }
            Refused::OtherStatements { name, diff, .. } => {
                write!(f, "migration {name} was edited in more than comments and formatting")?;
                if diff.as_str().is_empty() {
                    f.write_str(", or may have been: the applied text is not known")?;
                }
                Ok(())
            }
            Refused::NotApplied { name, .. } => {
                write!(f, "migration {name} is not applied, so there is no applied text to replace")
            }
            Refused::Missing { name, newest, renumbered, .. } => {
                write!(
                    f,
                    "migration {name} is applied, but it is missing from the set, which has migrations up to {newest}"
                )?;
                write_same_text(f, renumbered.as_deref())
            }
            Refused::PartlyReplaced { name, applied, missing, .. } => write!(
                f,
                "migration {name} replaces migrations up to version {}, but the last of them that is applied is {applied}, and \
                 those after it are missing from the set",
                missing.as_written()
            ),
            Refused::OutOfOrder { name, after, applied_as, .. } => {
                write!(f, "migration {name} is not applied, but {after}, which comes after it, is")?;
                write_same_text(f, applied_as.as_ref().map(|applied| &*applied.name))
            }
            Refused::Ahead { newer } => {
                write!(f, "the database is ahead of the set: {} applied by a newer release", list(newer))
            }
            Refused::NoDown { name, .. } => {
                write!(f, "migration {name} can't be reverted: it has no down script")
            }
            Refused::KeptDown { name, problem } => write!(
                f,
                "migration {name} can't be reverted: the down script stored in the history can't be run: {problem}"
            ),
            Refused::UnknownVersion { version, last } => {
                write!(f, "there is no migration {}: ", version.as_written())?;
                match last {
                    Some(last) => write!(f, "the last is {last}"),
                    None => f.write_str("there are no migrations"),
                }
            }
            Refused::UnknownRun { run, last } => {
                write!(f, "no migration that the run {run} applied is still applied")?;
                match last {
                    Some(last) => write!(f, "; the last run is {last}"),
                    None => Ok(()),
                }
            }
            Refused::MarkedRun { run } => write!(
                f,
                "the run {run} marked migrations as applied and ran none, so it is not a deployment"
            ),
            Refused::Marked { names } => write!(
                f,
                "{} marked as applied by a baseline, an adoption, a squash or a resolve, not run by this library: a down script \
                 would drop what existed before",
                list(names)
            ),
            Refused::NotAsShown => f.write_str(
                "the migrations to revert are no longer those that were shown: the history has changed",
            ),
            Refused::NoRuns => f.write_str(
                "this history does not record which run applied a migration, so there is no deployment to revert",
            ),
            Refused::RunBeneath { run, later, first } => {
                write!(f, "the run {run} can't be reverted alone: ")?;
                match later {
                    1 => write!(f, "{first} was applied after it"),
                    later => write!(f, "{later} migrations were applied after it, the first {first}"),
                }
            }
            Refused::RowsLost { lost } => {
                write!(f, "the history {} lacks its {}", lost.table, numbered(&lost.rows))?;
                match lost.names.as_slice() {
                    [] => f.write_str(", and the remaining rows do not add up to what its end says is applied")?,
                    names => write!(f, ", which said that {} applied", list(names))?,
                }
                f.write_str(": deleted by hand")
            }
            Refused::NotEmpty { applied, last } => write!(
                f,
                "the database already has a history ({applied} applied, the last is {last}), so it can't be given a baseline, which is for a \
                 database whose schema was created without this library"
            ),
            Refused::NotInterrupted { name, applied, .. } => write!(
                f,
                "migration {name} was not interrupted: it is {}, and only a migration that stopped between two statements can resume \
                 at one",
                if *applied { "applied" } else { "pending" }
            ),
            Refused::NoSuchStatement { name, statement, statements } => write!(
                f,
                "migration {name} can't resume at statement {statement}: its script has statements 1 to {statements}"
            ),
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(unusable) => unusable.fact(f),
            Refused::Interrupted { name, statements_done, problem, .. } => {
                let (done, s) = (statements_done, if *statements_done == 1 { "" } else { "s" });
                write!(f, "migration {name} was interrupted after {done} statement{s}, and {}", problem.what())
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn details(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Refused::Edited { diff, .. } | Refused::OtherStatements { diff, .. } => write!(f, "{diff}"),
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(unusable) => unusable.details(f),
            _ => Ok(()),
        }
    }

    fn advice(&self) -> Advice {
        match self {
            Refused::Edited { name, applied_name, .. } => {
                let accept = Call::Accept { name: name.clone(), is_forced: false };
                let advice = Advice::fix(RESTORE)
                    .or_if("only comments or formatting changed", NextStep::call(accept, "accept the edit"));
                if applied_name == name {
                    return advice;
                }
                let name = NextStep::set(Setting::SetName, "give one of them a name");
                advice.or_if("these are two sets in one database", name)
            }
            Refused::OtherStatements { name, .. } => {
                let accept = Call::Accept { name: name.clone(), is_forced: true };
                Advice::fix(RESTORE)
                    .or_if("the database matches the new text", NextStep::call(accept, "accept it by force"))
            }
            Refused::NotApplied { .. } => Advice::of(NextStep::call(Call::Run, "apply it as it is now")),
            Refused::Missing { version, name, renumbered: Some(now), .. } => {
                Advice::of(back_to(name, version, now))
            }
            Refused::Missing { renumbered: None, .. } => Advice::fix("restore its file").or_if(
                "it was removed on purpose",
                NextStep::set(Setting::AllowMissing, "allow it to be missing"),
            ),
            Refused::PartlyReplaced { .. } => Advice::fix(
                "start the release before the one that removed them, which applies them, and then this one",
            ),
            Refused::OutOfOrder { name, applied_as: Some(applied), .. } => {
                Advice::of(back_to(&applied.name, &applied.version, name))
            }
            Refused::OutOfOrder { name, after, applied_as: None, .. } => {
                let later = format!("give {name} a version after {after}");
                let out_of_order = "apply it after the later one";
                Advice::of(NextStep::rename(name, None, later))
                    .or(NextStep::set(Setting::AllowOutOfOrder, out_of_order))
            }
            Refused::Ahead { .. } => Advice::fix("start the newer release")
                .or(NextStep::call(Call::Down, "revert with the down scripts that the history stores")),
            Refused::NoDown { name, .. } => {
                Advice::fix("write one beside its up script").or(NextStep::fix(format!("stop before {name}")))
            }
            Refused::KeptDown { name, .. } => Advice::fix(format!("revert with a release that has {name}")),
            Refused::UnknownVersion { .. } => {
                Advice::of(NextStep::call(Call::Status, "name one of the migrations"))
            }
            Refused::UnknownRun { last: Some(_), .. } => {
                Advice::of(NextStep::call(Call::History, "choose a run from the history"))
            }
            Refused::UnknownRun { last: None, .. } => {
                Advice::of(NextStep::call(Call::History, "check the history: there is nothing to revert"))
            }
            Refused::MarkedRun { .. } => Advice::NONE
                .or_if(
                    "their down scripts may drop what existed before",
                    NextStep::fix("revert by number or to a version"),
                )
                .otherwise(NextStep::call(Call::History, "choose another run")),
            Refused::Marked { names } => {
                let last = names.first().map_or("", String::as_str);
                Advice::fix(format!("revert only what came after {last}")).or_if(
                    "what existed before may be dropped",
                    NextStep::set(Setting::IncludingMarked, "revert them too"),
                )
            }
            Refused::NotAsShown => Advice::fix("check the state of the database, and decide again"),
            Refused::NoRuns => Advice::fix("revert by number or to a version"),
            Refused::RunBeneath { .. } => Advice::fix("revert the later migrations first")
                .or(NextStep::fix("revert all of them at once by naming the version to go back to"))
                .otherwise(NextStep::call(Call::History, "choose another run")),
            Refused::RowsLost { lost } => after_loss(lost),
            Refused::NotEmpty { .. } | Refused::NotInterrupted { .. } => {
                Advice::of(NextStep::call(Call::Run, "apply what is pending"))
            }
            Refused::NoSuchStatement { statements, .. } => {
                Advice::fix(format!("name one of its statements, from 1 to {statements}"))
            }
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(unusable) => unusable.advice(),
            Refused::Interrupted { version, name, statements_done, problem } => {
                problem.advice().or(NextStep::settle(version.as_written(), name, *statements_done, None))
            }
        }
    }
}

impl Refused {
    /// The refusal of any other request while a migration is interrupted.
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

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RefusedKind {
    /// An applied migration was edited.
    Edited,
    /// An edit changed statements.
    OtherStatements,
    /// The migration is not applied.
    NotApplied,
    /// The set lacks an applied migration.
    Missing,
    /// A range of migrations is replaced, and some of it is not applied.
    PartlyReplaced,
    /// A migration is pending although a later one is applied.
    OutOfOrder,
    /// The database has migrations from a newer release.
    Ahead,
    /// A migration has no down script.
    NoDown,
    /// A stored down script can't be run.
    KeptDown,
    /// No migration has the given version.
    UnknownVersion,
    /// None of the run's migrations is still applied.
    UnknownRun,
    /// The run marked migrations as applied.
    MarkedRun,
    /// Migrations were marked as applied.
    Marked,
    /// The migrations to revert are not those that were shown.
    NotAsShown,
    /// The history does not record runs.
    NoRuns,
    /// Later runs have applied migrations.
    RunBeneath,
    /// Rows of the history were deleted.
    RowsLost,
    /// The database has a history already.
    NotEmpty,
    /// The migration was not interrupted.
    NotInterrupted,
    /// The script has no such statement.
    NoSuchStatement,
    /// Another tool's history can't be taken over.
    UnusableHistory,
    /// A migration is unfinished.
    Interrupted,
}

impl RefusedKind {
    /// The identifier for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            RefusedKind::Edited => "edited",
            RefusedKind::OtherStatements => "other_statements",
            RefusedKind::NotApplied => "not_applied",
            RefusedKind::Missing => "missing",
            RefusedKind::PartlyReplaced => "partly_replaced",
            RefusedKind::OutOfOrder => "out_of_order",
            RefusedKind::Ahead => "ahead",
            RefusedKind::NoDown => "no_down",
            RefusedKind::KeptDown => "kept_down",
            RefusedKind::UnknownVersion => "unknown_version",
            RefusedKind::UnknownRun => "unknown_run",
            RefusedKind::MarkedRun => "marked_run",
            RefusedKind::Marked => "marked",
            RefusedKind::NotAsShown => "not_as_shown",
            RefusedKind::NoRuns => "no_runs",
            RefusedKind::RunBeneath => "run_beneath",
            RefusedKind::RowsLost => "rows_lost",
            RefusedKind::NotEmpty => "not_empty",
            RefusedKind::NotInterrupted => "not_interrupted",
            RefusedKind::NoSuchStatement => "no_such_statement",
            RefusedKind::UnusableHistory => "unusable_history",
            RefusedKind::Interrupted => "interrupted_migration",
        }
    }
}

impl Refused {
    /// The kind of the refusal.
    pub fn kind(&self) -> RefusedKind {
        match self {
            Refused::Edited { .. } => RefusedKind::Edited,
            Refused::OtherStatements { .. } => RefusedKind::OtherStatements,
            Refused::NotApplied { .. } => RefusedKind::NotApplied,
            Refused::Missing { .. } => RefusedKind::Missing,
            Refused::PartlyReplaced { .. } => RefusedKind::PartlyReplaced,
            Refused::OutOfOrder { .. } => RefusedKind::OutOfOrder,
            Refused::Ahead { .. } => RefusedKind::Ahead,
            Refused::NoDown { .. } => RefusedKind::NoDown,
            Refused::KeptDown { .. } => RefusedKind::KeptDown,
            Refused::UnknownVersion { .. } => RefusedKind::UnknownVersion,
            Refused::UnknownRun { .. } => RefusedKind::UnknownRun,
            Refused::MarkedRun { .. } => RefusedKind::MarkedRun,
            Refused::Marked { .. } => RefusedKind::Marked,
            Refused::NotAsShown => RefusedKind::NotAsShown,
            Refused::NoRuns => RefusedKind::NoRuns,
            Refused::RunBeneath { .. } => RefusedKind::RunBeneath,
            Refused::RowsLost { .. } => RefusedKind::RowsLost,
            Refused::NotEmpty { .. } => RefusedKind::NotEmpty,
            Refused::NotInterrupted { .. } => RefusedKind::NotInterrupted,
            Refused::NoSuchStatement { .. } => RefusedKind::NoSuchStatement,
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(_) => RefusedKind::UnusableHistory,
            Refused::Interrupted { .. } => RefusedKind::Interrupted,
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
    /// It was being reverted, and another action was requested.
    Reverting,
    /// It was being applied, and another action was requested.
    Applying,
    /// It runs in a transaction, but its history row was written by a run statement by statement, whose last
    /// statement has an unknown outcome.
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

    fn advice(self) -> Advice {
        match self {
            Interruption::Edited => Advice::of(NextStep::call(
                Call::Run,
                "restore the statements that are done and the one in doubt, and resume where it stopped",
            )),
            Interruption::Missing => {
                Advice::of(NextStep::call(Call::Run, "restore its file, and resume where it stopped"))
            }
            Interruption::Reverting => Advice::of(NextStep::call(Call::Down, "resume where it stopped")),
            Interruption::Applying => {
                Advice::of(NextStep::call(Call::Run, "finish it, so that it can be reverted"))
            }
            Interruption::Transaction => Advice::fix(
                "check whether its statements are done, and settle it: as applied, or as reverted to run it again",
            ),
        }
    }
}

const RESTORE: &str = "restore the applied text and make the change in a new migration";

/// Adds a hint at a renumbering: the same text under two versions.
fn write_same_text(f: &mut Printable<'_, '_>, other: Option<&str>) -> fmt::Result {
    match other {
        Some(other) => write!(f, "; {other} has the same text, so it was probably renumbered"),
        None => Ok(()),
    }
}

/// The advice to keep an applied migration's version, because it would be applied again under another one.
fn back_to(applied: &str, version: &Version, now: &str) -> NextStep {
    let what = format!(
        "rename {now} back to {applied}, under which it is applied; as {now} it would be applied a second time"
    );
    NextStep::rename(now, Some(version.as_written().to_owned()), what)
}

/// The advice for missing rows.
fn after_loss(lost: &LostRows) -> Advice {
    let restore = "restore the deleted rows from a backup of the table";
    match lost.names.as_slice() {
        [] => Advice::fix(restore).or(NextStep::sql_to("let the remaining rows count", &lost.remedy)),
        [first, rest @ ..] => {
            let what = match rest {
                [] => "record that",
                _ => "record that, and likewise for each of them",
            };
            let call = Call::Applied { migration: first.clone() };
            Advice::fix(restore).or_if(format!("{first} is in this database"), NextStep::call(call, what))
        }
    }
}

/// A line-by-line difference; [`Display`](fmt::Display) writes it in the unified format, after a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff(String);

impl Diff {
    /// Computes the difference from one text to the other.
    pub fn between(old: &str, new: &str) -> Diff {
        let diff = TextDiff::from_lines(old, new);
        Diff(diff.unified_diff().context_radius(2).header("applied", "now").to_string())
    }

    /// The difference in the unified format; empty if it is not known.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "\n{}", printable(self.0.trim_end())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::tests::assert_readers;

    /// One example of each variant; the compiler reports those that the list lacks.
    macro_rules! each_refusal {
        ($($(#[$cfg:meta])* $pattern:pat => $($example:expr),+;)+) => {
            fn is_listed(refused: &Refused) -> bool {
                match refused {
                    $($(#[$cfg])* $pattern => true,)+
                }
            }

            fn examples() -> Vec<Refused> {
                let mut examples = Vec::new();
                $($(#[$cfg])* examples.extend([$($example),+]);)+
                examples
            }
        };
    }

    fn version() -> Version {
        Version::numeric("0002")
    }

    fn name() -> String {
        "0002_b".to_owned()
    }

    fn edited(applied_name: &str) -> Refused {
        let [applied, now] = ["a", "b"].map(Checksum::of);
        let diff = Diff::between("a\n", "b\n");
        Refused::Edited {
            version: version(),
            name: name(),
            applied_name: applied_name.to_owned(),
            applied,
            now,
            diff,
        }
    }

    /// The same if the history did not store the text.
    fn edited_unknown() -> Refused {
        match edited("0002_b") {
            Refused::Edited { version, name, applied_name, applied, now, .. } => {
                Refused::Edited { version, name, applied_name, applied, now, diff: Diff::default() }
            }
            other => other,
        }
    }

    fn lost(names: &[&str]) -> Refused {
        let mut lost = LostRows::new("t", vec![(1, 2)], "SELECT 1");
        lost.names = names.iter().map(|name| (*name).to_owned()).collect();
        Refused::RowsLost { lost }
    }

    fn interrupted(problem: Interruption) -> Refused {
        Refused::Interrupted { version: version(), name: name(), statements_done: 1, problem }
    }

    each_refusal! {
        Refused::Edited { .. } => edited("0002_b"), edited("0002_of_another_set"), edited_unknown();
        Refused::OtherStatements { .. } =>
            Refused::OtherStatements { version: version(), name: name(), diff: Diff::default() },
            Refused::OtherStatements { version: version(), name: name(), diff: Diff::between("a\n", "b\n") };
        Refused::NotApplied { .. } => Refused::NotApplied { version: version(), name: name() };
        Refused::Missing { .. } =>
            Refused::Missing { version: version(), name: name(), newest: name(), renumbered: None },
            Refused::Missing { version: version(), name: name(), newest: name(), renumbered: Some("0003_b".to_owned()) };
        Refused::PartlyReplaced { .. } =>
            Refused::PartlyReplaced { version: version(), name: name(), applied: name(), missing: version() };
        Refused::OutOfOrder { .. } =>
            Refused::OutOfOrder { version: version(), name: name(), after: name(), applied_as: None },
            Refused::OutOfOrder {
                version: version(),
                name: name(),
                after: name(),
                applied_as: Some(Box::new(AppliedRef { version: version(), name: name() })),
            };
        Refused::Ahead { .. } => Refused::Ahead { newer: vec![name()] };
        Refused::NoDown { .. } => Refused::NoDown { version: version(), name: name() };
        Refused::KeptDown { .. } => Refused::KeptDown { name: name(), problem: "no".to_owned() };
        Refused::UnknownVersion { .. } =>
            Refused::UnknownVersion { version: version(), last: None },
            Refused::UnknownVersion { version: version(), last: Some(name()) };
        Refused::UnknownRun { .. } =>
            Refused::UnknownRun { run: "a".to_owned(), last: None },
            Refused::UnknownRun { run: "a".to_owned(), last: Some("b".to_owned()) };
        Refused::MarkedRun { .. } => Refused::MarkedRun { run: "a".to_owned() };
        Refused::Marked { .. } => Refused::Marked { names: vec![name()] };
        Refused::NotAsShown => Refused::NotAsShown;
        Refused::NoRuns => Refused::NoRuns;
        Refused::RunBeneath { .. } =>
            Refused::RunBeneath { run: "a".to_owned(), later: 1, first: name() },
            Refused::RunBeneath { run: "a".to_owned(), later: 2, first: name() };
        Refused::RowsLost { .. } => lost(&[]), lost(&["0002_b"]), lost(&["0002_b", "0003_c"]);
        Refused::NotEmpty { .. } => Refused::NotEmpty { applied: 1, last: name() };
        Refused::NotInterrupted { .. } =>
            Refused::NotInterrupted { version: version(), name: name(), applied: true },
            Refused::NotInterrupted { version: version(), name: name(), applied: false };
        Refused::NoSuchStatement { .. } =>
            Refused::NoSuchStatement { name: name(), statement: 9, statements: 2 };
        #[cfg(feature = "histories")]
        Refused::UnusableHistory(_) => Refused::UnusableHistory(unusable());
        Refused::Interrupted { .. } =>
            interrupted(Interruption::Edited),
            interrupted(Interruption::Missing),
            interrupted(Interruption::Reverting),
            interrupted(Interruption::Applying),
            interrupted(Interruption::Transaction),
            Refused::Interrupted {
                version: version(), name: name(), statements_done: 2, problem: Interruption::Edited
            };
    }

    #[cfg(feature = "histories")]
    fn unusable() -> crate::history::foreign::UnusableHistory {
        use crate::history::foreign::{Obstacle, Tool, UnusableHistory};
        let obstacles = vec![Obstacle::Interrupted { name: name() }, Obstacle::Missing { name: name() }];
        UnusableHistory { tool: Tool::Sqlx, table: "public._sqlx_migrations".to_owned(), obstacles }
    }

    #[test]
    fn every_refusal_says_the_state_and_advises_each_reader_in_its_words() {
        let mut words = std::collections::BTreeSet::new();
        for refused in examples() {
            assert!(is_listed(&refused));
            words.insert(refused.kind().word());
            assert_eq!(refused.left(), Left::Nothing);
            assert!(refused.to_string().contains("; nothing was changed"), "{refused}");
            assert!(refused.to_string().contains("\nnext: "), "{refused}");
            assert_readers(&refused.advice());
        }
        assert_eq!(words.len(), if cfg!(feature = "histories") { 22 } else { 21 }, "{words:?}");
    }

    #[test]
    fn every_refusal_has_its_text_in_the_snapshot() {
        use crate::advice::Words;
        let text = |refused: &Refused| {
            let command = refused.advice().text(Words::CommandLine);
            format!("# {}\n{refused}\nat the command line: {command}\n\n", refused.kind().word())
        };
        let found: String = examples().iter().map(text).collect();
        let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/refusals.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(snapshot, &found).unwrap();
        }
        let expected = std::fs::read_to_string(snapshot).unwrap_or_default();
        if cfg!(feature = "histories") {
            assert!(found == expected, "{snapshot} differs (UPDATE_SNAPSHOTS=1 writes it anew):\n{found}");
        }
    }

    #[test]
    fn the_name_of_a_set_is_an_option_at_the_command_line() {
        let advice = edited("0002_of_another_set").advice();
        let command = advice.text(crate::advice::Words::CommandLine);
        assert!(
            command.ends_with("if these are two sets in one database, give one of them a name (`--set`)"),
            "{command}"
        );
        let library = advice.text(crate::advice::Words::Library);
        assert!(library.ends_with("give one of them a name (`migrate!(…, set = \"…\")`)"), "{library}");
    }
}
