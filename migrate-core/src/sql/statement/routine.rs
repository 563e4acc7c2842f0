//! `CREATE` of objects with code: functions, procedures, triggers.

use super::create::Prefix;
use super::fragment::Fragment;
use super::name::{Name, QualifiedName};
use super::options;
use super::reader::Reader;
use super::session::{SetParameter, assigned_parameter};
use super::types::type_name;

/// `CREATE FUNCTION` and `CREATE PROCEDURE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateRoutine<'t> {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// True for a procedure.
    pub is_procedure: bool,
    /// The function.
    pub name: QualifiedName<'t>,
    /// The parameters in the parentheses after the name.
    pub parameters: Fragment<'t>,
    /// `LANGUAGE`; `sql` by default for a body that is not a string.
    pub language: Option<String>,
    /// `IMMUTABLE`, `STABLE` or `VOLATILE`, if given.
    pub volatility: Option<Volatility>,
    /// `SECURITY DEFINER`
    pub is_security_definer: bool,
    /// The parameters that are set while it runs.
    pub settings: Vec<SetParameter<'t>>,
    /// The body.
    pub body: Option<RoutineBody<'t>>,
}

/// The volatility of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Volatility {
    /// `IMMUTABLE`
    Immutable,
    /// `STABLE`
    Stable,
    /// `VOLATILE`
    Volatile,
}

/// The body of a function or a procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoutineBody<'t> {
    /// `AS '…'`: the string constant, or the library and the symbol.
    Text(Fragment<'t>),
    /// The statements between `BEGIN ATOMIC` and `END`.
    Atomic(Fragment<'t>),
    /// The expression of `RETURN`.
    Return(Fragment<'t>),
}

/// `CREATE TRIGGER`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTrigger<'t> {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `CONSTRAINT`
    pub is_constraint: bool,
    /// The trigger.
    pub name: Name<'t>,
    /// The events, such as `BEFORE INSERT OR UPDATE OF a`.
    pub events: Fragment<'t>,
    /// The table.
    pub table: QualifiedName<'t>,
    /// The other table of a constraint trigger.
    pub from: Option<QualifiedName<'t>>,
    /// `FOR EACH ROW`
    pub for_each_row: bool,
    /// The condition of `WHEN`.
    pub condition: Option<Fragment<'t>>,
    /// The function.
    pub function: Option<QualifiedName<'t>>,
}

pub(super) fn create_routine<'t>(
    reader: &mut Reader<'t>,
    or_replace: bool,
    is_procedure: bool,
) -> Option<CreateRoutine<'t>> {
    let name = reader.qualified_name()?;
    let parameters = reader.group()?;
    let mut routine = CreateRoutine {
        or_replace,
        is_procedure,
        name,
        parameters,
        language: None,
        volatility: None,
        is_security_definer: false,
        settings: Vec::new(),
        body: None,
    };
    while !reader.at_end() {
        routine_clause(reader, &mut routine);
    }
    Some(routine)
}

fn routine_clause<'t>(reader: &mut Reader<'t>, routine: &mut CreateRoutine<'t>) {
    let mark = reader.mark();
    match reader.keyword().as_str() {
        "returns" => {
            reader.take();
            if !reader.word("TABLE") {
                type_name(reader);
            }
        }
        "language" => {
            reader.take();
            routine.language = match reader.string() {
                Some(string) => {
                    string.tokens().first().map(|token| options::folded(string.written(*token), *token))
                }
                None => reader.name().map(|name| name.folded().into_owned()),
            };
        }
        "immutable" => routine.volatility = Some(Volatility::Immutable),
        "stable" => routine.volatility = Some(Volatility::Stable),
        "volatile" => routine.volatility = Some(Volatility::Volatile),
        "security" => {
            reader.take();
            routine.is_security_definer = reader.word("DEFINER");
        }
        // The value of a parameter, which is not a body whatever it contains.
        "set" => {
            reader.take();
            match assigned_parameter(reader) {
                Some(set) => routine.settings.push(set),
                // FROM CURRENT, or TIME ZONE.
                None => drop(reader.qualified_name()),
            }
        }
        "as" => {
            reader.take();
            let mark = reader.mark();
            let is_text = reader.string().is_some();
            if is_text && reader.sign(",") {
                reader.string();
            }
            if is_text {
                routine.body = Some(RoutineBody::Text(reader.since(mark)));
            }
        }
        "return" => {
            reader.take();
            routine.body = Some(RoutineBody::Return(reader.rest()));
        }
        "begin" if reader.sees_words(&["BEGIN", "ATOMIC"]) => {
            reader.words(&["BEGIN", "ATOMIC"]);
            let body = reader.rest();
            let inside = body.reader().until_last("END");
            routine.body = Some(RoutineBody::Atomic(inside));
        }
        _ => {}
    }
    if reader.mark() == mark {
        reader.skip();
    }
}

pub(super) fn create_trigger<'t>(reader: &mut Reader<'t>, prefix: Prefix) -> Option<CreateTrigger<'t>> {
    let name = reader.name()?;
    let events = reader.until_word(&["ON"]);
    reader.word("ON").then_some(())?;
    let table = reader.qualified_name()?;
    let (mut from, mut for_each_row, mut condition, mut function) = (None, false, None, None);
    while !reader.at_end() {
        if reader.word("FROM") {
            from = reader.qualified_name();
        } else if reader.word("FOR") {
            reader.word("EACH");
            for_each_row = reader.word("ROW");
        } else if reader.word("WHEN") {
            condition = reader.group();
        } else if reader.word("EXECUTE") {
            let _either = reader.word("FUNCTION") || reader.word("PROCEDURE");
            function = reader.qualified_name();
            reader.group();
        } else {
            reader.skip();
        }
    }
    let Prefix { or_replace, is_constraint, .. } = prefix;
    Some(CreateTrigger {
        or_replace,
        is_constraint,
        name,
        events,
        table,
        from,
        for_each_row,
        condition,
        function,
    })
}
