//! Catalog facts about the relations that pending statements name, which the statements' text leaves open.

use crate::connection::protect;
use crate::error::Error;
use crate::history::OWN_TABLES;
use crate::sql::answers::{Answers, is_true, parsed, text};
use crate::sql::quote::quote_literal;
use migrate_core::plan::Step;
use migrate_core::sql::facts::{
    Column, ConstraintFacts, ConstraintFactsKind, Facts, FunctionFacts, FunctionVolatility, ObjectName,
    Relation, RelationKind, SqlType, TypeKind,
};
use migrate_core::sql::statement::{LexedStatement, ObjectKind, StatementKind};
use migrate_core::sql::{self, TokenKind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryRow};

/// The separator in lists of names.
const SEPARATOR: char = '\u{1}';

/// Time zones that are UTC at all times.
const UTC: [&str; 14] = [
    "etc/gmt",
    "etc/gmt+0",
    "etc/gmt-0",
    "etc/gmt0",
    "etc/greenwich",
    "etc/uct",
    "etc/universal",
    "etc/utc",
    "etc/zulu",
    "gmt",
    "gmt0",
    "uct",
    "utc",
    "zulu",
];

/// The facts to read: words of the statements that may be names, and the schemas that they drop.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) words: BTreeSet<String>,
    pub(super) schemas: BTreeSet<String>,
    /// True for all relations.
    everything: bool,
}

impl Wanted {
    /// For the statements that are still to run.
    pub(super) fn by(steps: &[Step<'_>]) -> Wanted {
        let mut wanted = Wanted::default();
        for step in steps {
            let Some(script) = step.script() else { continue };
            for statement in script.statements().iter().skip(step.statements_done) {
                wanted.add(statement.text(script.text()));
            }
        }
        wanted
    }

    /// The query for the relations.
    fn oids(&self) -> String {
        if self.everything { everything() } else { related(self) }
    }

    fn add(&mut self, statement: &str) {
        let names = sql::tokens(statement).filter_map(|token| {
            let written = token.text(statement);
            match token.kind {
                TokenKind::Word => Some(written.to_ascii_lowercase()),
                TokenKind::QuotedIdentifier => Some(written[1..written.len() - 1].replace("\"\"", "\"")),
                _ => None,
            }
        });
        self.words.extend(names);
        let lexed = LexedStatement::new(statement);
        if let StatementKind::Drop(drop) = lexed.parse().kind
            && drop.kind == ObjectKind::Schema
        {
            self.schemas.extend(drop.names.iter().map(|name| name.name().folded().into_owned()));
        }
    }
}

/// Reads the facts in two round trips, or none if there is nothing to run.
pub(super) async fn read(client: &Client, wanted: &Wanted, patience: Duration) -> Result<Facts, Error> {
    if wanted.words.is_empty() {
        return Ok(Facts::none());
    }
    read_wanted(client, wanted, patience).await
}

/// Reads the facts about all relations, except PostgreSQL's and this library's.
pub(in crate::operate) async fn read_all(client: &Client, patience: Duration) -> Result<Facts, Error> {
    let wanted = Wanted { everything: true, ..Wanted::default() };
    read_wanted(client, &wanted, patience).await
}

async fn read_wanted(client: &Client, wanted: &Wanted, patience: Duration) -> Result<Facts, Error> {
    let failed = |source| Error::server("reading the catalog", source);
    let oids = ask(client, &[wanted.oids()], patience).await.map_err(failed)?.next();
    let oids: Vec<u32> = oids.iter().filter_map(|row| parsed(row, 0)).collect();
    let answers = ask(client, &questions(&oids, wanted, true), patience).await;
    let answers = match answers {
        // To print an expression, the server opens its table, which another session may have locked.
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            ask(client, &questions(&oids, wanted, false), patience).await
        }
        answers => answers,
    };
    Ok(Reader::default().read(answers.map_err(failed)?))
}

/// One message, which is one transaction. JIT is off: the planner overestimates the recursion and would
/// compile it first.
async fn ask(
    client: &Client,
    questions: &[String],
    patience: Duration,
) -> Result<Answers, tokio_postgres::Error> {
    let message = format!(
        "{}; SELECT pg_catalog.set_config('lock_timeout', '{}', true), \
         pg_catalog.set_config('jit', 'off', true); {}",
        protect::no_timeouts(),
        patience.as_millis().clamp(1, 60_000),
        questions.join("; ")
    );
    let mut answers = Answers::of(client.simple_query(&message).await?);
    drop((answers.next(), answers.next()));
    Ok(answers)
}

