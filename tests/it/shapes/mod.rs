//! Statement shapes: predicted locks, scans and rewrites are compared with a real server's.

mod judged;
mod measured;
mod volatile;

use measured::Server;
use migrate_core::sql::facts::Facts;
use migrate_core::sql::{self, LockMode, Locks, Split, TableScan};
use migrate_postgres::operate::ExplainedLock;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;
use migrate_tests::{sample, spread};

/// The relations in the shapes.
const FIXTURE: &str = include_str!("fixture.sql");

/// A statement of the corpus.
#[derive(Clone, Debug)]
struct Shape {
    class: &'static str,
    statement: &'static str,
    /// The expected effects if a transaction refuses the statement: `t SHARE, index built; …`.
    alone: Option<&'static str>,
}

/// Statements that are common in migrations.
const COMMON: &str = include_str!("shapes.tsv");

/// Less common statements, and statements that depend on a single fact.
const FURTHER: &str = include_str!("more.tsv");

/// Statements in the forms of public migration folders.
const FRESH: &str = include_str!("fresh.tsv");

/// All shapes that a server of this version supports.
fn shapes(version: u32) -> Vec<Shape> {
    [COMMON, FURTHER, FRESH].into_iter().flat_map(|corpus| shapes_of(corpus, version)).collect()
}

fn shapes_of(corpus: &'static str, version: u32) -> Vec<Shape> {
    let lines = corpus.lines().filter(|line| !line.starts_with('#'));
    let shape = |line: &'static str| {
        let mut fields = line.split('\t');
        let (class, since, statement) = (fields.next()?, fields.next()?, fields.next()?);
        let is_known = since.is_empty() || since.parse::<u32>().unwrap() <= version;
        let alone = fields.next().and_then(|field| field.strip_prefix("alone:"));
        is_known.then_some(Shape { class, statement, alone })
    };
    lines.filter_map(shape).collect()
}

/// A predicted lock at one level of knowledge.
#[derive(Clone, Debug)]
struct Told {
    relation: String,
    mode: LockMode,
    scan: TableScan,
}

impl Told {
    fn is_heavy(&self) -> bool {
        self.mode.blocks_writes() && self.scan >= TableScan::Scan
    }
}

fn told(locks: Locks) -> Option<Vec<Told>> {
    let Locks::Known(locks) = locks else { return None };
    Some(
        locks
            .into_iter()
            .map(|lock| Told { relation: lock.relation, mode: lock.mode, scan: lock.scan })
            .collect(),
    )
}

/// The number of heavy shapes predicted as heavy, and of light ones.
#[derive(Debug, Default)]
struct Score {
    caught: usize,
    heavy: usize,
    flagged: usize,
    light: usize,
    wrong: Vec<&'static str>,
}

impl Score {
    fn count(&mut self, shape: &Shape, told: Option<&[Told]>) {
        let is_flagged = told.is_some_and(|locks| locks.iter().any(Told::is_heavy));
        let (found, all) = match shape.class {
            "heavy" => (&mut self.caught, &mut self.heavy),
            "light" => (&mut self.flagged, &mut self.light),
            _ => return,
        };
        *all += 1;
        *found += usize::from(is_flagged);
        if is_flagged != (shape.class == "heavy") {
            self.wrong.push(shape.statement);
        }
    }

    fn and(mut self, other: Score) -> Score {
        self.wrong.extend(other.wrong);
        Score {
            caught: self.caught + other.caught,
            heavy: self.heavy + other.heavy,
            flagged: self.flagged + other.flagged,
            light: self.light + other.light,
            wrong: self.wrong,
        }
    }

    /// Panics unless at least this percentage of heavy shapes is caught, and at most this percentage of light
    /// ones flagged.
    fn assert(&self, level: &str, caught: usize, flagged: usize) {
        let shown = format!(
            "{level}: {} of {} heavy shapes caught, {} of {} light ones flagged; wrong: {:#?}",
            self.caught, self.heavy, self.flagged, self.light, self.wrong
        );
        assert!(self.caught * 100 >= self.heavy * caught, "{shown}");
        assert!(self.flagged * 100 <= self.light * flagged, "{shown}");
    }
}

