//! The values that fit a column's new type.

use crate::sql::facts::{Facts, SqlType};
use crate::sql::locks::is_computed;
use crate::sql::statement::{Fragment, TypeName};

/// The values that fit a column's new type. A null always does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// At most this many characters, apart from spaces at the end (`varchar`, `char`).
    Length(i32),
    /// Numbers from the first to the last, after rounding (`smallint`, `integer`, `bigint`).
    Range(i64, i64),
    /// Numbers with at most this many digits before the decimal point, after rounding to the scale
    /// (`numeric(p, s)`).
    Digits {
        /// The digits before the decimal point; negative if zeros follow it.
        whole: i32,
        /// The digits after it; negative if the last digits before it are rounded.
        scale: i32,
    },
    /// Texts that are valid input of the type. The server can tell since version 16 (`pg_input_is_valid`).
    Input,
}

/// Types of numbers, from which the server converts to any other one.
const NUMBERS: [&str; 6] = ["int2", "int4", "int8", "numeric", "float4", "float8"];
const TEXTS: [&str; 3] = ["text", "varchar", "bpchar"];

impl Limit {
    /// Returns the limit of a type change; `None` if every value fits, or if the server can't be asked which
    /// ones do.
    pub(super) fn of(
        new: &TypeName<'_>,
        old: Option<&SqlType>,
        using: Option<Fragment<'_>>,
        column: &str,
        facts: &Facts,
    ) -> Option<Limit> {
        if new.is_array || is_computed(using, new, column, facts) {
            return None;
        }
        let base = new.base();
        let old = old?;
        let (old_base, old_size) = old.element()?;
        let modifiers: Vec<i32> =
            new.modifiers.iter().map(|digits| digits.text().parse().ok()).collect::<Option<_>>()?;
        let is_text = TEXTS.contains(&old_base);
        if TEXTS.contains(&&*base) {
            // A cast of one's own would cut the text.
            let length = modifiers.first().copied().or_else(|| (base == "bpchar").then_some(1))?;
            let is_short = is_text && old_size.is_some_and(|size| size <= length);
            return (using.is_none() && !is_short).then_some(Limit::Length(length));
        }
        if is_text {
            return using.map(|_| Limit::Input);
        }
        if !NUMBERS.contains(&old_base) {
            return None;
        }
        match (&*base, modifiers.as_slice()) {
            ("int2", _) if old_base != "int2" => Some(Limit::Range(i16::MIN.into(), i16::MAX.into())),
            ("int4", _) if !["int2", "int4"].contains(&old_base) => {
                Some(Limit::Range(i32::MIN.into(), i32::MAX.into()))
            }
            ("int8", _) if !old_base.starts_with("int") => Some(Limit::Range(i64::MIN, i64::MAX)),
            ("numeric", [precision, scale @ ..]) => {
                let scale = scale.first().copied().unwrap_or(0);
                Some(Limit::Digits { whole: precision.saturating_sub(scale), scale })
            }
            _ => None,
        }
    }
}
