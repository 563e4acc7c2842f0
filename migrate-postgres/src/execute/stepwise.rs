//! A step that is committed in parts, with a checkpoint after each: the script's own transactions, or its statements.

use super::Context;
use super::batch::{is_contention, not_kept, record_failure};
use super::blockers::{BlockerMonitor, suspects};
use super::carried;
use super::failure::{place, position, server_failure};
use super::limits::{Limits, over_limit};
use super::message::{Message, MessagePart, Purpose};
use super::recovery::{Before, InDoubtStatement, RecoveryAction, Unsettled};
use super::spent::{self, Spent};
use super::verify::verify_committed;
use super::watch::{At, FLUSH, PID, Pid, Underway, watch};
use crate::error::ApplyError;
use crate::error::Error;
use crate::history::HistoryCursor;
use crate::history::{Ended, Resumed};
use crate::sql::answers;
use crate::sql::transaction::{BEGIN, DEFERRED};
use futures_util::StreamExt;
use futures_util::future::{join, join4};
use migrate_core::advice::Cause;
use migrate_core::advice::Left;
use migrate_core::engine::Progress;
use migrate_core::engine::error::Failure;
use migrate_core::history::Interrupted;
use migrate_core::plan::{Settled, Step};
use migrate_core::sql::{self, Control, Ending, Unit};
use migrate_core::{Options, Script, TransactionMode};
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// Applies a step that is not one transaction: claims its version, runs unit after unit, and moves the checkpoint with
/// each, in the same transaction where the unit allows that.
///
/// An interrupted attempt is taken over and goes on at its checkpoint. Where the step is the `last_of_run`, its end is the
/// history's.
pub(crate) async fn apply_statements(
    context: Context<'_>,
    step: &Step<'_>,
    interrupted: Option<&Interrupted>,
    last_of_run: bool,
    standing: &mut HistoryCursor,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), ApplyError> {
    let Some(script) = step.script() else { return Ok(()) };
    check_checkpoints(context, step, script).map_err(Error::into_apply)?;
    progress.step_started(step);
    // Of another text of the script; in a second try it is an attempt of this one.
    let corrected = step.settles.filter(|settled| interrupted.is_some_and(|i| i.row == settled.row));
    let resumed = interrupted.filter(|_| corrected.is_none());
    let done = interrupted.map_or(0, |interrupted| interrupted.statements_done);
    let units = script.units();
    let is_setting = |at: usize| sql::is_session_setting(script.statements().at(at).text(script.text()));
    let mut run = StepwiseStatements {
        limits: Limits::default(),
        said: None,
        sent: Instant::now(),
        context,
        step,
        script,
        standing: *standing,
        taken: ClaimedRow::of(resumed),
        wrong: interrupted.filter(|_| corrected.is_some()).and_then(failed_statement),
        is_watched: progress.is_observed(),
        sets: (0..script.statements().len()).any(is_setting),
        carried: Mutex::default(),
        pid: Pid::default(),
    };
    let mut before = match interrupted {
        None => Before::Nothing,
        Some(interrupted) if interrupted.failed => Before::Failed,
        Some(_) => Before::Unknown,
    };
    if resumed.is_none() {
        run.claim(corrected).await?;
    }
    for unit in units.iter().filter(|unit| unit.statements().end > done) {
        let unit = unit.rest(done, script.statements());
        let Range { start, end } = unit.statements();
        (run.limits, run.sent) = (Limits::of_step(context.settings, progress), Instant::now());
        if let Some(cause) = run.limits.passed() {
            return Err(run.stop(start, StatementStopped::OverLimit(cause)).await);
        }
        progress.statement_started(step, start + 1, run.pid.get());
        if let Err(stopped) = run.take(&unit, before, progress, monitor).await {
            run.said = monitor.said(progress);
            return Err(run.stop(start, stopped).await);
        }
        before = Before::Nothing;
        // The server tells of a transaction when it is over, and then nobody knows how long each of its statements took.
        let took = (end == start + 1).then(|| monitor.age());
        (start..end).for_each(|index| progress.statement_done(step, index + 1, took, true));
    }
    let total = script.statements().len();
    if let Err(stopped) = run.take_over(total, before).await {
        return Err(run.stop(total, stopped).await);
    }
    let underway = Underway { step, at: At::Around };
    let limits = Limits::of_step(context.settings, progress);
    let verified =
        watch(verify_committed(&context, step, limits), underway, &run.pid, monitor, progress).await;
    if let Err(failure) = verified {
        run.said = monitor.said(progress);
        return Err(run.refuted(failure).await);
    }
    let took = match run.complete(*standing, last_of_run).await {
        Ok(took) => took,
        Err(stopped) => return Err(run.stop(total, stopped).await),
    };
    *standing = HistoryCursor { last_row: run.row(), ..standing.after(step) };
    monitor.count(run.row(), progress);
    progress.step_done(step, took);
    Ok(())
}