#[test]
fn what_is_told_of_each_shape_with_a_database_is_what_the_server_does() {
    let version = testing::server().unwrap().version_num();
    let found = spread(&sample(shapes(version / 10_000), 2, version), judge_with_a_database);
    let problems: Vec<String> = found.iter().flat_map(|(problems, _)| problems.clone()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let score = found.into_iter().fold(Score::default(), |all, (_, score)| all.and(score));
    score.assert("with the database", 100, 0);
}

async fn judge_with_a_database(shapes: Vec<&Shape>) -> (Vec<String>, Score) {
    let database = fixture().await;
    let server = Server::connect(&database).await;
    let (mut problems, mut score) = (Vec::new(), Score::default());
    for shape in shapes {
        let explained = explain(&database, shape.statement).await;
        let told: Option<Vec<Told>> =
            explained.as_ref().map(|locks| locks.iter().filter_map(there).collect());
        score.count(shape, told.as_deref());
        let of_statement = |problem: String| format!("{}: {problem}", shape.statement);
        match (shape.alone, told) {
            (Some(alone), Some(told)) => problems.extend(differs(shape, &told, alone)),
            (None, Some(told)) => {
                let measured = server.measure(shape.statement).await;
                problems.extend(measured.problems(&told).into_iter().map(of_statement));
            }
            (_, None) if !runs_code(shape.statement) => {
                problems.push(of_statement("nothing is told".to_owned()));
            }
            (_, None) => {}
        }
        let open: Vec<&ExplainedLock> =
            explained.iter().flatten().filter(|lock| lock.otherwise.is_some()).collect();
        if !open.is_empty() {
            problems.push(of_statement(format!("the catalog leaves open: {open:?}")));
        }
    }
    (problems, score)
}

/// A query may call functions that do anything; of a function, CASCADE drops what is not read.
fn runs_code(statement: &str) -> bool {
    let unknown = [
        "DO ",
        "CREATE TABLE nt AS",
        "CREATE MATERIALIZED VIEW",
        "SELECT ",
        "WITH ",
        "DROP FUNCTION public.trg() CASCADE",
    ];
    unknown.iter().any(|code| statement.starts_with(code))
}

/// The difference from the expected effects of a statement that a transaction refuses.
fn differs(shape: &Shape, told: &[Told], expected: &str) -> Option<String> {
    let shown: Vec<String> = told
        .iter()
        .map(|lock| match lock.scan {
            TableScan::Catalog => format!("{} {}", lock.relation.trim_start_matches("public."), lock.mode),
            scan => format!("{} {}, {scan}", lock.relation.trim_start_matches("public."), lock.mode),
        })
        .collect();
    let shown = shown.join("; ");
    (shown != expected).then(|| format!("{}: {shown}, but expected is {expected}", shape.statement))
}

/// A lock on an existing relation, with the server's name for it.
fn there(lock: &ExplainedLock) -> Option<Told> {
    let relation = lock.size.as_ref()?.name.clone();
    Some(Told { relation, mode: lock.mode, scan: lock.scan })
}

async fn explain(database: &Database, statement: &str) -> Option<Vec<ExplainedLock>> {
    let folder = folder_of(&[("1_shape.sql", &format!("{statement};"))]);
    let migrator = Migrator::new(Set::from_folder(folder.path()).unwrap());
    let explanation =
        migrator.explain(database.url()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    explanation.steps[0].statements[0].locks.clone()
}

async fn fixture() -> Database {
    let database = testing::server().unwrap().database().await.unwrap();
    database.connect().await.unwrap().batch_execute(FIXTURE).await.unwrap();
    database
}

#[test]
fn the_text_alone_tells_most_heavy_shapes() {
    let mut score = Score::default();
    for shape in shapes_of(COMMON, 18) {
        score.count(&shape, told(sql::locks(shape.statement)).as_deref());
    }
    score.assert("the text alone", 87, 6);
}

#[test]
fn the_history_of_a_set_tells_nearly_all_heavy_shapes() {
    let mut facts = Facts::none();
    facts.search_path = vec!["public".to_owned()];
    let Split { statements, .. } = sql::split(FIXTURE);
    for statement in &statements {
        facts.apply(statement.text(FIXTURE));
    }
    for (corpus, flagged) in [(COMMON, 2), (FURTHER, 5), (FRESH, 2)] {
        let mut score = Score::default();
        for shape in shapes_of(corpus, 18) {
            score.count(&shape, told(sql::locks_with(shape.statement, &facts)).as_deref());
        }
        score.assert("the set's history", 96, flagged);
    }
}

/// From the text alone, each named relation has the mode that the server takes, and no strongly locked
/// relation is left unmentioned.
#[tokio::test]
async fn what_the_text_alone_tells_is_right_or_depends_on_what_it_says() {
    let database = fixture().await;
    let server = Server::connect(&database).await;
    let mut problems = Vec::new();
    for shape in shapes(server.version) {
        let Locks::Known(locks) = sql::locks(shape.statement) else { continue };
        if shape.alone.is_some() {
            continue;
        }
        let outcome = server.measure(shape.statement).await;
        let found = outcome.contradictions(&locks).into_iter();
        problems.extend(found.map(|problem| format!("{}: {problem}", shape.statement)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn of_what_runs_code_nothing_is_told() {
    for statement in [
        "DO $$ BEGIN END $$",
        "CALL p()",
        "SELECT f()",
        "DROP SCHEMA s CASCADE",
        "DROP TYPE e CASCADE",
        "REASSIGN OWNED BY a TO b",
    ] {
        assert_eq!(sql::locks(statement), Locks::Unknown, "{statement}");
    }
}
