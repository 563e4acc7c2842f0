//! Subjects: the objects of statements that refuse a transaction block.

use std::borrow::Cow;

use super::statement::{
    AlterActionKind, AlterRelation, CreateDatabase, CreateIndex, CreateSubscription, CreateTablespace,
    DropObjects, Fragment, LexedStatement, Name, ObjectKind, ParsedStatement, QualifiedName, Reindex,
    StatementKind, TransactionControl,
};

/// The object of a statement that refuses a transaction block, so that the catalog can show whether the
/// statement was done.
///
/// Names are spelled as in the statement, including qualifiers and quotes, and mean the same to `to_regclass`
/// and `parse_ident`. (Those don't support `U&"…"`; such a name is written in plain quotes.)
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// `CREATE [UNIQUE] INDEX CONCURRENTLY`
    CreateIndex {
        /// The index, if named.
        name: Option<String>,
        /// The table.
        table: String,
        /// True if it is unique.
        unique: bool,
        /// The access method, if given.
        method: Option<String>,
        /// The rest: columns, parameters, predicate.
        definition: String,
        /// True if it has `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP INDEX CONCURRENTLY`
    DropIndex {
        /// The indexes; the server accepts only one at a time.
        names: Vec<String>,
    },
    /// `REINDEX INDEX`
    ReindexIndex {
        /// The index.
        name: String,
    },
    /// `REINDEX TABLE`
    ReindexTable {
        /// The table.
        name: String,
    },
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`
    DetachPartition {
        /// The partitioned table.
        table: String,
        /// The partition.
        partition: String,
    },
    /// `CREATE DATABASE`
    CreateDatabase {
        /// The database.
        name: String,
        /// The options as written, with their names in lowercase.
        options: Vec<(String, String)>,
    },
    /// `DROP DATABASE`
    DropDatabase {
        /// The database.
        name: String,
    },
    /// `CREATE TABLESPACE`
    CreateTablespace {
        /// The tablespace.
        name: String,
        /// The owner, if given.
        owner: Option<String>,
        /// The directory, as a string constant.
        location: Option<String>,
    },
    /// `DROP TABLESPACE`
    DropTablespace {
        /// The tablespace.
        name: String,
    },
    /// `CREATE SUBSCRIPTION`
    CreateSubscription {
        /// The subscription.
        name: String,
        /// The connection string, as a string constant.
        connection: Option<String>,
        /// The publications.
        publications: Vec<String>,
    },
    /// `DROP SUBSCRIPTION`
    DropSubscription {
        /// The subscription.
        name: String,
    },
    /// `COMMIT PREPARED` or `ROLLBACK PREPARED`
    EndPrepared {
        /// The transaction, as a string constant.
        transaction: String,
    },
}

/// The subject of a statement that refuses a transaction block. `None` for other statements, for those that
/// can be run again in any case (`VACUUM`, `ALTER SYSTEM`, `REINDEX SCHEMA`, …), and for syntax errors.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{Subject, subject};
///
/// let names = vec!["app.\"By name\"".to_owned()];
/// assert_eq!(subject("DROP INDEX CONCURRENTLY IF EXISTS app . \"By name\""), Some(Subject::DropIndex { names }));
/// assert_eq!(subject("VACUUM users"), None);
/// ```
pub fn subject(statement: &str) -> Option<Subject> {
    let lexed = LexedStatement::new(statement);
    let statement = lexed.parse();
    if statement.unread.is_some() { None } else { of_parsed(&statement) }
}

fn of_parsed(statement: &ParsedStatement<'_>) -> Option<Subject> {
    match &statement.kind {
        StatementKind::CreateIndex(create) => of_index(create),
        StatementKind::CreateDatabase(create) => of_database(create),
        StatementKind::CreateTablespace(create) => of_tablespace(create),
        StatementKind::CreateSubscription(create) => of_subscription(create),
        StatementKind::Drop(drop) => of_drop(drop),
        StatementKind::Reindex(reindex) => of_reindex(reindex),
        StatementKind::AlterRelation(alter) => of_detach(alter),
        StatementKind::Transaction(
            TransactionControl::CommitPrepared(transaction)
            | TransactionControl::RollbackPrepared(transaction),
        ) => Some(Subject::EndPrepared { transaction: string((*transaction)?) }),
        _ => None,
    }
}

fn of_index(create: &CreateIndex<'_>) -> Option<Subject> {
    create.concurrently?;
    let index = match &create.name {
        Some(name) => Some(qualified(name)?),
        None => None,
    };
    Some(Subject::CreateIndex {
        name: index,
        table: qualified(&create.table.name)?,
        unique: create.is_unique,
        method: optional(create.method)?,
        definition: create.definition.text().to_owned(),
        if_not_exists: create.if_not_exists.is_some(),
    })
}

fn of_database(create: &CreateDatabase<'_>) -> Option<Subject> {
    let options = create.options.iter().map(|(name, value)| Some((name.clone(), option_value(*value)?)));
    Some(Subject::CreateDatabase { name: name(create.name)?, options: options.collect::<Option<_>>()? })
}

/// The value of an option: a string constant, a name, a number.
fn option_value(value: Fragment<'_>) -> Option<String> {
    match value.name() {
        Some(written) => name(written),
        None if value.tokens().len() == 1 => Some(string(value)),
        None => Some(value.tokens().iter().map(|token| value.written(*token)).collect()),
    }
}

fn of_tablespace(create: &CreateTablespace<'_>) -> Option<Subject> {
    Some(Subject::CreateTablespace {
        name: name(create.name)?,
        owner: optional(create.owner)?,
        location: create.location.map(string),
    })
}

fn of_subscription(create: &CreateSubscription<'_>) -> Option<Subject> {
    Some(Subject::CreateSubscription {
        name: name(create.name)?,
        connection: create.connection.map(string),
        publications: create
            .publications
            .iter()
            .map(|publication| name(*publication))
            .collect::<Option<_>>()?,
    })
}

fn of_drop(drop: &DropObjects<'_>) -> Option<Subject> {
    let names: Vec<String> = drop.names.iter().map(qualified).collect::<Option<_>>()?;
    let name = names.first()?.clone();
    Some(match drop.kind {
        ObjectKind::Index if drop.concurrently.is_some() => Subject::DropIndex { names },
        ObjectKind::Database => Subject::DropDatabase { name },
        ObjectKind::Tablespace => Subject::DropTablespace { name },
        ObjectKind::Subscription => Subject::DropSubscription { name },
        _ => return None,
    })
}

fn of_reindex(reindex: &Reindex<'_>) -> Option<Subject> {
    let name = qualified(reindex.name.as_ref()?)?;
    match reindex.kind {
        ObjectKind::Index => Some(Subject::ReindexIndex { name }),
        ObjectKind::Table => Some(Subject::ReindexTable { name }),
        _ => None,
    }
}

fn of_detach(alter: &AlterRelation<'_>) -> Option<Subject> {
    let [action] = alter.actions.as_slice() else { return None };
    match &action.kind {
        AlterActionKind::DetachPartition { partition, concurrently: Some(_), .. } => {
            Some(Subject::DetachPartition {
                table: qualified(&alter.relation.name)?,
                partition: qualified(partition)?,
            })
        }
        _ => None,
    }
}

fn name(written: Name<'_>) -> Option<String> {
    written.to_sql().map(Cow::into_owned)
}

fn optional(written: Option<Name<'_>>) -> Option<Option<String>> {
    written.map_or(Some(None), |written| name(written).map(Some))
}

fn qualified(written: &QualifiedName<'_>) -> Option<String> {
    written.to_sql()
}

/// A string constant as written.
fn string(constant: Fragment<'_>) -> String {
    constant.text().to_owned()
}
