//! Columns.

use super::Written;
use super::sequence::moved_into_bounds;
use crate::difference::context::Context;
use crate::difference::graph::container;
use crate::difference::statement::{Statement, Statements, one, option_changes, options, parameter_changes};
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::details::relation::{Column, SequenceOptions};
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Column {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        if context.created_with(object).is_some() || self.inherited {
            return Some(Vec::new());
        }
        let (word, table) = (context.table_word(object), object.table()?);
        let mut changes = vec![format!("ADD COLUMN {}", self.sql(object, true))];
        changes.extend(self.after_creation(object));
        Some(vec![format!("ALTER {word} {table} {}", changes.join(", ")).into()])
    }

    fn alter(&self, new: &Column, object: &Object, context: &Context<'_>) -> Statements {
        let prefix = format!("ALTER {} {}", context.table_word(object), object.table()?);
        let mut changes = self.changes(new, object)?;
        let mut statements: Vec<Statement> = Vec::new();
        if self.identity.is_some() && new.identity.is_none() {
            let name = name::last(object.identity());
            statements.push(Statement::early(format!("{prefix} ALTER COLUMN {name} DROP IDENTITY")));
        }
        if let (Some(old), Some(options), Some(name)) =
            (&self.sequence_options, &new.sequence_options, &self.sequence)
        {
            let schema = object.table().and_then(name::schema).map(|schema| format!("{schema}."));
            let sequence = format!("{}{name}", schema.unwrap_or_default());
            statements.extend(moved_into_bounds(&sequence, old, options));
            // A smaller type does not take the old bound.
            let maximum = |options: &SequenceOptions| options.maximum.parse::<i64>().unwrap_or_default();
            if self.data_type != new.data_type && maximum(old) > maximum(options) {
                let (column, maximum) = (name::last(object.identity()), &options.maximum);
                statements.push(format!("{prefix} ALTER COLUMN {column} SET MAXVALUE {maximum}").into());
            }
        }
        let is_now_identity = self.identity.is_none() && new.identity.is_some();
        if is_now_identity && self.not_null.is_none() && changes.len() > 1 {
            // The safe form sets it by several scripts, and an identity needs it.
            let not_null = format!("ALTER COLUMN {} SET NOT NULL", name::last(object.identity()));
            changes.retain(|change| *change != not_null);
            let sql = format!("{prefix} {not_null}");
            statements.push(Statement { commits: true, ..Statement::from(sql) });
        }
        if is_in_new_primary_key(object, context) {
            // The key does so itself; its safe form would do it twice.
            let not_null = format!("ALTER COLUMN {} SET NOT NULL", name::last(object.identity()));
            changes.retain(|change| *change != not_null);
        }
        if !changes.is_empty() {
            statements.push(format!("{prefix} {}", changes.join(", ")).into());
        }
        Some(statements)
    }

    fn drop(&self, object: &Object, context: &Context<'_>) -> Statements {
        let name = name::last(object.identity());
        one(format!("ALTER {} {} DROP COLUMN {name}", context.table_word(object), object.table()?))
    }
}

impl Column {
    /// The column in `CREATE TABLE` or `ADD COLUMN`.
    pub(in crate::difference) fn sql(&self, object: &Object, with_expression: bool) -> String {
        let mut sql = format!("{} {}", name::last(object.identity()), self.data_type);
        sql += &options(&self.foreign_options);
        for (word, value) in [("COMPRESSION", &self.compression), ("COLLATE", &self.collation)] {
            if let Some(value) = value {
                sql += &format!(" {word} {value}");
            }
        }
        match (&self.expression, &self.generated) {
            (Some(expression), Some(generated)) => {
                sql += &format!(" GENERATED ALWAYS AS ({expression}) {generated}");
            }
            (Some(expression), None) if with_expression => sql += &format!(" DEFAULT {expression}"),
            _ => {}
        }
        if let Some(identity) = self.identity_sql(object) {
            sql += &format!(" {identity}");
        }
        let is_plain = self.not_null.as_deref() == Some("NOT NULL");
        if is_plain && self.identity.is_none() {
            sql += " NOT NULL";
        }
        sql
    }

