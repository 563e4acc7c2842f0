//! What a statement that refuses a transaction block is about.

use super::cursor::Cursor;
use super::token::TokenKind;

/// What a statement that refuses a transaction block is about, so that the catalog can be asked whether it was done.
///
/// Names are as the statement writes them, qualifiers and quotes included, and mean to `to_regclass` and `parse_ident`
/// what they mean there. (Those do not know `U&"…"`; such a name is written in plain quotes.)
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// `CREATE [UNIQUE] INDEX CONCURRENTLY`
    CreateIndex {
        /// The index, if it is given a name.
        name: Option<String>,
        /// The table.
        table: String,
        /// Whether it is a unique one.
        unique: bool,
        /// The access method, if it is given.
        method: Option<String>,
        /// What follows: columns, parameters, predicate.
        definition: String,
        /// Whether it says `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP INDEX CONCURRENTLY`
    DropIndex {
        /// The indexes; the server takes one at a time.
        names: Vec<String>,
    },
    /// `REINDEX INDEX`
    ReindexIndex {
        /// The index.
        name: String,
    },
    /// `REINDEX TABLE`
    ReindexTable {
        /// The table.
        name: String,
    },
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`
    DetachPartition {
        /// The partitioned table.
        table: String,
        /// The partition.
        partition: String,
    },
    /// `CREATE DATABASE`
    CreateDatabase {
        /// The database.
        name: String,
        /// The options as written, their names in lower case.
        options: Vec<(String, String)>,
    },
    /// `DROP DATABASE`
    DropDatabase {
        /// The database.
        name: String,
    },
    /// `CREATE TABLESPACE`
    CreateTablespace {
        /// The tablespace.
        name: String,
        /// The owner, if it is given.
        owner: Option<String>,
        /// The folder, as a string constant.
        location: Option<String>,
    },
    /// `DROP TABLESPACE`
    DropTablespace {
        /// The tablespace.
        name: String,
    },
    /// `CREATE SUBSCRIPTION`
    CreateSubscription {
        /// The subscription.
        name: String,
        /// The connection string, as a string constant.
        connection: Option<String>,
        /// The publications.
        publications: Vec<String>,
    },
    /// `DROP SUBSCRIPTION`
    DropSubscription {
        /// The subscription.
        name: String,
    },
    /// `COMMIT PREPARED` or `ROLLBACK PREPARED`
    EndPrepared {
        /// The transaction, as a string constant.
        transaction: String,
    },
}

/// What a statement that refuses a transaction block is about; `None` for the others, for those that can be run again
/// whatever became of them (`VACUUM`, `ALTER SYSTEM`, `REINDEX SCHEMA`, …), and for what has a syntax error.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{Subject, subject};
///
/// let names = vec!["app.\"By name\"".to_owned()];
/// assert_eq!(subject("DROP INDEX CONCURRENTLY IF EXISTS app . \"By name\""), Some(Subject::DropIndex { names }));
/// assert_eq!(subject("VACUUM users"), None);
/// ```
pub fn subject(statement: &str) -> Option<Subject> {
    let mut cursor = Cursor::new(statement);
    let cursor = &mut cursor;
    if cursor.word("CREATE") {
        create(cursor, statement)
    } else if cursor.word("DROP") {
        drop(cursor)
    } else if cursor.word("REINDEX") {
        reindex(cursor)
    } else if cursor.words(&["ALTER", "TABLE"]) {
        detach(cursor)
    } else if cursor.words(&["COMMIT", "PREPARED"]) || cursor.words(&["ROLLBACK", "PREPARED"]) {
        Some(Subject::EndPrepared { transaction: string(cursor)? })
    } else {
        None
    }
}

fn create(cursor: &mut Cursor<'_>, statement: &str) -> Option<Subject> {
    if cursor.word("DATABASE") {
        return Some(Subject::CreateDatabase { name: name(cursor)?, options: database_options(cursor)? });
    }
    if cursor.word("TABLESPACE") {
        return create_tablespace(cursor);
    }
    if cursor.word("SUBSCRIPTION") {
        return create_subscription(cursor);
    }
    let unique = cursor.word("UNIQUE");
    if !cursor.words(&["INDEX", "CONCURRENTLY"]) {
        return None;
    }
    let if_not_exists = cursor.words(&["IF", "NOT", "EXISTS"]);
    // ON is reserved: it can't be an index's name unless it is quoted.
    let index = if cursor.sees("ON") { None } else { Some(name(cursor)?) };
    if !cursor.word("ON") {
        return None;
    }
    let table = relation(cursor)?;
    let method = if cursor.word("USING") { Some(name(cursor)?) } else { None };
    let definition = cursor.peek().map_or("", |token| &statement[token.start..]);
    let definition = definition.trim_end().trim_end_matches(';').to_owned();
    Some(Subject::CreateIndex { name: index, table, unique, method, definition, if_not_exists })
}

/// `createdb_opt_list` of the server's grammar: `[WITH] name [=] value …`.
fn database_options(cursor: &mut Cursor<'_>) -> Option<Vec<(String, String)>> {
    cursor.word("WITH");
    let mut options = Vec::new();
    while !cursor.at_end() {
        let mut option = name(cursor)?.to_ascii_lowercase();
        if option == "connection" && cursor.word("LIMIT") {
            option = "connection_limit".to_owned();
        }
        cursor.sign("=");
        options.push((option, value(cursor)?));
    }
    Some(options)
}

/// The value of an option: a string constant, a name, a number.
fn value(cursor: &mut Cursor<'_>) -> Option<String> {
    if let Some(text) = string(cursor).or_else(|| name(cursor)) {
        return Some(text);
    }
    let minus = if cursor.sign("-") { "-" } else { "" };
    let token = cursor.take()?;
    Some(format!("{minus}{}", cursor.written(token)))
}

fn create_tablespace(cursor: &mut Cursor<'_>) -> Option<Subject> {
    let name = self::name(cursor)?;
    let owner = if cursor.word("OWNER") { Some(self::name(cursor)?) } else { None };
    let location = if cursor.word("LOCATION") { string(cursor) } else { None };
    Some(Subject::CreateTablespace { name, owner, location })
}

fn create_subscription(cursor: &mut Cursor<'_>) -> Option<Subject> {
    let name = self::name(cursor)?;
    let connection = if cursor.word("CONNECTION") { string(cursor) } else { None };
    let mut publications = Vec::new();
    if cursor.word("PUBLICATION") {
        publications.push(self::name(cursor)?);
        while cursor.sign(",") {
            publications.push(self::name(cursor)?);
        }
    }
    Some(Subject::CreateSubscription { name, connection, publications })
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Subject> {
    if cursor.words(&["INDEX", "CONCURRENTLY"]) {
        cursor.words(&["IF", "EXISTS"]);
        let mut names = vec![qualified_name(cursor)?];
        while cursor.sign(",") {
            names.push(qualified_name(cursor)?);
        }
        return Some(Subject::DropIndex { names });
    }
    let kind = ["DATABASE", "TABLESPACE", "SUBSCRIPTION"].into_iter().find(|kind| cursor.word(kind))?;
    cursor.words(&["IF", "EXISTS"]);
    let name = name(cursor)?;
    Some(match kind {
        "DATABASE" => Subject::DropDatabase { name },
        "TABLESPACE" => Subject::DropTablespace { name },
        _ => Subject::DropSubscription { name },
    })
}

fn reindex(cursor: &mut Cursor<'_>) -> Option<Subject> {
    cursor.options();
    let index = cursor.word("INDEX");
    if !index && !cursor.word("TABLE") {
        return None;
    }
    cursor.word("CONCURRENTLY");
    let name = qualified_name(cursor)?;
    Some(if index { Subject::ReindexIndex { name } } else { Subject::ReindexTable { name } })
}

fn detach(cursor: &mut Cursor<'_>) -> Option<Subject> {
    cursor.words(&["IF", "EXISTS"]);
    let table = relation(cursor)?;
    if !cursor.words(&["DETACH", "PARTITION"]) {
        return None;
    }
    let partition = qualified_name(cursor)?;
    cursor.word("CONCURRENTLY").then_some(Subject::DetachPartition { table, partition })
}

/// `relation_expr` of the server's grammar: `t`, `t *`, `ONLY t`, `ONLY (t)`.
fn relation(cursor: &mut Cursor<'_>) -> Option<String> {
    let parentheses = cursor.word("ONLY") && cursor.kind(TokenKind::LeftParenthesis);
    let name = qualified_name(cursor)?;
    if parentheses && !cursor.kind(TokenKind::RightParenthesis) {
        return None;
    }
    cursor.sign("*");
    Some(name)
}

fn qualified_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut written = name(cursor)?;
    while cursor.sign(".") {
        written = format!("{written}.{}", name(cursor)?);
    }
    Some(written)
}

fn name(cursor: &mut Cursor<'_>) -> Option<String> {
    let token = cursor.peek()?;
    let written = cursor.written(token);
    match token.kind {
        TokenKind::Word | TokenKind::QuotedIdentifier => {
            cursor.take();
            Some(written.to_owned())
        }
        TokenKind::UnicodeIdentifier => {
            cursor.take();
            let escape = unicode_escape(cursor)?;
            let inner = written.get(3..written.len().checked_sub(1)?)?.replace("\"\"", "\"");
            unescape(&inner, escape).map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
        }
        _ => None,
    }
}

/// A string constant as it is written.
fn string(cursor: &mut Cursor<'_>) -> Option<String> {
    let token = cursor.peek().filter(|token| token.kind.is_string())?;
    cursor.take();
    let written = cursor.written(token).to_owned();
    if token.kind != TokenKind::UnicodeString || !cursor.sees("UESCAPE") {
        return Some(written);
    }
    let escape = unicode_escape(cursor)?;
    Some(format!("{written} UESCAPE '{escape}'"))
}

/// The character that escapes in what was taken just now.
fn unicode_escape(cursor: &mut Cursor<'_>) -> Option<char> {
    if !cursor.word("UESCAPE") {
        return Some('\\');
    }
    let token = cursor.take()?;
    let mut inner = cursor.written(token).strip_prefix('\'')?.strip_suffix('\'')?.chars();
    inner.next().filter(|_| inner.next().is_none())
}

/// The text that `\0061`, `\+000061` and `\\` stand for, with any escape character. A pair of surrogates is one character.
fn unescape(text: &str, escape: char) -> Option<String> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        if next != escape {
            units.extend(next.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        if let Some(after) = rest.strip_prefix(escape) {
            units.extend(escape.encode_utf16(&mut [0; 2]).iter());
            rest = after;
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => long.split_at_checked(6)?,
            None => rest.split_at_checked(4)?,
        };
        let code = u32::from_str_radix(digits, 16).ok()?;
        match char::from_u32(code) {
            Some(c) => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            None => units.push(u16::try_from(code).ok()?),
        }
        rest = after;
    }
    String::from_utf16(&units).ok()
}
