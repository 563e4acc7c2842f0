//! The canonical form of Rust code: its tokens, without the differences that rustfmt makes.
//!
//! | rustfmt | canonical |
//! |---|---|
//! | breaks a list and adds a comma behind its last item, or the reverse | no comma behind a last item, except in `(a,)`, a tuple |
//! | removes the comma behind a block in a `match`, and adds the others | no comma between the arms |
//! | puts the body of an arm or of a closure into a block, or takes it out | no block around a body without a `;` |
//! | ends `return`, `break` and `continue` with `;`, and removes other `;` | no `;` behind them at the end of a block, none alone |
//! | sorts `use` and `mod`, and the names in braces | the paths, one by one and sorted |
//! | removes double parentheses, and a `\|` before the first pattern | neither |
//! | joins `#[derive]`, writes `vec![]` | the same |
//!
//! The form is compared, not compiled. Two programs may share a form by chance; that needs to be unlikely
//! only when one is an edit of the other.

use super::lexer::RustTokenKind;
use std::iter::Peekable;
use std::mem::take;

/// The depth of brackets at which tokens start being taken as they are.
const DEEPEST: usize = 200;

/// A token, or everything between two brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree<'t> {
    Token(RustTokenKind, &'t str),
    Group(char, Vec<Tree<'t>>),
    /// A line that stands for several tokens.
    Line(String),
}

use Tree::{Group, Line, Token};

impl<'t> Tree<'t> {
    fn is(&self, text: &str) -> bool {
        matches!(self, Token(_, found) if *found == text)
    }

    fn is_group(&self, open: char) -> bool {
        matches!(self, Group(found, _) if *found == open)
    }

    fn punctuation(text: &'t str) -> Tree<'t> {
        Token(RustTokenKind::Punctuation, text)
    }

    fn write(&self, to: &mut String) {
        match self {
            Token(_, text) => line(to, text),
            Line(text) => line(to, text),
            Group(open, inner) => {
                line(to, &open.to_string());
                inner.iter().for_each(|tree| tree.write(to));
                line(to, closing(*open));
            }
        }
    }
}

fn line(to: &mut String, text: &str) {
    to.push_str(text);
    to.push('\n');
}

fn closing(open: char) -> &'static str {
    match open {
        '(' => ")",
        '[' => "]",
        _ => "}",
    }
}

/// The canonical form of tokens without comments: one token a line.
pub(super) fn canonical<'t>(tokens: impl Iterator<Item = (RustTokenKind, &'t str)>) -> String {
    let mut canonical = String::new();
    let trees = normal(trees(&mut tokens.peekable(), 0));
    trees.iter().for_each(|tree| tree.write(&mut canonical));
    canonical
}

/// The trees up to a closing bracket, which is not consumed.
fn trees<'t>(
    tokens: &mut Peekable<impl Iterator<Item = (RustTokenKind, &'t str)>>,
    depth: usize,
) -> Vec<Tree<'t>> {
    let mut trees = Vec::new();
    let is_deep = depth >= DEEPEST;
    while let Some((kind, text)) = tokens.next_if(|(kind, _)| is_deep || *kind != RustTokenKind::Close) {
        match kind {
            RustTokenKind::Open if !is_deep => {
                let inner = self::trees(tokens, depth + 1);
                tokens.next();
                trees.push(Group(text.chars().next().unwrap_or_default(), inner));
            }
            // `| | x` is a closure without parameters, as is `|| x`.
            _ if text == "||" => trees.extend([Tree::punctuation("|"), Tree::punctuation("|")]),
            _ => trees.push(Token(kind, text)),
        }
    }
    trees
}

/// Normalizes the trees between two brackets, or those of a whole file.
fn normal(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut trees = without_first_bars(joined_derives(trees));
    for index in 0..trees.len() {
        let is_vec = index >= 2 && trees[index - 1].is("!") && trees[index - 2].is("vec");
        let is_tuple = !index.checked_sub(1).is_some_and(|before| is_callee(&trees[before]));
        let Group(open, inner) = &mut trees[index] else { continue };
        *inner = normal(take(inner));
        match (&*open, is_tuple) {
            _ if is_vec => *open = '[',
            // The comma makes this a tuple of one value.
            ('(', true) if inner.iter().filter(|tree| tree.is(",")).count() <= 1 => continue,
            _ => {}
        }
        inner.pop_if(|last| last.is(","));
    }
    trees = sorted_imports(&without_lone_semicolons(trees));
    let is_match = (1..trees.len()).any(|at| is_arrow(&trees, at));
    trees = without_blocks(trees);
    let optional: Vec<bool> =
        (0..trees.len()).map(|at| is_optional(&trees[at], trees.get(at + 1), is_match)).collect();
    without_double_parentheses(join_references(without(trees, &optional)))
}

