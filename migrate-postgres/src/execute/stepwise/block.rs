//! A unit of statements in a transaction, with its checkpoint.

use super::StepwiseStatements;
use super::stop::StatementStopped;
use crate::execute::Context;
use crate::execute::failure::position;
use crate::execute::message::{Message, MessagePart, Purpose};
use crate::execute::watch::{FLUSH, PID};
use crate::sql::answers;
use crate::sql::transaction::{BEGIN, DEFERRED};
use futures_util::StreamExt;
use futures_util::future::join;
use migrate_core::Options;
use migrate_core::sql::{Ending, Unit};
use std::pin::pin;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

impl StepwiseStatements<'_, '_> {
    /// Runs a unit in a transaction, with its checkpoint after it if the transaction can record that
    /// (`records`). If another run is there in spite of all locks, one of the two finds that the checkpoint
    /// has moved, and rolls back.
    pub(super) async fn run_in_block(&self, unit: &Unit, records: bool) -> Result<(), StatementStopped> {
        let mut message = Message::default();
        message.push_opening(0, self.script, unit);
        let begins = unit.opening().is_empty().then(|| BEGIN.to_owned());
        let options = self.limits.bound(self.script.options(), self.context.settings);
        let timeouts = self.context.timeouts(&options, true);
        message.push(0, Purpose::Begin, &begins.into_iter().chain(timeouts).collect::<Vec<_>>());
        let settings = self.settings_before(unit.statements().start);
        // Nothing may be asked before the script has given its transaction its modes, and modes of the session are those of
        // transactions that begin later.
        let is_ahead = unit.is_shaped() || settings.iter().any(|setting| sets_modes(setting));
        let (ahead, inside) = if is_ahead { (settings, Vec::new()) } else { (Vec::new(), settings) };
        // On lines of their own: a setting may end in a comment.
        inside.iter().for_each(|setting| message.push(0, Purpose::Begin, &[setting]));
        if self.is_watched && !unit.is_shaped() {
            message.push(0, Purpose::Begin, &[PID]);
            message.push(0, Purpose::Flush, &[FLUSH]);
        }
        // A unit that is rolled back has no effect to inspect.
        let inspect = self.context.inspect.filter(|_| unit.ending() != Ending::Rollback);
        let limit = (!self.limits.is_off() && !unit.is_shaped()).then(|| self.limits.query(true));
        for range in unit.body() {
            match &limit {
                Some(limit) => message.push_limited(0, self.script, range, (limit, inspect), &mut 0),
                None => message.push_inspected(0, self.script, range, inspect),
            }
        }
        if let Some(limit) = limit {
            message.push(0, Purpose::Limit, &[limit]);
        }
        if unit.ending() != Ending::Rollback {
            self.push_checkpoint(&mut message, unit, records);
        }
        message.push_ending(0, self.script, unit);
        if ahead.is_empty() {
            self.follow(&message, unit).await?;
        } else {
            // In one flush, so that a transaction pooler keeps them together.
            let ahead = ahead.join("\n;\n");
            let sent = join(self.and_stay(self.send(&ahead)), self.follow(&message, unit));
            let (set, done) = self.pipelined(sent).await;
            done.and(set)?;
        }
        if records {
            return Ok(());
        }
        let checkpoint =
            self.context.table.checkpoint(self.context.run, self.row(), self.step, unit.statements());
        self.record_done(&format!("{}; {checkpoint}", self.leave())).await
    }

    /// Makes the session what it was at the end of a unit's transaction, and moves the checkpoint behind the unit.
    fn push_checkpoint(&self, message: &mut Message, unit: &Unit, records: bool) {
        message.push(0, Purpose::Deferred, &[DEFERRED]);
        if let Some(at_end) = self.context.inspect.and_then(|inspect| inspect.at_end) {
            message.push_inspect(0, last_of(unit), at_end);
        }
        if !records {
            message.push(0, Purpose::Finish, &[IS_READ_ONLY]);
        }
        message.push(0, Purpose::Finish, &self.context.session_info.between_scripts());
        message.push(0, Purpose::Finish, &self.context.timeouts(&Options::NONE, true));
        if records {
            let Context { table, run, .. } = self.context;
            let checkpoint = table.checkpoint(run, self.row(), self.step, unit.statements());
            message.push(0, Purpose::Record, &[checkpoint]);
        }
    }

    /// Sends a unit's message and follows its completions.
    async fn follow(&self, message: &Message, unit: &Unit) -> Result<(), StatementStopped> {
        let mut done = 0;
        let outcome = async {
            let mut answers = pin!(answers::send(self.context.client, message.text()).await?);
            while let Some(answer) = answers.next().await {
                match answer? {
                    SimpleQueryMessage::Row(row) if message.purpose(done) == Some(Purpose::Begin) => {
                        self.pid.set(row.get(0).and_then(|pid| pid.parse().ok()).or(self.pid.get()));
                    }
                    SimpleQueryMessage::CommandComplete(_) => done += 1,
                    _ => {}
                }
            }
            Ok(())
        };
        let outcome: Result<(), tokio_postgres::Error> = outcome.await;
        outcome.map_err(|error| {
            let executing = message.statement(done);
            let purpose = executing.map(|(part, _)| part.purpose);
            if purpose == Some(Purpose::Limit) && error.code() == Some(&SqlState::DIVISION_BY_ZERO) {
                return StatementStopped::OverLimit(self.limits.first_cause());
            }
            if purpose == Some(Purpose::Record) && error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
            {
                return StatementStopped::ReadOnly(error);
            }
            if purpose == Some(Purpose::Record) {
                return self.unrecorded(error);
            }
            let spot = position(&error).and_then(|position| message.locate(position));
            // A syntax error anywhere in the message keeps all of it from running.
            let spot = spot.filter(|spot| done == 0 || executing.is_none_or(|(part, _)| part == spot.part));
            let of_script = |(part, at): &(MessagePart, usize)| {
                let is_of_script = matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Inspect);
                is_of_script.then(|| self.start(*at))
            };
            let offset = spot.and_then(|spot| spot.offset).or(executing.as_ref().and_then(of_script));
            // An error of deferred work has no position: it is reported at the last statement of its transaction.
            self.stopped(error, Some(offset.unwrap_or_else(|| self.start(last_of(unit)))))
        })
    }
}

/// The last statement that a unit runs in its transaction.
fn last_of(unit: &Unit) -> usize {
    unit.body().last().map_or(unit.statements().start, |range| range.end - 1)
}

/// True if a setting may change the modes in which transactions begin.
fn sets_modes(setting: &str) -> bool {
    setting.to_ascii_lowercase().contains("transaction")
}

/// Fails, by a division by zero, in a transaction that can write: its work would not be recorded with it.
const IS_READ_ONLY: &str = "SELECT 1 / pg_catalog.current_setting('transaction_read_only')::bool::int";