    /// `GENERATED … AS IDENTITY (…)`.
    fn identity_sql(&self, object: &Object) -> Option<String> {
        let (identity, sequence) = (self.identity.as_ref()?, self.sequence_options.as_ref()?);
        let mut options = sequence.sql(&SequenceOptions::usual(&sequence.sequence_type, &sequence.increment));
        let name = self.sequence.as_deref().filter(|name| *name != usual_sequence(object));
        if let Some(name) = name {
            let schema = object.table().and_then(name::schema).map(|schema| format!("{schema}."));
            options.insert(0, format!("SEQUENCE NAME {}{name}", schema.unwrap_or_default()));
        }
        let options = if options.is_empty() { String::new() } else { format!(" ({})", options.join(" ")) };
        Some(format!("GENERATED {identity} AS IDENTITY{options}"))
    }

    /// The subcommands for the properties that `CREATE TABLE` can't set.
    pub(in crate::difference) fn after_creation(&self, object: &Object) -> Vec<String> {
        let new = Column {
            storage: self.storage.clone(),
            statistics: self.statistics.clone(),
            options: self.options.clone(),
            not_null: self.not_null.clone().filter(|not_null| not_null != "NOT NULL"),
            ..Column::default()
        };
        Column::default().changes(&new, object).unwrap_or_default()
    }

    /// The subcommands that turn this column into another one; none if it has to be replaced.
    fn changes(&self, new: &Column, object: &Object) -> Option<Vec<String>> {
        let alter = format!("ALTER COLUMN {}", name::last(object.identity()));
        let mut changes = Vec::new();
        let is_retyped = (&self.data_type, &self.collation) != (&new.data_type, &new.collation);
        match (&self.generated, &new.generated) {
            (None, None) => {
                let has_default =
                    self.expression.is_some() && self.expression != new.expression || is_retyped;
                if has_default && self.expression.is_some() && (is_retyped || new.expression.is_none()) {
                    changes.push(format!("{alter} DROP DEFAULT"));
                }
                if is_retyped {
                    changes.push(self.retype(new, object));
                }
                let is_new = is_retyped || self.expression != new.expression;
                if let Some(expression) = new.expression.as_ref().filter(|_| is_new) {
                    changes.push(format!("{alter} SET DEFAULT {expression}"));
                }
            }
            (Some(_), None) if new.expression.is_none() => changes.push(format!("{alter} DROP EXPRESSION")),
            (old, new_form) if old == new_form && self.expression == new.expression => {
                if is_retyped {
                    let collation = new.collation.as_ref().map(|name| format!(" COLLATE {name}"));
                    changes.push(format!("{alter} TYPE {}{}", new.data_type, collation.unwrap_or_default()));
                }
            }
            _ => return None,
        }
        if self.not_null != new.not_null {
            changes.extend(self.not_null_changes(new, object));
        }
        changes.extend(self.identity_changes(new, object));
        if self.storage != new.storage {
            let storage = new.storage.as_deref().or(self.usual_storage.as_deref());
            changes.push(format!("{alter} SET STORAGE {}", storage.unwrap_or("DEFAULT")));
        }
        if self.compression != new.compression {
            changes
                .push(format!("{alter} SET COMPRESSION {}", new.compression.as_deref().unwrap_or("default")));
        }
        if self.statistics != new.statistics {
            changes.push(format!("{alter} SET STATISTICS {}", new.statistics.as_deref().unwrap_or("-1")));
        }
        changes.extend(
            parameter_changes(&self.options, &new.options).iter().map(|change| format!("{alter} {change}")),
        );
        let foreign = option_changes(&self.foreign_options, &new.foreign_options);
        changes.extend(foreign.map(|change| format!("{alter} {change}")));
        Some(changes)
    }

    fn not_null_changes(&self, new: &Column, object: &Object) -> Vec<String> {
        let column = name::last(object.identity());
        let drop = format!("ALTER COLUMN {column} DROP NOT NULL");
        match (self.not_null.as_deref(), new.not_null.as_deref()) {
            (_, None) => vec![drop],
            (None | Some("NOT NULL NOT VALID"), Some("NOT NULL")) => {
                vec![format!("ALTER COLUMN {column} SET NOT NULL")]
            }
            (old, Some(new)) => {
                let add = format!("ADD NOT NULL {column}{}", new.trim_start_matches("NOT NULL"));
                old.map(|_| drop).into_iter().chain([add]).collect()
            }
        }
    }

