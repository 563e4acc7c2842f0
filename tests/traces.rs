//! Runs as `tracing` spans and events, with a real server and a real subscriber.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

type Fields = BTreeMap<String, String>;

/// A span with its name, its parent's name, and its final fields.
#[derive(Clone, Debug, Default)]
struct Span {
    name: String,
    parent: Option<String>,
    fields: Fields,
    is_closed: bool,
}

/// An event with its fields and its span's name.
#[derive(Clone, Debug)]
struct Told {
    level: tracing::Level,
    target: String,
    span: Option<String>,
    fields: Fields,
}

#[derive(Clone, Debug, Default)]
struct Captured {
    spans: BTreeMap<u64, Span>,
    events: Vec<Told>,
}

impl Captured {
    fn spans(&self, name: &str) -> Vec<&Span> {
        self.spans.values().filter(|span| span.name == name).collect()
    }

    /// Everything captured, as text.
    fn text(&self) -> String {
        format!("{self:?}")
    }
}

struct Reader<'f>(&'f mut Fields);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// Keeps all spans and events.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Captured>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        let parent = context.span(id).and_then(|span| Some(span.parent()?.name().to_owned()));
        let name = attributes.metadata().name().to_owned();
        let span = Span { name, parent, fields, is_closed: false };
        // The registry reuses ids.
        self.0.lock().unwrap().insert(id, span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Reader(&mut self.0.lock().unwrap().open(id).fields));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.0.lock().unwrap().open(&id).is_closed = true;
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let span = context.event_span(event).map(|span| span.name().to_owned());
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        self.0.lock().unwrap().events.push(Told { level, target, span, fields });
    }
}

impl Captured {
    /// The open span with this id; earlier spans with the same id are closed.
    fn open(&mut self, id: &Id) -> &mut Span {
        let raw = id.into_u64();
        self.spans.values_mut().rfind(|span| span.fields.get("#id") == Some(&raw.to_string())).unwrap()
    }

    fn insert(&mut self, id: &Id, mut span: Span) {
        span.fields.insert("#id".to_owned(), id.into_u64().to_string());
        let number = self.spans.len() as u64;
        self.spans.insert(number, span);
    }
}

/// Runs a future and captures its spans and events; returns ours.
async fn captured<F: Future>(run: F) -> (F::Output, Captured) {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    let output = {
        // The test's runtime has one thread.
        let _guard = tracing::subscriber::set_default(subscriber);
        run.await
    };
    (output, capture.ours())
}

impl Capture {
    /// The spans and events of migrations.
    fn ours(&self) -> Captured {
        let mut captured = self.0.lock().unwrap().clone();
        captured.spans.retain(|_, span| ["migrate", "migration", "statement"].contains(&span.name.as_str()));
        captured.events.retain(|event| event.target == "migrate_postgres");
        captured
    }
}

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

fn has(span: &Span, expected: &[(&str, &str)]) {
    for (field, value) in expected {
        assert_eq!(span.fields.get(*field).map(String::as_str), Some(*value), "{field} of {span:#?}");
    }
}

const ROLE: &str = "DO $$ BEGIN PERFORM format('ALTER ROLE x PASSWORD %L', 'hunter2'); END $$";

#[tokio::test]
async fn a_run_is_a_tree_of_spans_with_the_names_of_opentelemetry() {
    let database = database().await;
    let script = format!("CREATE TABLE a ();\n{ROLE};");
    let files = [("1_a.sql", script.as_str()), ("2_i.sql", "CREATE INDEX CONCURRENTLY i ON a ((1));")];
    let (run, captured) = captured(migrator(&files).run(database.url())).await;
    assert_eq!(run.unwrap().steps.len(), 2);

    let config = database.config();
    let (name, port) = (config.get_dbname().unwrap(), config.get_ports()[0].to_string());
    let server = match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    };
    let [run] = captured.spans("migrate")[..] else { panic!("not one run: {captured:#?}") };
    has(run, &[("migrate.set", "default"), ("migrate.migrations", "2")]);
    let migrations = captured.spans("migration");
    assert_eq!(migrations.len(), 2);
    has(
        migrations[0],
        &[("db.operation.name", "apply"), ("migrate.migration", "1_a"), ("otel.name", "apply 1_a")],
    );
    let statements = captured.spans("statement");
    let summaries: Vec<&str> =
        statements.iter().map(|span| span.fields["db.query.summary"].as_str()).collect();
    assert_eq!(summaries, ["CREATE TABLE a", "DO", "CREATE INDEX i"]);
    has(statements[1], &[("otel.kind", "client"), ("otel.name", "DO"), ("migrate.statement", "2")]);
    assert!(statements.iter().all(|span| span.parent.as_deref() == Some("migration")));
    assert!(migrations.iter().all(|span| span.parent.as_deref() == Some("migrate")));
    for span in captured.spans.values() {
        has(
            span,
            &[
                ("db.system.name", "postgresql"),
                ("db.namespace", name),
                ("server.address", &server),
                ("server.port", &port),
            ],
        );
        assert!(span.is_closed, "{span:#?}");
        for absent in ["error.type", "db.response.status_code", "otel.status_code", "db.query.text"] {
            assert!(!span.fields.contains_key(absent), "{absent} in {span:#?}");
        }
    }
    let done = captured.events.iter().filter(|event| event.span.as_deref() == Some("migration"));
    assert!(done.clone().any(|event| event.fields["message"].contains("2_i applied in")), "{captured:#?}");
    assert!(!captured.text().contains("hunter2"));
}

