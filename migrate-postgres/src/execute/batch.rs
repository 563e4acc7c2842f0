//! Steps in transaction blocks: many of them in one message.

use super::Context;
use super::blockers::BlockerMonitor;
use super::failure::{position, server_failure};
use super::limits::{Limits, over_limit};
use super::message::{Message, MessagePart, Purpose};
use super::mode::Mode;
use super::preamble::{Halt, RunBookkeeping, is_strange};
use super::verify::verify;
use super::watch::{At, PID, Pid, Received, Underway, next, tell, watch};
use crate::error::ApplyError;
use crate::error::Error;
use crate::error::wording::is_turned_away;
use crate::history::HistoryCursor;
use crate::history::is_made_meanwhile;
use crate::lock::turned_away;
use crate::sql::answers;
use crate::sql::transaction::{BEGIN, DEFERRED};
use futures_util::Stream as _;
use migrate_core::advice::Cause;
use migrate_core::engine::Progress;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use migrate_core::sql::{Control, Unit};
use migrate_core::{Options, Script};
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// How many bytes of SQL go into one message. Enough that round trips do not count, and little enough that neither side
/// holds more than one such message of a large set.
const MESSAGE_BYTES: usize = 192 * 1024;

/// Applies steps that run in transaction blocks, in as few messages as can be.
///
/// `standing` follows each commit, also when a later step fails.
pub(crate) async fn apply_transactions(
    context: Context<'_>,
    steps: &[Step<'_>],
    around: RunBookkeeping<'_>,
    standing: &mut HistoryCursor,
    progress: &mut Progress<'_>,
    monitor: &mut BlockerMonitor<'_>,
) -> Result<(), Halt> {
    let cursor = Cursor { flushes: around.mode.flushes(progress.is_observed()), ..Cursor::default() };
    let mut run = Transactions {
        context,
        steps,
        around,
        standing,
        progress,
        monitor,
        cursor,
        ahead: None,
        pid: Pid::default(),
        looked: ObservedStatement::default(),
        governs: None,
        sent: Instant::now(),
    };
    while !run.is_done() {
        run.send_next().await?;
    }
    Ok(())
}

/// How far the steps are sent.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// The next step to begin.
    next: usize,
    /// A step that was begun and verified, and is to be finished.
    unfinished: Option<usize>,
    /// How often the server may still be asked to say at once what it has done.
    flushes: usize,
}

struct Transactions<'r, 'c, 'o, 't> {
    context: Context<'c>,
    steps: &'r [Step<'r>],
    around: RunBookkeeping<'r>,
    standing: &'r mut HistoryCursor,
    progress: &'r mut Progress<'o>,
    monitor: &'r mut BlockerMonitor<'t>,
    cursor: Cursor,
    /// What is to be sent when the server is done with what was.
    ahead: Option<Built>,
    pid: Pid,
    looked: ObservedStatement,
    /// The limit that ends the statement under way, as far as the server has said so.
    governs: Option<Option<Cause>>,
    /// When the last message was sent.
    sent: Instant,
}

/// What was seen of a statement that is rehearsed.
#[derive(Default)]
struct ObservedStatement {
    /// How long it took.
    took: Duration,
    /// What is asked behind it has found this.
    found: Vec<SimpleQueryRow>,
    /// The constraints that a transaction begins with deferred.
    constraints: Option<String>,
}

/// A message, and where its steps leave off if all goes well.
struct Built {
    message: Message,
    cursor: Cursor,
    standing: HistoryCursor,
    limits: Limits,
}

/// A message stopped at an error.
struct BatchStopped {
    /// How many of its statements were done.
    done: usize,
    error: tokio_postgres::Error,
}

impl Transactions<'_, '_, '_, '_> {
    fn is_done(&self) -> bool {
        self.is_end(self.cursor)
    }

    fn is_end(&self, cursor: Cursor) -> bool {
        cursor.next == self.steps.len() && cursor.unfinished.is_none()
    }