    fn identity_changes(&self, new: &Column, object: &Object) -> Vec<String> {
        let alter = format!("ALTER COLUMN {}", name::last(object.identity()));
        match (&self.identity, &new.identity) {
            // Dropped by a statement of its own.
            (_, None) => Vec::new(),
            (None, Some(_)) => {
                new.identity_sql(object).map(|sql| format!("{alter} ADD {sql}")).into_iter().collect()
            }
            (Some(old), Some(identity)) => {
                let mut changes: Vec<String> = Vec::new();
                if old != identity {
                    changes.push(format!("SET GENERATED {identity}"));
                }
                if let (Some(old), Some(new)) = (&self.sequence_options, &new.sequence_options) {
                    changes.extend(new.sql(old).into_iter().map(|option| format!("SET {option}")));
                }
                if changes.is_empty() { changes } else { vec![format!("{alter} {}", changes.join(" "))] }
            }
        }
    }

    /// The subcommand that changes the type.
    fn retype(&self, new: &Column, object: &Object) -> String {
        let column = name::last(object.identity());
        let collation = new.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
        let using = match conversion(&self.data_type, &new.data_type) {
            Conversion::Assignment => String::new(),
            Conversion::Cast => format!(" USING {column}::{}", new.data_type),
            Conversion::Text => format!(" USING {column}::text::{}", new.data_type),
        };
        format!("ALTER COLUMN {column} TYPE {}{collation}{using}", new.data_type)
    }

    /// The column without the mark that its table's parent has it.
    pub(in crate::difference) fn as_local(&self) -> Column {
        Column { inherited: false, ..self.clone() }
    }
}

impl SequenceOptions {
    /// The options that differ from another sequence's, as statements have them.
    pub(in crate::difference) fn sql(&self, other: &SequenceOptions) -> Vec<String> {
        let named = |word: &str, old: &str, new: &str| (old != new).then(|| format!("{word} {new}"));
        let options = [
            named("INCREMENT BY", &other.increment, &self.increment),
            named("MINVALUE", &other.minimum, &self.minimum),
            named("MAXVALUE", &other.maximum, &self.maximum),
            named("START WITH", &other.start, &self.start),
            named("CACHE", &other.cache, &self.cache),
            (self.cycle != other.cycle).then(|| if self.cycle { "CYCLE" } else { "NO CYCLE" }.to_owned()),
        ];
        options.into_iter().flatten().collect()
    }

    /// The options of a sequence of this type that were not given.
    pub(in crate::difference) fn usual(sequence_type: &str, increment: &str) -> SequenceOptions {
        let (least, greatest) = match sequence_type {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        let is_descending = increment.starts_with('-');
        let (minimum, maximum) = if is_descending { (least, -1) } else { (1, greatest) };
        SequenceOptions {
            sequence_type: sequence_type.to_owned(),
            start: if is_descending { maximum } else { minimum }.to_string(),
            increment: "1".to_owned(),
            minimum: minimum.to_string(),
            maximum: maximum.to_string(),
            cache: "1".to_owned(),
            cycle: false,
        }
    }
}

/// The way from one type to another.
enum Conversion {
    /// An assignment does it.
    Assignment,
    /// A cast does it.
    Cast,
    /// A cast of the text does it.
    Text,
}

fn conversion(old: &str, new: &str) -> Conversion {
    const NUMBERS: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    const TEXTS: [&str; 3] = ["text", "character varying", "character"];
    let base = |text: &str| text.split('(').next().unwrap_or_default().trim_end().to_owned();
    let (from, to) = (base(old), base(new));
    let both = |names: &[&str]| names.contains(&from.as_str()) && names.contains(&to.as_str());
    let is_dated = |name: &str| name == "date" || name.starts_with("timestamp");
    let is_plain = |name: &str| !name.contains(['.', '"', '[']);
    if from == to || both(&NUMBERS) || TEXTS.contains(&to.as_str()) || is_dated(&from) && is_dated(&to) {
        Conversion::Assignment
    } else if TEXTS.contains(&from.as_str()) || is_plain(&from) && is_plain(&to) {
        Conversion::Cast
    } else {
        Conversion::Text
    }
}

/// The name that PostgreSQL gives to the sequence of a column, unless it is taken or too long.
fn usual_sequence(column: &Object) -> String {
    let table = column.table().map(|table| name::unquoted(name::last(table))).unwrap_or_default();
    let name = format!("{table}_{}_seq", name::unquoted(name::last(column.identity())));
    crate::sql::quote::quote_if_needed(&name)
}

/// True if a column and its sequence are those of the type `serial`.
pub(in crate::difference) fn is_serial(column: &Object, sequence: &Object) -> bool {
    let (Some(Details::Column(details)), Some(Details::Sequence(sequence_details))) =
        (column.details(), sequence.details())
    else {
        return false;
    };
    let options = &sequence_details.options;
    let literal = crate::sql::quote::quote_literal(sequence.identity());
    let is_usual = *options == SequenceOptions::usual(&options.sequence_type, "1");
    is_usual
        && options.sequence_type == details.data_type
        && !sequence_details.unlogged
        && details.not_null.as_deref() == Some("NOT NULL")
        && name::last(sequence.identity()) == usual_sequence(column)
        && details.expression == Some(format!("nextval({literal}::regclass)"))
}

/// The pseudo-type of a serial column.
pub(in crate::difference) fn serial_type(data_type: &str) -> &'static str {
    match data_type {
        "smallint" => "smallserial",
        "integer" => "serial",
        _ => "bigserial",
    }
}