#[tokio::test]
async fn the_text_of_statements_is_there_for_those_who_ask_and_their_secrets_never() {
    let database = database().await;
    let files = [("1_a.sql", "CREATE TABLE a (b text DEFAULT 'shown');"), ("2_b.sql", ROLE)];
    let migrator = migrator(&files).trace_query_text(true);
    let (run, captured) = captured(migrator.run(&database.config())).await;
    run.unwrap();
    let statements = captured.spans("statement");
    has(statements[0], &[("db.query.text", "CREATE TABLE a (b text DEFAULT 'shown')")]);
    assert!(statements[1].fields["db.query.text"].contains("PASSWORD"), "{statements:#?}");
    assert!(!captured.text().contains("hunter2"), "{captured:#?}");
}

#[tokio::test]
async fn a_failure_marks_the_spans_that_it_is_in_with_its_sqlstate() {
    let database = database().await;
    let files = [("1_a.sql", "CREATE TABLE a ();"), ("2_bad.sql", "SELECT 1;\nSELECT 1/0;")];
    let (run, captured) = captured(migrator(&files).run(database.url())).await;
    run.unwrap_err();
    let failed: Vec<(&str, Option<&str>)> = captured
        .spans
        .values()
        .filter(|span| span.fields.contains_key("error.type"))
        .map(|span| (span.name.as_str(), span.fields.get("db.query.summary").map(String::as_str)))
        .collect();
    assert_eq!(failed, [("migrate", None), ("migration", None), ("statement", Some("SELECT"))]);
    let marks =
        [("error.type", "22012"), ("db.response.status_code", "22012"), ("otel.status_code", "ERROR")];
    has(captured.spans("migrate")[0], &marks);
    has(captured.spans("migration")[1], &marks);
    has(captured.spans("statement")[2], &marks);
    let told = captured.events.iter().find(|event| event.level == tracing::Level::ERROR).unwrap();
    assert_eq!(told.fields["error.type"], "22012");
    assert_eq!(told.fields["migrate.migration"], "2_bad");
    assert_eq!(told.span.as_deref(), Some("statement"));
}

#[tokio::test]
async fn a_run_that_never_reached_the_server_or_was_refused_says_so() {
    let unused = "postgres://nobody:hunter2@127.0.0.1:1/none";
    let (run, captured) = captured(migrator(&[("1_a.sql", "SELECT 1;")]).run(unused)).await;
    run.unwrap_err();
    let span = captured.spans("migrate")[0];
    has(
        span,
        &[
            ("error.type", "error"),
            ("server.address", "127.0.0.1"),
            ("server.port", "1"),
            ("db.namespace", "none"),
        ],
    );
    assert!(!span.fields.contains_key("db.response.status_code"));
    assert!(!captured.text().contains("hunter2"));

    let database = database().await;
    migrator(&[("1_a.sql", "SELECT 1;")]).run(database.url()).await.unwrap();
    let (run, captured) = self::captured(migrator(&[("1_a.sql", "SELECT 2;")]).run(database.url())).await;
    run.unwrap_err();
    has(captured.spans("migrate")[0], &[("error.type", "refused")]);
}

#[tokio::test]
async fn what_is_slow_is_a_warning_with_its_place_and_age() {
    let database = database().await;
    let files = [("1_a.sql", "SELECT 1;\nSELECT pg_sleep(0.5);")];
    let migrator = migrator(&files).slow_after(Duration::from_millis(200));
    let client = database.connect().await.unwrap();
    let (run, captured) = captured(migrator.run(&client)).await;
    run.unwrap();
    let slow: Vec<&Told> =
        captured.events.iter().filter(|event| event.fields.contains_key("migrate.slow")).collect();
    assert!(!slow.is_empty(), "{captured:#?}");
    assert_eq!((slow[0].level, slow[0].span.as_deref()), (tracing::Level::WARN, Some("statement")));
    assert_eq!(slow[0].fields["migrate.migration"], "1_a");
    assert_eq!(slow[0].fields["migrate.statement"], "2");
    assert!(slow[0].fields["migrate.seconds"].parse::<f64>().unwrap() >= 0.2);
    // A client does not expose its address.
    assert!(!captured.spans("migrate")[0].fields.contains_key("server.address"));
}

/// A run that blocks, within a span of the program.
fn blocking(url: &str) {
    let boot = tracing::info_span!("boot");
    boot.in_scope(|| migrator(&[("1_a.sql", "CREATE TABLE a ();")]).run_blocking(url).unwrap());
}

/// Fails unless the run is in the program's span, with its migration.
fn assert_is_in_its_span(captured: &Captured) {
    let [run] = captured.spans("migrate")[..] else { panic!("not one run: {captured:#?}") };
    assert_eq!(run.parent.as_deref(), Some("boot"), "{captured:#?}");
    assert_eq!(captured.spans("migration").len(), 1);
    assert!(captured.events.iter().any(|event| event.fields["message"].contains("1_a applied in")));
}

#[test]
fn a_blocking_run_is_in_the_span_that_calls_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(database());
    drop(runtime);
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    tracing::subscriber::with_default(subscriber, || blocking(database.url()));
    assert_is_in_its_span(&capture.ours());
}

#[tokio::test]
async fn a_blocking_run_within_a_runtime_is_in_the_span_that_calls_it() {
    let database = database().await;
    let ((), captured) = captured(async { blocking(database.url()) }).await;
    assert_is_in_its_span(&captured);
}
