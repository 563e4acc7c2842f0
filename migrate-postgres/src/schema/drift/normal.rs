//! Normal forms of definitions.
//!
//! PostgreSQL does not print an expression as it was written, nor always in the same way: after it is read
//! again, as when a dump is restored, `status IN ('a', 'b')` over a `varchar` is printed with its casts in
//! other places. So two databases may print the same definition differently. They are equal if both texts
//! become the same after they are read and printed repeatedly until they no longer change. This happens in
//! the scratch database, beside the original, in a transaction that is rolled back.

use crate::error::Error;
use crate::schema::catalog::{Catalog, Change, Differences, Kind, Object, Scope};
use crate::sql::answers::{Answers, text};
use crate::sql::quote::quote_literal;
use std::future::poll_fn;
use std::task::Poll;
use tokio_postgres::Client;

/// The name of the objects that are created only to print them.
const PROBE: &str = "migrate_probe";

/// The maximum number of rounds. Texts stop changing after the first or second.
const ROUNDS: usize = 4;

/// Removes false differences: definitions with the same normal form. `client` is a session in the scratch
/// database, which has the objects that the definitions refer to.
pub(crate) async fn without_print_forms(
    client: &Client,
    scope: &Scope,
    expected: &Catalog,
    live: &Catalog,
) -> Result<Differences, Error> {
    let mut differences = expected.differences(live);
    let changed = differences.iter().filter(|difference| difference.change == Change::Changed);
    let mut pairs: Vec<[Printed<'_>; 2]> = changed
        .filter_map(|difference| {
            let find = |catalog: &'_ Catalog| {
                let object = &difference.object;
                catalog
                    .objects()
                    .iter()
                    .position(|other| (other.kind(), other.identity()) == (object.kind(), object.identity()))
            };
            let [expected, live] =
                [&expected.objects()[find(expected)?], &live.objects()[find(live)?]].map(Printed::of);
            let (expected, live) = (expected?, live?);
            (expected.around == live.around).then_some([expected, live])
        })
        .collect();
    if !pairs.is_empty() {
        settle(client, scope, pairs.iter_mut().flatten().collect()).await?;
    }
    let same: Vec<(Kind, String)> = pairs
        .iter()
        .filter(|[expected, live]| expected.text == live.text)
        .map(|[expected, _]| (expected.object.kind(), expected.object.identity().to_owned()))
        .collect();
    differences.retain(|one| {
        one.change != Change::Changed
            || !same
                .iter()
                .any(|(kind, identity)| (*kind, &**identity) == (one.object.kind(), one.object.identity()))
    });
    Ok(differences)
}

/// Reads and prints each text until it no longer changes or can't be read there.
async fn settle(client: &Client, scope: &Scope, mut texts: Vec<&mut Printed<'_>>) -> Result<(), Error> {
    let failed = |source| Error::server("printing definitions again", source);
    let begin = format!("{}; SET LOCAL check_function_bodies = off; SAVEPOINT probe", scope.begin());
    client.batch_execute(&begin).await.map_err(failed)?;
    for _ in 0..ROUNDS {
        let sent = texts.iter().map(|printed| client_prints(client, printed));
        // All at once; the server answers in order.
        let answers: Result<Vec<_>, _> = all(sent).await.into_iter().collect();
        let answers = answers.map_err(failed)?;
        let mut left = Vec::new();
        for (printed, answer) in texts.into_iter().zip(answers) {
            if let Some(answer) = answer.filter(|answer| *answer != printed.text) {
                printed.text = answer;
                left.push(printed);
            }
        }
        texts = left;
    }
    client.batch_execute("ROLLBACK").await.map_err(failed)
}

/// Waits for all of them concurrently.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, answer) in waiting.iter_mut().filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                *answer = Some(ready);
            }
        }
        if waiting.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// The server's print of a text; none if the server rejects the text.
async fn client_prints(
    client: &Client,
    printed: &Printed<'_>,
) -> Result<Option<String>, tokio_postgres::Error> {
    let message = format!("ROLLBACK TO SAVEPOINT probe;\n{}\n;\n{}", printed.create(), printed.print());
    match client.simple_query(&message).await {
        Ok(answer) => {
            let mut answers = Answers::of(answer);
            answers.next();
            answers.next();
            Ok(answers.next().first().and_then(|row| text(row, 0)).map(str::to_owned))
        }
        Err(error) if error.as_db_error().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The way to read and print a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A constraint of a table.
    Constraint,
    /// The default of a column, or its generation expression.
    Expression,
    /// The expressions of a policy.
    Policy,
    /// The query of a view.
    Query,
    /// The default and constraints of a domain.
    Domain,
    /// A partition key.
    Key,
    /// A whole statement with the probe's name in it: of an index, trigger, rule, statistics object or
    /// routine.
    Statement,
}

/// The printed part of an object's definition.
#[derive(Debug)]
struct Printed<'o> {
    object: &'o Object,
    form: Form,
    /// The parts of the definition before and after it.
    around: [String; 2],
    text: String,
}

