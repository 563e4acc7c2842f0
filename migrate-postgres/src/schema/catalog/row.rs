//! The rows of the catalog's query.

use crate::objects::details::attributes::Attributes;
use crate::objects::kind::Kind;
use crate::objects::object::Object;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type, accepts};

/// The object of a row. Our query returns only known kinds.
pub(super) fn object(row: &Row) -> Option<Object> {
    let kind = Kind::of_word(row.get(0))?;
    let Pairs(pairs) = row.get(3);
    let object = Object::described(kind, row.get(1), Attributes::new(&pairs));
    Some(match row.get::<_, Option<String>>(2) {
        Some(table) => object.of(table),
        None => object,
    })
}

/// A `text[]` of two dimensions, as pairs; those whose second text is null are left out.
struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl<'a> FromSql<'a> for Pairs<'a> {
    /// Number of dimensions, flags and element type; for each dimension its length and lower bound; the elements,
    /// each with its length, which is -1 for null.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Pairs<'a>, Box<dyn Error + Sync + Send>> {
        let mut reader = Reader(raw);
        let dimensions = reader.number()?;
        let numbers = 2 + 2 * usize::try_from(dimensions)?;
        reader.take(4 * numbers)?;
        let mut pairs = Vec::new();
        while !reader.0.is_empty() {
            if let (Some(name), Some(value)) = (reader.text()?, reader.text()?) {
                pairs.push((name, value));
            }
        }
        Ok(Pairs(pairs))
    }

    accepts!(TEXT_ARRAY);
}

/// The bytes that are left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Box<dyn Error + Sync + Send>> {
        let (taken, left) = self.0.split_at_checked(count).ok_or("an array that breaks off")?;
        self.0 = left;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, Box<dyn Error + Sync + Send>> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn text(&mut self) -> Result<Option<&'a str>, Box<dyn Error + Sync + Send>> {
        match usize::try_from(self.number()?) {
            Ok(length) => Ok(Some(std::str::from_utf8(self.take(length)?)?)),
            Err(_) => Ok(None),
        }
    }
}
