//! The time that a boot takes: by round trip, as a proxy sees it, and by kind of statement, as the server
//! counts.

use crate::Result;
use crate::corpus::Corpus;
use crate::report::{Section, Table};
use crate::stage::{Stage, Traffic, connect, count};
use crate::times::shown;
use crate::tool::{Loaded, Tool};
use migrate_postgres::testing::{Database, Server};
use migrate_tests::proxy::{Connection, Message, Side};
use std::time::{Duration, Instant};

/// One round trip.
struct Trip<'m> {
    asked: Vec<&'m Message>,
    received: usize,
    first: Instant,
    last: Instant,
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let size = stage.options.size(1000);
    let server = server_that_counts().or_else(|_| Server::start())?;
    let mut section = Section::new(
        "Where a boot's time goes",
        "Each round trip of one boot: what was sent, how long the server took for its answer, and how long the client had \
         taken since the answer before. Below it the statements by kind, with the time that the server spent planning and \
         running them (`pg_stat_statements`); the rest is parsing, the commits and the way there and back.",
    );
    let corpus = Corpus::tables(size);
    let all = Loaded::load(Tool::Ours, &corpus).await?;
    let database = server.database().await?;
    let nearly_all = Loaded::load(Tool::Ours, &corpus.first(size - 1)).await?;
    for (what, loaded) in [
        (format!("{} migrations on an empty database", size - 1), &nearly_all),
        (format!("one pending of {size}"), &all),
        (format!("nothing pending of {size}"), &all),
    ] {
        forget(&database).await?;
        let traffic = count(loaded, &database.config()).await?;
        section.tables.push(trips(&what, &traffic));
        section.tables.push(statements(&database).await?);
    }
    Ok(section)
}

/// A server with `pg_stat_statements`, where the machine has it.
fn server_that_counts() -> Result<Server> {
    let server = Server::builder()
        .setting("shared_buffers", "128MB")
        .setting("shared_preload_libraries", "pg_stat_statements")
        .setting("pg_stat_statements.max", "20000")
        .setting("pg_stat_statements.track_planning", "on")
        .start()?;
    Ok(server)
}

async fn forget(database: &Database) -> Result<()> {
    let client = connect(&database.config()).await?;
    // In a schema of its own, and without the extension where the machine lacks it.
    let sql = "CREATE SCHEMA IF NOT EXISTS counts; CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA counts; \
               SELECT counts.pg_stat_statements_reset()";
    drop(client.batch_execute(sql).await);
    Ok(())
}

fn trips(what: &str, traffic: &Traffic) -> Table {
    let mut table = Table::new([what, "messages", "sent", "received", "client", "server"]);
    for connection in &traffic.connections {
        let mut before: Option<Instant> = None;
        for trip in trips_of(connection) {
            let client = before.map_or_else(String::new, |before| shown(trip.first - before));
            let server: Duration = trip.last - trip.first;
            before = Some(trip.last);
            table.push([
                asked(&trip.asked),
                trip.asked.iter().map(|message| char::from(message.tag)).collect(),
                trip.asked.iter().map(|message| message.size).sum::<usize>().to_string(),
                trip.received.to_string(),
                client,
                shown(server),
            ]);
        }
    }
    table
}

/// A connection's messages, cut where the client sends something after an answer.
fn trips_of(connection: &Connection) -> Vec<Trip<'_>> {
    let mut trips: Vec<Trip<'_>> = Vec::new();
    let mut is_answered = true;
    for (message, time) in connection.messages.iter().zip(&connection.times) {
        match (message.from, trips.last_mut()) {
            (Side::Client, Some(trip)) if !is_answered => trip.asked.push(message),
            (Side::Client, _) => {
                trips.push(Trip { asked: vec![message], received: 0, first: *time, last: *time });
                is_answered = false;
            }
            (Side::Server, Some(trip)) => {
                trip.received += message.size;
                trip.last = *time;
                is_answered = true;
            }
            (Side::Server, None) => {}
        }
    }
    trips
}

/// The beginning of the SQL.
fn asked(messages: &[&Message]) -> String {
    let sql = messages.iter().find_map(|message| message.sql()).unwrap_or_default();
    let words: Vec<&str> = sql.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(70).collect();
    format!("`{}`", text.replace('|', "\\|").replace('`', "'"))
}

async fn statements(database: &Database) -> Result<Table> {
    let mut table = Table::new(["statements", "calls", "planning and running", "each"]);
    let client = connect(&database.config()).await?;
    let sql = "\
        SELECT array_to_string((regexp_split_to_array(regexp_replace(query, '^(\\s|--[^\\n]*\\n)+', ''), '\\s+'))[1:3], ' '), \
          sum(calls)::int8, sum(total_plan_time + total_exec_time)::float8 \
        FROM (SELECT regexp_replace(query, '(account_|migrate_history).*', '\\1…') AS query, calls, total_plan_time, \
                total_exec_time FROM counts.pg_stat_statements \
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                AND query !~ 'pg_stat_statements') q \
        GROUP BY 1 ORDER BY 3 DESC LIMIT 12";
    // If the extension is missing, the table stays empty.
    for row in client.query(sql, &[]).await.unwrap_or_default() {
        let (kind, calls, milliseconds): (String, i64, f64) = (row.get(0), row.get(1), row.get(2));
        let time = Duration::from_secs_f64(milliseconds / 1e3);
        let each = time.div_f64(calls.max(1) as f64);
        table.push([format!("`{kind}`"), calls.to_string(), shown(time), shown(each)]);
    }
    Ok(table)
}
