//! Redaction rules: the tokens of a statement that are hidden.
//!
//! The [values that the parsed form contains](GivenValue) are judged by their names. All other tokens are
//! judged by what stands around them.

use super::names;
use super::strings;
use super::tree::Tree;
use crate::sql::statement::{GivenValue, Taker};
use std::ops::Range;

/// Words before the name of an object, so that the parentheses after it are not a call.
const OBJECTS: [&str; 18] = [
    "TABLE",
    "INTO",
    "EXISTS",
    "ON",
    "VIEW",
    "TYPE",
    "FUNCTION",
    "PROCEDURE",
    "INDEX",
    "REFERENCES",
    "ONLY",
    "AS",
    "TRIGGER",
    "DOMAIN",
    "ROUTINE",
    "AGGREGATE",
    "KEY",
    "UPDATE",
];

/// Words before the name at the beginning of an element in a list of columns, parameters or variables.
const BEGINS_ELEMENT: [&str; 10] =
    ["ADD", "COLUMN", "EXISTS", "ALTER", "DECLARE", "IN", "OUT", "INOUT", "VARIADIC", "CONSTANT"];

/// Operators spelled as words, after which an expression follows.
const WORD_OPERATORS: [&str; 6] = ["IN", "LIKE", "ILIKE", "SIMILAR", "BETWEEN", "TO"];

/// The tokens of a statement that are hidden.
pub(super) struct Rules<'t> {
    pub(super) tree: &'t Tree<'t>,
    /// The tokens whose strings are hidden. While rules are collected, these are the changes in the number of
    /// governing expressions.
    governed: Vec<i32>,
    /// The tokens that are hidden whatever their kind.
    hidden: Vec<bool>,
    /// The tokens that the parsed form has decided.
    decided: Vec<bool>,
    /// Nothing after this token is governed yet. Names before it need no check.
    governed_until: usize,
    /// Names that denote secrets only in this statement.
    contextual: &'static [&'static str],
    /// True if the statement sets a parameter, whose value may be unquoted.
    sets: bool,
    /// For the last clause opened at each depth, whether it is a select list.
    selects: Vec<bool>,
}

