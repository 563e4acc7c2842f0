//! The values that a statement assigns to options and parameters, each with its name.

use super::alter::AlterActionKind;
use super::alter_column::ColumnChange;
use super::alter_other::{ObjectChange, SubscriptionChange};
use super::column::ColumnDefinition;
use super::fragment::{Fragment, Span};
use super::kind::StatementKind;
use super::options::ListedOption;
use super::parse::ParsedStatement;
use super::rows::CopyEndpoint;
use super::session::{SetParameter, SettingTarget, is_value_list};

/// A value that a statement assigns to an option or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) struct GivenValue<'t> {
    /// The option or parameter.
    pub(in crate::sql) taker: Taker,
    /// The value, which consists of constants only.
    pub(in crate::sql) value: Fragment<'t>,
    /// The span from the name, if it is in the statement, to the end of the value.
    pub(in crate::sql) span: Span,
}

/// An option or a parameter that takes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Taker {
    /// The password of a role.
    Password,
    /// The connection of a subscription.
    Connection,
    /// The program of `COPY … PROGRAM`.
    Program,
    /// The name of an option of a server, a wrapper, a user mapping, a foreign table or its column.
    ForeignOption(String),
    /// The name of a parameter, with all qualifiers. Its value may be unquoted.
    Parameter(Vec<String>),
}

impl<'t> ParsedStatement<'t> {
    /// Returns the values that it assigns to options and parameters, except for those that do not match the
    /// grammar.
    pub(in crate::sql) fn given_values(&self) -> Vec<GivenValue<'t>> {
        use StatementKind as Kind;
        match &self.kind {
            Kind::Set(set) => of_parameter(set).into_iter().collect(),
            Kind::CreateRoutine(routine) => routine.settings.iter().filter_map(of_parameter).collect(),
            Kind::CreateObject(made) => {
                let password = made.password.map(|value| string(Taker::Password, value));
                password.into_iter().chain(of_options(&made.foreign_options)).collect()
            }
            Kind::CreateSubscription(made) => {
                made.connection.map(|value| string(Taker::Connection, value)).into_iter().collect()
            }
            Kind::CreateTable(table) => {
                let columns = table.columns.iter().flat_map(of_column);
                columns.chain(of_options(&table.foreign_options)).collect()
            }
            Kind::AlterSystem(change) => of_change(change),
            Kind::AlterDatabase(alter) => of_change(&alter.change),
            Kind::AlterObject(alter) => of_change(&alter.change),
            Kind::AlterSubscription(alter) => match &alter.change {
                SubscriptionChange::Connection(value) => vec![string(Taker::Connection, *value)],
                _ => Vec::new(),
            },
            Kind::AlterRelation(alter) => {
                alter.actions.iter().flat_map(|action| of_action(&action.kind)).collect()
            }
            Kind::Copy(copy) => match copy.endpoint {
                CopyEndpoint::Program(value) => vec![string(Taker::Program, value)],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// A value that is identified by its keyword.
fn string(taker: Taker, value: Fragment<'_>) -> GivenValue<'_> {
    GivenValue { taker, value, span: value.span() }
}

fn of_change<'t>(change: &ObjectChange<'t>) -> Vec<GivenValue<'t>> {
    match change {
        ObjectChange::SetParameter(set) => of_parameter(set).into_iter().collect(),
        ObjectChange::Password(value) => vec![string(Taker::Password, *value)],
        ObjectChange::ForeignOptions(options) => of_options(options).collect(),
        _ => Vec::new(),
    }
}

fn of_action<'t>(action: &AlterActionKind<'t>) -> Vec<GivenValue<'t>> {
    match action {
        AlterActionKind::AddColumn { column, .. } => of_column(column).collect(),
        AlterActionKind::AlterColumn { change: ColumnChange::ForeignOptions(options), .. }
        | AlterActionKind::ForeignOptions(options) => of_options(options).collect(),
        _ => Vec::new(),
    }
}

fn of_column<'t>(column: &ColumnDefinition<'t>) -> impl Iterator<Item = GivenValue<'t>> {
    of_options(&column.foreign_options)
}

fn of_options<'t>(options: &[ListedOption<'t>]) -> impl Iterator<Item = GivenValue<'t>> {
    options.iter().filter_map(|option| {
        let value = option.value.filter(|value| {
            let mut reader = value.reader();
            reader.string().is_some() && reader.is_exhausted()
        })?;
        Some(GivenValue { taker: Taker::ForeignOption(option.name.clone()), value, span: option.span })
    })
}

fn of_parameter<'t>(set: &SetParameter<'t>) -> Option<GivenValue<'t>> {
    let SettingTarget::Parameter(name) = &set.target else { return None };
    is_value_list(set.value).then(|| GivenValue {
        taker: Taker::Parameter(name.parts().iter().map(|part| part.folded().into_owned()).collect()),
        value: set.value,
        span: Span::new(name.span().start, set.value.span().end),
    })
}
