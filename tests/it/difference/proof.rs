//! The proof of a plan: it is applied to a copy of the old schema, and read again.

use migrate_postgres::catalog::{Catalog, Scope};
use migrate_postgres::difference::{Plan, plan};
use migrate_postgres::testing::{self, Database};
use tokio_postgres::Client;

/// A database with a schema.
struct Side {
    client: Client,
    database: Database,
}

impl Side {
    async fn new(sql: &str) -> Result<Side, String> {
        let database = testing::server().unwrap().database().await.unwrap();
        let client = database.connect().await.unwrap();
        for statement in migrate_core::sql::split(sql).statements {
            let text = statement.text(sql);
            match client.batch_execute(text).await {
                // Roles are shared by all databases of the server.
                Err(error) if text.to_uppercase().contains("ROLE") && exists(&error) => {}
                result => {
                    result.map_err(|error| format!("not a schema here: {text}: {}", message(&error)))?;
                }
            }
        }
        client.batch_execute("RESET ALL").await.map_err(|error| message(&error))?;
        Ok(Side { client, database })
    }

    async fn read(&self) -> Catalog {
        let scope = Scope::database().with_owners().with_dependencies();
        Catalog::read(&self.client, &scope).await.unwrap()
    }

    /// Runs the statements, in as few transactions as they allow.
    async fn apply(&self, plan: &Plan) -> Result<(), String> {
        self.client.batch_execute("SET check_function_bodies = off; BEGIN").await.unwrap();
        for step in &plan.steps {
            let run = self.client.batch_execute(&step.sql).await;
            run.map_err(|error| format!("{}: {}", step.sql, message(&error)))?;
            if step.commits {
                self.client.batch_execute("COMMIT; BEGIN").await.unwrap();
            }
        }
        self.client.batch_execute("COMMIT; RESET ALL").await.map_err(|error| message(&error))
    }
}

fn exists(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&tokio_postgres::error::SqlState::DUPLICATE_OBJECT)
}

fn message(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| format!("{} {:?}", error.message(), error.detail()))
}

/// Proves that the plans between two schemas are right in both directions.
pub(super) async fn proved(old: &str, new: &str) -> Result<(), String> {
    let (a, b) = (Side::new(old).await?, Side::new(new).await?);
    let (from, to) = (a.read().await, b.read().await);
    let there = arrives(&a, &from, &to).await.map_err(|problem| format!("forth: {problem}"));
    let back = arrives(&b, &to, &from).await.map_err(|problem| format!("back: {problem}"));
    drop((a.client, b.client));
    // A subscription keeps its database; the server ends with the test.
    let _ = (a.database.close().await, b.database.close().await);
    match (there, back) {
        (Ok(()), Ok(())) => Ok(()),
        (there, back) => Err([there.err(), back.err()].into_iter().flatten().collect::<Vec<_>>().join("\n")),
    }
}

async fn arrives(side: &Side, from: &Catalog, to: &Catalog) -> Result<(), String> {
    let steps = plan(from, to);
    if let Some(unwritten) = steps.unwritten.first() {
        return Err(format!("{unwritten}\nplan:\n{steps}"));
    }
    if steps.is_empty() != from.differences(to).is_empty() {
        return Err(format!("an empty plan over differences:\n{}", from.differences(to)));
    }
    side.apply(&steps).await.map_err(|problem| format!("{problem}\nplan:\n{steps}"))?;
    let arrived = side.read().await;
    let left = arrived.differences(to);
    if !left.is_empty() {
        return Err(format!("left:\n{left}\nplan:\n{steps}"));
    }
    match plan(&arrived, to).steps.as_slice() {
        [] => Ok(()),
        [step, ..] => Err(format!("a second plan: {}", step.sql)),
    }
}
