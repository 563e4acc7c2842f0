//! Packing: steps become scripts, as few as their locks permit.

use super::batches::{names, table_of};
use super::step::{Place, Step};
use crate::lint::model::Model;
use crate::lint::rule::Risk;
use crate::lint::script::{Found, Statement, locks_in_use};
use crate::lint::transactions::{self, Transaction};
use crate::sql;
use crate::sql::statement::{LexedStatement, SettingScope, StatementKind as Kind};

/// The rules whose findings a further script removes.
pub(super) const SPLIT_RULES: [&str; 3] =
    ["validate-in-same-transaction", "slow-after-lock", "enum-value-used-early"];

/// A script of the rewrite.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) place: Place,
    pub(super) steps: Vec<Step>,
    /// The index of the script in batches for which it waits.
    pub(super) after: Option<usize>,
}

/// Distributes steps over scripts, in order. Settings are repeated in each script.
pub(super) fn pack(steps: Vec<Step>, before: &Model) -> Vec<Packed> {
    let mut packing = Packing {
        scripts: Vec::new(),
        model: before.clone(),
        transaction: Transaction::new(false),
        settings: Vec::new(),
        unsent: 0,
        batches: Vec::new(),
    };
    for step in steps {
        packing.add(step);
    }
    packing.finish()
}

struct Packing {
    scripts: Vec<Packed>,
    model: Model,
    transaction: Transaction,
    /// The settings so far.
    settings: Vec<Step>,
    /// The index of the first setting that the last script lacks.
    unsent: usize,
    /// The scripts in batches so far, each with the name of its table.
    batches: Vec<(usize, String)>,
}

impl Packing {
    fn add(&mut self, step: Step) {
        if is_setting(&step.text) {
            self.model.apply(&LexedStatement::new(&step.text).parse());
            self.settings.push(step);
            return;
        }
        let after = self.after(&step);
        let is_split = self.scripts.last().is_none_or(|script| {
            script.place != step.place
                || matches!(step.place, Place::Alone | Place::Rows | Place::Batches)
                || step.is_first
                || script.after != after
        });
        if is_split || self.is_found(&step.text) {
            if step.place == Place::Batches {
                let table = table_of(&step.text).unwrap_or_default();
                self.batches.push((self.scripts.len(), table));
            }
            self.scripts.push(Packed { place: step.place, steps: Vec::new(), after });
            self.transaction = Transaction::new(false);
            self.unsent = 0;
        }
        self.send_settings(step.place);
        self.apply(&step.text);
        self.scripts.last_mut().into_iter().for_each(|script| script.steps.push(step.clone()));
    }

    /// The script in batches for which a statement waits: the last one, unless the statement makes or changes
    /// another object, and nothing has waited before it.
    fn after(&self, step: &Step) -> Option<usize> {
        let (last, _) = self.batches.last()?;
        let has_waited = |script: &Packed| script.after.is_some() && script.place != Place::Batches;
        let is_free = !self.scripts.iter().any(has_waited) && is_apart(&step.text, &self.batches);
        (!is_free).then_some(*last)
    }

    /// True if the statement would cause a finding in the transaction so far.
    fn is_found(&self, text: &str) -> bool {
        let lexed = LexedStatement::new(text);
        let parsed = lexed.parse();
        let mut found: Vec<Found> = Vec::new();
        transactions::find(&self.statement(text, &parsed), 1, &mut self.transaction.clone(), &mut found);
        found.iter().any(|found| found.risk >= Risk::Dangerous && SPLIT_RULES.contains(&found.rule.id))
    }

    fn apply(&mut self, text: &str) {
        let lexed = LexedStatement::new(text);
        let parsed = lexed.parse();
        let mut transaction = self.transaction.clone();
        transactions::find(&self.statement(text, &parsed), 1, &mut transaction, &mut Vec::new());
        self.transaction = transaction;
        self.model.apply(&parsed);
    }

    fn statement<'a>(
        &'a self,
        text: &'a str,
        parsed: &'a crate::sql::statement::ParsedStatement<'a>,
    ) -> Statement<'a> {
        Statement {
            text,
            parsed,
            model: &self.model,
            locks: locks_in_use(parsed, &self.model),
            phase: None,
            is_batched: false,
        }
    }

    /// Adds the settings that the last script lacks.
    fn send_settings(&mut self, place: Place) {
        // A script in batches has one statement.
        let last = self.scripts.last_mut().filter(|_| place != Place::Batches);
        let Some(script) = last else { return };
        for setting in &self.settings[self.unsent..] {
            let mut setting = setting.clone();
            if place == Place::Concurrent {
                setting.text = for_session(&setting.text);
            }
            script.steps.push(setting);
        }
        self.unsent = self.settings.len();
        // The comments belong to the first use.
        for setting in &mut self.settings {
            setting.comments.clear();
            setting.trailing.clear();
        }
    }

    fn finish(mut self) -> Vec<Packed> {
        if self.scripts.is_empty() && !self.settings.is_empty() {
            self.scripts.push(Packed { place: Place::Block, steps: Vec::new(), after: None });
        }
        self.send_settings(Place::Block);
        self.scripts
    }
}

/// True if a statement makes or changes an object, and names none of the tables that are written in batches.
fn is_apart(text: &str, batches: &[(usize, String)]) -> bool {
    let lexed = LexedStatement::new(text);
    let parsed = lexed.parse();
    let is_schema = match &parsed.kind {
        Kind::CreateTable(_) => !parsed.all.has_word("SELECT"),
        Kind::CreateIndex(_) | Kind::AlterRelation(_) => true,
        _ => false,
    };
    is_schema && !batches.iter().any(|(_, table)| names(text, table))
}

pub(super) fn is_setting(text: &str) -> bool {
    sql::is_session_setting(text) || sql::is_local_setting(text)
}

/// A setting for the rest of the session, which the run restores after the script.
pub(super) fn for_session(text: &str) -> String {
    let lexed = LexedStatement::new(text);
    let parsed = lexed.parse();
    let is_local = matches!(&parsed.kind, Kind::Set(set) if set.scope == SettingScope::Local);
    match parsed.all.tokens() {
        [set, local, ..] if is_local => format!("{}{}", &text[..set.end], &text[local.end..]),
        _ => text.to_owned(),
    }
}
