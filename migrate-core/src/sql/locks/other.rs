//! Everything but `ALTER` and `CREATE`.

use super::super::cursor::Cursor;
use super::{LockMode, LockSet, TableScan, name, names, relation};

pub(super) fn other(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, Exclusive, RowExclusive, Share, ShareUpdateExclusive};
    if cursor.word("DROP") {
        return drop(cursor, found);
    }
    if cursor.word("TRUNCATE") {
        cursor.word("TABLE");
        for table in names(cursor)? {
            found.add_noted(
                table,
                AccessExclusive,
                TableScan::Catalog,
                Some("its rows are gone without a scan"),
            );
        }
        return Some(());
    }
    if cursor.words(&["INSERT", "INTO"])
        || cursor.word("UPDATE")
        || cursor.words(&["DELETE", "FROM"])
        || cursor.words(&["MERGE", "INTO"])
    {
        let note = "and what its query or triggers read";
        found.add_noted(relation(cursor)?, RowExclusive, TableScan::Rows, Some(note));
        return Some(());
    }
    if cursor.words(&["REFRESH", "MATERIALIZED", "VIEW"]) {
        let concurrently = cursor.word("CONCURRENTLY");
        let (mode, toll) =
            if concurrently { (Exclusive, TableScan::Scan) } else { (AccessExclusive, TableScan::Rewrite) };
        found.add(name(cursor)?, mode, toll);
        return Some(());
    }
    if cursor.word("REINDEX") {
        cursor.options();
        let index = cursor.word("INDEX");
        if !index && !cursor.word("TABLE") {
            return None;
        }
        let concurrently = cursor.word("CONCURRENTLY");
        let mode = match (concurrently, index) {
            (true, _) => ShareUpdateExclusive,
            (false, true) => AccessExclusive,
            (false, false) => Share,
        };
        found.add_noted(
            name(cursor)?,
            mode,
            TableScan::Build,
            (!concurrently).then_some("the table in SHARE mode, its index in ACCESS EXCLUSIVE mode"),
        );
        return Some(());
    }
    if cursor.word("CLUSTER") {
        cursor.options();
        cursor.word("VERBOSE");
        found.add(name(cursor)?, AccessExclusive, TableScan::Rewrite);
        return Some(());
    }
    if cursor.word("VACUUM") {
        let full =
            cursor.options().is_some_and(|options| options.iter().any(|o| o.name == "full" && o.is_on()));
        let full = cursor.word("FULL") || full;
        let _ = cursor.word("FREEZE") | cursor.word("VERBOSE") | cursor.word("ANALYZE");
        let (mode, toll) = if full {
            (AccessExclusive, TableScan::Rewrite)
        } else {
            (ShareUpdateExclusive, TableScan::Scan)
        };
        found.add(name(cursor)?, mode, toll);
        return Some(());
    }
    if cursor.word("ANALYZE") {
        cursor.options();
        cursor.word("VERBOSE");
        found.add(name(cursor)?, ShareUpdateExclusive, TableScan::Rows);
        return Some(());
    }
    if cursor.word("LOCK") {
        return lock(cursor, found);
    }
    if cursor.words(&["COMMENT", "ON"]) {
        return comment(cursor, found);
    }
    let locks_nothing =
        ["GRANT", "REVOKE", "SET", "RESET", "NOTIFY", "LISTEN", "DISCARD", "SECURITY", "REASSIGN"];
    let transactions = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];
    transactions.iter().chain(&locks_nothing).any(|word| cursor.word(word)).then_some(())
}

fn drop(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    use LockMode::{AccessExclusive, ShareUpdateExclusive};
    if cursor.word("INDEX") {
        let concurrently = cursor.word("CONCURRENTLY");
        cursor.words(&["IF", "EXISTS"]);
        let mode = if concurrently { ShareUpdateExclusive } else { AccessExclusive };
        for index in names(cursor)? {
            found.add_noted(index, mode, TableScan::Catalog, Some("and the table that it is of"));
        }
        return Some(());
    }
    let relations = ["TABLE", "VIEW", "SEQUENCE"];
    let is_relation = cursor.words(&["MATERIALIZED", "VIEW"])
        || cursor.words(&["FOREIGN", "TABLE"])
        || relations.iter().any(|kind| cursor.word(kind));
    if is_relation {
        cursor.words(&["IF", "EXISTS"]);
        let note = "and tables that are joined to it by foreign keys";
        for relation in names(cursor)? {
            found.add_noted(relation, AccessExclusive, TableScan::Catalog, Some(note));
        }
        return Some(());
    }
    if cursor.word("TRIGGER") || cursor.word("POLICY") || cursor.word("RULE") {
        cursor.words(&["IF", "EXISTS"]);
        name(cursor)?;
        cursor.word("ON").then_some(())?;
        found.add(relation(cursor)?, AccessExclusive, TableScan::Catalog);
        return Some(());
    }
    if cursor.word("SCHEMA") || cursor.word("OWNED") || cursor.word("EXTENSION") {
        // All that is in it.
        return None;
    }
    let mut ahead = cursor.clone();
    while !ahead.at_end() {
        // CASCADE may drop columns and views of other tables.
        if ahead.word("CASCADE") {
            return None;
        }
        ahead.take();
    }
    Some(())
}

fn lock(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    cursor.word("TABLE");
    let tables = names(cursor)?;
    let mut mode = LockMode::AccessExclusive;
    if cursor.word("IN") {
        let modes = [
            LockMode::AccessShare,
            LockMode::RowShare,
            LockMode::RowExclusive,
            LockMode::ShareUpdateExclusive,
            LockMode::ShareRowExclusive,
            LockMode::AccessExclusive,
            LockMode::Share,
            LockMode::Exclusive,
        ];
        mode = modes.into_iter().find(|mode| {
            let words: Vec<&str> = mode.as_sql().split(' ').chain(["MODE"]).collect();
            cursor.words(&words)
        })?;
    }
    for table in tables {
        found.add(table, mode, TableScan::Catalog);
    }
    Some(())
}

fn comment(cursor: &mut Cursor<'_>, found: &mut LockSet) -> Option<()> {
    use LockMode::ShareUpdateExclusive;
    let relations = ["TABLE", "VIEW", "INDEX", "SEQUENCE"];
    if cursor.words(&["MATERIALIZED", "VIEW"]) || relations.iter().any(|kind| cursor.word(kind)) {
        found.add(name(cursor)?, ShareUpdateExclusive, TableScan::Catalog);
    } else if cursor.word("COLUMN") {
        let column = name(cursor)?;
        let (table, _) = column.rsplit_once('.')?;
        found.add(table, ShareUpdateExclusive, TableScan::Catalog);
    }
    Some(())
}
