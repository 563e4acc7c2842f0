//! Transactions, and the settings of a session.

use super::fragment::Fragment;
use super::name::{Name, QualifiedName};
use super::reader::Reader;
use crate::sql::token::TokenKind;

/// A statement that begins, ends or divides a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionControl<'t> {
    /// `BEGIN` or `START TRANSACTION`
    Begin(TransactionModes),
    /// `COMMIT` or `END`
    Commit {
        /// `AND CHAIN`
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`
    Rollback {
        /// `AND CHAIN`
        chain: bool,
    },
    /// `SAVEPOINT`
    Savepoint(Name<'t>),
    /// `RELEASE SAVEPOINT`
    Release(Name<'t>),
    /// `ROLLBACK TO SAVEPOINT`
    RollbackTo(Name<'t>),
    /// `PREPARE TRANSACTION`
    Prepare(Option<Fragment<'t>>),
    /// `COMMIT PREPARED`
    CommitPrepared(Option<Fragment<'t>>),
    /// `ROLLBACK PREPARED`
    RollbackPrepared(Option<Fragment<'t>>),
}

/// The modes that a statement sets on a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TransactionModes {
    /// `READ ONLY` or `READ WRITE`, whichever comes last.
    pub read_only: Option<bool>,
    /// True if any mode is given, including an isolation level, a snapshot or `DEFERRABLE`.
    pub any: bool,
}

/// `SET`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetParameter<'t> {
    /// The scope.
    pub scope: SettingScope,
    /// The target.
    pub target: SettingTarget<'t>,
    /// Everything after the target, without `TO` or `=`; empty if nothing follows, as in `FROM CURRENT`.
    pub value: Fragment<'t>,
}

/// The scope of a `SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingScope {
    /// `SESSION`, or no keyword.
    Session,
    /// `LOCAL`
    Local,
}

/// The target of a `SET` or a `RESET`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingTarget<'t> {
    /// A parameter: `search_path`, `app.user`.
    Parameter(QualifiedName<'t>),
    /// `TIME ZONE`
    TimeZone,
    /// `ROLE`
    Role,
    /// `SESSION AUTHORIZATION`
    SessionAuthorization,
    /// `NAMES`, which is `client_encoding`
    Names,
    /// `SCHEMA`, which is `search_path`
    Schema,
    /// `CATALOG`, which the server does not have
    Catalog,
    /// `XML OPTION`
    XmlOption,
    /// `TRANSACTION`: modes, or a snapshot
    Transaction(TransactionModes),
    /// `SESSION CHARACTERISTICS AS TRANSACTION`
    SessionCharacteristics(TransactionModes),
    /// `CONSTRAINTS`
    Constraints,
    /// `ALL`, of `RESET`
    All,
    /// An unknown target.
    Unknown,
}

/// `RESET`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetParameter<'t> {
    /// The target.
    pub target: SettingTarget<'t>,
}

/// Parses `BEGIN` and similar statements.
pub(super) fn transaction_control<'t>(reader: &mut Reader<'t>, verb: &str) -> Option<TransactionControl<'t>> {
    use TransactionControl as Control;
    Some(match verb {
        "begin" => {
            noise(reader);
            Control::Begin(modes(reader))
        }
        "start" => {
            reader.word("TRANSACTION").then_some(())?;
            Control::Begin(modes(reader))
        }
        "commit" if reader.word("PREPARED") => Control::CommitPrepared(reader.string()),
        "rollback" if reader.word("PREPARED") => Control::RollbackPrepared(reader.string()),
        "commit" | "end" => {
            noise(reader);
            Control::Commit { chain: chain(reader) }
        }
        "rollback" | "abort" => {
            noise(reader);
            if reader.word("TO") {
                reader.word("SAVEPOINT");
                return Some(Control::RollbackTo(reader.name()?));
            }
            Control::Rollback { chain: chain(reader) }
        }
        "savepoint" => Control::Savepoint(reader.name()?),
        "release" => {
            reader.word("SAVEPOINT");
            Control::Release(reader.name()?)
        }
        "prepare" if reader.word("TRANSACTION") => Control::Prepare(reader.string()),
        _ => return None,
    })
}

fn noise(reader: &mut Reader<'_>) {
    let _either = reader.word("WORK") || reader.word("TRANSACTION");
}

