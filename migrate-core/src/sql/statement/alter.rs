//! `ALTER` of tables and of relations that are altered like tables: indexes, views, sequences.

use super::alter_column::{ColumnChange, column_change};
use super::column::{ColumnDefinition, column_definition};
use super::constraint::{Constraint, sees_table_constraint, table_constraint};
use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName, RelationRef};
use super::object::ObjectKind;
use super::options::{ListedOption, foreign_options, options};
use super::reader::Reader;
use super::table::{PartitionBound, partition_bound};
use super::types::{TypeName, type_name};

/// `ALTER TABLE`, and `ALTER` of an index, a view, a materialized view, a sequence or a foreign table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterRelation<'t> {
    /// The kind of relation that the statement names.
    pub kind: ObjectKind,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// The relation.
    pub relation: RelationRef<'t>,
    /// The changes, in order.
    pub actions: Vec<AlterAction<'t>>,
}

/// One action of an `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterAction<'t> {
    /// The change.
    pub kind: AlterActionKind<'t>,
    /// Its span, without the comma after it.
    pub span: Span,
    /// True if it was understood completely.
    pub is_complete: bool,
}

/// The actions of an `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlterActionKind<'t> {
    /// `ADD COLUMN`
    AddColumn {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// The column.
        column: Box<ColumnDefinition<'t>>,
    },
    /// `DROP COLUMN`
    DropColumn {
        /// `IF EXISTS`
        if_exists: bool,
        /// The column.
        column: Name<'t>,
        /// `CASCADE`
        cascade: bool,
    },
    /// `ALTER COLUMN`
    AlterColumn {
        /// The column; `None` for an index column given by its number.
        column: Option<Name<'t>>,
        /// The change.
        change: ColumnChange<'t>,
    },
    /// `ADD CONSTRAINT`, or `ADD` of an unnamed one
    AddConstraint(Box<Constraint<'t>>),
    /// `ALTER CONSTRAINT`
    AlterConstraint {
        /// The constraint.
        name: Name<'t>,
        /// Its new attributes.
        attributes: Fragment<'t>,
    },
    /// `DROP CONSTRAINT`
    DropConstraint {
        /// `IF EXISTS`
        if_exists: bool,
        /// The constraint.
        name: Name<'t>,
        /// `CASCADE`
        cascade: bool,
    },
    /// `VALIDATE CONSTRAINT`
    ValidateConstraint {
        /// The constraint.
        name: Name<'t>,
    },
    /// `ATTACH PARTITION`, including that of an index
    AttachPartition {
        /// The partition.
        partition: QualifiedName<'t>,
        /// The bounds; an index has none.
        bound: Option<PartitionBound<'t>>,
    },
    /// `DETACH PARTITION`
    DetachPartition {
        /// The partition.
        partition: QualifiedName<'t>,
        /// `CONCURRENTLY`
        concurrently: Option<Span>,
        /// `FINALIZE`
        finalize: bool,
    },
    /// `INHERIT`
    Inherit {
        /// The parent.
        parent: QualifiedName<'t>,
    },
    /// `NO INHERIT`
    NoInherit {
        /// The parent.
        parent: QualifiedName<'t>,
    },
    /// `OF`
    OfType {
        /// The type.
        type_name: QualifiedName<'t>,
    },
    /// `NOT OF`
    NotOfType,
    /// `RENAME TO`
    RenameTo {
        /// The new name.
        to: Name<'t>,
    },
    /// `RENAME COLUMN`
    RenameColumn {
        /// The column.
        from: Name<'t>,
        /// The new name.
        to: Name<'t>,
    },
    /// `RENAME CONSTRAINT`
    RenameConstraint {
        /// The constraint.
        from: Name<'t>,
        /// The new name.
        to: Name<'t>,
    },
    /// `OWNER TO`
    OwnerTo {
        /// The role, or a keyword that stands for one.
        role: Name<'t>,
    },
    /// `SET SCHEMA`
    SetSchema {
        /// The schema.
        schema: Name<'t>,
    },
    /// `SET TABLESPACE`
    SetTablespace {
        /// The tablespace.
        tablespace: Name<'t>,
    },
    /// `SET LOGGED`
    SetLogged,
    /// `SET UNLOGGED`
    SetUnlogged,
    /// `SET ACCESS METHOD`
    SetAccessMethod {
        /// The method, or `DEFAULT`.
        method: Name<'t>,
    },
    /// `SET (…)`
    SetOptions(Vec<ListedOption<'t>>),
    /// `RESET (…)`
    ResetOptions(Vec<ListedOption<'t>>),
    /// `CLUSTER ON`
    ClusterOn {
        /// The index.
        index: Name<'t>,
    },
    /// `SET WITHOUT CLUSTER`
    SetWithoutCluster,
    /// `SET WITHOUT OIDS`
    SetWithoutOids,
    /// `REPLICA IDENTITY`
    ReplicaIdentity(Fragment<'t>),
    /// `ENABLE TRIGGER` and `DISABLE TRIGGER`
    Trigger {
        /// True for `ENABLE`, false for `DISABLE`.
        enable: bool,
        /// The trigger, or one of the keywords `ALL` and `USER`.
        name: Name<'t>,
    },
    /// `ENABLE RULE` and `DISABLE RULE`
    Rule {
        /// True for `ENABLE`, false for `DISABLE`.
        enable: bool,
        /// The rule.
        name: Name<'t>,
    },
    /// `ENABLE ROW LEVEL SECURITY` and similar actions
    RowSecurity(RowSecurity),
    /// `AS`, `INCREMENT`, `RESTART`, `OWNED BY` and the other options of a sequence
    SequenceOptions(SequenceOptions<'t>),
    /// `OPTIONS (…)` of a foreign table
    ForeignOptions(Vec<ListedOption<'t>>),
    /// `[NO] DEPENDS ON EXTENSION`
    DependsOnExtension {
        /// The extension.
        extension: Name<'t>,
    },
    /// An unknown action.
    Other(Fragment<'t>),
}

/// A change of a table's row-level security.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RowSecurity {
    /// `ENABLE`
    Enable,
    /// `DISABLE`
    Disable,
    /// `FORCE`
    Force,
    /// `NO FORCE`
    NoForce,
}

/// The options of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceOptions<'t> {
    /// `AS`
    pub data_type: Option<TypeName<'t>>,
    /// `RESTART`
    pub restart: bool,
    /// `OWNED BY`: a column, or the keyword `NONE`.
    pub owned_by: Option<QualifiedName<'t>>,
    /// All options, except for `SET LOGGED` and `SET UNLOGGED`.
    pub all: Fragment<'t>,
}

/// Parses the rest after `ALTER` and the kind of relation.
pub(super) fn alter_relation<'t>(reader: &mut Reader<'t>, kind: ObjectKind) -> Option<AlterRelation<'t>> {
    let if_exists = reader.words(&["IF", "EXISTS"]);
    let relation = reader.relation()?;
    let mut actions = Vec::new();
    while !reader.at_end() {
        actions.push(alter_action(reader, kind));
        if !reader.sign(",") {
            break;
        }
    }
    Some(AlterRelation { kind, if_exists, relation, actions })
}

fn alter_action<'t>(reader: &mut Reader<'t>, kind: ObjectKind) -> AlterAction<'t> {
    let mark = reader.mark();
    let mut ahead = *reader;
    let known = action_kind(&mut ahead, kind);
    let is_known = known.is_some();
    let kind = match known {
        Some(kind) => {
            *reader = ahead;
            kind
        }
        None => AlterActionKind::Other(reader.item()),
    };
    let is_whole = match &kind {
        AlterActionKind::AddColumn { column, .. } => column.is_complete,
        AlterActionKind::AlterColumn { change: ColumnChange::Other(_), .. } => false,
        _ => is_known,
    };
    let is_complete = is_whole && (reader.at_end() || reader.sees_sign(","));
    if !is_complete {
        reader.item();
    }
    AlterAction { kind, span: reader.span_since(mark), is_complete }
}

