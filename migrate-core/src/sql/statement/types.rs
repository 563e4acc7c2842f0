//! Type names, as in column definitions and casts.

use super::fragment::{Fragment, Span};
use super::name::QualifiedName;
use super::reader::Reader;
use std::borrow::Cow;

/// A type as written: `varchar(20)`, `timestamp with time zone`, `app.mood[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeName<'t> {
    /// The name as written, unless the grammar has its own keywords for the type (`int`, `double precision`,
    /// …).
    pub name: Option<QualifiedName<'t>>,
    /// The catalog name of a type for which the grammar has its own keywords: `int4` for `integer`.
    keyword: Option<&'static str>,
    /// The modifiers in parentheses: `10` and `2` in `numeric(10, 2)`.
    pub modifiers: Vec<Fragment<'t>>,
    /// The largest and the smallest field of an `interval DAY TO SECOND`, if given.
    pub fields: Option<(IntervalField, IntervalField)>,
    /// True for an array.
    pub is_array: bool,
    /// True for `SETOF`.
    pub is_set: bool,
    /// The span of the whole type.
    pub span: Span,
}

/// A field of an interval, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IntervalField {
    /// `SECOND`
    Second,
    /// `MINUTE`
    Minute,
    /// `HOUR`
    Hour,
    /// `DAY`
    Day,
    /// `MONTH`
    Month,
    /// `YEAR`
    Year,
}

impl<'t> TypeName<'t> {
    /// The catalog name of the type, for an array that of its elements: `int4` for `integer`, `timestamptz`
    /// for `timestamp with time zone`, `bpchar` for `char`. Other names are folded, with their schema unless
    /// it is `pg_catalog`.
    pub fn base(&self) -> Cow<'t, str> {
        match (&self.name, self.keyword) {
            (_, Some(keyword)) => Cow::Borrowed(keyword),
            (Some(name), None) => match name.schema().map(|schema| schema.folded()) {
                Some(schema) if schema != "pg_catalog" => Cow::Owned(name.folded()),
                _ => name.name().folded(),
            },
            (None, None) => Cow::Borrowed(""),
        }
    }

    /// True for `serial` and its variants: an integer with its own sequence, not a type.
    pub fn is_serial(&self) -> bool {
        const SERIALS: [&str; 6] = ["serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"];
        !self.is_array
            && self.name.as_ref().is_some_and(|name| {
                name.parts().len() == 1 && SERIALS.contains(&name.name().folded().as_ref())
            })
    }
}

/// Parses `Typename` of the server's grammar.
pub(super) fn type_name<'t>(reader: &mut Reader<'t>) -> Option<TypeName<'t>> {
    let mark = reader.mark();
    let is_set = reader.word("SETOF");
    let Simple { name, keyword, fields, modifiers } = simple(reader)?;
    let mut is_array = false;
    if reader.word("ARRAY") {
        is_array = true;
        if reader.sees_sign("[") {
            reader.group();
        }
    }
    while reader.sees_sign("[") {
        is_array = true;
        reader.group();
    }
    Some(TypeName { name, keyword, modifiers, fields, is_array, is_set, span: reader.span_since(mark) })
}

struct Simple<'t> {
    name: Option<QualifiedName<'t>>,
    keyword: Option<&'static str>,
    fields: Option<(IntervalField, IntervalField)>,
    modifiers: Vec<Fragment<'t>>,
}

fn simple<'t>(reader: &mut Reader<'t>) -> Option<Simple<'t>> {
    let word = reader.keyword();
    let mut ahead = *reader;
    ahead.take();
    // `numeric.x` can only be a type in a schema named `numeric` if it is quoted, but accepting it unquoted
    // does no harm.
    if !ahead.sees_sign(".")
        && let Some(keyword) = spelled(&word, &mut ahead)
    {
        *reader = ahead;
        let fields = if keyword == "interval" { fields(reader) } else { None };
        let modifiers = modifiers(reader);
        return Some(Simple { name: None, keyword: Some(with_zone(keyword, reader)), fields, modifiers });
    }
    let name = reader.qualified_name()?;
    // `t.c%TYPE`
    if reader.sign("%") {
        reader.word("TYPE");
    }
    Some(Simple { name: Some(name), keyword: None, fields: None, modifiers: modifiers(reader) })
}

fn modifiers<'t>(reader: &mut Reader<'t>) -> Vec<Fragment<'t>> {
    if !reader.sees_sign("(") {
        return Vec::new();
    }
    reader.group().map(|inside| inside.items()).unwrap_or_default()
}

/// The types that have their own keywords in the grammar. The first word has been taken.
fn spelled(word: &str, reader: &mut Reader<'_>) -> Option<&'static str> {
    Some(match word {
        "int" | "integer" => "int4",
        "smallint" => "int2",
        "bigint" => "int8",
        "real" => "float4",
        "double" => return reader.word("PRECISION").then_some("float8"),
        "float" => float(*reader),
        "decimal" | "dec" | "numeric" => "numeric",
        "boolean" => "bool",
        "bit" if reader.word("VARYING") => "varbit",
        "bit" => "bit",
        "national" => {
            let _either = reader.word("CHARACTER") || reader.word("CHAR");
            character(reader)
        }
        "character" | "char" | "nchar" => character(reader),
        "varchar" => "varchar",
        "time" => "time",
        "timestamp" => "timestamp",
        "interval" => "interval",
        _ => return None,
    })
}

fn character(reader: &mut Reader<'_>) -> &'static str {
    if reader.word("VARYING") { "varchar" } else { "bpchar" }
}

/// A precision of up to 24 binary digits means `float4`.
fn float(mut reader: Reader<'_>) -> &'static str {
    let digits = reader.group().and_then(|inside| inside.text().parse::<u32>().ok());
    if digits.is_some_and(|digits| digits <= 24) { "float4" } else { "float8" }
}

/// Parses the fields of an interval: `YEAR TO MONTH`, `DAY TO SECOND` and similar.
fn fields(reader: &mut Reader<'_>) -> Option<(IntervalField, IntervalField)> {
    use IntervalField::{Day, Hour, Minute, Month, Second, Year};
    let fields = [
        ("YEAR", Year),
        ("MONTH", Month),
        ("DAY", Day),
        ("HOUR", Hour),
        ("MINUTE", Minute),
        ("SECOND", Second),
    ];
    let largest = fields.iter().find(|(word, _)| reader.word(word))?.1;
    if !reader.word("TO") {
        return Some((largest, largest));
    }
    let smallest = fields.iter().find(|(word, _)| reader.word(word))?.1;
    Some((largest, smallest))
}

fn with_zone(keyword: &'static str, reader: &mut Reader<'_>) -> &'static str {
    let zoned = match keyword {
        "time" => "timetz",
        "timestamp" => "timestamptz",
        _ => return keyword,
    };
    if reader.words(&["WITH", "TIME", "ZONE"]) {
        return zoned;
    }
    reader.words(&["WITHOUT", "TIME", "ZONE"]);
    keyword
}
