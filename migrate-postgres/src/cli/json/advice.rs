//! Next steps as data.

use crate::cli::next::Next;
use migrate_core::advice::{Choice, NextStep, StepValue, Words};
use serde_json::{Value, json};

/// The next steps after a command.
pub(super) fn next_steps(next: &Next) -> Value {
    let commands = next.commands.iter().map(|(command, what)| json!({ "command": command, "does": what }));
    json!({
        "advice": next.advice,
        "library": next.library,
        "steps": next.steps.choices.iter().map(choice).collect::<Vec<_>>(),
        "then": next.steps.then.as_deref().map(step),
        "otherwise": next.steps.otherwise.as_deref().map(step),
        "commands": commands.collect::<Vec<_>>(),
    })
}

/// An option to choose from, as data.
fn choice(choice: &Choice) -> Value {
    let mut value = step(&choice.step);
    let only = choice.only.map(Words::word);
    let of = [("about", choice.about.as_deref()), ("if", choice.when.as_deref()), ("only", only)];
    for (name, text) in of.iter().filter_map(|(name, text)| Some((*name, (*text)?))) {
        value[name] = json!(text);
    }
    value
}

/// A step of advice, as data.
fn step(step: &NextStep) -> Value {
    let mut value = json!({ "step": step.word() });
    for (name, content) in step.values() {
        value[name] = match content {
            StepValue::Text(text) => json!(text),
            StepValue::Number(number) => json!(number),
            StepValue::Flag(flag) => json!(flag),
            StepValue::Settings(settings) => settings
                .into_iter()
                .map(|(setting, value)| (setting.word().to_owned(), json!(value)))
                .collect(),
        };
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::advice::{Advice, Again, Call, Setting};

    const CALLS: [fn() -> Call; 9] = [
        || Call::Run,
        || Call::Down,
        || Call::Status,
        || Call::History,
        || Call::Verify,
        || Call::Baseline,
        || Call::Adopt,
        || Call::DriftKept,
        || Call::WatchFolder,
    ];

    const AGAINS: [Again; 14] = [
        Again::ThisMigration,
        Again::ThisStatement,
        Again::VerifyScript,
        Again::FindsOut,
        Again::WhereItStopped,
        Again::AfterCommitted,
        Again::Run,
        Again::Revert,
        Again::RevertStatement,
        Again::RevertFindsOut,
        Again::RevertRest,
        Again::Request,
        Again::Verify,
        Again::Rehearsal,
    ];

    /// Parses the step in a document, as a program would.
    fn read(value: &Value) -> NextStep {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| value[name].as_u64().map(|number| usize::try_from(number).unwrap());
        match &*text("step") {
            "fix" => NextStep::fix(text("what")),
            "wait" => NextStep::wait(text("what")),
            "run_sql" if value["what"].is_null() => NextStep::sql(text("sql")),
            "run_sql" => NextStep::sql_to(text("what"), text("sql")),
            "again" => {
                let again = AGAINS.into_iter().find(|again| again.word() == text("continues_with"));
                NextStep::Again(again.unwrap())
            }
            "set" => {
                let settings = value["settings"].as_object().unwrap().iter().map(|(word, value)| {
                    let setting = Setting::ALL.into_iter().find(|setting| setting.word() == word);
                    (setting.unwrap(), value.as_str().map(str::to_owned))
                });
                NextStep::settings(settings.collect(), text("what"))
            }
            "call" => {
                let is_it = |call: &Call| call.word() == text("call");
                let call = match &*text("call") {
                    "accept" => Call::accept(text("name"), value["forced"].as_bool().unwrap()),
                    "resolve_applied" => Call::applied(text("migration")),
                    _ => CALLS.iter().map(|call| call()).find(is_it).unwrap(),
                };
                NextStep::call(call, text("what"))
            }
            "rename" => {
                NextStep::rename(text("name"), value["version"].as_str().map(str::to_owned), text("what"))
            }
            "settle" => {
                let (done, statements) = (number("done").unwrap(), number("statements"));
                let is_in_doubt = value["in_doubt"] == true;
                let settle = if is_in_doubt { NextStep::settle_in_doubt } else { NextStep::settle };
                let settle: NextStep = settle(text("version"), text("name"), done, statements);
                settle.while_reverting(value["reverting"] == true)
            }
            step => panic!("{step}"),
        }
    }

    fn steps() -> Vec<NextStep> {
        let mut steps = vec![
            NextStep::fix("correct the script"),
            NextStep::wait("wait"),
            NextStep::sql("GRANT a TO b"),
            NextStep::sql_to("trust the rows as they are", "UPDATE t"),
            NextStep::settings(
                vec![(Setting::HistorySchema, Some("ops".to_owned())), (Setting::HistoryTable, None)],
                "continue",
            ),
            NextStep::call(Call::accept("0001_a", true), "accept it"),
            NextStep::call(Call::applied("0001_a"), "record it"),
            NextStep::rename("0002_b", None, "give it another version"),
            NextStep::rename("0002_b", Some("0003".to_owned()), "rename it back"),
            NextStep::settle("0002", "0002_b", 1, None),
            NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)),
            NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)).while_reverting(true),
        ];
        steps.extend(AGAINS.map(NextStep::Again));
        steps.extend(Setting::ALL.map(|setting| NextStep::set(setting, "change it")));
        steps.extend(CALLS.map(|call| NextStep::call(call(), "call it")));
        steps
    }

    #[test]
    fn each_step_of_advice_comes_back_from_its_document() {
        for step in steps() {
            let document = super::step(&step).to_string();
            assert_eq!(read(&serde_json::from_str(&document).unwrap()), step, "{document}");
        }
    }

    #[test]
    fn a_choice_tells_its_condition_and_its_reader() {
        let advice = Advice::fix("a")
            .or_if("b is so", NextStep::fix("c"))
            .or_for(Words::Library, NextStep::fix("d"))
            .then(NextStep::Again(Again::Run));
        let next = Next { steps: advice, ..Next::default() };
        assert_eq!(
            next_steps(&next)["steps"],
            json!([
                { "step": "fix", "what": "a" },
                { "step": "fix", "what": "c", "if": "b is so" },
                { "step": "fix", "what": "d", "only": "library" },
            ])
        );
        assert_eq!(next_steps(&next)["then"], json!({ "step": "again", "continues_with": "run" }));
        assert_eq!(next_steps(&next)["otherwise"], Value::Null);
    }
}