fn action_kind<'t>(reader: &mut Reader<'t>, kind: ObjectKind) -> Option<AlterActionKind<'t>> {
    let first = *reader;
    let word = reader.keyword();
    reader.take();
    match word.as_str() {
        "add" => add(reader),
        "drop" => drop(reader),
        "alter" => alter(reader),
        "validate" => {
            reader.word("CONSTRAINT");
            Some(AlterActionKind::ValidateConstraint { name: reader.name()? })
        }
        "attach" if reader.word("PARTITION") => {
            let partition = reader.qualified_name()?;
            Some(AlterActionKind::AttachPartition { partition, bound: partition_bound(reader) })
        }
        "detach" if reader.word("PARTITION") => {
            let partition = reader.qualified_name()?;
            let concurrently = reader.word_span("CONCURRENTLY");
            let finalize = reader.word("FINALIZE");
            Some(AlterActionKind::DetachPartition { partition, concurrently, finalize })
        }
        "inherit" => Some(AlterActionKind::Inherit { parent: reader.qualified_name()? }),
        "of" => Some(AlterActionKind::OfType { type_name: reader.qualified_name()? }),
        "not" if reader.word("OF") => Some(AlterActionKind::NotOfType),
        "rename" => rename(reader),
        "owner" if reader.word("TO") => Some(AlterActionKind::OwnerTo { role: reader.name()? }),
        "cluster" if reader.word("ON") => Some(AlterActionKind::ClusterOn { index: reader.name()? }),
        "replica" if reader.word("IDENTITY") => Some(AlterActionKind::ReplicaIdentity(reader.item())),
        "enable" => switch(reader, true),
        "disable" => switch(reader, false),
        "force" => row_security(reader, RowSecurity::Force),
        "no" if reader.word("FORCE") => row_security(reader, RowSecurity::NoForce),
        "no" if reader.word("INHERIT") => {
            Some(AlterActionKind::NoInherit { parent: reader.qualified_name()? })
        }
        "no" | "depends" if reader.sees_any(&["DEPENDS", "ON"]) => {
            reader.word("DEPENDS");
            reader.words(&["ON", "EXTENSION"]).then_some(())?;
            Some(AlterActionKind::DependsOnExtension { extension: reader.name()? })
        }
        "set" => set(reader),
        "reset" => Some(AlterActionKind::ResetOptions(options(reader)?)),
        "options" => Some(AlterActionKind::ForeignOptions(foreign_options(reader)?)),
        _ if kind == ObjectKind::Sequence => {
            *reader = first;
            Some(AlterActionKind::SequenceOptions(sequence_options(reader)))
        }
        _ => None,
    }
}