impl<'o> Printed<'o> {
    /// The printed part of an object's definition; none if it has only one form.
    fn of(object: &'o Object) -> Option<Printed<'o>> {
        let definition = object.definition();
        let (body, tail) = split_tail(object.kind(), definition);
        let printed = |form, head: &str, text: &str| {
            let around = [head.to_owned(), tail.to_owned()];
            Some(Printed { object, form, around, text: text.to_owned() })
        };
        match object.kind() {
            Kind::Constraint if body.starts_with("CHECK ") || body.starts_with("EXCLUDE ") => {
                printed(Form::Constraint, "", body)
            }
            Kind::Column => {
                let at = line_with(body, &["DEFAULT ", "GENERATED ALWAYS AS ("])?;
                printed(Form::Expression, &body[..at], &body[at..])
            }
            Kind::Policy => {
                let at = line_with(body, &["USING (", "WITH CHECK ("])?;
                printed(Form::Policy, &body[..at], &body[at..])
            }
            Kind::View | Kind::MaterializedView => {
                let at = body.find("\nAS\n")? + 4;
                printed(Form::Query, &body[..at], &body[at..])
            }
            Kind::Domain => {
                let at = line_with(body, &["DEFAULT ", "CONSTRAINT "])?;
                printed(Form::Domain, &body[..at], &body[at..])
            }
            Kind::Table => {
                let at = line_with(body, &["PARTITION BY "])?;
                let end = body[at..].find('\n').map_or(body.len(), |end| at + end);
                let around = [body[..at].to_owned(), body[end..].to_owned()];
                Some(Printed { object, form: Form::Key, around, text: body[at..end].to_owned() })
            }
            Kind::Index
            | Kind::Trigger
            | Kind::Rule
            | Kind::Statistics
            | Kind::Function
            | Kind::Procedure => printed(Form::Statement, "", &with_probe(object, body)?),
            _ => None,
        }
    }

    /// The statement that creates the probe.
    fn create(&self) -> String {
        let (text, table) = (&*self.text, self.object.table().unwrap_or(self.object.identity()));
        let head = &self.around[0];
        match self.form {
            Form::Constraint => {
                let valid = if text.starts_with("CHECK ") && !is_not_valid(text) { " NOT VALID" } else { "" };
                format!("ALTER TABLE {table} ADD CONSTRAINT {PROBE} {text}{valid}")
            }
            Form::Expression => {
                let collation = head.lines().find(|line| line.starts_with("COLLATE ")).unwrap_or_default();
                let typed = head.lines().next().unwrap_or_default();
                format!("CREATE TEMPORARY TABLE {PROBE} (LIKE {table}, {PROBE} {typed} {collation} {text})")
            }
            Form::Policy => format!("CREATE POLICY {PROBE} ON {table} {head}{text}"),
            Form::Query => format!("CREATE TEMPORARY VIEW {PROBE} AS {text}"),
            Form::Domain => {
                format!("CREATE DOMAIN pg_temp.{PROBE} {}{text}", head.trim_start_matches("DOMAIN "))
            }
            Form::Key => format!("CREATE TEMPORARY TABLE {PROBE} (LIKE {table}) {text}"),
            Form::Statement => text.to_owned(),
        }
    }

    /// The query that prints the probe.
    fn print(&self) -> String {
        let table = quote_literal(self.object.table().unwrap_or_default());
        let probe = quote_literal(PROBE);
        let temporary = quote_literal(&format!("pg_temp.{PROBE}"));
        match (self.form, self.object.kind()) {
            (Form::Constraint, _) => {
                let printed = match is_not_valid(&self.text) || !self.text.starts_with("CHECK ") {
                    true => "pg_get_constraintdef(oid)",
                    false => "regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '')",
                };
                format!(
                    "SELECT {printed} FROM pg_constraint WHERE conname = {probe} AND conrelid = {table}::regclass"
                )
            }
            (Form::Expression, _) => {
                let printed = match self.text.starts_with("DEFAULT ") {
                    true => "'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)",
                    false => {
                        "'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') ' || CASE a.attgenerated \
                         WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END"
                    }
                };
                format!(
                    "SELECT {printed} FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
                     WHERE a.attrelid = {temporary}::regclass AND a.attname = {probe}"
                )
            }
            (Form::Policy, _) => format!(
                "SELECT concat_ws(E'\\n', 'USING (' || pg_get_expr(polqual, polrelid) || ')', \
                 'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')') \
                 FROM pg_policy WHERE polname = {probe} AND polrelid = {table}::regclass"
            ),
            (Form::Query, _) => format!("SELECT pg_get_viewdef({temporary}::regclass)"),
            (Form::Domain, _) => format!(
                "SELECT concat_ws(E'\\n', 'DEFAULT ' || t.typdefault, \
                 (SELECT string_agg('CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid), E'\\n' \
                  ORDER BY c.conname) FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c')) \
                 FROM pg_type t WHERE t.oid = {temporary}::regtype"
            ),
            (Form::Key, _) => format!("SELECT 'PARTITION BY ' || pg_get_partkeydef({temporary}::regclass)"),
            (Form::Statement, Kind::Index) => format!(
                "SELECT pg_get_indexdef(i.indexrelid, 0, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE c.relname = {probe} AND i.indrelid = {table}::regclass"
            ),
            (Form::Statement, Kind::Trigger) => format!(
                "SELECT pg_get_triggerdef(oid, true) FROM pg_trigger WHERE tgname = {probe} AND tgrelid = {table}::regclass"
            ),
            (Form::Statement, Kind::Rule) => format!(
                "SELECT pg_get_ruledef(oid, true) FROM pg_rewrite WHERE rulename = {probe} AND ev_class = {table}::regclass"
            ),
            (Form::Statement, Kind::Statistics) => format!(
                "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxname = {probe} AND stxrelid = {table}::regclass"
            ),
            (Form::Statement, _) => format!(
                "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = {probe} AND pronamespace = pg_my_temp_schema()"
            ),
        }
    }
}

fn is_not_valid(constraint: &str) -> bool {
    constraint.ends_with(" NOT VALID") || constraint.ends_with(" NOT ENFORCED")
}

/// The lines that may follow the printed part.
fn tails(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Constraint => {
            &["NO INHERIT", "NOT VALID", "WITH (", "TABLESPACE ", "INVALID", "TRIGGERS ", "INHERITED"]
        }
        Kind::Column => &[
            "GENERATED BY",
            "SEQUENCE ",
            "STORAGE ",
            "COMPRESSION ",
            "STATISTICS ",
            "WITH (",
            "OPTIONS (",
            "INHERITED",
        ],
        Kind::Index => &["INVALID", "NOT READY", "PARTITION OF ", "TABLESPACE ", "STATISTICS "],
        Kind::Trigger | Kind::Rule => &["DISABLED", "ENABLED "],
        Kind::Statistics => &["STATISTICS "],
        _ => &[],
    }
}

