//! Statements that code runs: the body of a `DO`, of a procedure that is called, and the texts of their
//! `EXECUTE`.

use super::model::Model;
use crate::sql::statement::{
    Fragment, LexedStatement, ParsedStatement, QualifiedName, RoutineBody, Span, StatementKind as Kind,
};
use crate::sql::{Token, TokenKind, split, tokens};

/// The placeholder for a name or a value that is known only at run time.
const OPEN: &str = "\"\u{2026}\"";

/// A statement that code runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    /// Its text, with [`OPEN`] for unknown parts.
    pub(super) text: String,
    /// Its place in the statement that runs the code.
    pub(super) span: Span,
    /// True if a part of it is unknown.
    pub(super) is_open: bool,
}

/// The code of a function or a procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    text: String,
    is_procedural: bool,
}

impl Code {
    /// Reads the code of a `CREATE FUNCTION` or `CREATE PROCEDURE`.
    pub(super) fn of(language: Option<&str>, body: &RoutineBody<'_>) -> Option<Code> {
        let is_procedural = match language.unwrap_or("sql") {
            "plpgsql" => true,
            "sql" => false,
            _ => return None,
        };
        let text = match body {
            RoutineBody::Text(text) => constant(*text)?.0,
            RoutineBody::Atomic(statements) => statements.text().to_owned(),
            _ => return None,
        };
        Some(Code { text, is_procedural })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The statements that a statement runs as code.
pub(super) fn statements(parsed: &ParsedStatement<'_>, model: &Model) -> Vec<Inner> {
    match &parsed.kind {
        Kind::Do(Some(code)) if is_procedural(parsed) => {
            let Some((text, start)) = constant(*code) else { return Vec::new() };
            let whole = code.span();
            let place = |span: Span| match start {
                Some(start) => {
                    Span { start: whole.start + start + span.start, end: whole.start + start + span.end }
                }
                None => whole,
            };
            procedural(&text).into_iter().map(|inner| Inner { span: place(inner.span), ..inner }).collect()
        }
        Kind::Call(name) => of_routine(name, model),
        Kind::Query(_) => parsed.all.calls().iter().flat_map(|name| of_routine(name, model)).collect(),
        _ => Vec::new(),
    }
}

/// The code that a statement runs, as far as it is known.
pub(super) fn code<'a>(parsed: &'a ParsedStatement<'_>, model: &'a Model) -> Vec<&'a str> {
    match &parsed.kind {
        Kind::Do(Some(code)) => vec![code.text()],
        Kind::Call(name) => model.code(name).map(Code::text).into_iter().collect(),
        Kind::Query(_) => {
            parsed.all.calls().iter().filter_map(|name| model.code(name)).map(Code::text).collect()
        }
        _ => Vec::new(),
    }
}

/// True unless a `DO` names another language.
fn is_procedural(parsed: &ParsedStatement<'_>) -> bool {
    let words = parsed.all.tokens().iter().map(|token| parsed.all.written(*token));
    let language = words.skip_while(|word| !word.eq_ignore_ascii_case("LANGUAGE")).nth(1);
    language.is_none_or(|language| language.trim_matches(['"', '\'']).eq_ignore_ascii_case("plpgsql"))
}

fn of_routine(name: &QualifiedName<'_>, model: &Model) -> Vec<Inner> {
    let Some(Code { text, is_procedural }) = model.code(name) else { return Vec::new() };
    let found = if *is_procedural {
        procedural(text)
    } else {
        let statements = split(text).statements;
        let inner = |statement: &crate::sql::Statement| Inner {
            text: statement.text(text).to_owned(),
            span: name.span(),
            is_open: false,
        };
        statements.iter().map(inner).collect()
    };
    found.into_iter().map(|inner| Inner { span: name.span(), ..inner }).collect()
}

/// The value of a string constant, and the offset of its first character if it is written as it is.
fn constant(fragment: Fragment<'_>) -> Option<(String, Option<usize>)> {
    value(fragment.written(*fragment.tokens().first()?), fragment.tokens().first()?.kind)
}

fn value(written: &str, kind: TokenKind) -> Option<(String, Option<usize>)> {
    let quoted = |from: usize| written.get(from..written.len().checked_sub(1)?);
    match kind {
        TokenKind::String => Some((quoted(1)?.replace("''", "'"), None)),
        TokenKind::EscapeString => Some((quoted(2)?.replace("''", "'").replace("\\'", "'"), None)),
        TokenKind::DollarString => {
            let tag = written[1..].find('$')? + 2;
            Some((written.get(tag..written.len() - tag)?.to_owned(), Some(tag)))
        }
        _ => None,
    }
}

