//! The texts of refusals: the fact, the state of the database, and the advice.

use super::{Interruption, Refused};
use crate::advice::{Advice, Call, Explain, Left, NextStep, Setting};
use crate::backfill::BackfillState;
use crate::display::printable::Printable;
use crate::history::{LostRows, list, numbered};
use crate::set::version::Version;
use std::fmt;

impl Explain for Refused {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Refused::Edited { name, applied_name, applied, now, diff, .. } => {
                write!(f, "migration {name} was edited after it was applied")?;
                if applied_name != name {
                    write!(f, "; its name was {applied_name} then")?;
                }
                if diff.as_str().is_empty() {
                    write!(f, ": its checksum was {applied} and is now {now}")?;
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
            Refused::Missing { name, newest, renumbered, is_code, .. } => {
                write!(
                    f,
                    "migration {name} is applied, but it is missing from the set, which has migrations up to {newest}"
                )?;
                if *is_code {
                    f.write_str("; it is Rust code, which this program does not contain")?;
                }
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
            Refused::BackfillUnfinished { name, backfill, status, rows_left, eta, .. } => {
                write!(f, "migration {name} waits for the backfill of {backfill}, which is {status}")?;
                if let Some(rows) = rows_left {
                    write!(f, ": about {rows} rows are left")?;
                }
                eta.map_or(Ok(()), |eta| write!(f, ", which will take about {} s", eta.as_secs().max(1)))
            }
            Refused::Risky { risk, statements } => {
                let mut names: Vec<&str> = statements.iter().map(|statement| &*statement.name).collect();
                names.dedup();
                let (names, are) = (names.join(", "), if names.len() == 1 { "is" } else { "are" });
                write!(f, "{names} {are} refused: lint found a {risk} statement that is not accepted")?;
                statements.iter().try_for_each(|statement| write!(f, "\n  {}", statement.finding))
            }
            Refused::NoDown { name, .. } => {
                write!(f, "migration {name} can't be reverted: it has no down script")
            }
            Refused::CodeMissing { migrations } => {
                let (is, has) = if migrations.len() == 1 { ("is", "it") } else { ("are", "them") };
                let names: Vec<String> = migrations.iter().map(|(name, path)| format!("{name} ({path})")).collect();
                write!(f, "{} {is} Rust code, and this program was not compiled with {has}", names.join(", "))
            }
            Refused::CodeGone { name } => write!(
                f,
                "migration {name} can't be reverted: it was applied by Rust code, which this program does not contain"
            ),
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
                write!(f, "none of the migrations that the run {run} applied is still applied")?;
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
                let (rows, were) = numbered(&lost.rows);
                write!(f, "{rows} of the history {}", lost.table)?;
                match lost.names.as_slice() {
                    [] => write!(
                        f,
                        " {were} deleted by hand, and the remaining ones contradict its end about what is applied"
                    ),
                    names => write!(f, ", which said that {} applied, {were} deleted by hand", list(names)),
                }
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
            Refused::Missing { renumbered: None, is_code: true, .. } => Advice::fix(
                "run it with the service, or with its embedded commands: a program may register code without a file",
            )
            .or(NextStep::fix("restore its file"))
            .or_if("it was removed on purpose", NextStep::set(Setting::AllowMissing, "allow it to be missing")),
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
            Refused::BackfillUnfinished { backfill_version, state, .. } => backfill(backfill_version, *state),
            Refused::Risky { .. } => {
                Advice::fix("write the statement the safe way, which the command check shows")
                    .or(NextStep::fix("accept it above the statement: `-- migrate: allow=RULE reason=\"…\"`"))
            }
            Refused::NoDown { name, .. } => {
                Advice::fix("write one beside its up script").or(NextStep::fix(format!("stop before {name}")))
            }
            Refused::CodeMissing { .. } => Advice::fix(
                "run it with the service, or with its embedded commands: the program whose `migrate!` reads this directory",
            ),
            Refused::CodeGone { name } | Refused::KeptDown { name, .. } => {
                Advice::fix(format!("revert with a release that has {name}"))
            }
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
                    "you accept that their down scripts may drop what existed before",
                    NextStep::fix("revert by number or to a version"),
                )
                .otherwise(NextStep::call(Call::History, "choose another run")),
            Refused::Marked { names } => {
                let last = names.first().map_or("", String::as_str);
                Advice::fix(format!("revert only what came after {last}")).or_if(
                    "you accept that what existed before may be dropped",
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
                Advice::of(NextStep::call(Call::Run, "apply pending migrations"))
            }
            Refused::NoSuchStatement { statements, .. } => {
                Advice::fix(format!("name one of its statements, from 1 to {statements}"))
            }
            #[cfg(feature = "histories")]
            Refused::UnusableHistory(unusable) => unusable.advice(),
            Refused::Interrupted { version, name, statements_done, problem } => {
                let settle = NextStep::settle(version.as_written(), name, *statements_done, None);
                problem.advice().or(settle.while_reverting(*problem == Interruption::Reverting))
            }
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
        [] => Advice::fix(restore)
            .or(NextStep::sql_to("accept the remaining rows as the history", &lost.remedy)),
        [first, rest @ ..] => {
            let what = match rest {
                [] => "record that",
                _ => "record that, and do the same for the others",
            };
            let call = Call::Applied { migration: first.clone() };
            Advice::fix(restore).or_if(format!("{first} is in this database"), NextStep::call(call, what))
        }
    }
}

/// The way to finish a backfill, by its state.
fn backfill(version: &str, state: Option<BackfillState>) -> Advice {
    let run = || NextStep::call(Call::Backfill, "finish the backfill");
    let retry = |what| NextStep::call(Call::retry_backfill(version), what);
    match state {
        None | Some(BackfillState::Running) => Advice::of(run()),
        Some(BackfillState::Paused) => {
            Advice::of(NextStep::call(Call::resume_backfill(version), "resume the backfill")).then(run())
        }
        Some(BackfillState::Stopped) => {
            Advice::fix("fix what stopped the backfill").then(retry("continue it"))
        }
        Some(BackfillState::Cancelled) => {
            Advice::of(retry("continue the canceled backfill where it ended")).then(run())
        }
        // The rows that it has set aside are left.
        Some(BackfillState::Done) => {
            Advice::of(retry("correct the rows that were set aside, and retry them")).then(run())
        }
    }
}
