//! Redaction of rows: the values of an `INSERT`, and of other lists, whose columns have secret names.

use super::names;
use super::rules::{Rules, qualified_start};
use std::ops::Range;

impl Rules<'_> {
    /// The rows inserted, without a list of columns, into a table whose name denotes secrets.
    pub(super) fn rows_of_table(&mut self, index: usize, from: usize) {
        let tree = self.tree;
        let is_table = tree.is(qualified_start(tree, index).wrapping_sub(1), &["INTO"]);
        if !is_table || !names::names_secret(tree.written(index)) || !tree.is(from, &["VALUES", "SELECT"]) {
            return;
        }
        let mut end = from;
        while end < tree.len() && !tree.closes(end) && !tree.is(end, &["WHERE", "RETURNING", "CONFLICT"]) {
            end = tree.after(end);
        }
        self.govern(from..end);
    }

    /// A list of names of which one denotes a secret: the values at the same position.
    pub(super) fn list(&mut self, opening: usize) {
        let tree = self.tree;
        let elements = tree.elements(tree.inside(opening));
        let is_name =
            |element: &Range<usize>| element.clone().all(|at| tree.is_name(at) || tree.written(at) == ".");
        if !elements.iter().all(is_name) {
            return;
        }
        let is_secret = |place: &usize| elements[*place].clone().any(|at| self.is_secret(at));
        let places: Vec<usize> = (0..elements.len()).filter(is_secret).collect();
        if places.is_empty() {
            return;
        }
        let mut at = tree.after(opening);
        while tree.is(at, &["OVERRIDING", "SYSTEM", "USER", "VALUE", "AS", "NOT", "MATERIALIZED"]) {
            at += 1;
        }
        if tree.compares(at) {
            let from = if tree.is(at + 1, &["ROW"]) { at + 2 } else { at + 1 };
            let is_row = tree.written(at) != "IN";
            self.group(from, &places, is_row);
        } else if tree.is(at, &["VALUES", "SELECT", "WITH"]) {
            self.query(at..tree.len(), &places);
            self.subqueries(0..opening);
        } else if tree.opens(at) {
            self.group(at, &places, true);
        }
        self.group_before(opening, &places);
    }

    /// `(VALUES …) AS v (name, password)`.
    fn group_before(&mut self, opening: usize, places: &[usize]) {
        let tree = self.tree;
        let Some(mut at) = opening.checked_sub(2).filter(|_| tree.is_name(opening - 1)) else { return };
        if tree.is(at, &["AS"]) {
            at = at.wrapping_sub(1);
        }
        if tree.closes(at) {
            self.group(tree.partner(at), places, true);
        }
    }

    /// A query or a row in parentheses.
    fn group(&mut self, opening: usize, places: &[usize], is_row: bool) {
        let tree = self.tree;
        if !tree.opens(opening) {
            return;
        }
        let inside = tree.inside(opening);
        if tree.is(inside.start, &["VALUES", "SELECT", "WITH"]) {
            self.query(inside, places);
        } else if is_row {
            self.row(inside, places);
        } else {
            self.govern(inside);
        }
    }

    fn row(&mut self, row: Range<usize>, places: &[usize]) {
        let elements = self.tree.elements(row.clone());
        let is_star = |element: &Range<usize>| self.tree.written(element.end - 1) == "*";
        if elements.iter().any(is_star) {
            return self.govern(row);
        }
        for place in places {
            if let Some(element) = elements.get(*place) {
                self.govern(element.clone());
            }
        }
    }

    /// The rows of a query: the elements of its lists at these positions, and everything it reads from.
    fn query(&mut self, query: Range<usize>, places: &[usize]) {
        let tree = self.tree;
        let mut at = query.start;
        while at < query.end && !tree.closes(at) {
            if tree.is(at, &["SELECT"]) {
                let from = at + 1 + usize::from(tree.is(at + 1, &["DISTINCT", "ALL"]));
                let end = self.list_end(from, query.end);
                self.row(from..end, places);
                at = end.max(at + 1);
            } else if tree.is(at, &["VALUES"]) {
                at += 1;
                while tree.opens(at) {
                    self.row(tree.inside(at), places);
                    at = tree.after(at);
                    at += usize::from(tree.written(at) == ",");
                }
            } else {
                at = self.subquery(at);
            }
        }
    }

    /// The end of a select list.
    fn list_end(&self, from: usize, until: usize) -> usize {
        let tree = self.tree;
        let mut at = from;
        while at < until && !tree.closes(at) {
            let end = tree.expression_end(at);
            at = match () {
                () if tree.written(end) == "," => end + 1,
                () if tree.is(end, &["AS"]) => end + 2,
                () => return end.max(from).min(until),
            };
            if tree.written(at) == "," {
                at += 1;
            } else if tree.ends_expression(at) {
                return at.min(until);
            }
        }
        at.min(until)
    }

    fn subqueries(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            at = self.subquery(at);
        }
    }

    /// Governs a whole query in parentheses; returns the token after it.
    fn subquery(&mut self, at: usize) -> usize {
        let tree = self.tree;
        if tree.opens(at) && tree.is(at + 1, &["SELECT", "VALUES", "WITH"]) {
            self.govern(tree.inside(at));
        }
        tree.after(at)
    }
}
