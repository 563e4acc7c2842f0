//! The steps of a script in order; those that read a table wait, so that statements share scripts.

use super::context::{Rewritten, merge};
use super::source::Source;
use super::step::{Place, Step, keys};
use crate::lint::model::Model;

/// The steps so far, with the stages that wait for those of the next statement.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) steps: Vec<Step>,
    waiting: Vec<Vec<Step>>,
    /// Comments of statements that are left out.
    pub(super) comments: String,
}

impl Queue {
    pub(super) fn plain(&mut self, source: &Source, place: Place, model: &Model) {
        self.flush();
        let step = Step {
            is_new: false,
            keys: keys(&source.text, model).into_iter().flatten().collect(),
            trailing: source.trailing.clone(),
            comments: self.comments_of(source),
            ..Step::new(&*source.text, place)
        };
        self.steps.push(step);
    }

    pub(super) fn rewritten(&mut self, source: &Source, rewritten: Rewritten) {
        let Rewritten { mut first, mut later, only_validates, .. } = rewritten;
        if !only_validates {
            self.flush();
        }
        let comments = self.comments_of(source);
        let head = match first.first_mut() {
            Some(head) => Some(head),
            None => later.first_mut().and_then(|stage| stage.first_mut()),
        };
        if let Some(head) = head {
            head.comments.insert_str(0, &comments);
            head.trailing.clone_from(&source.trailing);
        }
        self.steps.extend(first);
        merge(&mut self.waiting, later);
        if !only_validates {
            self.flush();
        }
    }

    fn comments_of(&mut self, source: &Source) -> String {
        std::mem::take(&mut self.comments) + &source.comments
    }

    /// Ends the statements whose later stages may share scripts.
    pub(super) fn flush(&mut self) {
        for mut stage in std::mem::take(&mut self.waiting) {
            if let Some(first) = stage.first_mut() {
                first.is_first = true;
            }
            self.steps.extend(stage);
        }
    }
}
