//! Any text is split without a panic, and its parts add up to the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate_core::sql;

fuzz_target!(|text: &str| {
    let tokens: String = sql::tokens(text).map(|token| token.text(text)).collect();
    assert_eq!(tokens, text);
    let split = sql::split(text);
    let mut end = 0;
    for statement in &split.statements {
        let range = statement.range();
        assert!(end <= range.start && range.start < range.end);
        let _ = sql::redact(statement.text(text));
        let _ = sql::subject(statement.text(text));
        let _ = sql::is_session_setting(statement.text(text));
        end = range.end;
    }
    assert!(sql::same_but_for_comments(text, text));
    for fault in &split.faults {
        let _ = (fault.to_string(), fault.help(), sql::line_column(text, fault.offset));
    }
});