    /// Sends the next message, and what must be known before the one after it.
    async fn send_next(&mut self) -> Result<(), Halt> {
        let before = self.cursor;
        let built = self.ahead.take();
        let mut built = built.unwrap_or_else(|| self.build(before, *self.standing, usize::MAX));
        self.cursor = built.cursor;
        if !self.around.mode.commits() {
            self.send_pieces(&built).await?;
        } else if let Err(stopped) = self.send(&built).await {
            self.ahead = None;
            let message = &built.message;
            match message.purpose(stopped.done) {
                // All is done and committed; the lock goes with its session.
                Some(Purpose::Release) => {
                    *self.around.released = Some(false);
                    return Ok(());
                }
                Some(Purpose::Server) if is_strange(&stopped.error) => {
                    drop(self.context.client.batch_execute("ROLLBACK").await);
                    return Err(Error::OtherServer.into_apply().into());
                }
                Some(Purpose::Guard) if is_strange(&stopped.error) => {
                    self.cursor = before;
                    return Err(Halt::SessionChanged(stopped.error));
                }
                Some(Purpose::Create) if is_made_meanwhile(&stopped.error) => {
                    self.cursor = before;
                    return Err(Halt::SessionChanged(stopped.error));
                }
                _ => {}
            }
            // The server parses a message before it runs any of it: a syntax error in the third migration keeps the
            // first two from running. They are sent without it; then it is the first one of its message.
            let Some(steps_before_parse_error) = self.steps_before_parse_error(message, before, &stopped)
            else {
                return Err(self.stop(&built, stopped).await.into());
            };
            built = self.build(before, *self.standing, steps_before_parse_error);
            self.cursor = built.cursor;
            if let Err(stopped) = self.send(&built).await {
                return Err(self.stop(&built, stopped).await.into());
            }
        }
        if let Some(step) = self.cursor.unfinished {
            let step = &self.steps[step];
            let underway = Underway { step, at: At::Around };
            let bound = if step.verify.is_some() { self.bound(step, step.verify)? } else { None };
            let limits = self.limits_of_step();
            let verifying = verify(&self.context, step, bound, limits);
            let verified = watch(verifying, underway, &self.pid, self.monitor, self.progress).await;
            if let Err(failure) = verified {
                self.record(step, &failure).await;
                return Err(ApplyError::Failed(failure).into());
            }
        }
        Ok(())
    }

    /// A message that begins at a place: it ends where it is large enough, where a verify script has to be looked at, or
    /// at the last of `most` steps.
    fn build(&self, mut cursor: Cursor, mut standing: HistoryCursor, most: usize) -> Built {
        let limits = self.limits_of_run();
        let rest = self.steps[cursor.next..].iter().map(size).sum::<usize>();
        let mut message = Message::with_capacity(rest.min(MESSAGE_BYTES));
        let first = cursor.next;
        if first == 0 {
            self.push_preamble(&mut message);
        }
        if let Some(step) = cursor.unfinished.take() {
            self.push_end(&mut message, step, standing);
            standing = standing.after(&self.steps[step]);
        }
        while cursor.next < self.steps.len() {
            let index = cursor.next;
            let step = &self.steps[index];
            let is_full = message.has_step() && message.text().len() + size(step) > MESSAGE_BYTES;
            if (is_full || index - first >= most) && !self.joins(index) {
                break;
            }
            self.push_beginning(&mut message, index, standing, limits, &mut cursor.flushes);
            cursor.next += 1;
            if step.verify.is_some() || !self.around.mode.commits() {
                cursor.unfinished = Some(index);
                break;
            }
            self.push_end(&mut message, index, standing);
            standing = standing.after(step);
        }
        if let Some(release) = self.around.release.filter(|_| self.is_end(cursor)) {
            message.push(self.steps.len() - 1, Purpose::Release, &[release]);
        }
        Built { message, cursor, standing, limits }
    }

    /// Builds what comes after a message while the server is at that one, unless it depends on how long that one takes.
    fn build_ahead(&mut self, built: &Built) {
        if self.context.settings.engine.run_limit.is_none()
            && self.ahead.is_none()
            && !self.is_end(built.cursor)
        {
            self.ahead = Some(self.build(built.cursor, built.standing, usize::MAX));
        }
    }