/// The trees that are not marked.
fn without<'t>(trees: Vec<Tree<'t>>, marked: &[bool]) -> Vec<Tree<'t>> {
    trees.into_iter().zip(marked).filter(|(_, is_marked)| !**is_marked).map(|(tree, _)| tree).collect()
}

/// True for a comma that may be missing, and for a `where` without a condition.
fn is_optional(tree: &Tree<'_>, next: Option<&Tree<'_>>, is_match: bool) -> bool {
    let ends = |next: &Tree<'_>| next.is_group('{') || [";", ">", "|", "="].iter().any(|end| next.is(end));
    match tree {
        Token(_, ",") => is_match || next.is_some_and(ends),
        Token(_, "where") => next.is_some_and(|next| next.is_group('{') || next.is(";")),
        _ => false,
    }
}

/// True for the second character of a `=>`.
fn is_arrow(trees: &[Tree<'_>], at: usize) -> bool {
    trees[at].is(">") && at > 0 && trees[at - 1].is("=")
}

/// True if round brackets behind a token hold arguments.
fn is_callee(before: &Tree<'_>) -> bool {
    const KEYWORDS: [&str; 14] = [
        "as", "break", "else", "for", "if", "in", "let", "match", "move", "mut", "ref", "return", "where",
        "while",
    ];
    match before {
        Token(RustTokenKind::Word, word) => !KEYWORDS.contains(word),
        Token(_, text) => matches!(*text, ">" | "!" | "?"),
        Group(..) => true,
        Line(_) => false,
    }
}

/// Removes the `|` before the first pattern of an arm.
fn without_first_bars(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let is_first = |index: usize| {
        let before = |back: usize| index.checked_sub(back).map(|at| &trees[at]);
        let begins = match before(1) {
            None => true,
            Some(Group('{', _)) => index >= 2 && is_arrow(&trees, index - 2),
            Some(before) => before.is(","),
        };
        let pattern = || trees[index + 1..].iter().take_while(|tree| !tree.is(",") && !tree.is(";"));
        let mut pairs = pattern().zip(pattern().skip(1));
        trees[index].is("|") && begins && pairs.any(|(first, second)| first.is("=") && second.is(">"))
    };
    let first: Vec<bool> = (0..trees.len()).map(is_first).collect();
    without(trees, &first)
}

/// Joins a `#[derive(…)]` with the one before it.
fn joined_derives(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut joined: Vec<Tree<'_>> = Vec::with_capacity(trees.len());
    for tree in trees {
        let derives = derived(&tree).is_some() && joined.last().is_some_and(|last| last.is("#"));
        let before = joined.len().checked_sub(2).and_then(|at| joined.get_mut(at));
        match (before, tree) {
            (Some(before), mut tree) if derives && derived(before).is_some() => {
                let more = derived_mut(&mut tree).map(take).unwrap_or_default();
                if let Some(names) = derived_mut(before) {
                    names.pop_if(|last| last.is(","));
                    names.push(Tree::punctuation(","));
                    names.extend(more);
                }
                joined.pop();
            }
            (_, tree) => joined.push(tree),
        }
    }
    joined
}

fn derived<'a, 't>(tree: &'a Tree<'t>) -> Option<&'a Vec<Tree<'t>>> {
    match tree {
        Group('[', inner) => match inner.as_slice() {
            [name, Group('(', names)] if name.is("derive") => Some(names),
            _ => None,
        },
        _ => None,
    }
}

fn derived_mut<'a, 't>(tree: &'a mut Tree<'t>) -> Option<&'a mut Vec<Tree<'t>>> {
    derived(tree)?;
    let Group(_, inner) = tree else { return None };
    match inner.get_mut(1) {
        Some(Group(_, names)) => Some(names),
        _ => None,
    }
}

/// Removes a `;` that ends nothing, or that ends a `return` at the end.
fn without_lone_semicolons(mut trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    if trees.last().is_some_and(|last| last.is(";")) && leaves(&trees[..trees.len() - 1]) {
        trees.pop();
    }
    let mut kept: Vec<Tree<'_>> = Vec::with_capacity(trees.len());
    for tree in trees {
        if !(tree.is(";") && kept.last().is_none_or(|last| last.is(";"))) {
            kept.push(tree);
        }
    }
    kept
}

/// True if the last statement leaves the block.
fn leaves(trees: &[Tree<'_>]) -> bool {
    let is_last = |tree: &&Tree<'_>| !tree.is(";");
    let begins = trees.iter().rev().take_while(is_last).count();
    let last = &trees[trees.len() - begins..];
    (0..last.len()).any(|at| {
        let is_first = at == 0 || last[at - 1].is_group('{');
        is_first && ["return", "break", "continue"].iter().any(|word| last[at].is(word))
    })
}

/// Unwraps the bodies of arms and closures from blocks that hold a single expression.
fn without_blocks(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut bare: Vec<Tree<'_>> = Vec::with_capacity(trees.len());
    for tree in trees {
        push_body(&mut bare, tree);
    }
    bare
}

fn push_body<'t>(bare: &mut Vec<Tree<'t>>, tree: Tree<'t>) {
    let is_body = bare.last().is_some_and(|last| last.is("|") || is_arrow(bare, bare.len() - 1));
    match tree {
        Group('{', inner) if is_body && !inner.is_empty() && !inner.iter().any(|tree| tree.is(";")) => {
            inner.into_iter().for_each(|tree| push_body(bare, tree));
        }
        tree => bare.push(tree),
    }
}

/// Writes `& &x` as `&&x`, where it borrows twice.
fn join_references(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let mut joined: Vec<Tree<'_>> = Vec::with_capacity(trees.len());
    for tree in trees {
        let is_second = tree.is("&") && joined.last().is_some_and(|last| last.is("&"));
        let before = joined.len().checked_sub(2).map(|at| &joined[at]);
        let is_operand = match before {
            Some(Token(kind, _)) => *kind != RustTokenKind::Punctuation,
            Some(Group(..)) => true,
            Some(Line(_)) | None => false,
        };
        if is_second && !is_operand {
            joined.pop();
            joined.push(Tree::punctuation("&&"));
        } else {
            joined.push(tree);
        }
    }
    joined
}

/// Removes one of two pairs of parentheses.
fn without_double_parentheses(trees: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    let single = |tree| match tree {
        Group('(', mut inner) => match inner.as_slice() {
            [Group('(', innermost)]
                if !innermost.is_empty() && !innermost.iter().any(|tree| tree.is(",")) =>
            {
                inner.pop().unwrap_or(Line(String::new()))
            }
            _ => Group('(', inner),
        },
        tree => tree,
    };
    trees.into_iter().map(single).collect()
}

/// Sorts `use`, `mod` and `extern crate` where they follow each other; each path of a `use` becomes a line.
fn sorted_imports<'t>(trees: &[Tree<'t>]) -> Vec<Tree<'t>> {
    let (mut sorted, mut run): (Vec<Tree<'t>>, Vec<String>) = (Vec::with_capacity(trees.len()), Vec::new());
    let mut rest = trees;
    let mut may_begin = true;
    while let [first, others @ ..] = rest {
        if let Some((lines, length)) = may_begin.then(|| import(rest)).flatten() {
            run.extend(lines);
            rest = &rest[length..];
            continue;
        }
        flush(&mut sorted, &mut run);
        may_begin = first.is(";") || first.is_group('{') || first.is_group('[');
        sorted.push(first.clone());
        rest = others;
    }
    flush(&mut sorted, &mut run);
    sorted
}

