//! Every step of advice speaks Rust to the library and options to the command line.

use super::*;

/// Fails if a text for one reader uses the words of the other.
pub(crate) fn assert_readers(advice: &Advice) {
    let [library, command] = [Words::Library, Words::CommandLine].map(|words| advice.text(words));
    assert!(!library.is_empty() && !command.is_empty(), "{advice:?}");
    for setting in Setting::ALL {
        let option = setting.option();
        assert!(!library.contains(&format!("`{option}")), "{option} in {library}");
    }
    for rust in
        ["::", "migrate!(", "`run`", "history_schema", "allow_missing", "resolve(", "Client", "Config`"]
    {
        assert!(!command.contains(rust), "{rust} in {command}");
    }
    for text in [library, command] {
        assert!(!text.ends_with('.') && !text.contains("next: "), "{text}");
    }
}

#[test]
fn every_setting_is_an_option_at_the_command_line_and_a_call_in_rust() {
    for setting in Setting::ALL {
        let advice = Advice::of(NextStep::set(setting, "change it"));
        assert_readers(&advice);
        assert_eq!(advice.text(Words::Library), format!("change it (`{}`)", setting.in_rust(None)));
        assert_eq!(advice.text(Words::CommandLine), format!("change it (`{}`)", setting.option()));
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
