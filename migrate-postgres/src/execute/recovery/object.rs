//! Other objects in doubt: databases, tablespaces, subscriptions, partitions, prepared transactions.

use super::{Before, InDoubtStatement, RecoveryAction, Unsettled};
use crate::sql::quote::quote_literal;
use migrate_core::sql::Subject;
use tokio_postgres::types::Type;

/// A class of objects that are known by their names alone.
#[derive(Clone, Copy)]
pub(super) enum Class {
    Database,
    Tablespace,
    Subscription,
}

impl Class {
    fn word(self) -> &'static str {
        match self {
            Class::Database => "database",
            Class::Tablespace => "tablespace",
            Class::Subscription => "subscription",
        }
    }

    /// The catalog, with `o` for its rows.
    fn from(self) -> &'static str {
        match self {
            Class::Database => "pg_catalog.pg_database o",
            Class::Tablespace => "pg_catalog.pg_tablespace o",
            Class::Subscription => "pg_catalog.pg_subscription o",
        }
    }

    /// The rows whose name is `$1`. A database whose dropping was cut short is none.
    fn condition(self) -> &'static str {
        match self {
            Class::Database => "o.datname = (pg_catalog.parse_ident($1))[1]::name AND o.datconnlimit <> -2",
            Class::Tablespace => "o.spcname = (pg_catalog.parse_ident($1))[1]::name",
            Class::Subscription => {
                "o.subname = (pg_catalog.parse_ident($1))[1]::name AND o.subdbid = \
                 (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
            }
        }
    }
}

/// The age of an object that all databases share, or a database has one list of: that of its row, or of those of its
/// owner and privileges, whichever is oldest. A role that may not read the catalog as a whole may not read its row's.
fn age(class: Class, is_readable: bool) -> String {
    let catalog = class.from().split(' ').next().unwrap_or_default();
    let own = if is_readable { "SELECT o.xmin AS x UNION ALL" } else { "" };
    format!(
        "SELECT max(pg_catalog.age(r.x)) FROM ({own} SELECT d.xmin AS x \
         FROM pg_catalog.pg_shdepend d WHERE d.classid = '{catalog}'::regclass AND d.objid = o.oid) r"
    )
}

/// A value of the script, as SQL text: a string constant or a number as it is written, a name folded as the server folds it.
fn value(written: &str) -> String {
    let is_name =
        written.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"') && !written.ends_with('\'');
    if is_name {
        format!("(pg_catalog.parse_ident({}))[1]", quote_literal(written))
    } else {
        format!("{written}::text")
    }
}

/// A condition in SQL: an object has the owner that a statement gives it.
fn has_owner(column: &str, owner: Option<&str>) -> String {
    let given = owner.filter(|owner| {
        !["current_user", "current_role", "default"].iter().any(|word| owner.eq_ignore_ascii_case(word))
    });
    let owner = match given {
        None => "current_user::text".to_owned(),
        Some(owner) if owner.eq_ignore_ascii_case("session_user") => "session_user::text".to_owned(),
        Some(owner) => value(owner),
    };
    format!("pg_catalog.pg_get_userbyid({column})::text = {owner}")
}

