//! Facts as a file: names and definitions, no data, in a stable order.

use super::{
    Column, ConstraintFacts, ConstraintFactsKind, Facts, FunctionFacts, FunctionVolatility, ObjectName,
    Relation, RelationKind, SizeBucket, SqlType, TypeKind, Volatile,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The format of the file.
pub const FACTS_FORMAT: u64 = 1;

/// A file of facts that can't be read.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The text is not JSON.
    #[error("{}", crate::clean!("line {line}, column {column}: {message}: write the facts again with `migrate facts`"))]
    Unreadable {
        /// The line, starting at 1.
        line: usize,
        /// The column, starting at 1.
        column: usize,
        /// The fault.
        message: String,
    },
    /// The JSON does not hold facts.
    #[error("{}", crate::clean!("`{place}` has to be {expected}: write the facts again with `migrate facts`"))]
    NotFacts {
        /// The path of the value, such as `relations.public.users.kind`.
        place: String,
        /// The expectation.
        expected: &'static str,
    },
    /// A newer release wrote the file.
    #[error(
        "the facts have format {found}, and this release reads format {FACTS_FORMAT}: write them again with this release, or update it"
    )]
    UnknownFormat {
        /// The format of the file.
        found: u64,
    },
}

crate::debug_as_display!(FactsError);

impl Facts {
    /// Writes the facts as JSON, in a stable order: a change of the schema changes few lines.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::sql::facts::Facts;
    ///
    /// let mut facts = Facts::none();
    /// facts.search_path = vec!["public".to_owned()];
    /// facts.apply("CREATE TABLE users (id bigint PRIMARY KEY)");
    /// let read = Facts::from_json(&facts.to_json())?;
    /// assert_eq!(read.to_json(), facts.to_json());
    /// # Ok::<(), migrate_core::sql::facts::FactsError>(())
    /// ```
    pub fn to_json(&self) -> String {
        let mut object = Map::new();
        object.insert("format".into(), json!(FACTS_FORMAT));
        insert(&mut object, "server_version", self.server_version.map(Value::from));
        insert(&mut object, "time_zone", self.time_zone.as_deref().map(Value::from));
        insert(&mut object, "utc", self.is_utc.map(Value::from));
        object.insert("search_path".into(), json!(self.search_path));
        object.insert("positions".into(), json!(self.positions));
        object.insert("relations".into(), by_schema(&self.relations, relation));
        object.insert("types".into(), by_schema(&self.types, type_kind));
        object.insert("functions".into(), by_schema(&self.functions, |function| self.function(function)));
        let mut text = String::new();
        write(&Value::Object(object), 0, &mut text);
        text.push('\n');
        text
    }

    /// Reads facts that [`Facts::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// A text that is not JSON or does not hold facts, or an unknown format.
    pub fn from_json(text: &str) -> Result<Facts, FactsError> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            FactsError::Unreadable { line, column, message }
        })?;
        let root = At { place: String::new(), value: &value };
        match root.get("format")?.map(|format| format.number()).transpose()? {
            Some(FACTS_FORMAT) => {}
            Some(found) => return Err(FactsError::UnknownFormat { found }),
            None => return Err(root.inside("format").expected("a number")),
        }
        let server_version = root.get("server_version")?.map(|of| of.number()).transpose()?;
        Ok(Facts {
            relations: root.of_schemas("relations", read_relation)?,
            types: root.of_schemas("types", read_type)?,
            functions: root.of_schemas("functions", read_function)?,
            search_path: root.texts("search_path")?,
            server_version: server_version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)),
            is_utc: root.get("utc")?.map(|of| of.boolean()).transpose()?,
            time_zone: root.text("time_zone")?,
            positions: match root.get("positions")? {
                Some(positions) => positions
                    .members()?
                    .map(|(set, version)| Ok((set.to_owned(), version.string()?.to_owned())))
                    .collect::<Result<_, FactsError>>()?,
                None => BTreeMap::new(),
            },
            is_complete: true,
            ..Facts::default()
        })
    }

    /// The volatility of a function, as it counts: the server inlines the body of some.
    fn function(&self, function: &FunctionFacts) -> Value {
        let is_inlined = function.volatility == FunctionVolatility::Volatile
            && self.volatile_body(function) == Some(Volatile::No);
        json!(match function.volatility {
            FunctionVolatility::Immutable => "immutable",
            FunctionVolatility::Stable => "stable",
            FunctionVolatility::Volatile if is_inlined => "stable",
            FunctionVolatility::Volatile => "volatile",
        })
    }
}

fn insert(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value);
    }
}

