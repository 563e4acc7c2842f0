//! The rewrite of one script.

use super::batches;
use super::down;
use super::names::Names;
use super::pack::{Packed, SPLIT_RULES, is_setting, pack};
use super::queue::Queue;
use super::reason::without_rewrite;
use super::source::{Source, sources};
use super::statement::{self, RULES};
use super::step::{Place, Step};
use super::text::{down_text, keep_approvals, text_of, verify_text, word};
use super::{NotDone, Rewrite, SafeScript, ScriptText};
use crate::lint::finding::Finding;
use crate::lint::model::Model;
use crate::lint::rule::Risk;
use crate::set::approval::Approval;
use crate::set::migration::{Migration, Payload};
use crate::set::options::Options;
use crate::set::script::Script;
use crate::sql::statement::{
    AlterActionKind as Action, LexedStatement, Persistence, SettingTarget, Span, StatementKind as Kind,
    TransactionControl,
};
use crate::sql::{Control, TransactionMode};

/// The rule that reports scripts in which only some statements run outside of transactions. A rewrite gives
/// these statements scripts of their own.
const MIXED: &str = "concurrently-mixed";

/// The findings of a script.
pub(super) struct Judged<'a> {
    pub(super) findings: Vec<&'a Finding>,
    pub(super) approved: Vec<&'a Finding>,
}

/// Rewrites a migration; `None` if there is nothing to say about it.
pub(super) fn rewrite(
    migration: &dyn Migration,
    before: &Model,
    judged: &Judged<'_>,
    judged_down: &Judged<'_>,
) -> Option<Rewrite> {
    let up = migration.up().into_script()?;
    let mut rewrite = Rewrite {
        version: migration.version().clone(),
        name: migration.name().to_owned(),
        scripts: Vec::new(),
        done: Vec::new(),
        not_done: Vec::new(),
    };
    let (wanted, others): (Vec<&Finding>, Vec<&Finding>) =
        judged.findings.iter().copied().partition(|of| is_wanted(of));
    for finding in others {
        let reason = without_rewrite(finding);
        rewrite.not_done.extend(reason.map(|reason| not_done(finding, reason)));
    }
    if let Some(reason) = untouchable(&up, migration).filter(|_| !wanted.is_empty()) {
        rewrite.not_done.extend(wanted.iter().map(|finding| not_done(finding, reason.clone())));
        return Some(rewrite);
    }
    if !wanted.is_empty() {
        let down = migration.down().and_then(Payload::into_script);
        let rewriter = Rewriter { up: &up, before, findings: &wanted, approved: &judged.approved };
        rewriter.rewrite(down.as_deref(), judged_down, migration.verify(), &mut rewrite);
    }
    if rewrite.scripts.is_empty() {
        let dangers = judged_down.findings.iter().filter(|finding| is_wanted_down(finding));
        let reason = "a down script is rewritten only along with its up script";
        rewrite.not_done.extend(dangers.map(|finding| not_done(finding, reason.to_owned())));
    }
    (!rewrite.scripts.is_empty() || !rewrite.not_done.is_empty()).then_some(rewrite)
}

impl Rewrite {
    /// Records findings: refused ones stay, the rewrite removes the others.
    fn add(&mut self, findings: &[&Finding], refused: Vec<(Finding, String)>) {
        let is_left = |finding: &&&Finding| refused.iter().any(|(of, _)| of == **finding);
        self.done.extend(findings.iter().filter(|of| !is_left(of)).map(|of| (*of).clone()));
        let left = refused.into_iter().map(|(finding, reason)| NotDone { finding: Some(finding), reason });
        self.not_done.extend(left);
    }
}

fn not_done(finding: &Finding, reason: String) -> NotDone {
    NotDone { finding: Some(finding.clone()), reason }
}

/// True if a rewrite may remove a finding.
fn is_wanted(finding: &Finding) -> bool {
    let id = finding.rule.id;
    let is_short = ["attach-partition-scans", "partition-of-with-default"].contains(&id);
    let is_dangerous = finding.risk >= Risk::Dangerous;
    let is_of_statement =
        RULES.contains(&id) && (is_dangerous || !is_short && finding.rule.risk == Risk::Careful);
    is_of_statement || is_dangerous && SPLIT_RULES.contains(&id) || id == MIXED
}

