//! The values of placeholders.

use crate::sql::quote::{quote_ident, quote_literal};

/// The value of a placeholder: it is quoted as what it is, so it can't become anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'v> {
    /// A name: of a schema, a role, a table. Always put in double quotes, so upper and lower case are kept, and dots too.
    Identifier(&'v str),
    /// A string constant.
    Literal(&'v str),
}

impl Value<'_> {
    /// The one token of SQL that it is.
    pub(crate) fn sql(self) -> String {
        match self {
            Value::Identifier(name) => quote_ident(name),
            Value::Literal(text) => quote_literal(text),
        }
    }

    pub(crate) fn is_empty_identifier(self) -> bool {
        matches!(self, Value::Identifier(name) if name.chars().all(|c| c == '\0'))
    }
}

/// Shows the kind of the value and not its content, which may be a secret.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::Identifier(_) => "Identifier(…)",
            Value::Literal(_) => "Literal(…)",
        })
    }
}