fn by_schema<T>(objects: &BTreeMap<ObjectName, T>, value: impl Fn(&T) -> Value) -> Value {
    let mut schemas: Map<String, Value> = Map::new();
    for (name, object) in objects {
        let schema = schemas.entry(&name.schema).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(schema) = schema {
            schema.insert(name.name.clone(), value(object));
        }
    }
    Value::Object(schemas)
}

const KINDS: [(RelationKind, &str); 7] = [
    (RelationKind::Table, "table"),
    (RelationKind::Partitioned, "partitioned table"),
    (RelationKind::View, "view"),
    (RelationKind::MaterializedView, "materialized view"),
    (RelationKind::Index, "index"),
    (RelationKind::Sequence, "sequence"),
    (RelationKind::Foreign, "foreign table"),
];

const CONSTRAINTS: [(ConstraintFactsKind, &str); 6] = [
    (ConstraintFactsKind::Check, "check"),
    (ConstraintFactsKind::NotNull, "not null"),
    (ConstraintFactsKind::Unique, "unique"),
    (ConstraintFactsKind::PrimaryKey, "primary key"),
    (ConstraintFactsKind::Exclusion, "exclusion"),
    (ConstraintFactsKind::ForeignKey, "foreign key"),
];

fn word<K: PartialEq>(kinds: &[(K, &'static str)], kind: &K) -> &'static str {
    kinds.iter().find(|(of, _)| of == kind).map_or("", |(_, word)| word)
}

fn flag(is: bool) -> Option<Value> {
    is.then_some(Value::Bool(true))
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(value).collect())
}

fn name(object: &ObjectName) -> Value {
    json!([object.schema, object.name])
}

fn relation(relation: &Relation) -> Value {
    let mut object = Map::new();
    object.insert("kind".into(), json!(word(&KINDS, &relation.kind)));
    insert(&mut object, "unlogged", relation.is_unlogged.filter(|is| *is).map(Value::from));
    insert(&mut object, "tablespace", relation.tablespace.as_deref().map(Value::from));
    insert(&mut object, "access_method", relation.access_method.as_deref().map(Value::from));
    insert(
        &mut object,
        "columns",
        relation.columns.as_ref().map(|columns| columns.iter().map(column).collect()),
    );
    insert(&mut object, "constraints", list(&relation.constraints, constraint));
    insert(&mut object, "parents", list(&relation.parents, name));
    insert(&mut object, "default_partition", flag(relation.is_default_partition));
    insert(&mut object, "partition_key", relation.partition_key.as_deref().map(Value::from));
    insert(
        &mut object,
        "reads",
        list(&relation.reads, |(of, columns)| json!({"of": name(of), "columns": columns})),
    );
    insert(&mut object, "table", relation.table.as_ref().map(name));
    insert(&mut object, "table_columns", list(&relation.table_columns, |column| json!(column)));
    insert(&mut object, "expression", flag(relation.has_expression));
    insert(&mut object, "unique", flag(relation.is_unique));
    let size =
        relation.size.map(|size| json!({"rows_below": size.rows_below, "bytes_below": size.bytes_below}));
    insert(&mut object, "size", size);
    Value::Object(object)
}

fn column(column: &Column) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(column.name));
    insert(&mut object, "type", column.data_type.as_ref().map(|of| json!(of.to_string())));
    insert(&mut object, "collation", column.collation.as_deref().map(Value::from));
    insert(&mut object, "not_null", flag(column.is_not_null));
    insert(&mut object, "virtual", column.is_virtual.filter(|is| *is).map(Value::from));
    Value::Object(object)
}

fn constraint(constraint: &ConstraintFacts) -> Value {
    let mut object = Map::new();
    insert(&mut object, "name", constraint.name.as_deref().map(Value::from));
    object.insert("kind".into(), json!(word(&CONSTRAINTS, &constraint.kind)));
    insert(&mut object, "columns", list(&constraint.columns, |column| json!(column)));
    insert(&mut object, "not_valid", flag(!constraint.is_validated));
    insert(&mut object, "expression", constraint.expression.as_deref().map(Value::from));
    insert(&mut object, "references", constraint.references.as_ref().map(name));
    insert(&mut object, "referenced_columns", list(&constraint.referenced_columns, |column| json!(column)));
    insert(&mut object, "match_full", flag(constraint.is_match_full));
    Value::Object(object)
}

fn type_kind(kind: &TypeKind) -> Value {
    match kind {
        TypeKind::Domain { base, is_constrained } => {
            json!({"domain": base.to_string(), "constrained": is_constrained})
        }
        TypeKind::Other => json!("other"),
    }
}

