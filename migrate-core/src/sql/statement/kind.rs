//! The kinds of statements, by their first words.

use super::alter::{AlterRelation, alter_relation};
use super::alter_other::{
    AlterAllInTablespace, AlterDatabase, AlterDomain, AlterObject, AlterSubscription, AlterType,
    DefaultPrivileges, ObjectChange, alter_all, alter_database, alter_domain, alter_object,
    alter_subscription, alter_type, default_privileges, object_change,
};
use super::create::{self, Prefix};
use super::create::{
    CreateDatabase, CreateDomain, CreateExtension, CreateObject, CreateOnTable, CreatePublication,
    CreateSchema, CreateSequence, CreateStatistics, CreateSubscription, CreateTablespace, CreateType,
    CreateView,
};
use super::drop::{DropObjects, drop_objects};
use super::fragment::Fragment;
use super::index::{CreateIndex, create_index};
use super::maintain::{self, ClusterTable, LockTables, RefreshView, Reindex, Vacuum, Wrapped};
use super::name::QualifiedName;
use super::object::{ObjectKind, object_kind};
use super::privileges::{ChangePrivileges, CommentOn, change_privileges, comment_on};
use super::reader::Reader;
use super::routine::{CreateRoutine, CreateTrigger, create_routine, create_trigger};
use super::rows::{self, CopyData, DeleteRows, InsertRows, MergeRows, Query, TruncateTables, UpdateRows};
use super::session::{
    ResetParameter, SetParameter, TransactionControl, reset_parameter, set_parameter, transaction_control,
};
use super::table::{CreateTable, create_table};