/// Another tool's table may have no place for how far a script has come, nor may there be one beside it: then the script may have
/// one unit only, settings aside.
fn check_checkpoints(context: Context<'_>, step: &Step<'_>, script: &Script) -> Result<(), Error> {
    let is_setting = |at: usize| sql::is_session_setting(script.statements().at(at).text(script.text()));
    let units = script.units();
    let statements = units.iter().filter(|unit| !unit.statements().all(is_setting)).count();
    if statements <= 1 || context.table.has_checkpoints(step) {
        return Ok(());
    }
    Err(Error::NoCheckpoints {
        name: step.name.clone().into_owned(),
        table: context.table.shown(),
        statements,
    })
}

struct StepwiseStatements<'r, 'c> {
    context: Context<'c>,
    step: &'r Step<'r>,
    script: &'r Script,
    /// Where the history stood before.
    standing: HistoryCursor,
    /// The row that stands for the step.
    taken: ClaimedRow,
    /// The statement that failed in another text of the script, which this one corrects.
    wrong: Option<String>,
    /// Whether anybody wants to know what is under way.
    is_watched: bool,
    /// Whether any of its statements sets the session.
    sets: bool,
    /// What code has set for the session, with the statement that it was.
    carried: Mutex<Vec<(usize, Vec<String>)>>,
    /// What is left of the limits, and since when that is so.
    limits: Limits,
    sent: Instant,
    /// How much the server has said, where that is heard.
    said: Option<(u32, u32)>,
    pid: Pid,
}

impl StepwiseStatements<'_, '_> {
    /// Begins the row: from now on the next run goes on with this step before it does anything else.
    async fn claim(&self, corrected: Option<Settled>) -> Result<(), ApplyError> {
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let Context { table, run, .. } = self.context;
        let claim = match corrected {
            None => table.claim(run, self.standing, self.step),
            Some(settled) => table.claim_corrected(run, self.standing, self.step, settled),
        };
        let clear =
            self.context.session_info.head.as_ref().map(|head| head.clear(run.set)).unwrap_or_default();
        let message = format!("{BEGIN}; {timeouts}; {claim}; {clear}; COMMIT");
        let Err(error) = self.context.client.batch_execute(&message).await else { return Ok(()) };
        drop(self.context.client.batch_execute("ROLLBACK").await);
        if is_contention(&error) {
            let mut failure = server_failure(self.step, Some(self.script), Some(self.start(0)), error);
            failure.left = Left::Statements { done: 0, total: self.script.statements().len() };
            failure.blockers = suspects(self.context.client, self.context.settings.lock_timeout).await;
            return Err(ApplyError::Contended(Box::new(failure)));
        }
        Err(record_failure(&self.context, self.step, error))
    }

    /// The byte that a statement begins at.
    fn start(&self, index: usize) -> usize {
        self.script.statements().get(index).map_or(0, |statement| statement.range().start)
    }

