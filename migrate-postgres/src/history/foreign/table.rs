//! The location of another tool's history.

use migrate_core::history::foreign::Tool;
use std::borrow::Cow;

/// Another tool's history, as an argument of [`Migrator::adopt_from`](crate::Migrator::adopt_from).
///
/// # Examples
///
/// ```
/// use migrate_postgres::tools;
///
/// let usual = tools::sqlx();
/// let elsewhere = tools::sqlx().table("_app_migrations").schema("app");
/// assert_ne!(usual, elsewhere);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each setting returns the table"]
pub struct ToolTable {
    pub(crate) tool: Tool,
    pub(crate) schema: Option<Cow<'static, str>>,
    pub(crate) table: Cow<'static, str>,
}

impl ToolTable {
    /// The table that a tool makes if it is not told otherwise.
    #[cfg(feature = "cli")]
    pub(crate) fn usual(tool: Tool) -> ToolTable {
        ToolTable::of(tool, tool.table())
    }

    const fn of(tool: Tool, table: &'static str) -> ToolTable {
        ToolTable { tool, schema: None, table: Cow::Borrowed(table) }
    }

    /// The tool.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Sets the schema of the table, which is otherwise found on the search path.
    pub fn schema(self, schema: impl Into<Cow<'static, str>>) -> ToolTable {
        ToolTable { schema: Some(schema.into()), ..self }
    }

    /// Sets the name of the table.
    pub fn table(self, table: impl Into<Cow<'static, str>>) -> ToolTable {
        ToolTable { table: table.into(), ..self }
    }
}

/// Another tool's history that can be kept, as an argument of
/// [`Migrator::foreign_history`](crate::Migrator::foreign_history). It can also be adopted.
///
/// # Examples
///
/// ```
/// use migrate_postgres::{migrate, tools};
///
/// let migrator = migrate!("tests/fixtures/quickstart").foreign_history(tools::sqlx());
/// let elsewhere = migrate!("tests/fixtures/quickstart").foreign_history(tools::sqlx().schema("app"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "each setting returns the table"]
pub struct ForeignTable(pub(crate) ToolTable);

impl ForeignTable {
    /// The tool.
    pub fn tool(&self) -> Tool {
        self.0.tool
    }

    /// Sets the schema of the table, which is otherwise the first one of the search path.
    pub fn schema(self, schema: impl Into<Cow<'static, str>>) -> ForeignTable {
        ForeignTable(self.0.schema(schema))
    }

    /// Sets the name of the table.
    pub fn table(self, table: impl Into<Cow<'static, str>>) -> ForeignTable {
        ForeignTable(self.0.table(table))
    }
}

impl From<ForeignTable> for ToolTable {
    fn from(kept: ForeignTable) -> ToolTable {
        kept.0
    }
}

/// `_prisma_migrations`, as Prisma up to version 7 writes it.
pub const fn prisma() -> ForeignTable {
    ForeignTable(ToolTable::of(Tool::Prisma, "_prisma_migrations"))
}

/// `_sqlx_migrations`.
pub const fn sqlx() -> ForeignTable {
    ForeignTable(ToolTable::of(Tool::Sqlx, "_sqlx_migrations"))
}

/// `refinery_schema_history`.
pub const fn refinery() -> ForeignTable {
    ForeignTable(ToolTable::of(Tool::Refinery, "refinery_schema_history"))
}

/// `__diesel_schema_migrations`.
pub const fn diesel() -> ForeignTable {
    ForeignTable(ToolTable::of(Tool::Diesel, "__diesel_schema_migrations"))
}

/// `schema_migrations` of golang-migrate, with its flag `dirty`.
pub const fn golang_migrate() -> ToolTable {
    ToolTable::of(Tool::GolangMigrate, "schema_migrations")
}

/// `schema_version` of tern, the Go tool.
pub const fn tern() -> ToolTable {
    ToolTable::of(Tool::Tern, "schema_version")
}

/// `schema_migrations` of dbmate.
pub const fn dbmate() -> ToolTable {
    ToolTable::of(Tool::Dbmate, "schema_migrations")
}

/// `schema_migrations` of Rails.
pub const fn rails() -> ToolTable {
    ToolTable::of(Tool::Rails, "schema_migrations")
}

/// `goose_db_version`.
pub const fn goose() -> ToolTable {
    ToolTable::of(Tool::Goose, "goose_db_version")
}

/// `flyway_schema_history`.
pub const fn flyway() -> ToolTable {
    ToolTable::of(Tool::Flyway, "flyway_schema_history")
}