/// Parses a constraint or a column after `ADD`.
fn add<'t>(reader: &mut Reader<'t>) -> Option<AlterActionKind<'t>> {
    if sees_table_constraint(*reader) {
        return table_constraint(reader)
            .map(|constraint| AlterActionKind::AddConstraint(Box::new(constraint)));
    }
    reader.word("COLUMN");
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let column = Box::new(column_definition(reader, true)?);
    Some(AlterActionKind::AddColumn { if_not_exists, column })
}

fn drop<'t>(reader: &mut Reader<'t>) -> Option<AlterActionKind<'t>> {
    let is_constraint = reader.word("CONSTRAINT");
    if !is_constraint {
        reader.word("COLUMN");
    }
    let if_exists = reader.words(&["IF", "EXISTS"]);
    let name = reader.name()?;
    let cascade = cascade(reader);
    Some(if is_constraint {
        AlterActionKind::DropConstraint { if_exists, name, cascade }
    } else {
        AlterActionKind::DropColumn { if_exists, column: name, cascade }
    })
}

/// Takes `CASCADE` or `RESTRICT`, if it is next; true for `CASCADE`.
pub(super) fn cascade(reader: &mut Reader<'_>) -> bool {
    reader.word("CASCADE") || {
        reader.word("RESTRICT");
        false
    }
}