/// Returns a SQL condition: true if a database `o` has the properties that the options of `CREATE DATABASE`
/// give it. NULL, which is neither, if an option leaves no trace to compare.
fn has_options(options: &[(String, String)]) -> String {
    let given =
        |name: &str| options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str());
    let set = |name: &str| given(name).filter(|written| !written.eq_ignore_ascii_case("default"));
    let template = set("template").map_or_else(|| "'template1'".to_owned(), value);
    // Omitted options are copied from the template.
    let copied = |column: &str| {
        format!(
            "o.{column} = (SELECT m.{column} FROM pg_catalog.pg_database m WHERE m.datname::text = {template})"
        )
    };
    let locale = |name: &str, column: &str| match set(name).or(set("locale")) {
        Some(written) => format!("o.{column} = {}", value(written)),
        None => copied(column),
    };
    let encoding = set("encoding").map(value).map(|encoding| {
        format!(
            "{encoding} IN (o.encoding::text, pg_catalog.pg_encoding_to_char(o.encoding)::text) \
             OR pg_catalog.pg_char_to_encoding({encoding}::name) = o.encoding"
        )
    });
    let tablespace = set("tablespace").map(value).map(|name| {
        format!(
            "o.dattablespace = (SELECT t.oid FROM pg_catalog.pg_tablespace t WHERE t.spcname::text = {name})"
        )
    });
    let or = |name: &str, default: &str| set(name).map_or_else(|| default.to_owned(), value);
    let compared = [
        has_owner("o.datdba", set("owner")),
        // The content of a copy of another template is unknown.
        format!("{template} IN ('template0', 'template1')"),
        encoding.unwrap_or_else(|| copied("encoding")),
        locale("lc_collate", "datcollate"),
        locale("lc_ctype", "datctype"),
        tablespace.unwrap_or_else(|| copied("dattablespace")),
        format!("o.datallowconn = ({})::bool", or("allow_connections", "'true'")),
        format!("o.datconnlimit::text = {}", or("connection_limit", "'-1'")),
        format!("o.datistemplate = ({})::bool", or("is_template", "'false'")),
    ];
    let known = [
        "owner",
        "template",
        "encoding",
        "locale",
        "lc_collate",
        "lc_ctype",
        "tablespace",
        "allow_connections",
        "connection_limit",
        "is_template",
        "strategy",
    ];
    let others = options.iter().filter(|(name, _)| !known.contains(&name.as_str())).map(|_| "NULL");
    let compared = compared.iter().map(|condition| format!("({condition})"));
    compared.chain(others.map(str::to_owned)).collect::<Vec<_>>().join(" AND ")
}

/// Class and name of what a statement creates, and whether an object `o` of that name is what it would create, as SQL.
fn created(subject: &Subject) -> Option<(Class, &str, String)> {
    Some(match subject {
        Subject::CreateDatabase { name, options } => (Class::Database, name, has_options(options)),
        Subject::CreateTablespace { name, owner, location } => {
            let location = location.as_deref().map_or_else(|| "NULL".to_owned(), value);
            let owner = has_owner("o.spcowner", owner.as_deref());
            let same = format!(
                "{owner} AND pg_catalog.pg_tablespace_location(o.oid) = pg_catalog.rtrim({location}, '/')"
            );
            (Class::Tablespace, name, same)
        }
        Subject::CreateSubscription { name, connection, publications } => {
            let publications: Vec<String> = publications.iter().map(|name| value(name)).collect();
            let connection = connection.as_deref().map_or_else(|| "NULL".to_owned(), value);
            let same = format!(
                "o.subpublications @> ARRAY[{names}]::text[] AND o.subpublications <@ ARRAY[{names}]::text[] \
                 AND o.subconninfo = {connection}",
                names = publications.join(", ")
            );
            (Class::Subscription, name, same)
        }
        _ => return None,
    })
}