/// The statements of PL/pgSQL code, with the texts that it executes.
fn procedural(body: &str) -> Vec<Inner> {
    let all: Vec<Token> = tokens(body).filter(|token| !token.is_trivia()).collect();
    let is = |at: usize, word: &str| {
        all.get(at)
            .is_some_and(|token| token.kind == TokenKind::Word && token.text(body).eq_ignore_ascii_case(word))
    };
    let ends = |at: usize| all.get(at).is_none_or(|token| token.kind == TokenKind::Semicolon);
    let after = |from: usize, words: &[&str]| {
        let found = (from..all.len()).find(|at| words.iter().any(|word| is(*at, word)) || ends(*at));
        found.map_or(all.len(), |at| at + 1)
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(token) = all.get(at) {
        at = match token.text(body).to_ascii_uppercase().as_str() {
            "BEGIN" | "ELSE" | "LOOP" | "EXCEPTION" | ";" => at + 1,
            // The declarations end with semicolons, too.
            "DECLARE" => (at..all.len()).find(|at| is(*at, "BEGIN")).unwrap_or(all.len()),
            "IF" | "ELSIF" | "ELSEIF" | "WHEN" | "CASE" => after(at, &["THEN"]),
            "FOR" | "FOREACH" | "WHILE" => after(at, &["LOOP"]),
            // A label: `<<name>>`
            "<<" => at + 3,
            _ => {
                let end = (at..all.len()).find(|at| ends(*at)).unwrap_or(all.len());
                let span = Span { start: token.start, end: all[end - 1].end };
                found.extend(if is(at, "EXECUTE") {
                    executed(body, &all[at + 1..end], span)
                } else {
                    let text = span.text(body).to_owned();
                    Some(Inner { text, span, is_open: false }).filter(|_| !is(at, "END"))
                });
                end + 1
            }
        };
    }
    found
}

/// The text that an `EXECUTE` runs: string constants joined with parts known only at run time, or the
/// template of a `format`.
fn executed(body: &str, expression: &[Token], span: Span) -> Option<Inner> {
    let is_end =
        |token: &Token| ["INTO", "USING"].iter().any(|word| token.text(body).eq_ignore_ascii_case(word));
    let end = expression.iter().position(is_end).unwrap_or(expression.len());
    let expression = &expression[..end];
    let text_of = |token: &Token| value(token.text(body), token.kind).map(|(text, _)| text);
    let is_format = expression.iter().take(3).any(|token| token.text(body).eq_ignore_ascii_case("format"));
    let (mut text, mut is_open) = (String::new(), false);
    if is_format {
        let template = expression.iter().find_map(text_of)?;
        (text, is_open) = filled(&template);
    } else {
        let (mut is_in_operand, mut depth) = (false, 0_usize);
        for token in expression {
            match token.kind {
                TokenKind::LeftParenthesis => depth += 1,
                TokenKind::RightParenthesis => depth = depth.saturating_sub(1),
                _ => {}
            }
            match text_of(token) {
                Some(constant) if !is_in_operand => text.push_str(&constant),
                _ if token.text(body) == "||" && depth == 0 => is_in_operand = false,
                _ if !is_in_operand => {
                    (is_open, is_in_operand) = (true, true);
                    text.push_str(OPEN);
                }
                _ => {}
            }
        }
    }
    Some(Inner { text, span, is_open })
}

/// The template of a `format`, with [`OPEN`] for what it fills in.
fn filled(template: &str) -> (String, bool) {
    let (mut text, mut is_open) = (String::new(), false);
    let mut rest = template;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        rest = &rest[percent + 1..];
        let length =
            rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '$' | '-' | '*'))).unwrap_or(rest.len());
        let Some(kind) = rest[length..].chars().next() else { break };
        rest = &rest[length + kind.len_utf8()..];
        match kind {
            '%' => text.push('%'),
            'L' => text.push_str("'\u{2026}'"),
            _ => text.push_str(OPEN),
        }
        is_open |= kind != '%';
    }
    text.push_str(rest);
    (text, is_open)
}

/// True if a statement with unknown parts may have changed any relation.
pub(super) fn may_change_any(inner: &Inner) -> bool {
    if !inner.is_open {
        return false;
    }
    let lexed = LexedStatement::new(&inner.text);
    let parsed = lexed.parse();
    let names_open = |name: &QualifiedName<'_>| name.parts().iter().any(|part| part.written() == OPEN);
    match &parsed.kind {
        Kind::AlterRelation(alter) => names_open(&alter.relation.name),
        Kind::Drop(drop) => drop.names.iter().any(names_open),
        Kind::AlterDomain(_) | Kind::AlterType(_) | Kind::Other => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<(String, bool)> {
        procedural(body).into_iter().map(|inner| (inner.text, inner.is_open)).collect()
    }

    #[test]
    fn the_statements_of_a_body_are_found_whatever_surrounds_them() {
        let body = "<<outer>> DECLARE r record := (SELECT 1); BEGIN IF NOT EXISTS (SELECT 1) THEN ALTER TABLE t ADD z int; \
                    ELSE UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END WHERE id = 1; END IF; \
                    FOR r IN SELECT * FROM t LOOP DELETE FROM t; END LOOP; \
                    EXCEPTION WHEN duplicate_column THEN RAISE NOTICE 'x'; END";
        let found: Vec<String> = texts(body).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            found,
            [
                "ALTER TABLE t ADD z int",
                "UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END WHERE id = 1",
                "DELETE FROM t",
                "RAISE NOTICE 'x'"
            ]
        );
    }

    #[test]
    fn the_text_that_is_executed_is_known_as_far_as_it_is_written() {
        for (execute, text, is_open) in [
            ("EXECUTE 'DROP TABLE ''T'''", "DROP TABLE 'T'", false),
            ("EXECUTE $q$DROP TABLE t$q$ USING 1", "DROP TABLE t", false),
            (
                "EXECUTE 'DROP TABLE ' || quote_ident(r.name || '_old') || ' CASCADE'",
                "DROP TABLE \"\u{2026}\" CASCADE",
                true,
            ),
            (
                "EXECUTE format('ALTER TABLE %1$I ADD c text DEFAULT %L', t, 'x')",
                "ALTER TABLE \"\u{2026}\" ADD c text DEFAULT '\u{2026}'",
                true,
            ),
            ("EXECUTE pg_catalog.format('SELECT 100 %% 7')", "SELECT 100 % 7", false),
            ("EXECUTE statement", "\"\u{2026}\"", true),
        ] {
            assert_eq!(texts(&format!("BEGIN {execute}; END")), [(text.to_owned(), is_open)], "{execute}");
        }
    }
}