    /// Whether a step is committed together with the one before it: all that is adopted, or nothing.
    fn joins(&self, index: usize) -> bool {
        let is_adopted = |index: usize| self.steps.get(index).is_some_and(|step| step.adopted.is_some());
        index > 0 && is_adopted(index - 1) && is_adopted(index)
    }

    /// What has to be done before the first step, if it is not done yet.
    fn push_preamble(&self, message: &mut Message) {
        if let Some(same_server) = &self.around.preamble.same_server {
            message.push(0, Purpose::Server, &in_transaction(same_server));
        }
        if let Some(guard) = &self.around.preamble.guard {
            message.push(0, Purpose::Guard, &in_transaction(guard));
        }
        if let Some(create) = &self.around.preamble.create {
            message.push(0, Purpose::Create, create);
        }
    }

    /// Begins a step's row before its transaction, where it runs anything.
    fn push_marker(&self, message: &mut Message, index: usize, standing: HistoryCursor) {
        let (context, step) = (&self.context, &self.steps[index]);
        if !self.around.mode.records() || !context.table.has_marker(step) {
            return;
        }
        let mut statements = vec![BEGIN.to_owned(), "SET LOCAL synchronous_commit = off".to_owned()];
        statements.extend(context.timeouts(&Options::NONE, true));
        statements.extend(context.table.marker(context.run, standing, step));
        statements.push("COMMIT".to_owned());
        message.push(index, Purpose::Marker, &statements);
    }

    fn push_beginning(
        &self,
        message: &mut Message,
        index: usize,
        standing: HistoryCursor,
        limits: Limits,
        flushes: &mut usize,
    ) {
        let (context, step) = (&self.context, &self.steps[index]);
        let options = step.script().map_or(&Options::NONE, |script| script.options());
        let options = &limits.bound(options, context.settings);
        let own = self.own_transaction(index);
        let is_shaped = own.as_ref().is_some_and(|(_, unit)| unit.is_shaped());
        self.push_marker(message, index, standing);
        if !self.joins(index) {
            let mut begin = Vec::new();
            // One server process runs all of a message, also behind a pooler.
            let asks = !message.has_step() && !is_shaped;
            match &own {
                Some((script, unit)) if !unit.opening().is_empty() => {
                    message.push_opening(index, script, unit);
                }
                _ => begin.extend(self.around.mode.commits().then(|| BEGIN.to_owned())),
            }
            begin.extend(context.timeouts(options, true));
            begin.extend(asks.then(|| PID.to_owned()));
            message.push(index, Purpose::Begin, &begin);
        }
        if !is_shaped {
            self.push_record(message, index, standing);
        }
        let Some(script) = step.script() else { return };
        let body = self.body(index, script);
        // Nothing may be asked before the script has given its transaction its modes.
        let limit = (!limits.is_off()).then(|| limits.query(true));
        let mut none = 0;
        let flushes = if is_shaped { &mut none } else { flushes };
        for range in body.iter().cloned() {
            match limit.as_deref().filter(|_| !is_shaped) {
                Some(limit) => message.push_limited(index, script, range, (limit, context.inspect), flushes),
                None => message.push_followed(index, script, range, flushes, context.inspect),
            }
        }
        if let Some(limit) = limit {
            message.push(index, Purpose::Limit, &[limit]);
        }
        message.push(index, Purpose::Deferred, &[DEFERRED]);
        if let Some(at_end) = context.inspect.and_then(|inspect| inspect.at_end) {
            message.push_inspect(index, body.last().map_or(0, |range| range.end.saturating_sub(1)), at_end);
        }
    }

    /// The script of a step that begins, ends or shapes its transaction itself, and the one unit that it is; none where that
    /// is not to be.
    fn own_transaction(&self, index: usize) -> Option<(&Script, Unit)> {
        let script = self.steps[index].script().filter(|script| script.controls_transactions())?;
        Some((script, script.units().into_iter().next()?)).filter(|_| self.around.mode.commits())
    }

