//! Building messages: the statements around each script, and how many steps fit into a message.

use super::{Built, Cursor, Transactions};
use crate::error::ApplyError;
use crate::execute::limits::Limits;
use crate::execute::message::{Message, Purpose};
use crate::execute::mode::Mode;
use crate::execute::watch::PID;
use crate::history::HistoryCursor;
use crate::sql::transaction::{BEGIN, DEFERRED};
use migrate_core::engine::error::Failure;
use migrate_core::plan::{Action, Step};
use migrate_core::sql::{Control, Unit};
use migrate_core::{Options, Script};
use std::ops::Range;
use tokio_postgres::error::SqlState;

/// The number of bytes of SQL in one message: enough that round trips do not count, and few enough that
/// neither side holds more than one such message of a large set.
const MESSAGE_BYTES: usize = 192 * 1024;

impl Transactions<'_, '_, '_, '_> {
    /// Builds the message at a cursor: it ends where it is large enough, where a verify script has to be run, or
    /// at the last of `most` steps.
    pub(super) fn build(&self, mut cursor: Cursor, mut standing: HistoryCursor, most: usize) -> Built {
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
    pub(super) fn build_ahead(&mut self, built: &Built) {
        if self.context.settings.engine.run_limit.is_none()
            && self.ahead.is_none()
            && !self.is_end(built.cursor)
        {
            self.ahead = Some(self.build(built.cursor, built.standing, usize::MAX));
        }
    }

    /// True if a step is committed together with the one before it: an adoption and a baseline are all or nothing.
    pub(super) fn joins(&self, index: usize) -> bool {
        let is = |index: usize, of: fn(&Step<'_>) -> bool| self.steps.get(index).is_some_and(of);
        let are = |of| index > 0 && is(index - 1, of) && is(index, of);
        are(|step| step.adopted.is_some()) || are(is_plain_mark)
    }

    /// Adds the statements that come before the first step, unless they are done.
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

    /// Begins a step's row before its transaction, if the step runs anything.
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
        let options = &limits.bound(step.options(), context.settings);
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
        if let Mode::Begin(begin) = &self.around.mode {
            return message.push(index, Purpose::Record, begin);
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

    /// The statements of a script inside its transaction, between those that begin and end it.
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
        record.extend(context.keep_backfill(step));
        if let Some(head) = context.session_info.head.as_ref().filter(|_| index == 0) {
            record.push(head.clear(context.run.set));
        }
        message.push(index, Purpose::Record, &record);
    }

    fn push_end(&self, message: &mut Message, index: usize, standing: HistoryCursor) {
        let context = &self.context;
        if self.joins(index + 1) {
            if is_plain_mark(&self.steps[index]) {
                // The commit at the end is the one that waits for the disk, or does not.
                let finish =
                    context.table.finish(context.run, standing.last_row + 1, &self.steps[index], true);
                message.push(index, Purpose::Finish, &[finish]);
            }
            return;
        }
        let no_timeouts = context.session_info.no_timeouts();
        let mut statements = context.session_info.between_scripts();
        // The script's own settings, and the defaults of the role.
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
            Mode::Record | Mode::Begin(_) => {
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

    /// The time left of the limits at the beginning of a message; a rehearsal has its own limit.
    fn limits_of_run(&self) -> Limits {
        let is_limited = self.around.mode.commits();
        if is_limited { Limits::of_run(self.context.settings, self.progress) } else { Limits::default() }
    }

    /// The same within a step.
    pub(super) fn limits_of_step(&self) -> Limits {
        let is_limited = self.around.mode.commits();
        if is_limited { Limits::of_step(self.context.settings, self.progress) } else { Limits::default() }
    }

    /// A setting that bounds the time of a step's script, where the mode has one. That no time is left is what the server
    /// would say.
    pub(super) fn bound(
        &mut self,
        step: &Step<'_>,
        script: Option<&Script>,
    ) -> Result<Option<String>, ApplyError> {
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
}

/// True if a step marks a migration as applied, by a baseline or because it replaces others.
fn is_plain_mark(step: &Step<'_>) -> bool {
    step.action == Action::Mark && step.settles.is_none() && step.adopted.is_none()
}

/// Constraints that a transaction begins with deferred: those that are made immediate at the end of a step have to be deferred
/// again for the next one, where it has no transaction of its own.
pub(in crate::execute) const INITIALLY_DEFERRED: &str = "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') \
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
