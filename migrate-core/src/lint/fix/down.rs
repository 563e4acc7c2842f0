//! Down scripts: each statement of the original goes to the script that it reverts.

use super::alter::comments;
use super::concurrently::concurrent;
use super::names::Names;
use super::pack::{Packed, is_setting};
use super::script::found;
use super::source::{Source, sources};
use super::statement;
use super::step::{Key, Place, Undo, keys};
use crate::lint::finding::Finding;
use crate::lint::model::Model;
use crate::set::script::Script;
use crate::sql::statement::{LexedStatement, StatementKind as Kind};

/// The down scripts of a rewrite.
pub(super) struct Downs {
    /// For each script of the rewrite, the statements that revert it, in order.
    pub(super) statements: Vec<Vec<String>>,
    /// The settings at the top of the original.
    pub(super) settings: Vec<String>,
    /// The reason why the author has to look at the result.
    pub(super) doubt: Option<String>,
    /// The findings that stay, each with the reason.
    pub(super) refused: Vec<(Finding, String)>,
}

/// A statement of the original, or a part of one, with its comments.
struct Atom {
    text: String,
    key: Option<Key>,
    line: u32,
    /// True if it changes no object of the schema, or only creates one.
    is_harmless: bool,
}

/// Divides the original down script over the scripts of a rewrite. `after` is the schema after the up script.
pub(super) fn divide(scripts: &mut [Packed], down: &Script, after: &Model, findings: &[&Finding]) -> Downs {
    let all = sources(down);
    let settings: Vec<String> =
        all.iter().take_while(|source| is_setting(&source.text)).map(Source::to_sql).collect();
    let mut reader = Reader { model: after.clone(), names: Names::default(), findings, refused: Vec::new() };
    let sources = all.iter().enumerate().skip(settings.len());
    let atoms: Vec<Atom> = sources.flat_map(|(at, source)| reader.atoms(at, source, after)).collect();
    let refused = reader.refused;
    let mut divided = scripts.to_vec();
    match assign(&mut divided, &atoms) {
        Ok(doubt) => {
            scripts.clone_from_slice(&divided);
            Downs { statements: scripts.iter().map(undo).collect(), settings, doubt, refused }
        }
        Err(line) => {
            let mut statements = vec![Vec::new(); scripts.len()];
            // The last script has all of it, so that it runs first.
            let last = statements.last_mut();
            last.into_iter().for_each(|last| last.extend(atoms.iter().map(|atom| atom.text.clone())));
            let doubt = format!(
                "the statement in line {line} of the down script reverts no statement that is known, so the last \
                 script has the whole down script: revert all scripts together"
            );
            Downs { statements, settings, doubt: Some(doubt), refused }
        }
    }
}

/// The reading of a down script.
struct Reader<'a> {
    /// The schema before the next statement.
    model: Model,
    names: Names,
    findings: &'a [&'a Finding],
    refused: Vec<(Finding, String)>,
}

impl Reader<'_> {
    /// The parts of a statement. A statement that blocks is replaced by those that do not, one after the
    /// other: no transaction is around them.
    fn atoms(&mut self, at: usize, source: &Source, after: &Model) -> Vec<Atom> {
        let lexed = LexedStatement::new(&source.text);
        let parsed = lexed.parse();
        let findings = found(self.findings, at, source);
        let mut rewritten =
            statement::rewrite(&source.text, &parsed, &self.model, &mut self.names, None, findings);
        self.refused.append(&mut rewritten.refused);
        self.model.apply(&parsed);
        let later = rewritten.later.into_iter().flatten();
        let steps: Vec<String> = rewritten.first.into_iter().chain(later).map(|step| step.text).collect();
        if steps.is_empty() {
            return atoms(source, after);
        }
        let key = keys(&source.text, after).into_iter().next().flatten();
        let text = format!("{}{}", source.comments, steps.join(";\n"));
        vec![Atom { text, key, line: source.line, is_harmless: is_harmless(&source.text) }]
    }
}