/// The depth from which values without inner structure are written in one line.
const COMPACT: usize = 3;

/// The keys that come first; the others follow in alphabetical order.
const FIRST: [&str; 8] =
    ["format", "server_version", "time_zone", "utc", "positions", "kind", "name", "type"];

/// Writes a value: one line for each object, column and constraint. The order does not depend on the order of
/// a [`Map`], which is a feature that any other crate may turn on.
fn write(value: &Value, depth: usize, text: &mut String) {
    let (open, close, parts): (char, char, Vec<(String, &Value)>) = match value {
        Value::Object(object) => {
            let mut members: Vec<(&String, &Value)> = object.iter().collect();
            members.sort_by_key(|(key, _)| {
                (FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()), *key)
            });
            ('{', '}', members.into_iter().map(|(key, value)| (format!("{}: ", json!(key)), value)).collect())
        }
        Value::Array(array) => ('[', ']', array.iter().map(|value| (String::new(), value)).collect()),
        value => return text.push_str(&value.to_string()),
    };
    let is_plain = parts.iter().all(|(_, value)| !value.is_object() && !value.is_array());
    let is_line = parts.is_empty() || depth > COMPACT + 1 || depth >= COMPACT && is_plain;
    text.push(open);
    for (at, (key, value)) in parts.into_iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        if is_line {
            text.push_str(if at == 0 { "" } else { ", " });
        } else {
            text.push_str(&format!("{comma}\n{}", "  ".repeat(depth + 1)));
        }
        text.push_str(&key);
        write(value, depth + 1, text);
    }
    if !is_line {
        text.push_str(&format!("\n{}", "  ".repeat(depth)));
    }
    text.push(close);
}

/// A value and its path.
#[derive(Clone)]
struct At<'v> {
    place: String,
    value: &'v Value,
}