    /// What of a script runs in its transaction, between what begins and what ends it.
    fn body(&self, index: usize, script: &Script) -> Vec<Range<usize>> {
        if let Some((_, unit)) = self.own_transaction(index) {
            return unit.body();
        }
        if !script.controls_transactions() {
            return std::iter::once(0..script.statements().len()).collect();
        }
        // The transaction is not the script's.
        let controls = script.statements().iter().enumerate();
        let controls =
            controls.filter(|(_, one)| one.control().is_none_or(|control| control == Control::Code));
        controls.map(|(index, _)| index..index + 1).collect()
    }

    /// Begins a step's row.
    fn push_record(&self, message: &mut Message, index: usize, standing: HistoryCursor) {
        if !self.around.mode.records() {
            return;
        }
        let (context, step) = (&self.context, &self.steps[index]);
        let digest = step.digest_after(standing.digest);
        let mut record = context.table.begin(context.run, standing.last_row + 1, step, digest);
        if !context.table.has_marker(step) {
            record.splice(..0, context.table.interrupted(context.run.set, standing));
        }
        if let Some(adopted) = step.adopted.as_ref().filter(|_| !self.joins(index)) {
            record.splice(..0, adopted.witness.iter().cloned());
        }
        if let Some(head) = context.session_info.head.as_ref().filter(|_| index == 0) {
            record.push(head.clear(context.run.set));
        }
        message.push(index, Purpose::Record, &record);
    }

    fn push_end(&self, message: &mut Message, index: usize, standing: HistoryCursor) {
        if self.joins(index + 1) {
            return;
        }
        let context = &self.context;
        let no_timeouts = context.session_info.no_timeouts();
        let mut statements = context.session_info.between_scripts();
        // Whatever the script has left, and what the role has for a default.
        statements.extend(no_timeouts.iter().map(String::as_str));
        // The log keeps the order of commits, so a crash leaves a beginning of the run, each with its row; the last
        // commit makes all of them durable.
        let durable = self.around.last_of_run && index + 1 == self.steps.len();
        let own = self.own_transaction(index);
        if own.as_ref().is_some_and(|(_, unit)| unit.is_shaped()) {
            message.push(index, Purpose::Finish, &std::mem::take(&mut statements));
            self.push_record(message, index, standing);
        }
        let row = standing.last_row + 1;
        let finish = context.table.finish(context.run, row, &self.steps[index], durable);
        let head =
            context.session_info.head.as_ref().filter(|_| durable).map(|head| head.write(context.run.set));
        match &self.around.mode {
            Mode::Record => {
                statements.push(&finish);
                statements.extend(head.as_deref());
            }
            Mode::Commit => statements.push("SET LOCAL synchronous_commit = off"),
            Mode::RollBack(_) => {}
        }
        message.push(index, Purpose::Finish, &statements);
        match &own {
            Some((script, unit)) => message.push_ending(index, script, unit),
            None if self.around.mode.commits() => message.push(index, Purpose::Commit, &["COMMIT"]),
            None => message.push(index, Purpose::Constraints, &[INITIALLY_DEFERRED]),
        }
    }

    /// What is left of the limits where steps begin; a rehearsal has a limit of its own.
    fn limits_of_run(&self) -> Limits {
        let is_limited = self.around.mode.commits();
        if is_limited { Limits::of_run(self.context.settings, self.progress) } else { Limits::default() }
    }

    /// The same within a step.
    fn limits_of_step(&self) -> Limits {
        let is_limited = self.around.mode.commits();
        if is_limited { Limits::of_step(self.context.settings, self.progress) } else { Limits::default() }
    }

    /// A setting that bounds the time of a step's script, where the mode has one. That no time is left is what the server
    /// would say.
    fn bound(&mut self, step: &Step<'_>, script: Option<&Script>) -> Result<Option<String>, ApplyError> {
        let options = script.map_or(&Options::NONE, Script::options);
        let Some(rehearsed) = self.around.mode.rehearsed() else { return Ok(None) };
        let bound = rehearsed.bound(options);
        bound.map(Some).ok_or_else(|| {
            let (version, name) = (step.version.clone(), step.name.clone());
            let mut failure = Failure::new(version, name, step.action, "no time is left for it");
            failure.code = Some(SqlState::QUERY_CANCELED.code().to_owned());
            ApplyError::Failed(Box::new(failure))
        })
    }