/// Assigns each statement to the step that it reverts; a statement on rows goes where the one before it goes.
/// Returns the reason for the author to check the result, if there is one. The error is the line of a statement
/// whose effect is not known.
fn assign(scripts: &mut [Packed], atoms: &[Atom]) -> Result<Option<String>, u32> {
    let mut doubt = None;
    let mut last: Option<(usize, usize)> = None;
    let mut waiting: Vec<&Atom> = Vec::new();
    let mut follows = false;
    for atom in atoms {
        if let Some((script, step)) = atom.key.as_ref().and_then(|key| taker(scripts, key)) {
            if follows && doubt.is_none() && last.is_some_and(|last| (script, step) > last) {
                doubt = Some(unordered(atom.line));
            }
            place(&mut scripts[script], step, atom);
            let earlier = std::mem::take(&mut waiting).into_iter().map(|atom| Undo::new(&*atom.text));
            scripts[script].steps[step].undo.splice(0..0, earlier);
            last = Some((script, step));
        } else if !atom.is_harmless {
            return Err(atom.line);
        } else if let Some((script, step)) = last {
            scripts[script].steps[step].undo.push(Undo::new(&*atom.text));
            follows = true;
        } else {
            waiting.push(atom);
        }
    }
    // It reverts nothing: it runs before all else, on the final schema.
    if let Some(step) = scripts.last_mut().and_then(|script| script.steps.last_mut()) {
        step.undo.splice(0..0, waiting.into_iter().map(|atom| Undo::new(&*atom.text)));
    }
    Ok(doubt)
}

fn unordered(line: u32) -> String {
    format!(
        "the down script does not revert the statements in reverse order: check its statement in line {line}"
    )
}

/// The statements that revert a script, in order.
fn undo(script: &Packed) -> Vec<String> {
    script.steps.iter().rev().flat_map(|step| step.undo.iter().map(|undo| undo.text.clone())).collect()
}

/// The last step that made a change and has no statement of the original yet, or else the last one.
fn taker(scripts: &[Packed], key: &Key) -> Option<(usize, usize)> {
    let found = scripts.iter().enumerate().flat_map(|(script, packed)| {
        packed
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.all_keys().any(|of| of == key))
            .map(move |(step, _)| (script, step))
    });
    found.last()
}

/// Puts a statement of the original in place of the one that would revert the same.
fn place(script: &mut Packed, step: usize, atom: &Atom) {
    let is_concurrent = script.place == Place::Concurrent;
    let text = if is_concurrent { concurrent(&atom.text) } else { atom.text.clone() };
    let step = &mut script.steps[step];
    if let Some(at) = step.keys.iter().position(|key| Some(key) == atom.key.as_ref()) {
        step.keys.remove(at);
    }
    match step.undo.iter_mut().find(|undo| undo.key.is_some() && undo.key == atom.key) {
        Some(undo) => *undo = Undo::new(text),
        None => step.undo.push(Undo::new(text)),
    }
}

/// The parts of a statement that may go to different scripts.
fn atoms(source: &Source, after: &Model) -> Vec<Atom> {
    let keys = keys(&source.text, after);
    let is_harmless = is_harmless(&source.text);
    let atom = |text: String, key| Atom { text, key, line: source.line, is_harmless };
    let whole = |key| vec![atom(source.to_sql(), key)];
    if keys.len() < 2 || keys.iter().all(Option::is_none) {
        return whole(keys.into_iter().next().flatten());
    }
    let lexed = LexedStatement::new(&source.text);
    let parts: Vec<String> = match &lexed.parse().kind {
        Kind::AlterRelation(alter) => {
            let head = &source.text[..alter.actions[0].span.start];
            alter.actions.iter().map(|action| format!("{head}{}", action.span.text(&source.text))).collect()
        }
        Kind::Drop(drop) => {
            let (Some(first), Some(last)) = (drop.names.first(), drop.names.last()) else {
                return whole(None);
            };
            let (head, tail) = (&source.text[..first.span().start], &source.text[last.span().end..]);
            drop.names.iter().map(|name| format!("{head}{}{tail}", name.span().text(&source.text))).collect()
        }
        _ => return whole(None),
    };
    let mut atoms: Vec<Atom> = parts.into_iter().zip(keys).map(|(text, key)| atom(text, key)).collect();
    if let Some(first) = atoms.first_mut() {
        first.text.insert_str(0, &format!("{}{}", source.comments, comments(&source.trailing)));
    }
    atoms
}

fn is_harmless(text: &str) -> bool {
    let lexed = LexedStatement::new(text);
    let parsed = lexed.parse();
    match parsed.kind {
        Kind::Insert(_) | Kind::Update(_) | Kind::Delete(_) | Kind::Query(_) | Kind::Comment(_) => true,
        Kind::Privileges(_) | Kind::Analyze(_) | Kind::Refresh(_) | Kind::Truncate(_) => true,
        _ => is_setting(text) || parsed.verb().eq_ignore_ascii_case("CREATE"),
    }
}
