//! Every step of advice speaks Rust to the library and options to a command line.

use super::*;

/// Fails if a text for one reader uses the words of another.
pub(crate) fn assert_readers(advice: &Advice) {
    let [library, command, service] =
        [Words::Library, Words::CommandLine, Words::Service].map(|words| advice.text(words));
    assert!(!library.is_empty() && !command.is_empty() && !service.is_empty(), "{advice:?}");
    for setting in Setting::ALL {
        let option = setting.option();
        assert!(!library.contains(&format!("`{option}")), "{option} in {library}");
        let mut of_service = Setting::ALL.iter().filter(|other| !other.is_in_code());
        let has_it = of_service.any(|other| other.option() == option);
        assert!(has_it || !service.contains(&format!("`{option}")), "{option} in {service}");
    }
    for rust in
        ["::", "migrate!(", "`run`", "history_schema", "allow_missing", "resolve(", "Client", "Config`"]
    {
        assert!(!command.contains(rust), "{rust} in {command}");
    }
    for text in [library, command, service] {
        assert!(!text.ends_with('.') && !text.contains("next: "), "{text}");
    }
}

/// Compares advice or errors with a file of `tests`, or rewrites it.
pub(crate) fn assert_snapshot(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} differs (UPDATE_SNAPSHOTS=1 rewrites it):\n{found}", path.display());
}

/// The lines of a snapshot with what the other readers are told, where it differs from the reader before.
pub(crate) fn other_readers(advice: &Advice) -> String {
    let texts = [Words::Library, Words::CommandLine, Words::Service].map(|words| advice.text(words));
    let line = |index: usize, label: &str| match texts[index] == texts[index - 1] {
        true => String::new(),
        false => format!("{label}: {}\n", texts[index]),
    };
    line(1, "at the command line") + &line(2, "in a service")
}

/// Each call; the compiler asks for one that the match lacks.
fn calls() -> Vec<Call> {
    let calls = vec![
        Call::Run,
        Call::Down,
        Call::Status,
        Call::History,
        Call::Verify,
        Call::Assert,
        Call::Seed,
        Call::accept("0002_b", false),
        Call::accept("0002_b", true),
        Call::applied("0002_b"),
        Call::Baseline,
        Call::Adopt,
        Call::DriftKept,
        Call::retry_backfill("0002"),
        Call::resume_backfill("0002"),
        Call::Backfill,
        Call::WatchFolder,
    ];
    for call in &calls {
        match call {
            Call::Run
            | Call::Down
            | Call::Status
            | Call::History
            | Call::Verify
            | Call::Assert
            | Call::Seed
            | Call::Accept { .. }
            | Call::Applied { .. }
            | Call::Baseline
            | Call::Adopt
            | Call::Backfill
            | Call::DriftKept
            | Call::RetryBackfill { .. }
            | Call::ResumeBackfill { .. }
            | Call::WatchFolder => {}
        }
    }
    calls
}

/// The steps that name something of the library or of a command line.
fn steps() -> Vec<NextStep> {
    let mut steps: Vec<NextStep> = calls().into_iter().map(|call| NextStep::call(call, "call it")).collect();
    steps.extend(Setting::ALL.map(|setting| NextStep::set(setting, "change it")));
    // Those whose value an error knows.
    let known = [Setting::HistorySchema, Setting::HistoryTable, Setting::AdoptFrom, Setting::Placeholder];
    let given = |setting| NextStep::settings(vec![(setting, Some("golang-migrate".to_owned()))], "give it");
    steps.extend(known.map(given));
    steps.extend([
        NextStep::settle("0002", "0002_b", 1, Some(3)),
        NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)),
        NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)).while_reverting(true),
    ]);
    steps
}

/// `tests/it/bad_input/advice.rs` looks its Rust names up in the public API, and `cli/next/tests.rs` its options
/// in the command lines.
#[test]
fn every_step_that_names_a_call_or_an_option_has_its_text_in_the_snapshot() {
    let text = |step: &NextStep| {
        let advice = Advice::of(step.clone());
        format!("next: {}\n{}\n", advice.text(Words::Library), other_readers(&advice))
    };
    assert_snapshot("advice.txt", &steps().iter().map(text).collect::<String>());
}

#[test]
fn every_setting_is_a_call_in_rust_and_an_option_at_the_command_lines_that_have_it() {
    for setting in Setting::ALL {
        let advice = Advice::of(NextStep::set(setting, "change it"));
        assert_readers(&advice);
        let (rust, option) = (setting.in_rust(None), setting.option());
        assert_eq!(advice.text(Words::Library), format!("change it (`{rust}`)"));
        assert_eq!(advice.text(Words::CommandLine), format!("change it (`{option}`)"));
        let service = match setting.is_in_code() {
            true => format!("change it (`{rust}` in the service's code)"),
            false => format!("change it (`{option}`)"),
        };
        assert_eq!(advice.text(Words::Service), service);
    }
}

#[test]
fn choices_conditions_and_what_follows_read_as_one_sentence() {
    let fix = |what: &'static str| NextStep::fix(what);
    let text = |advice: Advice| advice.text(Words::Library);
    assert_eq!(text(Advice::fix("a")), "a");
    assert_eq!(text(Advice::fix("a").or(fix("b"))), "a, or b");
    assert_eq!(text(Advice::fix("a").or(fix("b")).or(fix("c"))), "a, b, or c");
    assert_eq!(text(Advice::fix("a").or_if("x", fix("b")).or(fix("c"))), "a; or, if x, b; or c");
    assert_eq!(text(Advice::NONE.or_if("x", fix("a")).then(fix("b"))), "if x, a, and b");
    assert_eq!(text(Advice::NONE.then(fix("b")).otherwise(fix("c"))), "b; or c");
    let each = Advice::NONE.about("1", Advice::fix("a").or(fix("b"))).about("2", Advice::fix("c"));
    assert_eq!(text(each), "settle each of these:\n- 1: a; or b\n- 2: c");
    let only = Advice::fix("a").or_for(Words::CommandLine, fix("b"));
    assert_eq!((text(only.clone()), only.text(Words::CommandLine)), ("a".to_owned(), "a, or b".to_owned()));
}

#[test]
fn what_a_terminal_obeys_is_written_out_in_advice() {
    let advice = Advice::fix("drop \u{1b}[2J").or(NextStep::sql("DROP TABLE \"\u{202e}\""));
    assert_eq!(advice.text(Words::CommandLine), "drop \\u{1b}[2J, or DROP TABLE \"\\u{202e}\"");
}
