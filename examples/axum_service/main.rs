//! An HTTP service that migrates its database before it listens, over the connection pool that it serves
//! from. Its readiness route reports the migration that the schema has reached, and the assertions that are not
//! true.
//!
//! ```sh
//! cargo run --example axum_service
//! curl localhost:8080/ready
//! ```
//!
//! It uses the database at `DATABASE_URL`. Without that variable it starts the machine's PostgreSQL for
//! itself. It listens on `PORT`: 8080 by default, any free port for 0. On SIGTERM and Ctrl-C it finishes the
//! open requests and stops.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use deadpool_postgres::{Manager, Pool};
use migrate_examples::Database;
use migrate_postgres::{Migrator, SetPosition, migrate};
use serde_json::{Value, json};
use std::env;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::NoTls;

static MIGRATIONS: Migrator = migrate!("axum_service/migrations");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pool = Pool::builder(Manager::new(database.url().parse()?, NoTls)).build()?;

    // Migrate before the first request. Any number of replicas may do so at once: one migrates, the others
    // wait for it.
    let report = MIGRATIONS.run(&pool).await?;
    println!("{report}");

    let routes = Router::new().route("/ready", get(ready)).route("/greetings", get(greetings));
    let port = env::var("PORT").map_or(Ok(8080), |port| port.parse()).context("PORT is no port")?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);

    axum::serve(listener, routes.with_state(pool)).with_graceful_shutdown(told_to_stop()?).await?;
    println!("stopped");
    Ok(())
}

/// The state of the database: 200 if all of this program's migrations are applied, which takes one query, and the
/// assertions in `assertions/` are true; otherwise 503.
async fn ready(State(pool): State<Pool>) -> (StatusCode, Json<Value>) {
    let position = match MIGRATIONS.position(&pool).await {
        Ok(position) => position,
        Err(error) => {
            // The message names hosts and roles, so it goes to the log and not to the client.
            eprintln!("not ready: {error}");
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false })));
        }
    };
    let schema = match &position {
        SetPosition::UpToDate { applied } | SetPosition::Behind { applied, .. } => {
            applied.checked_sub(1).and_then(|last| MIGRATIONS.set().get(last)).map(|m| m.name().to_owned())
        }
        // A newer release was here already. Its migrations do not affect this one.
        SetPosition::Ahead { newer } => newer.last().map(|newer| newer.name.clone()),
        _ => None,
    };
    // By choice: each assertion is a query of its own. Their results hold no values of rows, so they may be shown.
    let broken: Vec<String> = match MIGRATIONS.assert(&pool).await {
        Ok(assertions) => assertions.broken().map(|result| result.name.clone()).collect(),
        Err(error) => {
            eprintln!("not ready: {error}");
            return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false })));
        }
    };
    let ready = position.is_up_to_date() && broken.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({ "ready": ready, "schema": schema, "pending": position.pending(), "broken": broken })),
    )
}

async fn greetings(State(pool): State<Pool>) -> Result<Json<Vec<String>>, StatusCode> {
    let texts = async {
        let client = pool.get().await?;
        let rows = client.query("SELECT text FROM greetings ORDER BY id", &[]).await?;
        anyhow::Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    texts.await.map(Json).map_err(|error| {
        eprintln!("no greetings: {error}");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

/// Completes on SIGTERM or Ctrl-C. The handlers for both are installed immediately.
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
