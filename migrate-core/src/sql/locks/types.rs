//! Column types.

use super::facts::quoted;
use crate::sql::statement::{IntervalField, LexedStatement, QualifiedName, TypeName};
use std::fmt;

/// The type of a column: `varchar(50)`, `timestamp(3) with time zone`, `app.status[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// The catalog name: `int4`, `varchar`. For other types, the name as written, folded.
    pub(super) base: String,
    /// The schema, if given.
    pub(super) schema: Option<String>,
    /// The modifiers in parentheses: a length, a precision and a scale.
    pub(super) modifiers: Vec<i32>,
    /// The largest and the smallest field of an interval; `None` for all fields.
    pub(super) fields: Option<(IntervalField, IntervalField)>,
    pub(super) is_array: bool,
}

/// The nature of a type that its name does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeKind {
    /// A domain.
    Domain {
        /// The underlying type, which may be a domain itself.
        base: SqlType,
        /// True if the domain has a constraint of its own (a CHECK or NOT NULL).
        is_constrained: bool,
    },
    /// An enum, a composite type, a range, or an extension's type.
    Other,
}

/// The types of `pg_catalog` that a column may have, sorted.
const BUILT_IN: [&str; 76] = [
    "aclitem",
    "bit",
    "bool",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cid",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "float4",
    "float8",
    "gtsvector",
    "inet",
    "int2",
    "int2vector",
    "int4",
    "int4multirange",
    "int4range",
    "int8",
    "int8multirange",
    "int8range",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "varbit",
    "varchar",
    "xid",
    "xid8",
    "xml",
];

impl SqlType {
    /// Parses a type as statements and `format_type` write it; `None` for anything else.
    pub fn read(written: &str) -> Option<SqlType> {
        LexedStatement::new(written).parse_type().map(|name| SqlType::of(&name))
    }

    /// Converts the type in a statement.
    pub(in crate::sql) fn of(name: &TypeName<'_>) -> SqlType {
        let schema =
            name.name.as_ref().and_then(QualifiedName::schema).map(|schema| schema.folded().into_owned());
        let schema = schema.filter(|schema| schema != "pg_catalog");
        let mut base = match (&name.name, name.is_serial()) {
            (Some(written), false) => written.name().folded().into_owned(),
            _ => name.base().into_owned(),
        };
        let mut modifiers: Vec<i32> =
            name.modifiers.iter().filter_map(|modifier| modifier.text().parse().ok()).collect();
        if name.is_serial() {
            base = serial(&base).to_owned();
        }
        match base.as_str() {
            "float4" | "float8" => modifiers.clear(),
            "numeric" if modifiers.len() == 1 => modifiers.push(0),
            // `char` and `bit` default to a length of 1; a type named `bpchar` has no limit by default.
            "bpchar" | "bit" if modifiers.is_empty() && name.name.is_none() => modifiers.push(1),
            _ => {}
        }
        SqlType { base, schema, modifiers, fields: name.fields, is_array: name.is_array }
    }

    /// The catalog name of a type that is not an array, with its first modifier.
    pub(in crate::sql) fn element(&self) -> Option<(&str, Option<i32>)> {
        (!self.is_array && self.schema.is_none())
            .then(|| (self.base.as_str(), self.modifiers.first().copied()))
    }

    /// True for PostgreSQL's own types, which are not domains.
    pub(super) fn is_built_in(&self) -> bool {
        self.is_array || self.has_built_in_name()
    }

    /// True for PostgreSQL's own types and arrays of them.
    pub(super) fn has_built_in_name(&self) -> bool {
        self.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && BUILT_IN.binary_search(&self.base.as_str()).is_ok()
    }

    /// The schema and the name of a type that is not built in, for a lookup in a catalog.
    pub(super) fn name(&self) -> (Option<&str>, &str) {
        (self.schema.as_deref(), &self.base)
    }

    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    /// The type with this schema.
    pub(super) fn in_schema(self, schema: String) -> SqlType {
        SqlType { schema: Some(schema).filter(|schema| !schema.is_empty()), ..self }
    }

    /// The stored type of a column with a domain over this type: without modifiers.
    pub(super) fn without_modifiers(self) -> SqlType {
        SqlType { modifiers: Vec::new(), fields: None, ..self }
    }

    fn is(&self, base: &str) -> bool {
        !self.is_array && self.schema.is_none() && self.base == base
    }

    /// True if a column of this type has a collation.
    pub(super) fn is_collatable(&self) -> bool {
        self.is("text") || self.is("varchar") || self.is("bpchar")
    }

    /// The fractional digits of a time; `None` for the maximum (six).
    pub(super) fn precision(&self) -> Option<i32> {
        self.modifiers.first().copied().filter(|precision| *precision < 6)
    }
}

/// The type as statements write it; [`SqlType::read`] reads it back.
impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        // These are other types for the grammar.
        if SPELLED.contains(&self.base.as_str()) {
            write!(f, "\"{}\"", self.base)?;
        } else {
            f.write_str(&quoted(&self.base))?;
        }
        if let Some((largest, smallest)) = self.fields {
            write!(f, " {}", field(largest))?;
            if smallest != largest {
                write!(f, " to {}", field(smallest))?;
            }
        }
        if !self.modifiers.is_empty() {
            let modifiers: Vec<String> = self.modifiers.iter().map(i32::to_string).collect();
            write!(f, "({})", modifiers.join(","))?;
        }
        f.write_str(if self.is_array { "[]" } else { "" })
    }
}

/// Names that the grammar reads as other types unless they are quoted.
const SPELLED: [&str; 12] = [
    "bigint",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "double",
    "float",
    "int",
    "integer",
    "real",
    "smallint",
];

fn field(field: IntervalField) -> &'static str {
    match field {
        IntervalField::Second => "second",
        IntervalField::Minute => "minute",
        IntervalField::Hour => "hour",
        IntervalField::Day => "day",
        IntervalField::Month => "month",
        IntervalField::Year => "year",
    }
}

/// The type of a column declared with a serial type.
fn serial(name: &str) -> &'static str {
    match name {
        "bigserial" | "serial8" => "int8",
        "smallserial" | "serial2" => "int2",
        _ => "int4",
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_by_all_their_names() {
        let same = [
            ("int", "pg_catalog.int4"),
            ("character varying (20)", "VARCHAR(20)"),
            ("timestamp(3) with time zone", "timestamptz(3)"),
            ("numeric(10)", "decimal(10, 0)"),
            ("char", "character(1)"),
            ("bigserial", "bigint"),
            ("int ARRAY", "integer[]"),
            ("float(10)", "real"),
            ("App.Mood", "app.\"mood\""),
        ];
        for (one, other) in same {
            assert_eq!(SqlType::read(one).unwrap(), SqlType::read(other).unwrap(), "{one}");
        }
        assert_ne!(SqlType::read("\"char\"").unwrap(), SqlType::read("char").unwrap());
        assert_eq!(SqlType::read("numeric(10, 2)[]").unwrap().to_string(), "numeric(10,2)[]");
        for written in [
            "\"char\"",
            "interval day to second(3)",
            "app.\"My Type\"[]",
            "timestamptz(3)",
            "bpchar",
            "bit(1)",
            "numeric(3,-2)",
        ] {
            let read = SqlType::read(written).unwrap();
            assert_eq!(read.to_string(), written);
            assert_eq!(SqlType::read(&read.to_string()), Some(read));
        }
    }
}