    /// What the statements before one have set for the session, by their text or in code. It is set again for each unit, and
    /// undone after it: the checkpoint is not theirs to write, a run that goes on after a crash has another session, and behind
    /// a transaction pooler each unit has.
    fn settings_before(&self, index: usize) -> Vec<String> {
        let written = |index: usize| if self.sets { self.script.settings_before(index) } else { Vec::new() };
        let mut settings: Vec<String> = written(index).into_iter().map(str::to_owned).collect();
        let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, set) in carried.iter().rev().filter(|(code, _)| *code < index) {
            let place = written(*code).len();
            settings.splice(place..place, set.iter().cloned());
        }
        settings
    }

    /// Sets the session for a statement that is sent alone.
    ///
    /// There is no lock timeout unless the script asks for one: it would fire inside `CREATE INDEX CONCURRENTLY` too, and
    /// leave an INVALID index behind.
    fn enter(&self, index: usize) -> String {
        let mut options = self.limits.bound(self.script.options(), self.context.settings);
        options.lock_timeout.get_or_insert(Duration::ZERO);
        let timeouts = self.context.timeouts(&options, false).join("\n;\n");
        let settings = self.settings_before(index);
        // The script may have set another timeout.
        let limit = (!settings.is_empty() && !self.limits.is_off()).then(|| self.limits.query(false));
        std::iter::once(timeouts).chain(settings).chain(limit).collect::<Vec<_>>().join("\n;\n")
    }

    /// Makes the session what it was.
    fn leave(&self) -> String {
        self.context.session_info.between_scripts().join(";\n")
    }

    /// Goes on with an interrupted attempt in a row of this run's, so that the run that began it can't go on with it.
    async fn take_over(&self, done: usize, before: Before) -> Result<(), StatementStopped> {
        self.go_on(done, done, before).await
    }

    /// The same where statements turned out to be done.
    async fn go_on(&self, done: usize, to: usize, before: Before) -> Result<(), StatementStopped> {
        let Some(row) = self.taken.interrupted() else { return Ok(()) };
        let Context { table, run, .. } = self.context;
        let from = Resumed { row, done, failed: before == Before::Failed, to };
        let go_on = table.go_on(run, self.standing, self.step, from);
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let message = format!("{BEGIN}; {timeouts}; {go_on}; COMMIT");
        // Who holds the row's lock is that run, in the transaction of a statement: it will have ended soon.
        self.context.client.batch_execute(&message).await.map_err(|error| self.stopped(error, None))?;
        self.taken.take();
        Ok(())
    }

    /// The number of the row that stands for the step.
    fn row(&self) -> i64 {
        self.taken.interrupted().unwrap_or(self.standing.last_row + 1)
    }

    /// The transaction that moved the checkpoint to where an earlier try has left it. Asked before the session is set for
    /// the statement: that may take another role, which need not see the history.
    async fn checkpoint_transaction(&self, before: Before) -> Result<Option<String>, StatementStopped> {
        if before == Before::Nothing {
            return Ok(None);
        }
        let Context { table, run, .. } = self.context;
        let sql = table.last_written(run, self.row(), self.step);
        let rows = self.context.ask(&sql, &[]).await.map_err(|error| self.stopped(error, None))?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Runs a unit and moves the checkpoint behind it.
    async fn take(
        &self,
        unit: &Unit,
        before: Before,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), StatementStopped> {
        let Range { start, end } = unit.statements();
        let since = self.checkpoint_transaction(before).await?;
        if unit.is_bare() {
            return self.take_bare(start, Try { before, since }, progress, monitor).await;
        }
        self.take_over(start, before).await?;
        let at = if end == start + 1 { At::Statement(end) } else { At::Somewhere };
        let underway = Underway { step: self.step, at };
        let records = unit.can_record();
        let ran = watch(self.run_in_block(unit, records), underway, &self.pid, monitor, progress).await;
        match ran {
            Err(StatementStopped::ReadOnly(_)) if records => {
                self.restore("").await;
                watch(self.run_in_block(unit, false), underway, &self.pid, monitor, progress).await
            }
            // Nothing was done: it is one of those whose text does not tell that they refuse a block.
            Err(StatementStopped::Server { error, .. }) if self.may_go_bare(unit, &error) => {
                self.restore("").await;
                self.take_bare(start, Try { before, since }, progress, monitor).await
            }
            ran => ran,
        }
    }

    /// Whether a statement that the server has refused in a block of ours is to be sent alone.
    fn may_go_bare(&self, unit: &Unit, error: &tokio_postgres::Error) -> bool {
        error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION)
            && unit.statements().len() == 1
            && unit.opening().is_empty()
            && self.script.transaction() == TransactionMode::None
    }

    /// Runs a statement alone and moves the checkpoint behind it.
    async fn take_bare(
        &self,
        index: usize,
        earlier: Try,
        progress: &mut Progress<'_>,
        monitor: &mut BlockerMonitor<'_>,
    ) -> Result<(), StatementStopped> {
        let statement = &self.script.statements().at(index);
        let underway = Underway { step: self.step, at: At::Statement(index + 1) };
        let text = statement.text(self.script.text());
        let Try { before, since } = earlier;
        let in_doubt = InDoubtStatement {
            context: self.context,
            step: self.step,
            index,
            text,
            refuses: statement.refuses(),
            before,
            wrong: self.wrong.as_deref(),
            since,
        };
        self.probe(index, &self.enter(index)).await?;
        monitor.begin();
        let settled = in_doubt.settle(progress).await;
        self.probe(index, &self.leave()).await?;
        if settled? == RecoveryAction::Done {
            return match self.taken.interrupted() {
                Some(_) => self.go_on(index, index + 1, before).await,
                None => self.move_checkpoint(index).await,
            };
        }
        self.take_over(index, before).await?;
        in_doubt.check_server()?;
        watch(self.run_bare(index), underway, &self.pid, monitor, progress).await?;
        self.probe(index, &self.enter(index)).await?;
        let checked = in_doubt.check_valid().await;
        self.probe(index, &self.leave()).await?;
        checked?;
        self.move_checkpoint(index).await
    }

    /// Moves the checkpoint behind a statement that was sent alone, under our own limits.
    async fn move_checkpoint(&self, index: usize) -> Result<(), StatementStopped> {
        let Context { table, run, .. } = self.context;
        let checkpoint = table.checkpoint(run, self.row(), self.step, index..index + 1);
        self.send(&self.ours(&checkpoint)).await
    }

    /// A message of ours alone, under our own limits.
    fn ours(&self, statement: &str) -> String {
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        format!("{BEGIN}; {timeouts}; {statement}; COMMIT")
    }

    /// Prepares or ends a look at the catalog, where names mean what they mean to the statement.
    async fn probe(&self, index: usize, message: &str) -> Result<(), StatementStopped> {
        if self.settings_before(index).is_empty() { Ok(()) } else { self.send(message).await }
    }

    /// Runs a statement alone, outside of any transaction block. What sets the session for it and what undoes that are sent
    /// with it, as messages of their own: in one flush, so that a transaction pooler keeps them together.
    async fn run_bare(&self, index: usize) -> Result<(), StatementStopped> {
        let statement = self.script.statements().at(index);
        let text = statement.text(self.script.text());
        let (mut enter, leave) = (self.enter(index), self.leave());
        let may_commit = statement.control() == Some(Control::Code);
        let session = carried::question(text);
        if may_commit {
            enter = format!("{};\n{enter}\n;\n{session}", spent::ASK);
        } else if self.is_watched {
            enter = format!("{PID};\n{enter}");
        }
        let question = may_commit.then_some(session.as_str());
        let sent = join4(
            self.and_stay(self.hear_all(&enter)),
            self.context.client.batch_execute(text),
            self.rows(question),
            self.send(&leave),
        );
        let (entered, done, after, left) = self.pipelined(sent).await;
        if let (Ok(entered), Ok(()), Ok(after)) = (&entered, &done, &after) {
            let set = carried::changes(entered, after);
            self.carried.lock().unwrap_or_else(PoisonError::into_inner).push((index, set));
        }
        let entered = entered.map(|rows| rows.into_iter().next());
        if let Err(error) = done {
            let inside = position(&error).map_or(0, |position| sql::char_to_byte(text, position as usize));
            let offset = statement.range().start + if inside < text.len() { inside } else { 0 };
            let before = entered.ok().flatten().and_then(|row| Spent::read(&row));
            if may_commit && error.as_db_error().is_some() && !self.committed_nothing(before).await {
                return Err(StatementStopped::InDoubt { offset, error });
            }
            return Err(self.stopped(error, Some(offset)));
        }
        entered.map_err(|error| self.stopped(error, None))?;
        left
    }

    /// Waits for the answers to several messages of one flush.
    async fn pipelined<A>(&self, answers: impl Future<Output = A>) -> A {
        self.context.mark_pipelining(true);
        let answers = answers.await;
        self.context.mark_pipelining(false);
        answers
    }

    /// Waits for the answer to the first of several messages, and then sends an empty one: else PgBouncer before 1.21 takes the
    /// server connection for idle while it works on the second one, and gives it to another client when this one is lost.
    async fn and_stay<A>(&self, first: impl Future<Output = A>) -> A {
        let answer = first.await;
        drop(self.context.client.check_connection().await);
        answer
    }

    /// Whether code that failed can't have committed anything before: the session's transactions are numbered, and none but
    /// its own and those of the two messages behind it have come since.
    async fn committed_nothing(&self, before: Option<Spent>) -> bool {
        let after = self.hear(spent::ASK).await.ok().flatten().and_then(|row| Spent::read(&row));
        before.zip(after).is_some_and(|(before, after)| after.is_after(before, 4))
    }

    /// Runs a unit in a transaction, with its checkpoint behind it where the transaction can `record` that. Should another
    /// run be there in spite of all locks, one of the two then finds that the checkpoint has moved, and rolls back.
    async fn run_in_block(&self, unit: &Unit, records: bool) -> Result<(), StatementStopped> {
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
        // What is rolled back has done nothing.
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
        self.send(&self.ours(&format!("{}; {checkpoint}", self.leave()))).await
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
            let spot = position(&error).and_then(|position| message.locate(position));
            // A syntax error anywhere in the message keeps all of it from running.
            let spot = spot.filter(|spot| done == 0 || executing.is_none_or(|(part, _)| part == spot.part));
            let of_script = |(part, at): &(MessagePart, usize)| {
                let is_of_script = matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Inspect);
                is_of_script.then(|| self.start(*at))
            };
            let offset = spot.and_then(|spot| spot.offset).or(executing.as_ref().and_then(of_script));
            // What is deferred to the end of a transaction is of its last statement, as far as anybody knows.
            self.stopped(error, Some(offset.unwrap_or_else(|| self.start(last_of(unit)))))
        })
    }

    /// Sends a message of ours.
    async fn send(&self, message: &str) -> Result<(), StatementStopped> {
        self.context.client.batch_execute(message).await.map_err(|error| self.stopped(error, None))
    }

    /// Sends a message whose first row is the server process that works, where anybody wants to know.
    async fn hear(&self, message: &str) -> Result<Option<SimpleQueryRow>, tokio_postgres::Error> {
        Ok(self.hear_all(message).await?.into_iter().next())
    }

    /// The same with all rows.
    async fn hear_all(&self, message: &str) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let rows = self.rows(Some(message)).await?;
        if let Some(row) = rows.first().filter(|_| self.is_watched) {
            self.pid.set(row.get(0).and_then(|pid| pid.parse().ok()));
        }
        Ok(rows)
    }

    /// The rows that a message gives, if there is one.
    async fn rows(&self, message: Option<&str>) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let Some(message) = message else { return Ok(Vec::new()) };
        let answers = self.context.client.simple_query(message).await?;
        let rows = answers.into_iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.collect())
    }

    fn stopped(&self, error: tokio_postgres::Error, offset: Option<usize>) -> StatementStopped {
        if self.context.table.is_moved(&error) {
            StatementStopped::HistoryChanged(error)
        } else {
            StatementStopped::Server { offset, error }
        }
    }

    /// Ends the row as done; returns how long the step took.
    async fn complete(
        &self,
        standing: HistoryCursor,
        last_of_run: bool,
    ) -> Result<Duration, StatementStopped> {
        let digest = self.step.digest_after(standing.digest);
        let timeouts = self.context.timeouts(&Options::NONE, true).join("; ");
        let complete = self.context.table.complete(self.context.run, self.row(), self.step, digest);
        let head = self.context.session_info.head.as_ref().filter(|_| last_of_run);
        let write = head.map(|head| head.write(self.context.run.set)).unwrap_or_default();
        let message = format!("{BEGIN}; {timeouts}; {complete}; {write}; COMMIT");
        let answer = self.context.client.simple_query(&message).await;
        let answer = answer.map_err(|error| self.stopped(error, None))?;
        let seconds = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<f64>().ok(),
            _ => None,
        });
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default())
    }

    /// Makes the session what it was, and ends the row as failed at its checkpoint where the server said so.
    async fn stop(&self, index: usize, stopped: StatementStopped) -> ApplyError {
        let unsettled = match stopped {
            StatementStopped::HistoryChanged(error) => {
                self.restore("").await;
                return ApplyError::HistoryChanged(Error::server("writing the history", error));
            }
            StatementStopped::Server { offset, error } => {
                return self.stop_at_error(index, offset, error).await;
            }
            StatementStopped::ReadOnly(error) | StatementStopped::Unsettled(Unsettled::Server(error)) => {
                return self.stop_at_error(index, None, error).await;
            }
            StatementStopped::InDoubt { offset, error } => {
                let mut failure = server_failure(self.step, Some(self.script), Some(offset), error);
                failure.left = Left::InDoubt { done: index, total: self.script.statements().len() };
                let Context { table, run, .. } = self.context;
                self.restore(&table.left_in_doubt(run, self.row(), index, self.ended(&failure))).await;
                return ApplyError::Failed(Box::new(failure));
            }
            StatementStopped::OverLimit(cause) => {
                let mut failure = self.failure(index, String::new());
                over_limit(&mut failure, cause, self.context.settings);
                self.record(&failure, index).await;
                return ApplyError::Failed(failure);
            }
            StatementStopped::Unsettled(unsettled) => unsettled,
        };
        let mut failure = self.failure(index, unsettled.to_string());
        let is_unsafe = matches!(unsettled, Unsettled::Unsafe { .. });
        match unsettled {
            Unsettled::Unsafe { .. } => {}
            Unsettled::RunningStatement { holders, .. } => failure.blockers = holders,
            Unsettled::Undecidable { .. } | Unsettled::Server(_) => {
                failure.left = Left::InDoubt { done: index, total: self.script.statements().len() };
            }
        }
        match self.taken.interrupted() {
            // A row that this run has begun stays unfinished: what is in doubt remains so.
            None if !is_unsafe => self.restore("").await,
            _ => self.record(&failure, index).await,
        }
        ApplyError::Failed(failure)
    }

    async fn stop_at_error(
        &self,
        index: usize,
        offset: Option<usize>,
        error: tokio_postgres::Error,
    ) -> ApplyError {
        if self.context.table.is_not_kept(&error) {
            self.restore("").await;
            return not_kept(&self.context, self.step);
        }
        let contended = is_contention(&error);
        let is_at_statement = index < self.script.statements().len();
        if error.as_db_error().is_none() || !(is_at_statement || contended) {
            self.restore("").await;
            return self.context.session_info.write_error("applying migrations", error).into_apply();
        }
        let offset = offset.or(is_at_statement.then(|| self.start(index)));
        let mut failure = server_failure(self.step, Some(self.script), offset, error);
        self.limits
            .timer(self.script, self.context.settings, self.sent.elapsed())
            .explain(&mut failure, self.context.settings);
        failure.left = Left::Statements { done: index, total: self.script.statements().len() };
        self.record(&failure, index).await;
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// A failure of ours at a statement.
    fn failure(&self, index: usize, message: String) -> Box<Failure> {
        let mut failure =
            Failure::new(self.step.version.clone(), self.step.name.clone(), self.step.action, message);
        let statements = self.script.statements();
        failure.place = statements.get(index).map(|statement| place(self.script, statement.range().start));
        failure.left = Left::Statements { done: index, total: statements.len() };
        Box::new(failure)
    }

    /// All statements are done, but the verify script refutes them.
    async fn refuted(&self, mut failure: Box<Failure>) -> ApplyError {
        let total = self.script.statements().len();
        failure.left = Left::Statements { done: total, total };
        self.record(&failure, total).await;
        ApplyError::Failed(failure)
    }

    /// Leaves a trace of the failure; that it can't be left is no reason to hide the failure itself. An attempt that stops
    /// before it has taken over the interrupted one has a row of its own, and that one's row stays as it is: its place is
    /// what tells the next run when the statement in doubt was begun.
    async fn record(&self, failure: &Failure, done: usize) {
        let Context { table, run, .. } = self.context;
        let record = match self.taken.interrupted() {
            Some(row) => {
                let from = Resumed { row, done, failed: false, to: done };
                table.stopped_before(run, self.standing, self.step, from, failure)
            }
            None => table.failed_at_checkpoint(run, self.row(), self.step, done, self.ended(failure)),
        };
        self.restore(&record).await;
    }

    fn ended<'f>(&self, failure: &'f Failure) -> Ended<'f> {
        Ended { failure, said: self.said }
    }

    /// Ends what a statement left open, makes the session what it was, and runs a statement more.
    async fn restore(&self, then: &str) {
        let restore = self.context.session_info.between_scripts().join("; ");
        let no_timeouts = self.context.session_info.no_timeouts().join("; ");
        let message = format!("ROLLBACK; {BEGIN}; {restore}; {no_timeouts}; {then}; COMMIT");
        if self.context.client.batch_execute(&message).await.is_err() {
            drop(self.context.client.batch_execute("ROLLBACK").await);
        }
    }
}

