//! Errors as data: the fact, the state that an error leaves behind, and the next steps.
//!
//! An error implements [`Explain`]: the fact, the [state left behind](Left), and [`Advice`]. Every text for
//! people is made of these parts in one place, [`message`] and [`explained`], so no text has to be parsed
//! back. Advice is printed for a [reader](Words): a program that calls the library, or a person at the command
//! line of the program or of a service.

mod call;
mod cause;
mod command;
mod left;
mod next_step;
mod setting;
mod sqlstate;
#[cfg(test)]
pub(crate) mod tests;

pub use call::Call;
pub use cause::{Cause, MissingRight};
pub use command::CommandLine;
pub use left::Left;
pub use next_step::{Again, NextStep, StepValue};
pub use setting::Setting;
pub use sqlstate::{ADVICE, CodeAdvice, find, find_cause};

use crate::display::printable::Printable;
use std::borrow::Cow;
use std::fmt;

/// The reader of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Words {
    /// A program that calls the library.
    Library,
    /// A person at the command line of the program `migrate`, which reads a folder.
    CommandLine,
    /// A person at the command line of a service, whose code chooses the set and its history.
    Service,
}

impl Words {
    /// The identifier for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Words::Library => "library",
            Words::CommandLine => "command_line",
            Words::Service => "service",
        }
    }
}

/// The next steps after an error: one of the choices, followed by a final step.
///
/// # Examples
///
/// ```
/// use migrate_core::advice::{Advice, Again, NextStep, Setting, Words};
///
/// let more_time = NextStep::set(Setting::RetryFor, "allow more time for retries");
/// let advice = Advice::of(NextStep::wait("wait until the blocking session ends"))
///     .or(more_time)
///     .then(NextStep::Again(Again::ThisMigration));
/// assert_eq!(
///     advice.text(Words::CommandLine),
///     "wait until the blocking session ends, or allow more time for retries (`--retry-for`), and run again; the run continues \
///      with this migration"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The choices, the most likely one first.
    pub choices: Vec<Choice>,
    /// The step that follows any of them.
    pub then: Option<Box<NextStep>>,
    /// The step to take if none of them helps.
    pub otherwise: Option<Box<NextStep>>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The object of this choice and the following ones, if the error concerns several objects: each of them
    /// takes a choice.
    pub about: Option<String>,
    /// The only reader for whom it is useful; `None` for all.
    pub only: Option<Words>,
    /// The condition under which it applies: a clause that follows "if".
    pub when: Option<Cow<'static, str>>,
    /// The step.
    pub step: NextStep,
}

impl Advice {
    /// No advice.
    pub const NONE: Advice = Advice { choices: Vec::new(), then: None, otherwise: None };

    /// Creates advice with one step.
    pub fn of(step: NextStep) -> Advice {
        Advice::NONE.or(step)
    }

    /// Creates advice to fix something outside of this library, in words that suit every reader.
    pub fn fix(what: impl Into<Cow<'static, str>>) -> Advice {
        Advice::of(NextStep::fix(what))
    }

    /// Adds a choice.
    #[must_use]
    pub fn or(mut self, step: NextStep) -> Advice {
        self.choices.push(Choice { about: None, only: None, when: None, step });
        self
    }

    /// Adds a choice for one reader.
    #[must_use]
    pub fn or_for(mut self, reader: Words, step: NextStep) -> Advice {
        self.choices.push(Choice { about: None, only: Some(reader), when: None, step });
        self
    }

    /// Adds a choice with a condition.
    #[must_use]
    pub fn or_if(mut self, when: impl Into<Cow<'static, str>>, step: NextStep) -> Advice {
        self.choices.push(Choice { about: None, only: None, when: Some(when.into()), step });
        self
    }

    /// Adds the step that follows any of the choices.
    #[must_use]
    pub fn then(self, step: NextStep) -> Advice {
        Advice { then: Some(Box::new(step)), ..self }
    }

    /// Adds the step to take if no choice helps.
    #[must_use]
    pub fn otherwise(self, step: NextStep) -> Advice {
        Advice { otherwise: Some(Box::new(step)), ..self }
    }

    /// Adds the choices for one of several objects.
    #[must_use]
    pub fn about(mut self, object: impl Into<String>, advice: Advice) -> Advice {
        let begin = self.choices.len();
        self.choices.extend(advice.choices);
        if let Some(first) = self.choices.get_mut(begin) {
            first.about = Some(object.into());
        }
        self
    }