fn array(texts: &BTreeSet<String>) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quote_literal(text)).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// All relations, except PostgreSQL's and this library's.
fn everything() -> String {
    format!(
        "WITH own (oid, space) AS MATERIALIZED ({OWN_TABLES}) \
         SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname !~ '^pg_(catalog|toast|temp)' AND n.nspname <> 'information_schema' \
         AND NOT EXISTS (SELECT FROM own LEFT JOIN pg_catalog.pg_index i ON i.indrelid = own.oid \
             WHERE c.oid IN (own.oid, i.indexrelid))"
    )
}

/// The relations that these words name, and their relatives: tables whose foreign keys refer to them,
/// partitions, views, and tables with columns of their types.
fn related(wanted: &Wanted) -> String {
    format!(
        "WITH RECURSIVE space AS (SELECT oid, nspname FROM pg_catalog.pg_namespace \
             WHERE nspname !~ '^pg_(catalog|toast|temp)' AND nspname <> 'information_schema'), \
         word AS (SELECT w::name AS w FROM pg_catalog.unnest({words}) w), \
         type AS (SELECT t.oid FROM pg_catalog.pg_type t JOIN word ON t.typname = w \
                  WHERE t.typnamespace IN (SELECT oid FROM space) \
             UNION SELECT t.oid FROM type, pg_catalog.pg_type t \
                  WHERE t.typbasetype = type.oid OR t.typelem = type.oid AND t.typcategory = 'A'), \
         related AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN word ON c.relname = w \
                  WHERE c.relnamespace IN (SELECT oid FROM space) \
             UNION SELECT c.oid FROM pg_catalog.pg_class c JOIN space ON space.oid = c.relnamespace \
                  WHERE space.nspname = ANY ({schemas}) \
             UNION SELECT a.attrelid FROM pg_catalog.pg_attribute a JOIN type ON type.oid = a.atttypid \
                  WHERE a.attnum > 0 AND NOT a.attisdropped \
             UNION SELECT next.oid FROM related CROSS JOIN LATERAL (\
                  SELECT conrelid FROM pg_catalog.pg_constraint WHERE confrelid = related.oid \
                  UNION ALL SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = related.oid \
                  UNION ALL SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = related.oid \
                  UNION ALL SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = related.oid \
                  UNION ALL SELECT refobjid FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::regclass \
                      AND refclassid = classid AND objid = related.oid AND deptype IN ('a', 'i') AND refobjsubid > 0 \
                  UNION ALL SELECT r.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
                      WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass \
                      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = related.oid) AS next (oid)) \
         SELECT oid FROM related \
         UNION SELECT confrelid FROM pg_catalog.pg_constraint JOIN related ON conrelid = related.oid WHERE contype = 'f' \
         UNION SELECT indexrelid FROM pg_catalog.pg_index JOIN related ON indrelid = related.oid \
         UNION SELECT d.objid FROM pg_catalog.pg_depend d JOIN related ON d.refobjid = related.oid \
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = d.classid AND d.deptype IN ('a', 'i')",
        words = array(&wanted.words),
        schemas = array(&wanted.schemas),
    )
}

/// The names of a relation's columns with these numbers, as one text.
fn names(relation: &str, numbers: &str) -> String {
    format!(
        "(SELECT pg_catalog.string_agg(a.attname, pg_catalog.chr(1) ORDER BY k.place) \
         FROM pg_catalog.unnest({numbers}) WITH ORDINALITY AS k (number, place) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = k.number AND k.number > 0)"
    )
}

/// The partition key of `c`. Without expressions, that of the common form: `RANGE (a)`, `LIST (a)`.
const fn partition_key(with_expressions: bool) -> &'static str {
    if with_expressions {
        return "pg_catalog.pg_get_partkeydef(c.oid)";
    }
    "CASE WHEN p.partnatts = 1 AND p.partattrs[0] > 0 AND p.partstrat IN ('r', 'l') \
         AND (SELECT o.opcdefault FROM pg_catalog.pg_opclass o WHERE o.oid = p.partclass[0]) \
         AND p.partcollation[0] = (SELECT a.attcollation FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum = p.partattrs[0]) THEN \
         CASE p.partstrat WHEN 'r' THEN 'RANGE (' ELSE 'LIST (' END || \
         pg_catalog.quote_ident((SELECT a.attname FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum = p.partattrs[0])) || ')' END"
}

