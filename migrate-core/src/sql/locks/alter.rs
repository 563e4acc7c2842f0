//! `ALTER …`

use super::super::cursor::Cursor;
use super::super::token::TokenKind;
use super::{LockMode, LockSet, TableScan, name, relation, skip_item};

pub(super) fn alter(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    if cursor.words(&["FOREIGN", "TABLE"]) || cursor.word("TABLE") {
        return table(cursor, found);
    }
    if cursor.words(&["MATERIALIZED", "VIEW"]) || cursor.word("VIEW") {
        cursor.words(&["IF", "EXISTS"]);
        found.add(relation(cursor)?, LockMode::AccessExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("INDEX") {
        cursor.words(&["IF", "EXISTS"]);
        let index = relation(cursor)?;
        let mode = if cursor.words(&["SET", "TABLESPACE"]) {
            (LockMode::AccessExclusive, TableScan::Rewrite)
        } else {
            (LockMode::ShareUpdateExclusive, TableScan::Catalog)
        };
        found.add(index, mode.0, mode.1);
        return Some(());
    }
    if cursor.word("SEQUENCE") {
        cursor.words(&["IF", "EXISTS"]);
        found.add(relation(cursor)?, LockMode::ShareRowExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("POLICY") || cursor.word("RULE") {
        cursor.words(&["IF", "EXISTS"]);
        name(cursor)?;
        cursor.word("ON").then_some(())?;
        found.add(relation(cursor)?, LockMode::AccessExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("TRIGGER") {
        name(cursor)?;
        cursor.word("ON").then_some(())?;
        found.add(relation(cursor)?, LockMode::AccessExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("DOMAIN") {
        // A constraint of a domain is checked against every table that uses it: only the catalog knows which.
        name(cursor)?;
        return (!cursor.word("ADD") && !cursor.words(&["VALIDATE", "CONSTRAINT"])).then_some(());
    }
    let catalog_only = [
        "TYPE",
        "FUNCTION",
        "PROCEDURE",
        "ROUTINE",
        "AGGREGATE",
        "SCHEMA",
        "ROLE",
        "USER",
        "GROUP",
        "DATABASE",
        "SYSTEM",
        "DEFAULT",
        "EXTENSION",
        "COLLATION",
        "OPERATOR",
        "LANGUAGE",
        "EVENT",
        "STATISTICS",
        "SERVER",
        "LARGE",
        "TEXT",
        "CONVERSION",
    ];
    catalog_only.iter().any(|kind| cursor.word(kind)).then_some(())
}

fn table(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    cursor.words(&["IF", "EXISTS"]);
    if cursor.word("ALL") {
        return None;
    }
    let table = relation(cursor)?;
    loop {
        action(cursor, &table, found)?;
        skip_item(cursor, |_, _| {});
        if !cursor.sign(",") {
            return cursor.at_end().then_some(());
        }
    }
}

fn action(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};
    let catalog = |found: &mut LockSet, mode| found.add(table, mode, TableScan::Catalog);
    if cursor.word("ADD") {
        return add(cursor, table, found);
    }
    if cursor.word("DROP") {
        let note =
            cursor.sees("CONSTRAINT").then_some("the table that a foreign key refers to is locked too");
        found.add_noted(table, AccessExclusive, TableScan::Catalog, note);
        return Some(());
    }
    if cursor.word("VALIDATE") {
        found.add_noted(
            table,
            ShareUpdateExclusive,
            TableScan::Scan,
            Some("a foreign key locks the table it refers to in ROW SHARE mode"),
        );
        return Some(());
    }
    if cursor.word("ALTER") {
        if cursor.word("CONSTRAINT") {
            catalog(found, AccessExclusive);
            return Some(());
        }
        cursor.word("COLUMN");
        name(cursor)?;
        return column(cursor, table, found);
    }
    if cursor.word("RENAME") || cursor.word("OWNER") || cursor.words(&["REPLICA", "IDENTITY"]) {
        catalog(found, AccessExclusive);
        return Some(());
    }
    if cursor.word("ENABLE")
        || cursor.word("DISABLE")
        || cursor.word("FORCE")
        || cursor.words(&["NO", "FORCE"])
    {
        let _ = cursor.word("ALWAYS") || cursor.word("REPLICA");
        catalog(found, if cursor.sees("TRIGGER") { ShareRowExclusive } else { AccessExclusive });
        return Some(());
    }
    if cursor.word("SET") {
        return set(cursor, table, found);
    }
    if cursor.word("RESET") || cursor.words(&["CLUSTER", "ON"]) {
        catalog(found, ShareUpdateExclusive);
        return Some(());
    }
    if cursor.words(&["ATTACH", "PARTITION"]) {
        catalog(found, ShareUpdateExclusive);
        let note = "unless a CHECK constraint implies its bounds; a default partition is scanned too";
        found.add_noted(name(cursor)?, AccessExclusive, TableScan::Scan, Some(note));
        return Some(());
    }
    if cursor.words(&["DETACH", "PARTITION"]) {
        let partition = name(cursor)?;
        let concurrently = cursor.word("CONCURRENTLY");
        catalog(found, if concurrently { ShareUpdateExclusive } else { AccessExclusive });
        found.add(partition, AccessExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("INHERIT") || cursor.words(&["NO", "INHERIT"]) {
        catalog(found, AccessExclusive);
        found.add(name(cursor)?, ShareUpdateExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("OF") || cursor.words(&["NOT", "OF"]) {
        catalog(found, AccessExclusive);
        return Some(());
    }
    None
}

fn set(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, ShareUpdateExclusive};
    let rewrites = ["TABLESPACE", "LOGGED", "UNLOGGED", "ACCESS"];
    if rewrites.iter().any(|word| cursor.word(word)) {
        found.add_noted(table, AccessExclusive, TableScan::Rewrite, Some("unless that is how it is already"));
    } else if cursor.word("SCHEMA") || cursor.word("WITHOUT") || cursor.word("WITH") {
        found.add(table, AccessExclusive, TableScan::Catalog);
    } else if cursor.peek()?.kind == TokenKind::LeftParenthesis {
        found.add(table, ShareUpdateExclusive, TableScan::Catalog);
    } else {
        return None;
    }
    Some(())
}

/// What comes after `ALTER COLUMN c`.
fn column(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, ShareUpdateExclusive};
    if cursor.words(&["SET", "NOT", "NULL"]) {
        let note = "unless a valid CHECK constraint shows that there is no null";
        found.add_noted(table, AccessExclusive, TableScan::Scan, Some(note));
    } else if cursor.words(&["SET", "STATISTICS"]) || {
        let mut ahead = cursor.clone();
        (ahead.word("SET") || ahead.word("RESET")) && ahead.kind(TokenKind::LeftParenthesis)
    } {
        found.add(table, ShareUpdateExclusive, TableScan::Catalog);
    } else if cursor.word("TYPE") || cursor.words(&["SET", "DATA", "TYPE"]) {
        let note = "unless the old type can be read as the new one; its indexes are built anew where they have to be";
        found.add_noted(table, AccessExclusive, TableScan::Rewrite, Some(note));
    } else if cursor.words(&["SET", "EXPRESSION"]) {
        found.add(table, AccessExclusive, TableScan::Rewrite);
    } else if cursor.word("SET") || cursor.word("DROP") || cursor.word("ADD") || cursor.word("RESTART") {
        found.add(table, AccessExclusive, TableScan::Catalog);
    } else {
        return None;
    }
    Some(())
}

/// What comes after `ADD`: a constraint or a column.
fn add(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) -> Option<()> {
    if cursor.word("CONSTRAINT") {
        name(cursor)?;
        return constraint(cursor, table, found);
    }
    let is_constraint =
        ["CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"].iter().any(|word| cursor.sees(word));
    if is_constraint || cursor.clone().words(&["NOT", "NULL"]) {
        return constraint(cursor, table, found);
    }
    cursor.word("COLUMN");
    cursor.words(&["IF", "NOT", "EXISTS"]);
    name(cursor)?;
    new_column(cursor, table, found);
    Some(())
}

fn constraint(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, ShareRowExclusive};
    if cursor.word("FOREIGN") {
        let mut referenced = None;
        let mut validated = true;
        skip_item(cursor, |cursor, depth| {
            if depth == 0 && cursor.word("REFERENCES") {
                referenced = name(cursor);
            } else if depth == 0 && cursor.words(&["NOT", "VALID"]) {
                validated = false;
            }
        });
        let toll = if validated { TableScan::Scan } else { TableScan::Catalog };
        found.add(table, ShareRowExclusive, toll);
        found.add(referenced?, ShareRowExclusive, TableScan::Catalog);
        return Some(());
    }
    let mut toll = TableScan::Scan;
    if cursor.word("UNIQUE") || cursor.words(&["PRIMARY", "KEY"]) || cursor.word("EXCLUDE") {
        toll = TableScan::Build;
    } else if !cursor.word("CHECK") && !cursor.words(&["NOT", "NULL"]) {
        return None;
    }
    skip_item(cursor, |cursor, depth| {
        if depth == 0
            && (cursor.words(&["NOT", "VALID"])
                || cursor.words(&["USING", "INDEX"]) && !cursor.sees("TABLESPACE"))
        {
            toll = TableScan::Catalog;
        }
    });
    found.add(table, AccessExclusive, toll);
    Some(())
}

/// A column's type and constraints.
fn new_column(cursor: &mut Cursor<'_>, table: &str, found: &mut LockSet) {
    let serial = ["smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"];
    let (mut toll, mut note) = (TableScan::Catalog, None);
    if serial.iter().any(|kind| cursor.word(kind)) {
        (toll, note) = (TableScan::Rewrite, Some("each row gets a number of its own"));
    }
    let mut referenced = None;
    let mut has_default = false;
    skip_item(cursor, |cursor, depth| {
        if depth > 0 {
            return;
        }
        if cursor.word("DEFAULT") {
            has_default = true;
            if may_be_volatile(cursor) && toll < TableScan::Rewrite {
                (toll, note) = (TableScan::Rewrite, Some("if what the default calls is volatile"));
            }
        } else if cursor.words(&["GENERATED"]) {
            let virtual_column = cursor.clone();
            (toll, note) = (TableScan::Rewrite, generated(virtual_column));
        } else if cursor.words(&["PRIMARY", "KEY"]) || cursor.word("UNIQUE") {
            toll = toll.max(TableScan::Build);
        } else if cursor.word("CHECK") {
            toll = toll.max(TableScan::Scan);
        } else if cursor.word("REFERENCES") {
            referenced = name(cursor);
        }
    });
    if has_default && referenced.is_some() {
        toll = toll.max(TableScan::Scan);
    }
    if toll == TableScan::Rewrite && note == Some("virtual") {
        (toll, note) = (TableScan::Catalog, None);
    }
    found.add_noted(table, LockMode::AccessExclusive, toll, note);
    if let Some(referenced) = referenced {
        found.add(referenced, LockMode::ShareRowExclusive, TableScan::Catalog);
    }
}

/// Why a generated column needs a rewrite; `virtual` for one that needs none.
fn generated(mut cursor: Cursor<'_>) -> Option<&'static str> {
    let mut note = Some("virtual");
    skip_item(&mut cursor, |cursor, depth| {
        if depth == 0 && cursor.word("IDENTITY") {
            note = Some("each row gets a number of its own");
        } else if depth == 0 && cursor.word("STORED") {
            note = Some("the value of each row is stored");
        }
    });
    note
}

/// Whether a default may be volatile: it calls a function that is not known to be the same for all rows.
fn may_be_volatile(cursor: &Cursor<'_>) -> bool {
    let stable =
        ["now", "transaction_timestamp", "statement_timestamp", "current_setting", "current_database"];
    let mut ahead = cursor.clone();
    let mut volatile = false;
    let mut last_word: Option<String> = None;
    let mut qualified = false;
    skip_item(&mut ahead, |cursor, depth| {
        let Some(token) = cursor.peek() else { return };
        match token.kind {
            TokenKind::Word => {
                let word = cursor.written(token).to_ascii_lowercase();
                // The next constraint of the column ends the default.
                last_word = Some(word);
            }
            TokenKind::QuotedIdentifier => last_word = Some(String::from("\"")),
            TokenKind::LeftParenthesis => {
                let words = ["check", "numeric", "decimal", "varchar", "char", "character", "varying", "bit"];
                if let Some(word) = last_word.take() {
                    let known = stable.contains(&word.as_str()) || words.contains(&word.as_str());
                    volatile |= !known || qualified;
                }
            }
            TokenKind::Punctuation if cursor.written(token) == "." => {
                qualified = last_word.as_deref() != Some("pg_catalog");
                return;
            }
            _ => last_word = None,
        }
        let _ = depth;
    });
    volatile
}