    /// True if there is no advice.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty() && self.then.is_none() && self.otherwise.is_none()
    }

    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &NextStep> {
        self.choices
            .iter()
            .map(|choice| &choice.step)
            .chain(self.then.as_deref())
            .chain(self.otherwise.as_deref())
    }

    /// The advice as a clause without a period.
    pub fn text(&self, words: Words) -> String {
        Shown { advice: self, words }.to_string()
    }

    /// The alternative command lines for it.
    pub fn commands(&self) -> Vec<CommandLine> {
        self.steps().flat_map(NextStep::commands).collect()
    }
}

/// Advice formatted for a reader.
struct Shown<'a> {
    advice: &'a Advice,
    words: Words,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        let Advice { choices, then, otherwise } = self.advice;
        let is_for = |choice: &&Choice| choice.only.is_none_or(|reader| reader == self.words);
        let choices: Vec<&Choice> = choices.iter().filter(is_for).collect();
        let is_plain = choices.iter().all(|choice| choice.about.is_none() && choice.when.is_none());
        for (index, Choice { about, when, step, .. }) in choices.iter().enumerate() {
            let is_first = index == 0;
            match about {
                Some(about) if is_first => write!(f, "settle each of these:\n- {about}: ")?,
                Some(about) => write!(f, "\n- {about}: ")?,
                None if is_first => {}
                None if !is_plain => f.write_str("; or")?,
                None if index + 1 < choices.len() => f.write_str(", ")?,
                None => f.write_str(", or ")?,
            }
            match when {
                Some(when) if is_first || about.is_some() => write!(f, "if {when}, ")?,
                Some(when) => write!(f, ", if {when}, ")?,
                None if is_first || is_plain || about.is_some() => {}
                None => f.write_str(" ")?,
            }
            step.write(f, self.words)?;
        }
        if let Some(then) = then {
            f.write_str(if choices.is_empty() { "" } else { ", and " })?;
            then.write(f, self.words)?;
        }
        if let Some(otherwise) = otherwise {
            f.write_str(if choices.is_empty() && then.is_none() { "" } else { "; or " })?;
            otherwise.write(f, self.words)?;
        }
        Ok(())
    }
}

/// An error that states the fact, the state that it leaves behind, and the next steps.
pub trait Explain {
    /// The fact: the problem and its position.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result;

    /// The changes left behind.
    fn left(&self) -> Left;

    /// The state of the database, written after the fact.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        write!(f, "; {}", self.left())
    }

    /// Lines after the state, such as a diff, each preceded by a line feed.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    fn details(&self, _: &mut Printable<'_, '_>) -> fmt::Result {
        Ok(())
    }

    /// The next steps.
    fn advice(&self) -> Advice;
}

/// Text written by a function.
struct FromFn<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// An error's fact, state and details, without the advice.
pub fn message<E: Explain + ?Sized>(error: &E) -> impl fmt::Display + '_ {
    FromFn(move |f: &mut fmt::Formatter<'_>| {
        let f = &mut Printable(f);
        error.fact(f)?;
        error.state(f)?;
        error.details(f)
    })
}

/// An error's fact alone: for an error in another database than the user's, or outside of a run.
pub fn fact<E: Explain + ?Sized>(error: &E) -> impl fmt::Display + '_ {
    FromFn(move |f: &mut fmt::Formatter<'_>| error.fact(&mut Printable(f)))
}

/// The whole text of an error, including the advice for a reader.
pub fn explained<E: Explain + ?Sized>(error: &E, words: Words) -> impl fmt::Display + '_ {
    FromFn(move |f: &mut fmt::Formatter<'_>| {
        write!(f, "{}", message(error))?;
        let advice = error.advice();
        if advice.is_empty() { Ok(()) } else { write!(f, "\nnext: {}", advice.text(words)) }
    })
}

/// Implements `Display` and `Debug` of errors with [`explained`], for the library.
#[doc(hidden)]
#[macro_export]
macro_rules! display_as_explained {
    ($($error:ty),+ $(,)?) => {
        $(impl ::std::fmt::Display for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::write!(f, "{}", $crate::advice::explained(self, $crate::advice::Words::Library))
            }
        })+
        $crate::debug_as_display!($($error),+);
    };
}
