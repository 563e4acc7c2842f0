//! Sending a message and following its completions.

use super::{BatchStopped, Built, ObservedStatement, Transactions};
use crate::error::Error;
use crate::execute::limits::Limits;
use crate::execute::message::{Message, Purpose};
use crate::execute::preamble::Halt;
use crate::execute::watch::{Received, Underway, next, tell};
use crate::sql::answers;
use futures_util::Stream as _;
use std::time::{Duration, Instant};
use tokio_postgres::error::DbError;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

impl Transactions<'_, '_, '_, '_> {
    /// Sends a message statement by statement, each in the time that is left.
    pub(super) async fn send_pieces(&mut self, built: &Built) -> Result<(), Halt> {
        for parts in built.message.pieces() {
            let steps = self.steps;
            let step = &steps[parts[0].step];
            if let Some((rehearsed, script)) = self.around.mode.rehearsed().zip(step.script())
                && parts[0].purpose == Purpose::Begin
            {
                rehearsed.began(step, script.path());
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
    pub(super) async fn send(&mut self, built: &Built) -> Result<(), BatchStopped> {
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

    /// Reports a message that the server sent during a statement of a script. Those about our own statements are dropped.
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

    /// The server is silent: it is working, or waits for another session.
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
        // If the server reports several at once, the time of each is unknown.
        let took = message.is_alone(number).then(|| self.monitor.age());
        self.looked.took = took.unwrap_or_default();
        self.progress.statement_done(&self.steps[part.step], place + 1, took, false);
    }

    /// The query after a statement of a script was answered.
    fn inspected(&mut self, step: usize, index: usize) {
        let ObservedStatement { took, found, .. } = std::mem::take(&mut self.looked);
        if let Some((rehearsed, script)) = self.around.mode.rehearsed().zip(self.steps[step].script()) {
            rehearsed.done(script, index, took, found);
        }
    }

    /// Reports the start of the next statement in a message.
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
}

fn first(row: &SimpleQueryRow) -> Option<&str> {
    row.try_get(0).ok().flatten()
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
