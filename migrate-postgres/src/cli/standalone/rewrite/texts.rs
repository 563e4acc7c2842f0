//! The texts of rewritten scripts in a layout.

use super::super::stub::ScriptHalf;
use migrate_core::lint::fix::{SafeScript, ScriptText};
use migrate_core::{Layout, TransactionMode, sql};

/// The texts of a migration's scripts.
pub(super) struct Texts {
    pub(super) up: ScriptHalf,
    pub(super) down: Option<ScriptHalf>,
    pub(super) verify: Option<String>,
}

/// True if one file has both the up and the down script.
pub(super) fn is_halved(layout: Layout) -> bool {
    matches!(layout, Layout::Goose | Layout::Dbmate | Layout::Tern)
}

/// The texts of a script in a layout: marks in place of options where another tool has them.
pub(super) fn texts(layout: Layout, script: &SafeScript) -> Texts {
    let up = half(layout, &script.up, false);
    // goose's mark applies to both halves.
    let is_marked = layout == Layout::Goose && up.is_marked_bare;
    let down = script.down.as_ref().map(|down| half(layout, down, layout == Layout::Goose && !is_marked));
    Texts { up, down, verify: script.verify.clone() }
}

/// One script; `keeps_option` if no mark can say that it runs outside of a transaction.
fn half(layout: Layout, script: &ScriptText, keeps_option: bool) -> ScriptHalf {
    let mut script = script.clone();
    let is_bare = script.options.transaction == Some(TransactionMode::None);
    let is_marked_bare = is_bare && is_halved(layout) && !keeps_option;
    if is_marked_bare {
        script.options.transaction = None;
    }
    if layout == Layout::Goose {
        script.text = with_statement_marks(&script.text);
    }
    ScriptHalf { text: script.to_string(), is_marked_bare }
}

/// Marks the statements that goose would cut at a semicolon.
fn with_statement_marks(text: &str) -> String {
    let mut marked = String::new();
    let mut from = 0;
    for statement in sql::split(text).statements {
        let range = statement.range();
        let end = text[range.end..].find(';').map_or(range.end, |at| range.end + at + 1);
        marked.push_str(&text[from..range.start]);
        if statement.text(text).contains(';') && !marked.trim_end().ends_with("StatementBegin") {
            marked.push_str(&format!(
                "-- +goose StatementBegin\n{}\n-- +goose StatementEnd",
                &text[range.start..end]
            ));
        } else {
            marked.push_str(&text[range.start..end]);
        }
        from = end;
    }
    marked.push_str(&text[from..]);
    marked
}

/// A settings file without its request for a transaction, because the header of the rewritten script says
/// otherwise; `None` if nothing else is in it.
pub(super) fn without_request(settings: Vec<u8>) -> Option<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(&settings) else { return Some(settings) };
    let is_request = |line: &&str| {
        line.split_once('=').is_some_and(|(key, value)| {
            let value = value.split('#').next().unwrap_or_default().trim();
            ["run_in_transaction", "executeInTransaction"].contains(&key.trim())
                && value.eq_ignore_ascii_case("true")
        })
    };
    let kept: String = text.split_inclusive('\n').filter(|line| !is_request(line)).collect();
    (kept == text || !kept.trim().is_empty()).then(|| kept.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_request_for_a_transaction_is_removed_from_settings() {
        for (before, after) in [
            (
                "# ours\nrun_in_transaction = true # as always\n[other]\na = true\n",
                Some("# ours\n[other]\na = true\n"),
            ),
            ("executeInTransaction=TRUE\n", None),
            ("executeInTransaction=false\n", Some("executeInTransaction=false\n")),
            ("", Some("")),
        ] {
            assert_eq!(without_request(before.into()), after.map(Into::into), "{before}");
        }
    }
}