/// The statement that an attempt failed at, in the text that it ran.
fn failed_statement(interrupted: &Interrupted) -> Option<String> {
    let begun = interrupted.begun.as_deref()?;
    let statements = sql::split(begun).statements;
    statements.get(interrupted.statements_done).map(|statement| statement.text(begun).to_owned())
}

/// The last statement that a unit runs in its transaction.
fn last_of(unit: &Unit) -> usize {
    unit.body().last().map_or(unit.statements().start, |range| range.end - 1)
}

/// A statement's earlier tries.
struct Try {
    before: Before,
    since: Option<String>,
}

/// Whether a setting may be of the modes that transactions begin with.
fn sets_modes(setting: &str) -> bool {
    setting.to_ascii_lowercase().contains("transaction")
}

/// Fails, by a division by zero, in a transaction that can write: its work would not be recorded with it.
const IS_READ_ONLY: &str = "SELECT 1 / pg_catalog.current_setting('transaction_read_only')::bool::int";

/// Whether the row that stands for a step is this run's: an interrupted attempt's is until what became of its last statement
/// is known.
struct ClaimedRow {
    interrupted: Option<i64>,
    is_ours: AtomicBool,
}

impl ClaimedRow {
    fn of(interrupted: Option<&Interrupted>) -> ClaimedRow {
        let interrupted = interrupted.map(|interrupted| interrupted.row);
        ClaimedRow { is_ours: AtomicBool::new(interrupted.is_none()), interrupted }
    }

    /// The number of the interrupted attempt's row, as long as it stands for the step.
    fn interrupted(&self) -> Option<i64> {
        self.interrupted.filter(|_| !self.is_ours.load(Ordering::Relaxed))
    }

    fn take(&self) {
        self.is_ours.store(true, Ordering::Relaxed);
    }
}

/// Why a statement was not done.
enum StatementStopped {
    /// The server said no, at a byte of the script where that is known.
    Server { offset: Option<usize>, error: tokio_postgres::Error },
    /// The server said no to code that may have committed before.
    InDoubt { offset: usize, error: tokio_postgres::Error },
    /// The transaction can't write, and so not record what it has done either.
    ReadOnly(tokio_postgres::Error),
    /// The migration or its run has had its time.
    OverLimit(Cause),
    /// What became of an earlier try can't be settled.
    Unsettled(Unsettled),
    /// Another run has taken the migration over.
    HistoryChanged(tokio_postgres::Error),
}

impl From<Unsettled> for StatementStopped {
    fn from(unsettled: Unsettled) -> StatementStopped {
        StatementStopped::Unsettled(unsettled)
    }
}