/// True if a rewrite may remove a finding in a down script.
fn is_wanted_down(finding: &Finding) -> bool {
    let id = finding.rule.id;
    finding.risk >= Risk::Dangerous && RULES.contains(&id) && !batches::RULES.contains(&id)
}

/// The reason why a script is not to be divided.
fn untouchable(up: &Script, migration: &dyn Migration) -> Option<String> {
    if migration.version().is_repeatable() {
        return Some("a repeatable migration is one script".to_owned());
    }
    if up.options().replaces.is_some() {
        return Some("the migration replaces others, and is one script like each of them".to_owned());
    }
    if up.options().batch.is_some() {
        return Some("the script runs in batches already".to_owned());
    }
    if up.controls_transactions() && wrapped(up).is_none() {
        return Some("the script controls its transactions itself".to_owned());
    }
    None
}

/// The number of statements between `BEGIN` and `COMMIT`, if these are the first and the last statement.
fn wrapped(script: &Script) -> Option<usize> {
    let statements = script.statements();
    let is_control =
        |index: &usize| statements.at(*index).control().is_some_and(|control| control != Control::Code);
    let controls: Vec<usize> = (0..statements.len()).filter(is_control).collect();
    let [first, last] = controls.as_slice() else { return None };
    let kind = |index: usize, is: fn(&TransactionControl<'_>) -> bool| {
        let lexed = LexedStatement::new(statements.at(index).text(script.text()));
        matches!(&lexed.parse().kind, Kind::Transaction(control) if is(control))
    };
    let is_wrapped = *first == 0
        && last + 1 == statements.len()
        && kind(*first, |control| matches!(control, TransactionControl::Begin(_)))
        && kind(*last, |control| matches!(control, TransactionControl::Commit { .. }));
    is_wrapped.then(|| statements.len() - 2)
}

/// A script to rewrite.
struct Rewriter<'a> {
    up: &'a Script,
    before: &'a Model,
    findings: &'a [&'a Finding],
    approved: &'a [&'a Finding],
}

