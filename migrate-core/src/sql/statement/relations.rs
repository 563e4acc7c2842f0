//! The relations that a statement reads or changes, with their aliases.

use super::fragment::Fragment;
use super::name::{Name, QualifiedName};
use super::reader::Reader;

/// A relation in a statement: the target of an `UPDATE` or a `DELETE`, or an item after `FROM`, `USING` or
/// `JOIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationUse<'t> {
    /// The relation.
    pub name: QualifiedName<'t>,
    /// The alias, by which the rest of the statement names it.
    pub alias: Option<Name<'t>>,
}

/// Words that can follow a relation and are not its alias.
const NO_ALIAS: &[&str] = &[
    "CROSS",
    "EXCEPT",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LEFT",
    "LIMIT",
    "NATURAL",
    "OFFSET",
    "ON",
    "ORDER",
    "RETURNING",
    "RIGHT",
    "SET",
    "TABLESAMPLE",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
];

/// Words after which a comma is no longer one of a list of relations.
const AFTER_RELATIONS: &[&str] = &[
    "EXCEPT",
    "GROUP",
    "HAVING",
    "INTERSECT",
    "LIMIT",
    "ORDER",
    "RETURNING",
    "SELECT",
    "SET",
    "UNION",
    "VALUES",
    "WHERE",
    "WINDOW",
];

impl<'t> Fragment<'t> {
    /// The relations that it reads or changes, even inside parentheses, in order. The target of an `INSERT`
    /// is not among them.
    pub fn relations(&self) -> Vec<RelationUse<'t>> {
        let mut search = RelationSearch { reader: self.reader(), found: Vec::new(), lists: vec![false] };
        while !search.reader.is_exhausted() {
            search.step();
        }
        search.found
    }
}

struct RelationSearch<'t> {
    reader: Reader<'t>,
    found: Vec<RelationUse<'t>>,
    /// For each open parenthesis, true if its commas separate relations.
    lists: Vec<bool>,
}

impl RelationSearch<'_> {
    fn step(&mut self) {
        let reader = &mut self.reader;
        // Neither `FOR UPDATE` nor `DO UPDATE` names a relation.
        if (reader.word("FOR") || reader.word("DO")) && reader.word("UPDATE") {
        } else if reader.word("FROM") || reader.word("USING") {
            self.set_list(true);
            self.relation();
        } else if reader.word("JOIN") || reader.word("UPDATE") {
            self.relation();
        } else if reader.sign(",") {
            if self.lists.last() == Some(&true) {
                self.relation();
            }
        } else if reader.sign("(") {
            self.lists.push(false);
        } else if reader.sign(")") {
            self.lists.pop();
        } else {
            if reader.sees_any(AFTER_RELATIONS) {
                self.set_list(false);
            }
            self.reader.take();
        }
    }

    fn set_list(&mut self, is_list: bool) {
        if let Some(last) = self.lists.last_mut() {
            *last = is_list;
        }
    }

    /// Takes a relation with its alias, if one is next.
    fn relation(&mut self) {
        let reader = &mut self.reader;
        while reader.any(&["ONLY", "LATERAL"]).is_some() {}
        if reader.sign("(") {
            self.lists.push(true);
            return self.relation();
        }
        if reader.sees_any(&["SELECT", "VALUES", "WITH", "ROWS"]) {
            return;
        }
        let Some(name) = reader.qualified_name() else { return };
        if reader.sees_sign("(") {
            return;
        }
        reader.sign("*");
        let is_alias = reader.word("AS") || !reader.sees_any(NO_ALIAS);
        let alias = if is_alias { reader.name() } else { None };
        self.found.push(RelationUse { name, alias });
    }
}