impl<'v> At<'v> {
    fn inside(&self, key: &str) -> At<'v> {
        let place = if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) };
        At { place, value: self.value }
    }

    fn expected(&self, expected: &'static str) -> FactsError {
        FactsError::NotFacts { place: self.place.clone(), expected }
    }

    fn members(&self) -> Result<impl Iterator<Item = (&'v str, At<'v>)> + use<'v>, FactsError> {
        let object = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        let this = self.clone();
        Ok(object.iter().map(move |(key, value)| (key.as_str(), At { value, ..this.inside(key) })))
    }

    fn items(&self) -> Result<impl Iterator<Item = At<'v>> + use<'v>, FactsError> {
        let array = self.value.as_array().ok_or_else(|| self.expected("an array"))?;
        let this = self.clone();
        Ok(array.iter().enumerate().map(move |(at, value)| At { value, ..this.inside(&at.to_string()) }))
    }

    /// The member with this key; `None` if it is missing or null.
    fn get(&self, key: &str) -> Result<Option<At<'v>>, FactsError> {
        if !self.value.is_object() {
            return Err(self.expected("an object"));
        }
        let value = self.value.get(key).filter(|value| !value.is_null());
        Ok(value.map(|value| At { value, ..self.inside(key) }))
    }

    fn string(&self) -> Result<&'v str, FactsError> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    fn number(&self) -> Result<u64, FactsError> {
        self.value.as_u64().ok_or_else(|| self.expected("a number"))
    }

    fn boolean(&self) -> Result<bool, FactsError> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    fn object_name(&self) -> Result<ObjectName, FactsError> {
        match self.value.as_array().map(Vec::as_slice) {
            Some([Value::String(schema), Value::String(name)]) => Ok(ObjectName::new(schema, name)),
            _ => Err(self.expected("a schema and a name")),
        }
    }

    fn sql_type(&self) -> Result<SqlType, FactsError> {
        SqlType::read(self.string()?).ok_or_else(|| self.expected("a type"))
    }

    fn text(&self, key: &str) -> Result<Option<String>, FactsError> {
        self.get(key)?.map(|of| of.string().map(str::to_owned)).transpose()
    }

    fn flag(&self, key: &str) -> Result<bool, FactsError> {
        Ok(self.get(key)?.map(|of| of.boolean()).transpose()?.unwrap_or_default())
    }

    fn list<T>(
        &self,
        key: &str,
        read: impl Fn(&At<'v>) -> Result<T, FactsError>,
    ) -> Result<Vec<T>, FactsError> {
        match self.get(key)? {
            Some(of) => of.items()?.map(|item| read(&item)).collect(),
            None => Ok(Vec::new()),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, FactsError> {
        self.list(key, |of| of.string().map(str::to_owned))
    }

    fn kind<K: Copy>(&self, kinds: &[(K, &'static str)], expected: &'static str) -> Result<K, FactsError> {
        let missing = || self.inside("kind").expected(expected);
        let written = self.get("kind")?.ok_or_else(missing)?.string()?;
        kinds.iter().find(|(_, word)| *word == written).map(|(kind, _)| *kind).ok_or_else(missing)
    }

    fn of_schemas<T>(
        &self,
        key: &str,
        read: impl Fn(&At<'v>) -> Result<T, FactsError>,
    ) -> Result<BTreeMap<ObjectName, T>, FactsError> {
        let mut objects = BTreeMap::new();
        let Some(schemas) = self.get(key)? else { return Ok(objects) };
        for (schema, members) in schemas.members()? {
            for (name, object) in members.members()? {
                objects.insert(ObjectName::new(schema, name), read(&object)?);
            }
        }
        Ok(objects)
    }
}

fn read_relation(of: &At<'_>) -> Result<Relation, FactsError> {
    let mut relation = Relation::new(of.kind(&KINDS, "the kind of a relation")?);
    let has_rows = matches!(relation.kind, RelationKind::Table | RelationKind::Partitioned);
    relation.is_unlogged = has_rows.then_some(of.flag("unlogged")?);
    relation.tablespace = of.text("tablespace")?;
    relation.access_method = of.text("access_method")?;
    relation.columns = of.get("columns")?.map(|_| of.list("columns", read_column)).transpose()?;
    relation.constraints = of.list("constraints", read_constraint)?;
    relation.parents = of.list("parents", At::object_name)?;
    relation.is_default_partition = of.flag("default_partition")?;
    relation.partition_key = of.text("partition_key")?;
    relation.reads = of.list("reads", |read| {
        let name = read.get("of")?.ok_or_else(|| read.inside("of").expected("a schema and a name"))?;
        Ok((name.object_name()?, read.texts("columns")?))
    })?;
    relation.table = of.get("table")?.map(|table| table.object_name()).transpose()?;
    relation.table_columns = of.texts("table_columns")?;
    relation.has_expression = of.flag("expression")?;
    relation.is_unique = of.flag("unique")?;
    relation.size = of.get("size")?.map(|size| read_size(&size)).transpose()?;
    Ok(relation)
}

fn read_size(of: &At<'_>) -> Result<SizeBucket, FactsError> {
    let bytes = of.get("bytes_below")?.ok_or_else(|| of.inside("bytes_below").expected("a number"))?;
    let rows_below = of.get("rows_below")?.map(|rows| rows.number()).transpose()?;
    Ok(SizeBucket { rows_below, bytes_below: bytes.number()? })
}

fn read_column(of: &At<'_>) -> Result<Column, FactsError> {
    let name = of.text("name")?.ok_or_else(|| of.inside("name").expected("a text"))?;
    let mut column = Column::new(name, of.get("type")?.map(|of| of.sql_type()).transpose()?);
    column.collation = of.text("collation")?;
    column.is_not_null = of.flag("not_null")?;
    column.is_virtual = Some(of.flag("virtual")?);
    Ok(column)
}

fn read_constraint(of: &At<'_>) -> Result<ConstraintFacts, FactsError> {
    let kind = of.kind(&CONSTRAINTS, "the kind of a constraint")?;
    let mut constraint = ConstraintFacts::new(of.text("name")?, kind, of.texts("columns")?);
    constraint.is_validated = !of.flag("not_valid")?;
    constraint.expression = of.text("expression")?;
    constraint.references = of.get("references")?.map(|of| of.object_name()).transpose()?;
    constraint.referenced_columns = of.texts("referenced_columns")?;
    constraint.is_match_full = of.flag("match_full")?;
    Ok(constraint)
}

fn read_type(of: &At<'_>) -> Result<TypeKind, FactsError> {
    if of.value == "other" {
        return Ok(TypeKind::Other);
    }
    let base = of.get("domain")?.ok_or_else(|| of.expected("a domain, or \"other\""))?.sql_type()?;
    Ok(TypeKind::Domain { base, is_constrained: of.flag("constrained")? })
}

fn read_function(of: &At<'_>) -> Result<FunctionFacts, FactsError> {
    let volatility = match of.string()? {
        "immutable" => FunctionVolatility::Immutable,
        "stable" => FunctionVolatility::Stable,
        "volatile" => FunctionVolatility::Volatile,
        _ => return Err(of.expected("`immutable`, `stable` or `volatile`")),
    };
    Ok(FunctionFacts::new(volatility, None))
}