fn flush(sorted: &mut Vec<Tree<'_>>, run: &mut Vec<String>) {
    run.sort_unstable();
    sorted.extend(run.drain(..).map(Line));
}

/// The lines of an import that begins here, and the number of its trees.
fn import(trees: &[Tree<'_>]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    while trees.get(at)?.is("#") && trees.get(at + 1)?.is_group('[') {
        at += 2;
    }
    if trees.get(at)?.is("pub") {
        at += 1;
        at += usize::from(trees.get(at)?.is_group('('));
    }
    let length = trees.iter().position(|tree| tree.is(";"))? + 1;
    let body = trees.get(at..length - 1)?;
    let before = text_of(&trees[..at]);
    match body {
        [word, path @ ..] if word.is("use") && !path.first()?.is("<") => {
            Some((paths(&format!("{before}use "), path), length))
        }
        [word, Token(RustTokenKind::Word, _)] if word.is("mod") => {
            Some((vec![format!("{before}{}", text_of(body))], length))
        }
        [word, second, ..] if word.is("extern") && second.is("crate") => {
            Some((vec![format!("{before}{}", text_of(body))], length))
        }
        _ => None,
    }
}

/// The paths of a `use`, each written out in full.
fn paths(before: &str, path: &[Tree<'_>]) -> Vec<String> {
    if let [beginning @ .., Group('{', inner)] = path {
        let before = format!("{before}{}", text_of(beginning));
        let parts = inner.split(|tree| tree.is(",")).filter(|part| !part.is_empty());
        return parts.flat_map(|part| paths(&before, part)).collect();
    }
    let text = format!("{before}{}", text_of(path)).replace(": : self ", "");
    let text = match text.trim_end().rsplit_once(" as ") {
        Some((path, name)) if path.ends_with(&format!(" {name}")) => path.to_owned(),
        _ => text.trim_end().to_owned(),
    };
    vec![text]
}

/// Tokens in a line.
fn text_of(trees: &[Tree<'_>]) -> String {
    let mut text = String::new();
    trees.iter().for_each(|tree| tree.write(&mut text));
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests;