/// The kinds of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementKind<'t> {
    /// `CREATE TABLE`, including `CREATE TABLE … AS`
    CreateTable(Box<CreateTable<'t>>),
    /// `CREATE INDEX`
    CreateIndex(Box<CreateIndex<'t>>),
    /// `CREATE VIEW` and `CREATE MATERIALIZED VIEW`
    CreateView(Box<CreateView<'t>>),
    /// `CREATE FUNCTION` and `CREATE PROCEDURE`
    CreateRoutine(Box<CreateRoutine<'t>>),
    /// `CREATE TRIGGER`
    CreateTrigger(Box<CreateTrigger<'t>>),
    /// `CREATE TYPE`
    CreateType(CreateType<'t>),
    /// `CREATE DOMAIN`
    CreateDomain(Box<CreateDomain<'t>>),
    /// `CREATE SEQUENCE`
    CreateSequence(Box<CreateSequence<'t>>),
    /// `CREATE SCHEMA`
    CreateSchema(CreateSchema<'t>),
    /// `CREATE EXTENSION`
    CreateExtension(CreateExtension<'t>),
    /// `CREATE POLICY` and `CREATE RULE`
    CreateOnTable(CreateOnTable<'t>),
    /// `CREATE STATISTICS`
    CreateStatistics(CreateStatistics<'t>),
    /// `CREATE PUBLICATION`
    CreatePublication(CreatePublication<'t>),
    /// `CREATE SUBSCRIPTION`
    CreateSubscription(CreateSubscription<'t>),
    /// `CREATE DATABASE`
    CreateDatabase(CreateDatabase<'t>),
    /// `CREATE TABLESPACE`
    CreateTablespace(CreateTablespace<'t>),
    /// `CREATE` of any other object
    CreateObject(CreateObject<'t>),
    /// `ALTER TABLE`, and `ALTER` of an index, a view, a materialized view, a sequence or a foreign table
    AlterRelation(AlterRelation<'t>),
    /// `ALTER TABLE ALL IN TABLESPACE` and similar statements
    AlterAllInTablespace(AlterAllInTablespace<'t>),
    /// `ALTER TYPE`
    AlterType(AlterType<'t>),
    /// `ALTER DOMAIN`
    AlterDomain(AlterDomain<'t>),
    /// `ALTER SUBSCRIPTION`
    AlterSubscription(AlterSubscription<'t>),
    /// `ALTER DATABASE`
    AlterDatabase(AlterDatabase<'t>),
    /// `ALTER SYSTEM`
    AlterSystem(ObjectChange<'t>),
    /// `ALTER DEFAULT PRIVILEGES`
    DefaultPrivileges(DefaultPrivileges<'t>),
    /// `ALTER` of any other object
    AlterObject(AlterObject<'t>),
    /// `DROP`
    Drop(DropObjects<'t>),
    /// `REASSIGN OWNED`
    ReassignOwned {
        /// The current owners, separated by commas.
        from: Fragment<'t>,
        /// The new owner.
        to: Fragment<'t>,
    },
    /// `TRUNCATE`
    Truncate(TruncateTables<'t>),
    /// `INSERT`
    Insert(Box<InsertRows<'t>>),
    /// `UPDATE`
    Update(Box<UpdateRows<'t>>),
    /// `DELETE`
    Delete(Box<DeleteRows<'t>>),
    /// `MERGE`
    Merge(Box<MergeRows<'t>>),
    /// `COPY`
    Copy(Box<CopyData<'t>>),
    /// `SELECT`, `VALUES`, `TABLE`, or a query in parentheses
    Query(Query<'t>),
    /// `EXPLAIN`
    Explain(Wrapped<'t>),
    /// `PREPARE`
    Prepare(Wrapped<'t>),
    /// `DECLARE … CURSOR FOR`
    Declare(Wrapped<'t>),
    /// `EXECUTE`
    Execute,
    /// `DO`: the code, as a string constant
    Do(Option<Fragment<'t>>),
    /// `CALL`
    Call(QualifiedName<'t>),
    /// `REINDEX`
    Reindex(Reindex<'t>),
    /// `VACUUM`
    Vacuum(Vacuum<'t>),
    /// `ANALYZE`
    Analyze(Vacuum<'t>),
    /// `CLUSTER`
    Cluster(ClusterTable<'t>),
    /// `REFRESH MATERIALIZED VIEW`
    Refresh(RefreshView<'t>),
    /// `LOCK TABLE`
    Lock(LockTables<'t>),
    /// `COMMENT ON`
    Comment(CommentOn<'t>),
    /// `SECURITY LABEL`
    SecurityLabel(CommentOn<'t>),
    /// `GRANT` and `REVOKE`
    Privileges(ChangePrivileges<'t>),
    /// `BEGIN`, `COMMIT`, `ROLLBACK`, `SAVEPOINT` and similar statements
    Transaction(TransactionControl<'t>),
    /// `SET`
    Set(SetParameter<'t>),
    /// `RESET`
    Reset(ResetParameter<'t>),
    /// `SHOW`
    Show,
    /// `DISCARD`
    Discard {
        /// `ALL`
        all: bool,
    },
    /// `LISTEN`
    Listen,
    /// `NOTIFY`
    Notify,
    /// `UNLISTEN`
    Unlisten,
    /// `CHECKPOINT`
    Checkpoint,
    /// `FETCH`
    Fetch,
    /// `MOVE`
    Move,
    /// `CLOSE`
    Close,
    /// `DEALLOCATE`
    Deallocate,
    /// `LOAD`
    Load,
    /// `IMPORT FOREIGN SCHEMA`
    ImportForeignSchema,
    /// Any other statement, including those that the grammar does not have.
    Other,
}

/// Parses the next statement.
pub(super) fn kind<'t>(reader: &mut Reader<'t>) -> Option<StatementKind<'t>> {
    use StatementKind as Kind;
    let first = *reader;
    let verb = reader.keyword();
    reader.take();
    Some(match verb.as_str() {
        "create" => return create(reader),
        "alter" => return alter(reader),
        "drop" => Kind::Drop(drop_objects(reader)?),
        "insert" if reader.word("INTO") => Kind::Insert(Box::new(rows::insert_rows(reader)?)),
        "update" => Kind::Update(Box::new(rows::update_rows(reader)?)),
        "delete" if reader.word("FROM") => Kind::Delete(Box::new(rows::delete_rows(reader)?)),
        "merge" if reader.word("INTO") => Kind::Merge(Box::new(rows::merge_rows(reader)?)),
        "truncate" => Kind::Truncate(rows::truncate_tables(reader)?),
        "copy" => Kind::Copy(Box::new(rows::copy_data(reader)?)),
        "select" | "values" | "table" => {
            *reader = first;
            Kind::Query(rows::query(reader))
        }
        "" if first.sees_sign("(") => {
            *reader = first;
            Kind::Query(rows::query(reader))
        }
        "set" => Kind::Set(set_parameter(reader)),
        "reset" => Kind::Reset(reset_parameter(reader)),
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => {
            Kind::Transaction(transaction_control(reader, &verb)?)
        }
        "prepare" => match transaction_control(&mut { *reader }, &verb) {
            Some(_) => Kind::Transaction(transaction_control(reader, &verb)?),
            None => Kind::Prepare(maintain::prepare(reader, &["AS"])?),
        },
        "declare" => Kind::Declare(maintain::prepare(reader, &["FOR"])?),
        "explain" => Kind::Explain(maintain::explain(reader)),
        "grant" => Kind::Privileges(change_privileges(reader, true)?),
        "revoke" => Kind::Privileges(change_privileges(reader, false)?),
        "comment" => Kind::Comment(comment_on(reader)?),
        "security" if reader.word("LABEL") => Kind::SecurityLabel(comment_on(reader)?),
        "reindex" => Kind::Reindex(maintain::reindex(reader)?),
        "vacuum" => Kind::Vacuum(maintain::vacuum(reader)),
        "analyze" | "analyse" => Kind::Analyze(maintain::analyze(reader)),
        "cluster" => Kind::Cluster(maintain::cluster(reader)),
        "refresh" if reader.words(&["MATERIALIZED", "VIEW"]) => Kind::Refresh(maintain::refresh(reader)?),
        "lock" => Kind::Lock(maintain::lock_tables(reader)?),
        "reassign" if reader.words(&["OWNED", "BY"]) => {
            let from = reader.until_word(&["TO"]);
            reader.word("TO");
            Kind::ReassignOwned { from, to: reader.rest() }
        }
        "call" => {
            let name = reader.qualified_name()?;
            reader.rest();
            Kind::Call(name)
        }
        "do" => Kind::Do(code(reader)),
        "discard" => Kind::Discard { all: reader.rest().text().eq_ignore_ascii_case("ALL") },
        "execute" => whole(reader, Kind::Execute),
        "show" => whole(reader, Kind::Show),
        "listen" => whole(reader, Kind::Listen),
        "notify" => whole(reader, Kind::Notify),
        "unlisten" => whole(reader, Kind::Unlisten),
        "checkpoint" => Kind::Checkpoint,
        "fetch" => whole(reader, Kind::Fetch),
        "move" => whole(reader, Kind::Move),
        "close" => whole(reader, Kind::Close),
        "deallocate" => whole(reader, Kind::Deallocate),
        "load" => whole(reader, Kind::Load),
        "import" if reader.words(&["FOREIGN", "SCHEMA"]) => whole(reader, Kind::ImportForeignSchema),
        _ => return None,
    })
}

/// Skips the rest of a statement whose kind is all that matters.
fn whole<'t>(reader: &mut Reader<'t>, kind: StatementKind<'t>) -> StatementKind<'t> {
    reader.rest();
    kind
}

/// Parses the code of a `DO`, before or after the language.
fn code<'t>(reader: &mut Reader<'t>) -> Option<Fragment<'t>> {
    let mut code = None;
    while !reader.at_end() {
        if reader.word("LANGUAGE") {
            reader.take();
        } else if let Some(string) = reader.string() {
            code = Some(string);
        } else {
            break;
        }
    }
    code
}

/// Parses the rest after `CREATE`.
fn create<'t>(reader: &mut Reader<'t>) -> Option<StatementKind<'t>> {
    use StatementKind as Kind;
    let prefix = create::prefix(reader);
    let Prefix { or_replace, persistence, is_unique, .. } = prefix;
    if reader.word("INDEX") {
        let keyword = reader.last_span();
        return Some(Kind::CreateIndex(Box::new(create_index(reader, is_unique, keyword)?)));
    }
    let before = *reader;
    let kind = object_kind(reader)?;
    Some(match kind {
        ObjectKind::Table | ObjectKind::ForeignTable => {
            let is_foreign = kind == ObjectKind::ForeignTable;
            Kind::CreateTable(Box::new(create_table(reader, persistence, is_foreign)?))
        }
        ObjectKind::View => Kind::CreateView(Box::new(create::create_view(reader, prefix, false)?)),
        ObjectKind::MaterializedView => {
            Kind::CreateView(Box::new(create::create_view(reader, prefix, true)?))
        }
        ObjectKind::Function => Kind::CreateRoutine(Box::new(create_routine(reader, or_replace, false)?)),
        ObjectKind::Procedure => Kind::CreateRoutine(Box::new(create_routine(reader, or_replace, true)?)),
        ObjectKind::Trigger => Kind::CreateTrigger(Box::new(create_trigger(reader, prefix)?)),
        ObjectKind::Type => Kind::CreateType(create::create_type(reader)?),
        ObjectKind::Domain => Kind::CreateDomain(Box::new(create::create_domain(reader)?)),
        ObjectKind::Sequence => Kind::CreateSequence(Box::new(create::create_sequence(reader, persistence)?)),
        ObjectKind::Schema => Kind::CreateSchema(create::create_schema(reader)),
        ObjectKind::Extension => Kind::CreateExtension(create::create_extension(reader)?),
        ObjectKind::Policy => Kind::CreateOnTable(create::create_policy(reader)?),
        ObjectKind::Rule => Kind::CreateOnTable(create::create_rule(reader, or_replace)?),
        ObjectKind::Statistics => Kind::CreateStatistics(create::create_statistics(reader)?),
        ObjectKind::Publication => Kind::CreatePublication(create::create_publication(reader)?),
        ObjectKind::Subscription => Kind::CreateSubscription(create::create_subscription(reader)?),
        ObjectKind::Database => Kind::CreateDatabase(create::create_database(reader)?),
        ObjectKind::Tablespace => Kind::CreateTablespace(create::create_tablespace(reader)?),
        _ => {
            *reader = before;
            Kind::CreateObject(create::create_object(reader, prefix)?)
        }
    })
}

/// Parses the rest after `ALTER`.
fn alter<'t>(reader: &mut Reader<'t>) -> Option<StatementKind<'t>> {
    use StatementKind as Kind;
    let before = *reader;
    reader.word("PROCEDURAL");
    let kind = object_kind(reader)?;
    Some(match kind {
        kind if kind.is_relation() && reader.sees_words(&["ALL", "IN", "TABLESPACE"]) => {
            Kind::AlterAllInTablespace(alter_all(reader, kind)?)
        }
        kind if kind.is_relation() => Kind::AlterRelation(alter_relation(reader, kind)?),
        ObjectKind::Type => Kind::AlterType(alter_type(reader)?),
        ObjectKind::Domain => Kind::AlterDomain(alter_domain(reader)?),
        ObjectKind::Subscription => Kind::AlterSubscription(alter_subscription(reader)?),
        ObjectKind::Database => Kind::AlterDatabase(alter_database(reader)?),
        ObjectKind::System => Kind::AlterSystem(object_change(reader)),
        ObjectKind::DefaultPrivileges => Kind::DefaultPrivileges(default_privileges(reader)),
        _ => {
            *reader = before;
            Kind::AlterObject(alter_object(reader)?)
        }
    })
}
