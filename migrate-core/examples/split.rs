//! Shows how a script is split:
//!
//! ```sh
//! cargo run -p migrate-core --example split -- migration.sql           # its statements and faults
//! cargo run -p migrate-core --example split -- --tokens migration.sql  # its tokens
//! cargo run -p migrate-core --example split -- --parsed migration.sql  # what its statements do, as JSON
//! ```
//!
//! For each statement: the byte offsets of its start and end, its line, and the reason why it refuses a
//! transaction, or `-`. For each fault: the byte offset, the fault and its fix. For each token: the byte
//! offsets and the kind.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::{env, fs};

use migrate_core::sql;
use migrate_core::sql::statement::{LexedStatement, ParsedStatement, StatementKind};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = Vec::from_iter(env::args().skip(1));
    let wants_tokens = paths.first().is_some_and(|argument| argument == "--tokens");
    let wants_parsed = paths.first().is_some_and(|argument| argument == "--parsed");
    let mut out = BufWriter::new(io::stdout().lock());
    for path in paths.drain(usize::from(wants_tokens || wants_parsed)..) {
        let script = fs::read_to_string(&path)?;
        if wants_tokens {
            for token in sql::tokens(&script).filter(|token| !token.is_trivia()) {
                writeln!(out, "token\t{}\t{}\t{:?}", token.start, token.end, token.kind)?;
            }
            continue;
        }
        let split = sql::split(&script);
        if wants_parsed {
            for range in split.statements.iter().map(sql::Statement::range) {
                let lexed = LexedStatement::new(&script[range.clone()]);
                writeln!(out, "{}\t{}\t{{{}}}", range.start, range.end, parsed(&lexed.parse()).join(", "))?;
            }
            continue;
        }
        for statement in split.statements {
            let range = statement.range();
            let refusal = statement.refuses().map_or("-", sql::Refusal::command);
            writeln!(out, "statement\t{}\t{}\t{}\t{refusal}", range.start, range.end, statement.line())?;
        }
        for fault in split.faults {
            writeln!(out, "fault\t{}\t{fault}\t{}", fault.offset, fault.help())?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The properties of a statement as members of a JSON object, which `tests/regress/parsed.py` compares.
fn parsed(statement: &ParsedStatement<'_>) -> Vec<String> {
    let kind = format!("{:?}", statement.kind);
    let kind = kind.split(['(', ' ']).next().unwrap_or_default();
    let mut members = vec![text("kind", kind), member("complete", statement.is_complete())];
    members.extend(statement.target().map(|name| text("target", &name.folded())));
    match &statement.kind {
        StatementKind::Update(update) => members.push(member("where", update.condition.is_some())),
        StatementKind::Delete(delete) => members.push(member("where", delete.condition.is_some())),
        StatementKind::CreateIndex(index) => members.extend([
            text("table", &index.table.name.folded()),
            member("concurrently", index.concurrently.is_some()),
            member("unique", index.is_unique),
            member("elements", index.elements.len()),
            member("where", index.condition.is_some()),
            member("only", index.table.only),
        ]),
        StatementKind::CreateTable(table) => {
            let columns = &table.columns;
            let names: Vec<_> = columns.iter().map(|column| column.name.folded()).collect();
            let types = columns.iter().map(|column| match &column.type_name {
                Some(name) if name.is_array => format!("{}[]", name.base()),
                Some(name) => name.base().into_owned(),
                None => "-".to_owned(),
            });
            members.extend([
                text("columns", &names.join(",")),
                text("types", &types.collect::<Vec<_>>().join(",")),
                member("constraints", table.constraints.len()),
                member("inherits", table.inherits.len()),
                member("defaults", columns.iter().filter(|column| column.default.is_some()).count()),
                member("not_null", columns.iter().filter(|column| column.is_not_null()).count()),
            ]);
        }
        StatementKind::AlterRelation(alter) => members.push(member("actions", alter.actions.len())),
        StatementKind::Drop(drop) => members.extend([
            member("cascade", drop.cascade),
            member("if_exists", drop.if_exists),
            member("concurrently", drop.concurrently.is_some()),
        ]),
        _ => {}
    }
    members
}

fn member(name: &str, value: impl std::fmt::Display) -> String {
    format!("\"{name}\": {value}")
}

fn text(name: &str, value: &str) -> String {
    let escaped: String = value
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_ascii_control() => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    member(name, format!("\"{escaped}\""))
}