    /// Sends a message statement by statement, each in the time that is left.
    async fn send_pieces(&mut self, built: &Built) -> Result<(), Halt> {
        for parts in built.message.pieces() {
            let steps = self.steps;
            let step = &steps[parts[0].step];
            if let Some((rehearsed, script)) = self.around.mode.rehearsed().zip(step.script())
                && parts[0].purpose == Purpose::Begin
            {
                rehearsed.began(step, script);
            }
            let bound = self.bound(step, step.script())?.unwrap_or_default();
            let message = built.message.piece(parts, &bound);
            let piece =
                Built { message, cursor: built.cursor, standing: built.standing, limits: built.limits };
            if let Err(stopped) = self.send(&piece).await {
                return Err(self.stop(&piece, stopped).await.into());
            }
            if let Some(constraints) = self.looked.constraints.take() {
                let defer = format!("SET CONSTRAINTS {constraints} DEFERRED");
                let deferred = self.context.client.batch_execute(&defer).await;
                deferred.map_err(|source| Error::server("deferring constraints", source).into_apply())?;
            }
        }
        Ok(())
    }

    /// Sends a message and follows its completions.
    async fn send(&mut self, built: &Built) -> Result<(), BatchStopped> {
        let message = &built.message;
        let mut done = 0;
        let listening = self.monitor.listen();
        let stream = answers::send(self.context.client, message.text()).await;
        let mut stream = Box::pin(stream.map_err(|error| BatchStopped { done, error })?);
        let mut took = Duration::ZERO;
        self.monitor.begin();
        self.sent = Instant::now();
        loop {
            let pause = self.monitor.pause();
            let told = next(listening.as_ref(), pause, |context| stream.as_mut().poll_next(context)).await;
            let answer = match told {
                Received::Answer(Some(answer)) => {
                    self.around.preamble.answered();
                    answer.map_err(|error| BatchStopped { done, error })?
                }
                Received::Answer(None) => return Ok(()),
                Received::Notice(notice) => {
                    self.server_said(message, done, &notice);
                    continue;
                }
                Received::Silence => {
                    self.probe(message, done).await;
                    continue;
                }
            };
            match answer {
                // The row of a beginning is who works, the last one before a commit is how long that took.
                SimpleQueryMessage::Row(row) => match message.purpose(done) {
                    Some(Purpose::Begin) => self.pid.set(first(&row).and_then(|pid| pid.parse().ok())),
                    Some(Purpose::Inspect) => self.looked.found.push(row),
                    Some(Purpose::Constraints) => self.looked.constraints = first(&row).map(str::to_owned),
                    Some(Purpose::Limit) => self.governs = Some(Limits::read(&row)),
                    Some(Purpose::Finish) => took = first(&row).and_then(seconds).unwrap_or(took),
                    Some(Purpose::Release) => *self.around.released = Some(first(&row) == Some("t")),
                    _ => {}
                },
                SimpleQueryMessage::CommandComplete(_) => {
                    self.completed(message, done, took);
                    done += 1;
                    self.build_ahead(built);
                }
                _ => {}
            }
        }
    }

    /// The server said something while it was at a statement of a message. What it says of ours is nobody's business.
    fn server_said(&mut self, message: &Message, number: usize, notice: &DbError) {
        let Some((part, place)) = message.statement(number) else { return };
        let step = &self.steps[part.step];
        let number = match part.purpose {
            Purpose::Script => Some(place + 1),
            Purpose::Deferred | Purpose::Commit => None,
            _ => return,
        };
        tell(notice, step, number, self.pid.get(), self.progress);
    }

    /// The server is silent: it works, or waits for somebody.
    async fn probe(&mut self, message: &Message, number: usize) {
        let Some((part, at)) = message.underway(number) else { return };
        let underway = Underway { step: &self.steps[part.step], at };
        self.monitor.probe(underway, self.pid.get(), self.progress).await;
    }