/// The statements that change a column whose default was dropped before.
pub(in crate::difference) fn alter_undefaulted(key: &Key, context: &Context<'_>) -> Statements {
    let (old, new) = (context.from.get(key)?, context.to.get(key)?);
    let (Some(Details::Column(before)), Some(Details::Column(after))) = (old.details(), new.details()) else {
        return None;
    };
    Column { expression: None, ..before.clone() }.alter(after, new, context)
}

/// The statement that gives a column the type of the same name again, after the old type was renamed.
pub(in crate::difference) fn retype(key: &Key, context: &Context<'_>) -> Statements {
    let (old, new) = (context.from.get(key)?, context.to.get(key)?);
    let (Some(Details::Column(before)), Some(Details::Column(after))) = (old.details(), new.details()) else {
        return None;
    };
    let column = name::last(&key.identity);
    let alter = format!("ALTER COLUMN {column}");
    let mut changes: Vec<String> =
        before.expression.iter().map(|_| format!("{alter} DROP DEFAULT")).collect();
    changes.push(format!("{alter} TYPE {0} USING {column}::text::{0}", after.data_type));
    changes.extend(after.expression.iter().map(|expression| format!("{alter} SET DEFAULT {expression}")));
    let rest =
        Column { data_type: after.data_type.clone(), expression: after.expression.clone(), ..before.clone() };
    changes.extend(rest.changes(after, new)?);
    if before.inherited {
        return Some(Vec::new());
    }
    one(format!("ALTER {} {} {}", context.table_word(new), new.table()?, changes.join(", ")))
}

/// The statement that drops the default of a column.
pub(in crate::difference) fn drop_default(key: &Key, context: &Context<'_>) -> Statements {
    let object = context.from.get(key)?;
    let name = name::last(&key.identity);
    one(format!("ALTER {} {} ALTER COLUMN {name} DROP DEFAULT", context.table_word(object), object.table()?))
}

/// The statement that sets the default of a column that is otherwise unchanged.
pub(in crate::difference) fn set_default(object: &Object) -> Statements {
    let Some(Details::Column(column)) = object.details() else { return None };
    let Some(expression) = column.expression.as_ref() else { return Some(Vec::new()) };
    let name = name::last(object.identity());
    one(format!("ALTER TABLE {} ALTER COLUMN {name} SET DEFAULT {expression}", object.table()?))
}

/// The late statement that sets the default of a new column.
pub(in crate::difference) fn late_default(object: &Object, context: &Context<'_>) -> Option<Statement> {
    container(context.to, object).filter(|table| table.kind != Kind::View)?;
    let statement = set_default(object)?.pop()?;
    Some(Statement::late(statement.sql))
}

/// True if the column's table gets a primary key with it.
fn is_in_new_primary_key(column: &Object, context: &Context<'_>) -> bool {
    let name = name::last(column.identity());
    let is_new = |key: &&Object| {
        let old = context.from.find(key.kind(), key.identity());
        old.is_none_or(|old| old.definition() != key.definition())
    };
    let constraints = context.to.objects().iter().filter(|object| object.kind() == Kind::Constraint);
    constraints
        .filter(|constraint| constraint.table() == column.table())
        .filter(is_new)
        .filter_map(|key| key.definition().strip_prefix("PRIMARY KEY (")?.split_once(')'))
        .any(|(columns, _)| columns.split(", ").any(|of| of == name))
}
