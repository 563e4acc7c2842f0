//! The value of `batch=`: the table of a backfill, and the key by which it is divided.

use crate::sql::statement::LexedStatement;
use std::borrow::Cow;
use std::fmt;

/// The table of a backfill and the columns of its key, as written in a header: `app.users(tenant, id)`.
///
/// [`Display`](fmt::Display) writes it in the syntax of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// The table as written: an SQL name, with a schema if one was given.
    pub table: Cow<'static, str>,
    /// The columns of the key as written, in order. If there are none, the database's catalog decides.
    pub key: Cow<'static, [Cow<'static, str>]>,
}

impl Batch {
    /// Parses the value of the option.
    pub(super) fn parse(value: &str) -> Option<Batch> {
        let lexed = LexedStatement::new(value);
        let (table, key) = lexed.parse_relation_key()?;
        let table = (table.parts().len() <= 2).then(|| table.to_sql())??;
        let key = key.iter().map(|column| column.to_sql().map(|name| Cow::Owned(name.into_owned())));
        Some(Batch { table: Cow::Owned(table), key: key.collect::<Option<_>>()? })
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, "({})", self.key.join(",")) }
    }
}