/// The queries about these relations, in the order in which [`Reader::read`] takes the answers.
fn questions(oids: &[u32], wanted: &Wanted, with_expressions: bool) -> [String; 9] {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    let these = format!("ANY ('{{{}}}'::oid[])", oids.join(","));
    let expression = |sql: &'static str| if with_expressions { sql } else { "NULL" };
    let words = array(&wanted.words);
    let partition_key = partition_key(with_expressions);
    [
        "SELECT pg_catalog.array_to_string(pg_catalog.current_schemas(false), pg_catalog.chr(1)), \
         pg_catalog.current_setting('TimeZone'), pg_catalog.current_setting('server_version_num')"
            .to_owned(),
        format!(
            "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u', \
             EXISTS (SELECT FROM pg_catalog.pg_partitioned_table d WHERE d.partdefid = c.oid), \
             {partition_key}, \
             coalesce(s.spcname, (SELECT own.spcname FROM pg_catalog.pg_tablespace own \
                 JOIN pg_catalog.pg_database d ON d.dattablespace = own.oid \
                 WHERE d.datname = pg_catalog.current_database())), m.amname \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace \
             LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam \
             LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid WHERE c.oid = {these}"
        ),
        format!(
            "SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = {these} ORDER BY inhseqno"
        ),
        format!(
            "SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
             a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conrelid = a.attrelid \
                 AND c.contype = 'n' AND NOT c.convalidated AND a.attnum = ANY (c.conkey)), \
             CASE WHEN a.attcollation <> t.typcollation THEN (SELECT l.collname FROM pg_catalog.pg_collation l \
                 WHERE l.oid = a.attcollation) END, a.attgenerated \
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
             WHERE a.attrelid = {these} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
        ),
        format!(
            "SELECT conrelid, conname, contype, {}, convalidated, {}, confrelid, {}, confmatchtype = 'f' \
             FROM pg_catalog.pg_constraint \
             WHERE conrelid = {these} AND contype IN ('c', 'n', 'u', 'p', 'x', 'f') ORDER BY conname",
            names("conrelid", "conkey"),
            expression("pg_catalog.pg_get_expr(conbin, conrelid)"),
            names("confrelid", "confkey"),
        ),
        format!(
            "SELECT i.indexrelid, i.indrelid, {}, i.indexprs IS NOT NULL OR i.indpred IS NOT NULL, i.indisunique \
             FROM pg_catalog.pg_index i WHERE i.indexrelid = {these}",
            names(
                "i.indrelid",
                "i.indkey::int2[] || ARRAY(SELECT DISTINCT d.refobjsubid::int2 FROM pg_catalog.pg_depend d \
                 WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid \
                 AND d.refclassid = d.classid AND d.refobjid = i.indrelid)"
            ),
        ),
        format!(
            "SELECT d.objid, d.refobjid, a.attname FROM pg_catalog.pg_depend d \
             JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = d.classid \
             AND d.deptype IN ('a', 'i') AND d.objid = {these}"
        ),
        format!(
            "SELECT r.ev_class, d.refobjid, pg_catalog.string_agg(DISTINCT a.attname, pg_catalog.chr(1)) \
             FROM pg_catalog.pg_rewrite r \
             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid \
                 AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class \
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0 \
             WHERE r.ev_class = {these} GROUP BY 1, 2"
        ),
        format!(
            "SELECT 'type', n.nspname, t.typname, CASE WHEN t.typtype = 'd' \
                 THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END, \
             t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.contypid = t.oid), NULL \
             FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.typtype = 'd' AND n.nspname <> 'information_schema' \
             UNION ALL SELECT 'function', n.nspname, p.proname, p.provolatile::text, NULL, \
             CASE WHEN l.lanname = 'sql' AND p.proconfig IS NULL AND NOT p.prosecdef AND NOT p.proretset THEN p.prosrc END \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
             WHERE n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' \
             AND (p.provolatile = 'v' OR p.proname = ANY ({words}::name[])) \
             AND p.prorettype <> 'pg_catalog.trigger'::regtype ORDER BY 1, 2, 3, 4"
        ),
    ]
}

/// Reads the query results.
#[derive(Default)]
struct Reader {
    facts: Facts,
    names: BTreeMap<u32, ObjectName>,
}

impl Reader {
    fn read(mut self, mut answers: Answers) -> Facts {
        self.facts.is_complete = true;
        answers.next().iter().for_each(|row| self.session(row));
        answers.next().iter().for_each(|row| self.relation(row).unwrap_or_default());
        let steps: [fn(&mut Self, &SimpleQueryRow) -> Option<()>; 7] = [
            Self::parent,
            Self::column,
            Self::constraint,
            Self::index,
            Self::sequence,
            Self::reads,
            Self::type_or_function,
        ];
        for step in steps {
            answers.next().iter().for_each(|row| step(&mut self, row).unwrap_or_default());
        }
        self.facts
    }

    fn session(&mut self, row: &SimpleQueryRow) {
        self.facts.search_path = list(row, 0);
        let zone = text(row, 1).unwrap_or_default().to_ascii_lowercase();
        self.facts.server_version = parsed::<u32>(row, 2).map(|version| version / 10_000);
        self.facts.time_zone = text(row, 1).map(str::to_owned);
        self.facts.is_utc = Some(UTC.contains(&zone.as_str()));
    }

