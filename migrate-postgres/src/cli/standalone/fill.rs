//! The migrations that add a column and fill it while the service writes: column and trigger, backfill, and the
//! constraint that proves it.

use super::stub::ScriptHalf;
use crate::sql::quote::quote_if_needed;
use migrate_core::Layout;
use migrate_core::sql::statement::LexedStatement;
use migrate_core::sql::{self, TokenKind};

/// A column to add and to fill.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    /// The table as SQL, with its schema if that is given.
    table: String,
    /// The schema before a name of an object beside the table, as SQL with its dot; empty if none is given.
    schema: String,
    /// The name of the table without its schema, as SQL.
    own: String,
    /// The name of the table without its schema, and of the column, as the server reads them.
    names: (String, String),
    /// The column, as SQL.
    column: String,
    kind: String,
    expression: String,
}

/// A migration to write.
pub(super) struct FillStep {
    /// The name, without a version.
    pub(super) name: String,
    pub(super) up: ScriptHalf,
    /// None in a layout without down scripts.
    pub(super) down: Option<ScriptHalf>,
}

impl Fill {
    /// Reads `users.slug` or `app.users.slug`, the type of the column and the expression; the fault if one of them can't be
    /// read.
    pub(super) fn parse(column: &str, kind: &str, expression: &str) -> Result<Fill, &'static str> {
        let lexed = LexedStatement::new(column);
        let name = lexed.parse_relation_key().filter(|(_, key)| key.is_empty()).map(|(name, _)| name);
        let name = name.filter(|name| matches!(name.parts().len(), 2 | 3));
        let name = name.ok_or("--fill takes a table and a column: `users.slug`, or `app.users.slug`")?;
        let table = name.qualifier().ok_or("--fill takes a table and a column")?;
        let sql = "a name in --fill has an invalid escape";
        let schema = table.schema().map(|schema| schema.to_sql().ok_or(sql)).transpose()?;
        if LexedStatement::new(kind).parse_type().is_none() || has_more(kind) {
            return Err("--type takes the type of the column, for example `text` or `numeric(10, 2)`");
        }
        let whole = sql::split(&format!("SELECT ({expression})"));
        let is_one = whole.faults.is_empty() && whole.statements.len() == 1;
        let is_empty = expression.trim().is_empty();
        if !is_one || is_empty || has_more(expression) || expression.contains(DELIMITER) {
            return Err("--as takes an expression over the columns of the table, for example `lower(name)`");
        }
        Ok(Fill {
            table: table.to_sql().ok_or(sql)?,
            schema: schema.map_or_else(String::new, |schema| format!("{schema}.")),
            own: table.name().to_sql().ok_or(sql)?.into_owned(),
            names: (table.name().folded().into_owned(), name.name().folded().into_owned()),
            column: name.name().to_sql().ok_or(sql)?.into_owned(),
            kind: kind.trim().to_owned(),
            expression: expression.trim().to_owned(),
        })
    }

    /// The name of the migrations, if none is given.
    pub(super) fn name(&self) -> String {
        let (table, column) = &self.names;
        format!("{table}_{column}")
    }

    /// The migrations, in order. `backfill` is the version of the second one.
    pub(super) fn steps(&self, name: &str, backfill: &str, layout: Layout) -> [FillStep; 4] {
        let Fill { table, column, expression, .. } = self;
        let constraint = self.beside("not_null").1;
        let step = |what: &str, up: String, down: &str| FillStep {
            name: format!("{what}_{name}"),
            up: half(up),
            down: (layout != Layout::Refinery).then(|| half(down.to_owned())),
        };
        [
            step(
                "add",
                self.column_and_trigger(layout),
                &format!("{}{}", self.removal(), self.column_removal()),
            ),
            step(
                "fill",
                format!(
                    "-- migrate: batch={table}\n\
                     UPDATE {table} SET {column} = {expression} WHERE {column} IS NULL AND ${{batch}};\n"
                ),
                "-- Nothing to undo: the values go with the column.\n",
            ),
            step(
                "check",
                format!(
                    "-- migrate: after={backfill}\n\
                     ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({column} IS NOT NULL) NOT VALID;\n"
                ),
                &format!("ALTER TABLE {table} DROP CONSTRAINT {constraint};\n"),
            ),
            step(
                "validate",
                format!(
                    "-- migrate: after={backfill}\nALTER TABLE {table} VALIDATE CONSTRAINT {constraint};\n"
                ),
                "-- Nothing to undo: a constraint that holds may stay valid.\n",
            ),
        ]
    }

    /// The script of a later migration, which takes the trigger away.
    pub(super) fn removal(&self) -> String {
        let (function, trigger) = self.beside("fill");
        format!("DROP TRIGGER {trigger} ON {};\nDROP FUNCTION {function}();\n", self.table)
    }

    fn column_removal(&self) -> String {
        format!(
            "-- migrate: allow=drop-column reason=\"it was added by this migration\"\nALTER TABLE {} DROP COLUMN {};\n",
            self.table, self.column
        )
    }

    fn column_and_trigger(&self, layout: Layout) -> String {
        let Fill { table, column, kind, expression, .. } = self;
        let (function, trigger) = self.beside("fill");
        // goose ends a statement at a semicolon at the end of a line, unless told otherwise.
        let (begin, end) = match layout {
            Layout::Goose => ("-- +goose StatementBegin\n", "\n-- +goose StatementEnd"),
            _ => ("", ""),
        };
        format!(
            "ALTER TABLE {table} ADD COLUMN {column} {kind};\n\n\
             -- Fills the column in rows that are written before the release that writes it itself.\n\
             {begin}CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {DELIMITER}\n\
             BEGIN\n    \
             IF TG_OP = 'INSERT' THEN\n        \
             IF NEW.{column} IS NULL THEN\n            \
             NEW.{column} := (SELECT {expression} FROM (SELECT NEW.*) AS {own});\n        \
             END IF;\n    \
             ELSIF NEW.{column} IS NOT DISTINCT FROM OLD.{column} THEN\n        \
             NEW.{column} := (SELECT {expression} FROM (SELECT NEW.*) AS {own});\n    \
             END IF;\n    \
             RETURN NEW;\n\
             END\n\
             {DELIMITER};{end}\n\n\
             CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();\n",
            own = self.own,
        )
    }

    /// The name of an object beside the table, with the schema and without.
    fn beside(&self, what: &str) -> (String, String) {
        let (table, column) = &self.names;
        let name = quote_if_needed(&format!("{table}_{column}_{what}")).to_string();
        (format!("{}{name}", self.schema), name)
    }
}

/// True if a text ends a statement, or has a comment that could hide what follows it.
fn has_more(text: &str) -> bool {
    let is_more =
        |kind| matches!(kind, TokenKind::Semicolon | TokenKind::LineComment | TokenKind::BlockComment);
    sql::tokens(text).any(|token| is_more(token.kind))
}

const DELIMITER: &str = "$fill$";

fn half(text: String) -> ScriptHalf {
    ScriptHalf { text, is_marked_bare: false }
}