fn alter<'t>(reader: &mut Reader<'t>) -> Option<AlterActionKind<'t>> {
    if reader.word("CONSTRAINT") {
        let name = reader.name()?;
        return Some(AlterActionKind::AlterConstraint { name, attributes: reader.item() });
    }
    reader.word("COLUMN");
    let column = reader.name();
    if column.is_none() {
        reader.take();
    }
    Some(AlterActionKind::AlterColumn { column, change: column_change(reader) })
}

fn rename<'t>(reader: &mut Reader<'t>) -> Option<AlterActionKind<'t>> {
    if reader.word("TO") {
        return Some(AlterActionKind::RenameTo { to: reader.name()? });
    }
    let is_constraint = reader.word("CONSTRAINT");
    if !is_constraint {
        reader.word("COLUMN");
    }
    let from = reader.name()?;
    reader.word("TO").then_some(())?;
    let to = reader.name()?;
    Some(if is_constraint {
        AlterActionKind::RenameConstraint { from, to }
    } else {
        AlterActionKind::RenameColumn { from, to }
    })
}

/// Parses the rest after `ENABLE` or `DISABLE`.
fn switch<'t>(reader: &mut Reader<'t>, enable: bool) -> Option<AlterActionKind<'t>> {
    let security = if enable { RowSecurity::Enable } else { RowSecurity::Disable };
    if reader.sees("ROW") {
        return row_security(reader, security);
    }
    let _either = reader.word("ALWAYS") || reader.word("REPLICA");
    if reader.word("TRIGGER") {
        return Some(AlterActionKind::Trigger { enable, name: reader.name()? });
    }
    reader.word("RULE").then_some(())?;
    Some(AlterActionKind::Rule { enable, name: reader.name()? })
}

fn row_security<'t>(reader: &mut Reader<'t>, security: RowSecurity) -> Option<AlterActionKind<'t>> {
    reader.words(&["ROW", "LEVEL", "SECURITY"]).then_some(AlterActionKind::RowSecurity(security))
}

fn set<'t>(reader: &mut Reader<'t>) -> Option<AlterActionKind<'t>> {
    if reader.sees_sign("(") {
        return Some(AlterActionKind::SetOptions(options(reader)?));
    }
    let word = reader.keyword();
    reader.take();
    Some(match word.as_str() {
        "schema" => AlterActionKind::SetSchema { schema: reader.name()? },
        "tablespace" => {
            let tablespace = reader.name()?;
            reader.word("NOWAIT");
            AlterActionKind::SetTablespace { tablespace }
        }
        "logged" => AlterActionKind::SetLogged,
        "unlogged" => AlterActionKind::SetUnlogged,
        "access" if reader.word("METHOD") => AlterActionKind::SetAccessMethod { method: reader.name()? },
        "without" if reader.word("CLUSTER") => AlterActionKind::SetWithoutCluster,
        "without" if reader.word("OIDS") => AlterActionKind::SetWithoutOids,
        _ => return None,
    })
}

/// Parses the options of a sequence, as far as they reach.
pub(super) fn sequence_options<'t>(reader: &mut Reader<'t>) -> SequenceOptions<'t> {
    let mark = reader.mark();
    let (mut data_type, mut restart, mut owned_by) = (None, false, None);
    while !reader.at_end() && !reader.sees_sign(",") {
        if reader.word("AS") {
            data_type = type_name(reader);
        } else if reader.word("RESTART") {
            restart = true;
        } else if reader.words(&["OWNED", "BY"]) {
            owned_by = reader.qualified_name();
        } else {
            reader.skip();
        }
    }
    SequenceOptions { data_type, restart, owned_by, all: reader.since(mark) }
}