impl Rewriter<'_> {
    fn rewrite(
        &self,
        down: Option<&Script>,
        judged_down: &Judged<'_>,
        verify: Option<&Script>,
        rewrite: &mut Rewrite,
    ) {
        let all = sources(self.up);
        let (steps, after, refused) = self.steps(&all);
        let is_changed = steps.iter().any(|step| step.is_new);
        let mut scripts = pack(steps, self.before);
        if let Some(reason) = self.bound(&all).filter(|_| scripts.len() > 1) {
            rewrite.not_done.extend(self.findings.iter().map(|finding| not_done(finding, reason.clone())));
            return;
        }
        rewrite.add(self.findings, refused);
        if !is_changed && scripts.len() < 2 {
            let reason = "the script can't be divided there";
            rewrite.not_done.extend(rewrite.done.drain(..).map(|of| not_done(&of, reason.to_owned())));
            return;
        }
        let dangers: Vec<&Finding> =
            judged_down.findings.iter().copied().filter(|finding| is_wanted_down(finding)).collect();
        let in_batches = judged_down
            .findings
            .iter()
            .filter(|finding| finding.risk >= Risk::Dangerous && batches::RULES.contains(&finding.rule.id));
        let reason = "a down script doesn't run in batches";
        rewrite.not_done.extend(in_batches.map(|finding| not_done(finding, reason.to_owned())));
        let mut downs = down.map(|down| down::divide(&mut scripts, down, &after, &dangers));
        if let Some(downs) = &mut downs {
            rewrite.add(&dangers, std::mem::take(&mut downs.refused));
            let doubt = downs.doubt.take();
            rewrite.not_done.extend(doubt.map(|reason| NotDone { finding: None, reason }));
        }
        let last = scripts.len() - 1;
        for (at, script) in scripts.iter().enumerate() {
            let down = downs
                .as_ref()
                .zip(down)
                .map(|(downs, down)| down_text(&downs.statements[at], &downs.settings, down, judged_down));
            rewrite.scripts.push(SafeScript {
                word: if at == 0 { "" } else { word(script) },
                up: ScriptText { options: self.options(script), text: text_of(script) },
                after: script.after,
                down,
                verify: verify_text(script, verify.filter(|_| at == last)),
            });
        }
    }

    /// The steps of the rewrite, the schema after them, and the findings that stay.
    fn steps(&self, all: &[Source]) -> (Vec<Step>, Model, Vec<(Finding, String)>) {
        let mut model = self.before.clone();
        let mut names = Names::default();
        let mut queue = Queue::default();
        let mut refused = Vec::new();
        let is_wrapped = wrapped(self.up).is_some();
        let mut setting = None;
        for (at, source) in all.iter().enumerate() {
            if is_wrapped && (at == 0 || at + 1 == all.len()) {
                queue.comments.push_str(&source.comments);
                continue;
            }
            let lexed = LexedStatement::new(&source.text);
            let parsed = lexed.parse();
            let findings = found(self.findings, at, source);
            let rewritten = statement::rewrite(&source.text, &parsed, &model, &mut names, setting, findings);
            refused.extend(rewritten.refused.clone());
            if rewritten.is_empty() {
                queue.plain(source, self.place(at, source), &model);
            } else {
                queue.rewritten(source, rewritten);
            }
            if is_setting(&source.text) {
                setting.get_or_insert(source.line);
            }
            model.apply(&parsed);
        }
        queue.flush();
        (queue.steps, model, refused)
    }

    /// The kind of script for a statement that stays as it is.
    fn place(&self, at: usize, source: &Source) -> Place {
        let is_found = |rule: &str| {
            self.findings.iter().any(|finding| finding.statement == Some(at + 1) && finding.rule.id == rule)
        };
        let lexed = LexedStatement::new(&source.text);
        match &lexed.parse().kind {
            _ if self.up.statements().at(at).refuses().is_some() => Place::Concurrent,
            Kind::Update(_) | Kind::Delete(_) if is_found("slow-after-lock") => Place::Rows,
            Kind::AlterRelation(alter)
                if alter
                    .actions
                    .iter()
                    .all(|action| matches!(action.kind, Action::ValidateConstraint { .. })) =>
            {
                Place::Slow
            }
            _ => Place::Block,
        }
    }

    /// The options of a script: those of the original, without approvals of what it does not contain.
    fn options(&self, script: &Packed) -> Options {
        let mut options = self.up.options().clone();
        if script.place == Place::Concurrent {
            options.transaction = Some(TransactionMode::None);
        }
        if let [step] = script.steps.as_slice()
            && script.place == Place::Batches
        {
            options.transaction = None;
            options.batch = batches::batch_of(&step.text);
        }
        let texts: Vec<&str> = script.steps.iter().map(|step| step.text.as_str()).collect();
        keep_approvals(&mut options, self.up, self.approved, &texts);
        let approved = script.steps.iter().flat_map(|step| step.approved);
        options.allow.to_mut().extend(approved.map(|rule| Approval {
            rule: (*rule).into(),
            reason: Some("the identity takes its place".into()),
        }));
        options
    }

    /// The reason why the statements belong to one transaction.
    fn bound(&self, all: &[Source]) -> Option<String> {
        all.iter().find_map(|source| {
            let lexed = LexedStatement::new(&source.text);
            let what = match &lexed.parse().kind {
                Kind::Lock(_) => "LOCK TABLE",
                Kind::Declare(_) => "a cursor",
                Kind::Set(set) if matches!(set.target, SettingTarget::Constraints) => "SET CONSTRAINTS",
                Kind::Set(set) if matches!(set.target, SettingTarget::Transaction(_)) => "SET TRANSACTION",
                Kind::CreateTable(create) if create.persistence == Persistence::Temporary => {
                    "a temporary table"
                }
                _ => return None,
            };
            Some(format!("the script has to stay one transaction: it has {what} in line {}", source.line))
        })
    }
}

/// The findings in a statement that a rewrite of it removes, with their spans.
pub(super) fn found<'f>(findings: &[&'f Finding], at: usize, source: &Source) -> Vec<(Span, &'f Finding)> {
    let is_here = |finding: &&&Finding| finding.statement == Some(at + 1) && RULES.contains(&finding.rule.id);
    let span = |finding: &Finding| Span {
        start: finding.span.start - source.start,
        end: finding.span.end - source.start,
    };
    findings.iter().filter(is_here).map(|finding| (span(finding), *finding)).collect()
}