    fn relation(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let kind = match text(row, 3)? {
            "r" => RelationKind::Table,
            "p" => RelationKind::Partitioned,
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            "i" | "I" => RelationKind::Index,
            "S" => RelationKind::Sequence,
            "f" => RelationKind::Foreign,
            _ => return None,
        };
        let name = ObjectName::new(text(row, 1)?, text(row, 2)?);
        let mut relation = Relation::new(kind);
        relation.origin = Some(name.clone());
        relation.is_unlogged = Some(is_true(row, 4));
        relation.is_default_partition = is_true(row, 5);
        relation.partition_key = text(row, 6).map(str::to_owned);
        relation.tablespace = text(row, 7).map(str::to_owned);
        relation.access_method = text(row, 8).map(str::to_owned);
        relation.columns = Some(Vec::new());
        self.names.insert(parsed(row, 0)?, name.clone());
        self.facts.relations.insert(name, relation);
        Some(())
    }

    /// The relation whose oid is in a column of a row.
    fn of(&mut self, row: &SimpleQueryRow, column: usize) -> Option<&mut Relation> {
        let name = self.named(row, column)?;
        self.facts.relations.get_mut(&name)
    }

    fn named(&self, row: &SimpleQueryRow, column: usize) -> Option<ObjectName> {
        self.names.get(&parsed(row, column)?).cloned()
    }

    fn parent(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let parent = self.named(row, 1)?;
        self.of(row, 0)?.parents.push(parent);
        Some(())
    }

    fn column(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let mut column = Column::new(text(row, 1)?, text(row, 2).and_then(SqlType::read));
        column.is_not_null = is_true(row, 3);
        column.collation = text(row, 4).map(str::to_owned);
        column.is_virtual = text(row, 5).filter(|kind| !kind.is_empty()).map(|kind| kind == "v");
        self.of(row, 0)?.columns.get_or_insert_default().push(column);
        Some(())
    }

    fn constraint(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let kind = match text(row, 2)? {
            "c" => ConstraintFactsKind::Check,
            "n" => ConstraintFactsKind::NotNull,
            "u" => ConstraintFactsKind::Unique,
            "p" => ConstraintFactsKind::PrimaryKey,
            "x" => ConstraintFactsKind::Exclusion,
            _ => ConstraintFactsKind::ForeignKey,
        };
        let mut constraint = ConstraintFacts::new(text(row, 1).map(str::to_owned), kind, list(row, 3));
        constraint.is_validated = is_true(row, 4);
        constraint.expression = text(row, 5).map(str::to_owned);
        constraint.references = self.named(row, 6);
        constraint.referenced_columns = list(row, 7);
        constraint.is_match_full = is_true(row, 8);
        self.of(row, 0)?.constraints.push(constraint);
        Some(())
    }

    fn index(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let table = self.named(row, 1);
        let index = self.of(row, 0)?;
        index.table = table;
        index.table_columns = list(row, 2);
        index.has_expression = is_true(row, 3);
        index.is_unique = is_true(row, 4);
        Some(())
    }

    fn sequence(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let (table, column) = (self.named(row, 1), text(row, 2)?.to_owned());
        let sequence = self.of(row, 0)?;
        sequence.table = table;
        sequence.table_columns = vec![column];
        Some(())
    }

    fn reads(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let (read, columns) = (self.named(row, 1)?, list(row, 2));
        self.of(row, 0)?.reads.push((read, columns));
        Some(())
    }

    fn type_or_function(&mut self, row: &SimpleQueryRow) -> Option<()> {
        let name = ObjectName::new(text(row, 1)?, text(row, 2)?);
        if text(row, 0) == Some("type") {
            let base = text(row, 3).and_then(SqlType::read)?;
            let kind = TypeKind::Domain { base, is_constrained: is_true(row, 4) };
            self.facts.types.insert(name, kind);
            return Some(());
        }
        let volatility = match text(row, 3)? {
            "i" => FunctionVolatility::Immutable,
            "s" => FunctionVolatility::Stable,
            _ => FunctionVolatility::Volatile,
        };
        // In alphabetical order, volatile functions come last.
        self.facts.functions.insert(name, FunctionFacts::new(volatility, text(row, 5).map(str::to_owned)));
        Some(())
    }
}

/// A list of names.
fn list(row: &SimpleQueryRow, column: usize) -> Vec<String> {
    let names = text(row, column).filter(|names| !names.is_empty());
    names.map(|names| names.split(SEPARATOR).map(str::to_owned).collect()).unwrap_or_default()
}
