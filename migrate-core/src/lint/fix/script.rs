//! The rewrite of one script.

use super::context::{Context, Rewritten, merge};
use super::down;
use super::names::Names;
use super::pack::{self, Packed, SPLIT_RULES, pack};
use super::reason::without_rewrite;
use super::source::{Source, sources};
use super::statement::{self, RULES};
use super::step::{Place, Step, keys};
use super::{NotDone, Rewrite, SafeScript, ScriptText};
use crate::lint::finding::Finding;
use crate::lint::model::Model;
use crate::lint::rule::Risk;
use crate::set::migration::{Migration, Payload};
use crate::set::options::Options;
use crate::set::script::Script;
use crate::sql::statement::{
    AlterActionKind as Action, LexedStatement, Persistence, SettingTarget, Span, StatementKind as Kind,
    TransactionControl,
};
use crate::sql::{Control, TransactionMode};

/// The rule whose findings go where statements outside of transactions have their own scripts.
const MIXED: &str = "concurrently-mixed";

/// What is found in a script.
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
    finding.risk >= Risk::Dangerous && RULES.contains(&finding.rule.id)
}

/// The reason why a script is not to be divided.
fn untouchable(up: &Script, migration: &dyn Migration) -> Option<String> {
    if migration.version().is_repeatable() {
        return Some("a repeatable migration is one script".to_owned());
    }
    if up.options().replaces.is_some() {
        return Some("the migration replaces others, and is one script like each of them".to_owned());
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
        rewrite.done = self.findings.iter().map(|finding| (*finding).clone()).collect();
        rewrite.done.retain(|finding| !refused.iter().any(|(of, _)| of == finding));
        rewrite.not_done.extend(refused.iter().map(|(finding, reason)| not_done(finding, reason.clone())));
        if !is_changed && scripts.len() < 2 {
            rewrite.done.clear();
            return;
        }
        let dangers: Vec<&Finding> =
            judged_down.findings.iter().copied().filter(|finding| is_wanted_down(finding)).collect();
        let downs = down.map(|down| down::divide(&mut scripts, down, &after, &dangers));
        if let Some(downs) = &downs {
            let is_left = |finding: &Finding| downs.refused.iter().any(|(of, _)| of == finding);
            rewrite.done.extend(dangers.iter().filter(|of| !is_left(of)).map(|of| (*of).clone()));
            let left = downs.refused.iter().map(|(finding, reason)| not_done(finding, reason.clone()));
            rewrite.not_done.extend(left);
            let doubt = downs.doubt.clone();
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
                up: ScriptText { options: self.options(script), text: text_of(&script.steps) },
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
        for (at, source) in all.iter().enumerate() {
            if is_wrapped && (at == 0 || at + 1 == all.len()) {
                queue.comments.push_str(&source.comments);
                continue;
            }
            let lexed = LexedStatement::new(&source.text);
            let parsed = lexed.parse();
            let findings = found(self.findings, at, source);
            let here: Vec<&Finding> = findings.iter().map(|(_, finding)| *finding).collect();
            let rewritten = if findings.is_empty() {
                Rewritten::default()
            } else {
                let mut context = Context {
                    text: &source.text,
                    parsed: &parsed,
                    model: &model,
                    names: &mut names,
                    findings,
                };
                statement::rewrite(&mut context)
            };
            refused.extend(rewritten.refused.clone());
            if rewritten.first.is_empty() && rewritten.later.is_empty() {
                let is_new = |finding: &&&Finding| !refused.iter().any(|(of, _)| of == **finding);
                let left: Vec<&&Finding> = here.iter().filter(is_new).collect();
                let reason = || "statements in code stay as they are".to_owned();
                refused.extend(left.into_iter().map(|finding| ((*finding).clone(), reason())));
                queue.plain(source, self.place(at, source), &model);
            } else {
                queue.rewritten(source, rewritten);
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
        let texts: Vec<&str> = script.steps.iter().map(|step| step.text.as_str()).collect();
        keep_approvals(&mut options, self.up, self.approved, &texts);
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

/// Keeps the approvals of a script whose statements are among these texts.
fn keep_approvals(options: &mut Options, script: &Script, approved: &[&Finding], texts: &[&str]) {
    let is_there = |finding: &Finding| {
        finding.statement.is_some_and(|statement| {
            let written = script.statements().at(statement - 1).text(script.text());
            texts.iter().any(|text| text.ends_with(written))
        })
    };
    let is_used = |rule: &str| approved.iter().any(|finding| finding.rule.id == rule && is_there(finding));
    options.allow.to_mut().retain(|approval| is_used(&approval.rule));
}

/// The steps so far, with the stages that wait for those of the next statement.
#[derive(Default)]
struct Queue {
    steps: Vec<Step>,
    waiting: Vec<Vec<Step>>,
    /// Comments of statements that are left out.
    comments: String,
}

impl Queue {
    fn plain(&mut self, source: &Source, place: Place, model: &Model) {
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

    fn rewritten(&mut self, source: &Source, rewritten: Rewritten) {
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
    fn flush(&mut self) {
        for mut stage in std::mem::take(&mut self.waiting) {
            if let Some(first) = stage.first_mut() {
                first.is_first = true;
            }
            self.steps.extend(stage);
        }
    }
}

/// The word that tells a script from the others of the rewrite.
fn word(script: &Packed) -> &'static str {
    let has = |verb: &str| script.steps.iter().any(|step| step.text.to_ascii_uppercase().contains(verb));
    match script.place {
        Place::Slow => "validate",
        Place::Concurrent if has("CREATE") => "index",
        Place::Concurrent => "concurrently",
        Place::Alone => "refresh",
        Place::Rows => "rows",
        Place::Block if has("USING INDEX") => "constraint",
        Place::Block if has("SET NOT NULL") => "not_null",
        Place::Block if has("ATTACH PARTITION") => "attach",
        Place::Block => "then",
    }
}

/// The text of a script.
fn text_of(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        if !step.comments.is_empty() && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}{};{}\n", step.comments, step.text, step.trailing));
    }
    text
}

/// The text of a down script with these statements of the original and of the rewrite.
fn down_text(
    statements: &[String],
    settings: &[String],
    original: &Script,
    judged: &Judged<'_>,
) -> ScriptText {
    if statements.is_empty() {
        return ScriptText {
            options: Options::NONE,
            text: "-- Nothing to revert here: the down scripts of the migrations around it do it.\n"
                .to_owned(),
        };
    }
    let mut options = original.options().clone();
    let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    keep_approvals(&mut options, original, &judged.approved, &texts);
    let is_outside = |text: &String| {
        text.contains(" VALIDATE CONSTRAINT ")
            || crate::sql::split(text).statements.iter().any(|statement| statement.refuses().is_some())
    };
    if statements.iter().any(is_outside) {
        options.transaction = Some(TransactionMode::None);
    }
    let is_bare = options.transaction == Some(TransactionMode::None);
    let settings =
        settings.iter().map(|setting| if is_bare { pack::for_session(setting) } else { setting.clone() });
    let text =
        settings.chain(statements.iter().cloned()).map(|statement| format!("{statement};\n")).collect();
    ScriptText { options, text }
}

/// The text of a verify script: the original's, and the queries of the steps.
fn verify_text(script: &Packed, original: Option<&Script>) -> Option<String> {
    let own: Vec<String> = script
        .steps
        .iter()
        .filter_map(|step| step.verify.as_ref())
        .map(|query| format!("{query};\n"))
        .collect();
    let original = original.map(|verify| verify.source().trim_end().to_owned() + "\n");
    let text: String = original.into_iter().chain(own).collect();
    (!text.is_empty()).then_some(text)
}
