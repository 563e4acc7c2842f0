//! What a statement locks, and what it does to whole tables.
//!
//! The rules are those of the manual's chapter "Explicit Locking" and of `AlterTableGetLockLevel` in the server's
//! `tablecmds.c`, checked against what real servers show in `pg_locks`. Where only the catalog can tell (whether a cast
//! needs a rewrite, say), the heavier case is given, with the reason.

mod alter;
mod create;
mod mode;
mod other;

pub use mode::{LockMode, TableScan};

use super::cursor::Cursor;
use super::token::TokenKind;

/// A lock on a relation, and what a statement does while it holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationLock {
    /// The relation as the statement writes it, qualifiers and quotes included. For `DROP INDEX`, `ALTER INDEX` and
    /// `REINDEX INDEX` it is the index, whose table is locked too.
    pub relation: String,
    /// The mode.
    pub mode: LockMode,
    /// What is done to the whole of the relation.
    pub toll: TableScan,
    /// Why it is so, or what it depends on, where the statement alone does not show it.
    pub note: Option<&'static str>,
}

/// What a statement locks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Locks {
    /// These relations, and none that others use beside them; none at all for what only makes something new.
    Known(Vec<RelationLock>),
    /// What it locks can't be told from its text: it runs code (`DO`, `CALL`, functions in a query), or it is a statement
    /// that is not known here.
    Unknown,
}

impl Locks {
    /// The locks that are known.
    pub fn known(&self) -> &[RelationLock] {
        match self {
            Locks::Known(locks) => locks,
            Locks::Unknown => &[],
        }
    }
}

/// What a statement locks, and what it scans or rewrites.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{LockMode, TableScan, locks};
///
/// let locks = locks("ALTER TABLE posts ADD FOREIGN KEY (author) REFERENCES users");
/// let shown: Vec<String> = locks.known().iter().map(|lock| lock.to_string()).collect();
/// assert_eq!(shown, ["posts: SHARE ROW EXCLUSIVE, scanned", "users: SHARE ROW EXCLUSIVE"]);
/// assert!(LockMode::ShareRowExclusive.blocks_writes() && !LockMode::ShareRowExclusive.blocks_reads());
/// ```
pub fn locks(statement: &str) -> Locks {
    let mut cursor = Cursor::new(statement);
    let cursor = &mut cursor;
    let mut found = LockSet::default();
    let known = if cursor.word("ALTER") {
        alter::alter(cursor, &mut found)
    } else if cursor.word("CREATE") {
        create::create(cursor, &mut found)
    } else {
        other::other(cursor, &mut found)
    };
    match known {
        Some(()) => Locks::Known(found.0),
        None => Locks::Unknown,
    }
}

/// The locks found so far: one for each relation, the strongest.
#[derive(Debug, Default)]
struct LockSet(Vec<RelationLock>);

impl LockSet {
    fn add(&mut self, relation: impl Into<String>, mode: LockMode, toll: TableScan) {
        self.add_noted(relation, mode, toll, None);
    }

    fn add_noted(
        &mut self,
        relation: impl Into<String>,
        mode: LockMode,
        toll: TableScan,
        note: Option<&'static str>,
    ) {
        let relation = relation.into();
        let Some(lock) = self.0.iter_mut().find(|lock| lock.relation == relation) else {
            self.0.push(RelationLock { relation, mode, toll, note });
            return;
        };
        lock.mode = lock.mode.max(mode);
        if toll >= lock.toll {
            (lock.toll, lock.note) = (toll, note.or(lock.note));
        }
    }
}

impl std::fmt::Display for RelationLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.relation, self.mode)?;
        if self.toll != TableScan::Catalog {
            write!(f, ", {}", self.toll)?;
        }
        self.note.map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}

/// A name with its qualifiers, as it is written but without white space.
fn name(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut written = String::new();
    loop {
        let token = cursor.peek()?;
        match token.kind {
            TokenKind::Word | TokenKind::QuotedIdentifier => {
                written.push_str(cursor.written(token));
                cursor.take();
            }
            _ => return None,
        }
        if !cursor.sign(".") {
            return Some(written);
        }
        written.push('.');
    }
}

/// `relation_expr` of the server's grammar: `t`, `t *`, `ONLY t`, `ONLY (t)`.
fn relation(cursor: &mut Cursor<'_>) -> Option<String> {
    let parentheses = cursor.word("ONLY") && cursor.kind(TokenKind::LeftParenthesis);
    let name = name(cursor)?;
    if parentheses {
        cursor.kind(TokenKind::RightParenthesis);
    }
    cursor.sign("*");
    Some(name)
}

/// Names with commas between them.
fn names(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    let mut names = vec![relation(cursor)?];
    while cursor.sign(",") {
        names.push(relation(cursor)?);
    }
    Some(names)
}

/// Skips to the end of an item of a list: a comma outside of parentheses, a closing parenthesis that was not opened in it, or
/// the end. Tells each token on the way.
fn skip_item<'a>(cursor: &mut Cursor<'a>, mut see: impl FnMut(&mut Cursor<'a>, usize)) {
    let mut depth = 0_usize;
    while let Some(token) = cursor.peek() {
        match token.kind {
            TokenKind::LeftParenthesis => depth += 1,
            TokenKind::RightParenthesis if depth == 0 => return,
            TokenKind::RightParenthesis => depth -= 1,
            TokenKind::Semicolon => return,
            TokenKind::Punctuation if depth == 0 && cursor.written(token) == "," => return,
            _ => {}
        }
        let before = token.start;
        see(cursor, depth);
        if cursor.peek().is_some_and(|token| token.start == before) {
            cursor.take();
        }
    }
}