    /// A statement of a message was completed.
    fn completed(&mut self, message: &Message, number: usize, took: Duration) {
        let Some((part, place)) = message.statement(number) else { return };
        let step = &self.steps[part.step];
        match part.purpose {
            Purpose::Server if place + 1 == part.statements => self.around.preamble.same_server = None,
            Purpose::Guard if place + 1 == part.statements => self.around.preamble.guard = None,
            Purpose::Create if place + 1 == part.statements => self.around.preamble.create = None,
            Purpose::Marker if place + 1 == part.statements => self.standing.is_unended = false,
            Purpose::Script => self.statement_done(message, number),
            Purpose::Inspect => self.inspected(part.step, place),
            Purpose::Begin if place == 0 => {
                self.governs = None;
                self.progress.step_started(step);
            }
            Purpose::Commit | Purpose::Close => self.committed(part.step, took),
            _ => {}
        }
        if !matches!(part.purpose, Purpose::Flush | Purpose::Bound) {
            self.monitor.begin();
            self.tell_next(message, number + 1);
        }
    }

    /// A statement of a script was completed.
    fn statement_done(&mut self, message: &Message, number: usize) {
        let Some((part, place)) = message.statement(number) else { return };
        // Where the server tells of several at once, nobody knows how long each of them took.
        let took = message.is_alone(number).then(|| self.monitor.age());
        self.looked.took = took.unwrap_or_default();
        self.progress.statement_done(&self.steps[part.step], place + 1, took, false);
    }

    /// What is asked behind a statement of a script was answered.
    fn inspected(&mut self, step: usize, index: usize) {
        let ObservedStatement { took, found, .. } = std::mem::take(&mut self.looked);
        if let Some((rehearsed, script)) = self.around.mode.rehearsed().zip(self.steps[step].script()) {
            rehearsed.done(script, index, took, found);
        }
    }

    /// What comes next in a message is under way.
    fn tell_next(&mut self, message: &Message, number: usize) {
        let next = number + usize::from(message.purpose(number) == Some(Purpose::Flush));
        if let Some((part, place)) = message.statement(next)
            && part.purpose == Purpose::Script
        {
            self.progress.statement_started(&self.steps[part.step], place + 1, self.pid.get());
        }
    }

    /// A step was committed, and those that it was committed together with.
    fn committed(&mut self, last: usize, took: Duration) {
        let first = (0..=last).rev().find(|index| !self.joins(*index)).unwrap_or(last);
        for index in first..=last {
            let step = &self.steps[index];
            if index > first {
                self.progress.step_started(step);
            }
            *self.standing = self.standing.after(step);
            if self.context.table.has_marker(step) {
                self.monitor.count(self.standing.last_row, self.progress);
            }
            self.progress.step_done(step, took);
        }
    }

    /// How many of a message's steps can be sent without the one that keeps it from being parsed.
    fn steps_before_parse_error(
        &self,
        message: &Message,
        before: Cursor,
        stopped: &BatchStopped,
    ) -> Option<usize> {
        if stopped.done > 0 || stopped.error.as_db_error().is_none() {
            return None;
        }
        let failing_step =
            position(&stopped.error).and_then(|position| message.locate(position)).map(|spot| spot.part.step);
        let steps = failing_step.unwrap_or(before.next).saturating_sub(before.next);
        let sent = self.cursor.next - before.next;
        match failing_step {
            Some(_) if steps > 0 || before.unfinished.is_some() => Some(steps),
            // No place is known: one by one.
            None if sent > 1 => Some(1),
            _ => None,
        }
    }