fn chain(reader: &mut Reader<'_>) -> bool {
    let chain = reader.words(&["AND", "CHAIN"]);
    reader.words(&["AND", "NO", "CHAIN"]);
    chain
}

/// Parses the modes up to the end of the statement; the last access mode counts.
fn modes(reader: &mut Reader<'_>) -> TransactionModes {
    let mut modes = TransactionModes::default();
    while !reader.at_end() {
        modes.any = true;
        if reader.words(&["READ", "ONLY"]) {
            modes.read_only = Some(true);
        } else if reader.words(&["READ", "WRITE"]) {
            modes.read_only = Some(false);
        } else {
            reader.take();
        }
    }
    modes
}

/// Parses the rest after `SET`.
pub(super) fn set_parameter<'t>(reader: &mut Reader<'t>) -> SetParameter<'t> {
    let scope = if reader.word("LOCAL") {
        SettingScope::Local
    } else {
        // SESSION AUTHORIZATION and SESSION CHARACTERISTICS begin in the same way.
        if !reader.sees_words(&["SESSION", "AUTHORIZATION"])
            && !reader.sees_words(&["SESSION", "CHARACTERISTICS"])
        {
            reader.word("SESSION");
        }
        SettingScope::Session
    };
    let target = target(reader);
    if matches!(target, SettingTarget::Parameter(_)) {
        let _either = reader.sign("=") || reader.word("TO");
    }
    let value = if reader.words(&["FROM", "CURRENT"]) { reader.since(reader.mark()) } else { reader.rest() };
    SetParameter { scope, target, value: value.hidden() }
}

/// Parses `name = value` or `name TO value` after the `SET` of an `ALTER` or of a function, if it sets a
/// parameter.
pub(super) fn assigned_parameter<'t>(reader: &mut Reader<'t>) -> Option<SetParameter<'t>> {
    let mut ahead = *reader;
    let name = ahead.qualified_name()?;
    (ahead.sign("=") || ahead.word("TO")).then_some(())?;
    *reader = ahead;
    let value = value_list(reader).hidden();
    Some(SetParameter { scope: SettingScope::Session, target: SettingTarget::Parameter(name), value })
}

/// Parses `var_list` of the server's grammar: constants and words separated by commas.
fn value_list<'t>(reader: &mut Reader<'t>) -> Fragment<'t> {
    let mark = reader.mark();
    reader.list(|reader| {
        let _either = reader.sign("-") || reader.sign("+");
        if reader.string().is_some() || reader.name().is_some() {
            return Some(());
        }
        reader.peek().filter(|token| token.kind == TokenKind::Number)?;
        reader.take().map(|_| ())
    });
    reader.since(mark)
}

/// Returns true if a parameter can have this value.
pub(super) fn is_value_list(value: Fragment<'_>) -> bool {
    let mut reader = value.reader();
    !value_list(&mut reader).is_empty() && reader.is_exhausted()
}

/// Parses the rest after `RESET`.
pub(super) fn reset_parameter<'t>(reader: &mut Reader<'t>) -> ResetParameter<'t> {
    let target = if reader.word("ALL") { SettingTarget::All } else { target(reader) };
    ResetParameter { target }
}

fn target<'t>(reader: &mut Reader<'t>) -> SettingTarget<'t> {
    if reader.words(&["SESSION", "CHARACTERISTICS"]) {
        reader.words(&["AS", "TRANSACTION"]);
        return SettingTarget::SessionCharacteristics(modes(reader));
    }
    if reader.words(&["SESSION", "AUTHORIZATION"]) {
        return SettingTarget::SessionAuthorization;
    }
    let mut ahead = *reader;
    let Some(name) = ahead.qualified_name() else { return SettingTarget::Unknown };
    let is_assigned = ahead.sees_sign("=") || ahead.sees("TO");
    let keyword = if is_assigned { String::new() } else { reader.keyword() };
    let known = match keyword.as_str() {
        "transaction" => {
            reader.take();
            return SettingTarget::Transaction(modes(reader));
        }
        "constraints" => SettingTarget::Constraints,
        "role" => SettingTarget::Role,
        "names" => SettingTarget::Names,
        "schema" => SettingTarget::Schema,
        "catalog" => SettingTarget::Catalog,
        "time" if ahead.word("ZONE") => SettingTarget::TimeZone,
        "xml" if ahead.word("OPTION") => SettingTarget::XmlOption,
        _ => SettingTarget::Parameter(name),
    };
    *reader = ahead;
    known
}
