//! Triggers, rules and event triggers.

use super::Written;
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, one};
use crate::objects::details::attached::{Rule, Trigger};
use crate::objects::details::database::EventTrigger;
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Trigger {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let state = self.enabled.as_ref().and_then(|_| switch("TRIGGER", object, &self.enabled));
        Some([self.definition.clone()].into_iter().chain(state).map(Statement::from).collect())
    }

    fn alter(&self, new: &Trigger, object: &Object, _: &Context<'_>) -> Statements {
        if self.definition == new.definition {
            return one(switch("TRIGGER", object, &new.enabled)?);
        }
        let replaced = new.definition.strip_prefix("CREATE TRIGGER ")?;
        let state = new.enabled.as_ref().and_then(|_| switch("TRIGGER", object, &new.enabled));
        let replaced = format!("CREATE OR REPLACE TRIGGER {replaced}");
        Some([replaced].into_iter().chain(state).map(Statement::from).collect())
    }

    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP TRIGGER {} ON {}", name::last(object.identity()), object.table()?))
    }
}

impl Written for Rule {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let state = self.enabled.as_ref().and_then(|_| switch("RULE", object, &self.enabled));
        let definition = self.definition.trim_end_matches(';').to_owned();
        Some([definition].into_iter().chain(state).map(Statement::from).collect())
    }

    fn alter(&self, new: &Rule, object: &Object, _: &Context<'_>) -> Statements {
        if self.definition == new.definition {
            return one(switch("RULE", object, &new.enabled)?);
        }
        let replaced =
            new.definition.trim_end_matches(';').replacen("CREATE RULE", "CREATE OR REPLACE RULE", 1);
        let state = (self.enabled != new.enabled).then(|| switch("RULE", object, &new.enabled)).flatten();
        Some([replaced].into_iter().chain(state).map(Statement::from).collect())
    }

    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP RULE {} ON {}", name::last(object.identity()), object.table()?))
    }
}

/// The statement that switches a trigger or rule on or off.
fn switch(word: &str, object: &Object, enabled: &Option<String>) -> Option<String> {
    let state = imperative(enabled.as_deref(), word);
    Some(format!("ALTER TABLE {} {state} {}", object.table()?, name::last(object.identity())))
}

fn imperative(enabled: Option<&str>, word: &str) -> String {
    match enabled {
        None => format!("ENABLE {word}"),
        Some("DISABLED") => format!("DISABLE {word}"),
        Some(state) => format!("{} {word}", state.replacen("ENABLED", "ENABLE", 1)),
    }
}

impl Written for EventTrigger {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let tags: Vec<String> = self.tags.iter().map(|tag| format!("'{tag}'")).collect();
        let tags =
            if tags.is_empty() { String::new() } else { format!(" WHEN TAG IN ({})", tags.join(", ")) };
        let EventTrigger { event, function, .. } = self;
        let sql = format!(
            "CREATE EVENT TRIGGER {} ON {event}{tags} EXECUTE FUNCTION {function}",
            object.identity()
        );
        let state = self.enabled.as_ref().map(|_| switch_event(object, &self.enabled));
        Some([sql].into_iter().chain(state).map(Statement::from).collect())
    }

    fn alter(&self, new: &EventTrigger, object: &Object, _: &Context<'_>) -> Statements {
        let is_same = (EventTrigger { enabled: new.enabled.clone(), ..self.clone() }) == *new;
        is_same.then(|| vec![switch_event(object, &new.enabled).into()])
    }
}

fn switch_event(object: &Object, enabled: &Option<String>) -> String {
    format!("ALTER EVENT TRIGGER {} {}", object.identity(), imperative(enabled.as_deref(), "").trim_end())
}