/// Splits a definition before the lines that follow the printed part.
fn split_tail(kind: Kind, definition: &str) -> (&str, &str) {
    let mut end = definition.len();
    while let Some(line) = definition[..end].rfind('\n') {
        if !tails(kind).iter().any(|tail| definition[line + 1..].starts_with(tail)) {
            break;
        }
        end = line;
    }
    definition.split_at(end)
}

/// The start of the first line with one of these beginnings.
fn line_with(text: &str, beginnings: &[&str]) -> Option<usize> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    starts.into_iter().find(|at| beginnings.iter().any(|beginning| text[*at..].starts_with(beginning)))
}

/// The statement that creates an object, with the probe's name in place of its own.
fn with_probe(object: &Object, statement: &str) -> Option<String> {
    let (word, probe) = match object.kind() {
        Kind::Index => (" INDEX ", PROBE.to_owned()),
        Kind::Trigger => (" TRIGGER ", PROBE.to_owned()),
        Kind::Rule => (" RULE ", PROBE.to_owned()),
        // In the schema of its table, because it can't be in a temporary one.
        Kind::Statistics => (" STATISTICS ", format!("{}{PROBE}", schema_of(object.table()?))),
        Kind::Function => (" FUNCTION ", format!("pg_temp.{PROBE}")),
        _ => (" PROCEDURE ", format!("pg_temp.{PROBE}")),
    };
    let start = statement.find(word)? + word.len();
    let end = start + end_of_name(&statement[start..]);
    Some(format!("{}{probe}{}", &statement[..start], &statement[end..]))
}

/// The schema of an identity, with the dot; empty without a schema.
fn schema_of(identity: &str) -> &str {
    let mut quoted = false;
    let point = identity.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '.' && !quoted
    });
    point.map_or("", |(at, _)| &identity[..=at])
}

/// The end of the name at the start of a text, with its schema.
fn end_of_name(text: &str) -> usize {
    let mut quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        !quoted && (c.is_whitespace() || *c == '(')
    });
    end.map_or(text.len(), |(at, _)| at)
}
