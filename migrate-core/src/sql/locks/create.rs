//! `CREATE …`

use super::super::cursor::Cursor;
use super::super::token::TokenKind;
use super::{LockMode, LockSet, TableScan, name, relation, skip_item};

pub(super) fn create(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, Share, ShareRowExclusive, ShareUpdateExclusive};
    cursor.words(&["OR", "REPLACE"]);
    let unique = cursor.word("UNIQUE");
    if cursor.word("INDEX") {
        let concurrently = cursor.word("CONCURRENTLY");
        cursor.words(&["IF", "NOT", "EXISTS"]);
        if !cursor.sees("ON") {
            name(cursor)?;
        }
        cursor.word("ON").then_some(())?;
        let mode = if concurrently { ShareUpdateExclusive } else { Share };
        found.add(relation(cursor)?, mode, TableScan::Build);
        return Some(());
    }
    if unique {
        return None;
    }
    let constraint = cursor.word("CONSTRAINT");
    if cursor.word("TRIGGER") {
        name(cursor)?;
        return on(cursor, ShareRowExclusive, found);
    }
    if constraint {
        return None;
    }
    if cursor.word("POLICY") {
        name(cursor)?;
        return on(cursor, AccessExclusive, found);
    }
    if cursor.word("RULE") {
        return to(cursor, "TO").and_then(|()| {
            found.add(relation(cursor)?, AccessExclusive, TableScan::Catalog);
            Some(())
        });
    }
    let temporary = ["GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED"];
    while temporary.iter().any(|word| cursor.word(word)) {}
    if cursor.words(&["FOREIGN", "TABLE"]) || cursor.word("TABLE") {
        return table(cursor, found);
    }
    if cursor.words(&["MATERIALIZED", "VIEW"]) {
        // It runs a query.
        return None;
    }
    let nothing_of_others = [
        "SCHEMA",
        "SEQUENCE",
        "TYPE",
        "DOMAIN",
        "FUNCTION",
        "PROCEDURE",
        "AGGREGATE",
        "ROLE",
        "USER",
        "GROUP",
        "DATABASE",
        "TABLESPACE",
        "EXTENSION",
        "COLLATION",
        "OPERATOR",
        "CAST",
        "LANGUAGE",
        "VIEW",
        "RECURSIVE",
        "EVENT",
        "SERVER",
        "FOREIGN",
        "TEXT",
        "ACCESS",
        "CONVERSION",
        "TRANSFORM",
        "SUBSCRIPTION",
        "TRUSTED",
        "PROCEDURAL",
    ];
    if nothing_of_others.iter().any(|kind| cursor.word(kind)) {
        return Some(());
    }
    if cursor.word("STATISTICS") {
        to(cursor, "FROM")?;
        found.add(relation(cursor)?, ShareUpdateExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("PUBLICATION") {
        name(cursor)?;
        if cursor.words(&["FOR", "TABLE"]) {
            loop {
                found.add(relation(cursor)?, ShareUpdateExclusive, TableScan::Catalog);
                skip_item(cursor, |_, _| {});
                if !cursor.sign(",") {
                    break;
                }
            }
        }
        return Some(());
    }
    None
}

/// Goes on behind a keyword.
fn to(cursor: &mut Cursor<'_>, keyword: &str) -> Option<()> {
    while !cursor.at_end() {
        if cursor.word(keyword) {
            return Some(());
        }
        cursor.take();
    }
    None
}

/// The relation after `ON`.
fn on(cursor: &mut Cursor<'_>, mode: LockMode, found: &mut LockSet) -> Option<()> {
    to(cursor, "ON")?;
    found.add(relation(cursor)?, mode, TableScan::Catalog);
    Some(())
}

/// A new table locks what it refers to, is a partition of, inherits from or is made like.
fn table(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    cursor.words(&["IF", "NOT", "EXISTS"]);
    let table = name(cursor)?;
    if cursor.words(&["PARTITION", "OF"]) {
        let note = "a default partition is scanned, under the same lock";
        found.add_noted(name(cursor)?, LockMode::AccessExclusive, TableScan::Catalog, Some(note));
        return Some(());
    }
    while !cursor.at_end() {
        if cursor.word("REFERENCES") {
            let referenced = name(cursor)?;
            if referenced != table {
                found.add(referenced, LockMode::ShareRowExclusive, TableScan::Catalog);
            }
        } else if cursor.word("LIKE") {
            found.add(name(cursor)?, LockMode::AccessShare, TableScan::Catalog);
        } else if cursor.word("INHERITS") && cursor.kind(TokenKind::LeftParenthesis) {
            loop {
                found.add(name(cursor)?, LockMode::ShareUpdateExclusive, TableScan::Catalog);
                if !cursor.sign(",") {
                    break;
                }
            }
        } else if cursor.word("SELECT") || cursor.word("EXECUTE") {
            // CREATE TABLE … AS runs a query.
            return None;
        } else {
            cursor.take();
        }
    }
    Some(())
}