impl<'t> Rules<'t> {
    pub(super) fn read(tree: &'t Tree<'t>, given: &[GivenValue<'_>]) -> Rules<'t> {
        let mut rules = Rules {
            tree,
            governed: vec![0; tree.len() + 1],
            hidden: vec![false; tree.len()],
            decided: vec![false; tree.len()],
            governed_until: 0,
            contextual: contextual(tree),
            sets: false,
            selects: vec![false],
        };
        rules.sets = rules.begins_with_set();
        for value in given {
            rules.given(value);
        }
        for index in 0..tree.len() {
            if !rules.decided[index] {
                rules.token(index);
            }
        }
        let mut around = 0;
        for governed in &mut rules.governed {
            around += *governed;
            *governed = around;
        }
        rules
    }

    /// Returns true if a token is hidden.
    pub(super) fn is_hidden(&self, index: usize) -> bool {
        self.hidden[index]
            || self.governed[index] > 0 && self.tree.is_string(index) && !is_harmless(self.tree, index)
    }

    /// Hides a value of the parsed form if its name denotes a secret.
    fn given(&mut self, given: &GivenValue<'_>) {
        let tree = self.tree;
        self.decided[tree.at(given.span)].fill(true);
        let is_secret = match &given.taker {
            Taker::Password | Taker::Connection | Taker::Program => true,
            Taker::ForeignOption(name) => names::speaks_of_secret(name),
            Taker::Parameter(name) => name.iter().any(|part| names::speaks_of_secret(part)),
        };
        if !is_secret {
            return;
        }
        let values = tree.at(given.value.span());
        if matches!(given.taker, Taker::Parameter(_)) {
            for value in tree.elements(values.clone()) {
                self.hide_bare(value.start + usize::from(tree.is_operator(value.start)));
            }
        }
        self.govern(values);
    }

    /// Hides an unquoted value.
    fn hide_bare(&mut self, index: usize) {
        let tree = self.tree;
        if tree.is_number(index) || tree.is_name(index) && !tree.is(index, &["DEFAULT", "NULL"]) {
            self.hidden[index] = true;
        }
    }

    fn begins_with_set(&self) -> bool {
        let skipped = (0..self.tree.len()).find(|index| !super::leads_in(self.tree.written(*index)));
        skipped.is_some_and(|first| self.tree.is(first, &["SET"]))
    }

    fn token(&mut self, index: usize) {
        let tree = self.tree;
        if tree.opens(index) {
            self.selects.push(false);
            if index >= self.governed_until {
                self.list(index);
            }
        } else if tree.closes(index) {
            self.selects.pop();
            if self.selects.is_empty() {
                self.selects.push(false);
            }
        } else if tree.is_name(index) {
            self.clause(index);
            if index >= self.governed_until {
                self.name(index);
            }
        }
    }

    /// Records the clause that begins with a word.
    fn clause(&mut self, index: usize) {
        let selects = self.tree.is(index, &["SELECT", "RETURNING"]);
        let is_within = self.tree.is(index, &["AS", "END", "WHEN", "THEN", "ELSE", "AND", "OR"]);
        if self.tree.ends_expression(index)
            && !is_within
            && let Some(last) = self.selects.last_mut()
        {
            *last = selects;
        }
        let is_outermost = self.selects.len() == 1;
        let alters = self.tree.is(0, &["ALTER", "CREATE"]);
        self.sets |= is_outermost && alters && self.tree.is(index, &["SET"]);
    }

    pub(super) fn govern(&mut self, range: Range<usize>) {
        let end = range.end.min(self.tree.len());
        if range.start < end {
            self.governed[range.start] += 1;
            self.governed[end] -= 1;
        }
    }

    /// Does the same ahead of the current token, where names need not be checked again.
    fn govern_ahead(&mut self, range: Range<usize>) {
        self.governed_until = self.governed_until.max(range.end);
        self.govern(range);
    }

    fn name(&mut self, index: usize) {
        let tree = self.tree;
        let name = tree.written(index);
        if tree.written(index + 1) == "(" && (names::takes_secret(name) || names::takes_names(name)) {
            return self.call(index, names::takes_secret(name));
        }
        if tree.is(index, &["CONNECTION", "PROGRAM"]) && tree.is_string(index + 1) {
            return self.govern_ahead(index + 1..index + 2);
        }
        if !self.is_secret(index) {
            return;
        }
        if tree.is(index.wrapping_sub(1), &["CASE"]) {
            let end = tree.expression_end(index - 1);
            return self.govern_ahead(index..end);
        }
        self.before(index);
        self.behind(index);
    }

    pub(super) fn is_secret(&self, index: usize) -> bool {
        let name = self.tree.name(index);
        let is_contextual = || self.contextual.contains(&names::plain(&name).as_str());
        names::speaks_of_secret(&name) || is_contextual()
    }

    /// A call that takes a secret, or a name with its value.
    fn call(&mut self, index: usize, takes_secret: bool) {
        let inside = self.tree.inside(index + 1);
        if takes_secret {
            return self.govern_ahead(inside);
        }
        let arguments = self.tree.elements(inside);
        self.arguments_by_name(&arguments);
        let mut is_named = false;
        for argument in arguments {
            if is_named {
                self.govern(argument.clone());
            }
            let first = strings::content(self.tree.written(argument.start));
            is_named =
                argument.len() <= 3 && self.tree.is_string(argument.start) && names::speaks_of_secret(first);
        }
    }

    /// Governs the values of a call in named notation, in any order:
    /// `setting_name => 'app.token', new_value => …`.
    fn arguments_by_name(&mut self, arguments: &[Range<usize>]) {
        let tree = self.tree;
        let names_secret = |argument: &Range<usize>| {
            let value = argument.start + 2;
            matches!(tree.written(argument.start + 1), "=>" | ":=")
                && tree.is_string(value)
                && names::speaks_of_secret(strings::content(tree.written(value)))
        };
        if arguments.iter().any(names_secret) {
            for argument in arguments.iter().filter(|argument| !names_secret(argument)) {
                self.govern(argument.clone());
            }
        }
    }

    /// The expression before a name, which it names or is compared with.
    fn before(&mut self, index: usize) {
        let (tree, Some(last)) = (self.tree, qualified_start(self.tree, index).checked_sub(1)) else {
            return;
        };
        let is_alias = tree.is(last, &["AS"]) || tree.is_string(last) || tree.closes(last);
        let end = if self.selects.last() == Some(&true) && is_alias {
            last + usize::from(!tree.is(last, &["AS"]))
        } else if tree.compares(last) {
            last
        } else {
            return;
        };
        let start = tree.expression_start(end);
        self.govern(start..end);
    }

    /// The expression after a name that denotes a secret.
    fn behind(&mut self, index: usize) {
        let tree = self.tree;
        let mut at = index + 1;
        while tree.written(at) == "." && tree.is_name(at + 1) {
            at += 2;
        }
        if tree.written(at) == "[" {
            at = tree.after(at);
        }
        if tree.is_string(at) {
            let end = tree.constant_end(at);
            self.govern_ahead(at..end);
        } else if tree.is_operator(at) || tree.written(at) == "::" || self.is_word_operator(at) {
            self.value(index, at + usize::from(!tree.is(at, &["BETWEEN"])));
        } else if tree.written(at) == "(" {
            if !tree.is(qualified_start(tree, index).wrapping_sub(1), &OBJECTS) {
                self.govern_ahead(tree.inside(at));
            }
        } else if tree.is_name(at)
            && self.begins_element(index)
            && !tree.ends_expression(at)
            && !tree.is(at, &["IS"])
        {
            let end = tree.element_end(at);
            self.govern_ahead(at..end);
        } else {
            self.rows_of_table(index, at);
        }
    }

    fn is_word_operator(&self, at: usize) -> bool {
        let tree = self.tree;
        let sets_default = tree.is(at, &["SET"]) && tree.is(at + 1, &["DEFAULT"]);
        let is_negated = tree.is(at, &["NOT"]) && tree.is(at + 1, &WORD_OPERATORS);
        let is_distinct = tree.is(at, &["IS"]) && (at + 1..at + 3).any(|next| tree.is(next, &["DISTINCT"]));
        let is_to = !tree.is(at, &["TO"]) || self.sets;
        is_to && tree.is(at, &WORD_OPERATORS) || sets_default || is_negated || is_distinct
    }

    /// Returns true if a name starts the definition of a column, a parameter or a variable.
    fn begins_element(&self, index: usize) -> bool {
        index.checked_sub(1).is_none_or(|before| {
            matches!(self.tree.written(before), "(" | ",") || self.tree.is(before, &BEGINS_ELEMENT)
        })
    }

    /// The value to which a name is set or compared.
    fn value(&mut self, name: usize, from: usize) {
        let tree = self.tree;
        let is_set = self.sets
            && self.selects.len() == 1
            && (tree.written(from - 1) == "=" || tree.is(from - 1, &["TO"]));
        if is_set {
            return self.settings(from);
        }
        let end = tree.expression_end(from);
        if end == from + 1 && tree.is_number(from) && names::names_one_secret(tree.written(name)) {
            self.hidden[from] = true;
        }
        self.govern_ahead(from..end);
    }

    /// The values of a parameter, with or without quotes, including those after commas.
    fn settings(&mut self, from: usize) {
        let tree = self.tree;
        let mut at = from;
        loop {
            let end = tree.expression_end(at).min(tree.constant_end(at));
            self.hide_bare(at);
            self.govern_ahead(at..end);
            if tree.written(end) != "," {
                return;
            }
            at = end + 1;
        }
    }
}

/// The first part of the qualified name whose last part is at `index`.
pub(super) fn qualified_start(tree: &Tree<'_>, index: usize) -> usize {
    let mut first = index;
    while first >= 2 && tree.written(first - 1) == "." {
        first -= 2;
    }
    first
}

/// Names of columns that denote secrets because of another name in the statement: a string that is a secret's
/// name, or the target table.
fn contextual(tree: &Tree<'_>) -> &'static [&'static str] {
    if !(0..tree.len()).any(|index| tree.is(index, &["INSERT", "UPDATE", "MERGE"])) {
        return &[];
    }
    let is_table = |index: usize| {
        tree.is(qualified_start(tree, index).wrapping_sub(1), &["INTO", "UPDATE"])
            && names::names_secret(tree.written(index))
    };
    if (0..tree.len()).any(|index| tree.is_name(index) && is_table(index)) {
        return &["value", "val", "key", "hash", "body", "data", "content", "plaintext"];
    }
    let names_one = |index| names::is_secret_name(strings::content(tree.written(index)));
    if (0..tree.len()).any(|index| tree.is_string(index) && names_one(index)) {
        &["value", "val"]
    } else {
        &[]
    }
}

/// Strings that functions take as a method, and that no one mistakes for a secret.
const METHODS: [&str; 17] = [
    "escape",
    "hex",
    "base64",
    "utf8",
    "utf-8",
    "bf",
    "md5",
    "xdes",
    "des",
    "aes",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "raw",
    "sql_ascii",
];

/// Returns true if a string in a governed expression is not a secret: an empty string, a key in JSON, or the
/// method of a call.
fn is_harmless(tree: &Tree<'_>, index: usize) -> bool {
    let content = strings::content(tree.written(index));
    let before = index.checked_sub(1).map_or("", |before| tree.written(before));
    let is_key = ["->", "->>", "#>", "#>>", "?"].contains(&before);
    let is_method =
        matches!(before, "," | "(") && METHODS.iter().any(|method| content.eq_ignore_ascii_case(method));
    // An empty password is not harmless: it shows that the role has none.
    let is_empty =
        content.is_empty() && !tree.written(index).contains('$') && !names::speaks_of_secret(before);
    is_empty || is_key || is_method
}