impl InDoubtStatement<'_> {
    /// Decides on a statement that creates an object. It is done if the object exists, is the one that the
    /// statement creates, and was made since. An object that existed before is in the way, and the server
    /// says so. An object that was made since and is, or may be, a different one belongs to another session,
    /// or is what an earlier attempt made of it.
    pub(super) async fn created(&self, subject: &Subject) -> Result<RecoveryAction, Unsettled> {
        let Some((class, name, is_same)) = created(subject) else { return Ok(RecoveryAction::Run) };
        if self.before != Before::Unknown {
            return Ok(RecoveryAction::Run);
        }
        // Only a superuser may read a subscription's connection string.
        let is_readable = self.may_read(class).await?;
        let is_same = if is_readable { is_same } else { "NULL::bool".to_owned() };
        let sql = format!(
            "SELECT {}, {is_same} FROM {} WHERE {}",
            self.is_newer(&age(class, is_readable)),
            class.from(),
            class.condition()
        );
        let rows = self.context.ask(&sql, &[(&name, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(RecoveryAction::Run) };
        match (row.get::<_, Option<bool>>(0), row.get::<_, Option<bool>>(1)) {
            (Some(false), _) => Ok(RecoveryAction::Run),
            (Some(true), Some(true)) => Ok(RecoveryAction::Done),
            _ => self.undecidable(format!(
                "the {} {name} exists, and it is unknown whether this statement created it",
                class.word()
            )),
        }
    }

    /// Decides on a statement that drops an object: it is done if the object is gone. An object of that name
    /// that was made since is not the one to be dropped.
    pub(super) async fn dropped(&self, class: Class, name: &str) -> Result<RecoveryAction, Unsettled> {
        if self.before != Before::Unknown {
            return Ok(RecoveryAction::Run);
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE {}",
            self.is_newer(&age(class, self.may_read(class).await?)),
            class.from(),
            class.condition()
        );
        let rows = self.context.ask(&sql, &[(&name, Type::TEXT)]).await?;
        match rows.first().map(|row| row.get::<_, Option<bool>>(0)) {
            None => Ok(RecoveryAction::Done),
            Some(Some(false)) => Ok(RecoveryAction::Run),
            Some(_) => self.undecidable(format!(
                "the {} {name} may have been created since, and not be the one that was to be dropped",
                class.word()
            )),
        }
    }

    async fn may_read(&self, class: Class) -> Result<bool, Unsettled> {
        let catalog = class.from().split(' ').next().unwrap_or_default();
        let sql = "SELECT pg_catalog.has_table_privilege($1, 'SELECT')";
        let rows = self.context.ask(sql, &[(&catalog, Type::TEXT)]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Decides on detaching a partition, which takes two transactions; a separate statement finishes a detach
    /// that stopped between them. The second transaction rewrites the partition's row: a table that is no
    /// partition and whose row is older was none before.
    pub(super) async fn detached(&self, table: &str, partition: &str) -> Result<RecoveryAction, Unsettled> {
        let sql = format!(
            "SELECT i.inhdetachpending, c.relispartition, {} FROM pg_catalog.pg_class c \
             LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = pg_catalog.to_regclass($1) \
             WHERE c.oid = pg_catalog.to_regclass($2)",
            self.is_newer("pg_catalog.age(c.xmin)")
        );
        let rows = self.context.ask(&sql, &[(&table, Type::TEXT), (&partition, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(RecoveryAction::Run) };
        match (row.get::<_, Option<bool>>(0), row.get::<_, bool>(1), row.get::<_, Option<bool>>(2)) {
            (Some(true), ..) => {
                let finalize = format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE");
                self.context.run_alone(&finalize).await?;
                Ok(RecoveryAction::Done)
            }
            (None, false, Some(true)) => Ok(self.done_if(true)),
            (None, false, None) => self.undecidable(format!(
                "{partition} is not a partition of {table}, and it is unknown since when"
            )),
            _ => Ok(RecoveryAction::Run),
        }
    }

    /// A prepared transaction that is gone has been committed or rolled back, by whom is all one: it can be done once. One
    /// of the name that began since is another.
    pub(super) async fn prepared(&self, transaction: &str) -> Result<RecoveryAction, Unsettled> {
        // The constant is one token of the script, so it can stand here as it stands there.
        let sql = format!(
            "SELECT {} FROM pg_catalog.pg_prepared_xacts p \
             WHERE p.gid = {transaction} AND p.database = pg_catalog.current_database()",
            self.is_newer("pg_catalog.age(p.transaction)")
        );
        let rows = self.context.ask(&sql, &[]).await?;
        match rows.first().map(|row| row.get::<_, Option<bool>>(0)) {
            None => Ok(self.done_if(true)),
            Some(Some(true)) if self.before == Before::Unknown => self.undecidable(format!(
                "the prepared transaction {transaction} began since, so it is a different one"
            )),
            Some(_) => Ok(RecoveryAction::Run),
        }
    }
}