    /// Ends what a stopped message left, and makes its error ours.
    async fn stop(&mut self, built: &Built, stopped: BatchStopped) -> ApplyError {
        let BatchStopped { done, error } = stopped;
        if is_turned_away(&error) {
            return turned_away(error).into_apply();
        }
        let (message, age) = (&built.message, self.sent.elapsed());
        if error.as_db_error().is_none() {
            return Error::server("applying migrations", error).into_apply();
        }
        let executing = message.statement(done);
        // Which statement it was is known where one was run. The position is in bytes where the encoding is SQL_ASCII, and
        // may then point behind it.
        let spot = position(&error)
            .and_then(|position| message.locate(position))
            .filter(|spot| done == 0 || executing.is_none_or(|(part, _)| part == spot.part));
        let Some(part) = spot.map(|spot| spot.part).or(executing.map(|(part, _)| part)) else {
            return Error::server("applying migrations", error).into_apply();
        };
        if part.purpose == Purpose::Create {
            drop(self.context.client.batch_execute("ROLLBACK").await);
            if self.context.table.is_being_made(&error) {
                return ApplyError::ForeignToolActive(Error::server("creating the history's table", error));
            }
            if !is_contention(&error) {
                return self.context.session_info.create_error(error).into_apply();
            }
        }
        let step = &self.steps[part.step];
        let contended = is_contention(&error);
        let is_record = matches!(part.purpose, Purpose::Marker | Purpose::Record);
        if is_record {
            drop(self.context.client.batch_execute("ROLLBACK").await);
            if is_record_lost(&self.context, &error) || self.progress.done_count() == 0 && !contended {
                return record_failure(&self.context, step, error);
            }
        }
        let offset = spot.and_then(|spot| spot.offset).or_else(|| {
            let of_script = |part: &MessagePart| {
                matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Inspect)
            };
            let next = executing.filter(|(part, _)| part.purpose == Purpose::Limit);
            let executing = next.and_then(|_| message.next_of_script(done)).or(executing);
            let (part, place) = executing.filter(|(part, _)| of_script(part))?;
            Some(self.steps[part.step].script()?.statements().get(place)?.range().start)
        });
        let mut failure = server_failure(step, step.script(), offset, error);
        self.explain(&mut failure, built, part, age);
        if failure.place.is_none() {
            let path = step.script().map_or(&*step.name, |script| script.path());
            let place = around_script(part.purpose, path);
            failure.context = Some(match failure.context.take() {
                Some(context) => format!("{place}\n{context}"),
                None => place,
            });
        }
        // Whoever is in the way of the row would be in the way of its trace.
        if !(contended && (part.purpose == Purpose::Create || is_record)) {
            self.record(step, &failure).await;
        }
        if contended {
            let options = step.script().map_or(&Options::NONE, |script| script.options());
            let waited = options.lock_timeout.unwrap_or(self.context.settings.lock_timeout);
            failure.blockers = self.monitor.suspects(self.context.client, waited).await;
        }
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// Tells a limit from a timeout, and a timeout from another session's cancel.
    fn explain(&self, failure: &mut Failure, built: &Built, part: MessagePart, age: Duration) {
        let settings = self.context.settings;
        if part.purpose == Purpose::Limit {
            let is_over = settings.engine.run_limit.is_some_and(|limit| self.progress.age() >= limit);
            let cause = if is_over { Cause::RunLimit } else { Cause::MigrationLimit };
            return over_limit(failure, cause, settings);
        }
        let Some(script) = self.steps[part.step].script() else { return };
        let mut timer = built.limits.timer(script, settings, age);
        timer.governs = self.governs.unwrap_or(timer.governs);
        timer.explain(failure, settings);
    }

    /// Leaves a trace of a failed attempt, in a transaction of its own. That it can't be left is no reason to hide the
    /// failure itself.
    async fn record(&mut self, step: &Step<'_>, failure: &Failure) {
        let context = &self.context;
        if !self.around.mode.records() {
            drop(context.client.batch_execute("ROLLBACK").await);
            return;
        }
        if context.table.has_marker(step) {
            self.monitor.count(self.standing.last_row + 1, self.progress);
        }
        let mut failed = context.table.failed(context.run, *self.standing, step, failure);
        if let Some(head) = &context.session_info.head {
            // Where this release stops, an older one may have nothing to do.
            failed = format!("{failed}; {}", head.write(context.run.set));
        }
        let timeouts = context.timeouts(&Options::NONE, true).join("; ");
        // What was stopped may have been the message that makes the table.
        let create = self.around.preamble.create.as_ref().map(|create| create.join("; ") + "; ");
        let create = create.unwrap_or_default();
        let trace = format!("{BEGIN}; {timeouts}; {failed}; COMMIT");
        let mut left = context.client.batch_execute(&format!("ROLLBACK; {create}{trace}")).await;
        if left.as_ref().is_err_and(is_made_meanwhile) && !create.is_empty() {
            left = context.client.batch_execute(&format!("ROLLBACK; {trace}")).await;
        }
        match left {
            Ok(()) => self.around.preamble.create = None,
            Err(_) => drop(context.client.batch_execute("ROLLBACK").await),
        }
    }
}

/// Constraints that a transaction begins with deferred: those that are made immediate at the end of a step have to be deferred
/// again for the next one, where it has no transaction of its own.
const INITIALLY_DEFERRED: &str = "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') \
    FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace \
    WHERE c.condeferred AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')";

/// Queries of ours in a transaction of their own.
fn in_transaction(queries: &[String]) -> Vec<&str> {
    std::iter::once("BEGIN").chain(queries.iter().map(String::as_str)).chain(["COMMIT"]).collect()
}

/// About how many bytes of SQL a step takes: its script, the one that the history keeps, and what is around them.
fn size(step: &Step<'_>) -> usize {
    const AROUND: usize = 1920;
    let text = |script: &Script| script.text().len();
    step.script().map_or(0, text)
        + step.up.as_deref().map_or(0, text)
        + step.down.as_deref().map_or(0, text)
        + AROUND
}

fn first(row: &SimpleQueryRow) -> Option<&str> {
    row.try_get(0).ok().flatten()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// Whether an error means that somebody else was in the way for the moment.
pub(crate) fn is_contention(error: &tokio_postgres::Error) -> bool {
    let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| passing.contains(code))
}

/// Where a step failed, when it was not in its script.
fn around_script(purpose: Purpose, path: &str) -> String {
    match purpose {
        Purpose::Server
        | Purpose::Guard
        | Purpose::Create
        | Purpose::Marker
        | Purpose::Open
        | Purpose::Bound
        | Purpose::Begin
        | Purpose::Record => {
            format!("before {path}, as its row in the history was to be written")
        }
        Purpose::Limit | Purpose::Deferred => {
            format!("at the end of {path}, where deferred constraints are checked")
        }
        Purpose::Commit | Purpose::Close => format!("at the COMMIT of {path}"),
        Purpose::Script
        | Purpose::Inspect
        | Purpose::Flush
        | Purpose::Finish
        | Purpose::Constraints
        | Purpose::Release => {
            format!("after {path}, as its row in the history was to be completed")
        }
    }
}

/// Why a step's row could not be begun. One of its number is there where a server process whose client is gone has
/// committed it. In another tool's table a division by zero says so, or that the tool is at work.
pub(super) fn record_failure(
    context: &Context<'_>,
    step: &Step<'_>,
    error: tokio_postgres::Error,
) -> ApplyError {
    let code = error.code().cloned();
    let is_moved = context.table.is_moved(&error);
    if context.table.is_not_kept(&error) {
        return not_kept(context, step);
    }
    let error = context.session_info.write_error("writing the history", error);
    match code {
        _ if is_moved => ApplyError::HistoryChanged(error),
        Some(SqlState::UNIQUE_VIOLATION) => ApplyError::HistoryChanged(error),
        Some(SqlState::DIVISION_BY_ZERO) => ApplyError::ForeignToolActive(error),
        _ => error.into_apply(),
    }
}

/// Whether an error at a step's row says that the history is not as this run left it, or does not take the row.
fn is_record_lost(context: &Context<'_>, error: &tokio_postgres::Error) -> bool {
    let lost = [SqlState::UNIQUE_VIOLATION, SqlState::DIVISION_BY_ZERO];
    context.table.is_moved(error)
        || context.table.is_not_kept(error)
        || error.code().is_some_and(|code| lost.contains(code))
}

/// The history's table has let a row be taken away.
pub(super) fn not_kept(context: &Context<'_>, step: &Step<'_>) -> ApplyError {
    let (table, name) = (context.table.shown(), step.name.clone().into_owned());
    Error::RowNotKept { table, name }.into_apply()
}
