//! The proof of a plan: it is applied to a copy of the old schema, and read again.

use migrate_core::{Migration, Script, SqlMigration, Version};
use migrate_postgres::catalog::{Catalog, Scope};
use migrate_postgres::difference::{SchemaPlan, plan};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use std::sync::Arc;
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
    async fn apply(&self, plan: &SchemaPlan) -> Result<(), String> {
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

    /// Runs the scripts of the plan, as a service does.
    async fn migrate(&self, plan: &SchemaPlan) -> Result<(), String> {
        let major = testing::server().unwrap().version_num() / 10_000;
        let scripts = plan.scripts(Some(major)).map_err(|problem| format!("scripts: {problem}"))?;
        let texts: Vec<String> = scripts.scripts.iter().map(|script| script.text.clone()).collect();
        let mut numbered = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let name = format!("{:04}_s", index + 1);
            let after =
                scripts.scripts[index].after.map(|after| format!("-- migrate: after={:04}\n", after + 1));
            let text = format!("{}{text}", after.unwrap_or_default());
            let script = Script::of_up_text(format!("{name}.sql"), text)?;
            let migration = SqlMigration::new(Version::numeric(format!("{:04}", index + 1)), name, script);
            numbered.push(Arc::new(migration) as Arc<dyn Migration>);
        }
        let set = Set::new("difference", numbered).map_err(|error| error.to_string())?;
        let run = Migrator::new(set).run(self.database.url()).await;
        run.map(drop).map_err(|error| format!("{error}\nscripts:\n{}", texts.join("----\n")))
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
    let there = arrives(&a, &from, &to, true).await.map_err(|problem| format!("forth: {problem}"));
    let back = arrives(&b, &to, &from, false).await.map_err(|problem| format!("back: {problem}"));
    drop((a.client, b.client));
    // A subscription keeps its database; the server ends with the test.
    let _ = (a.database.close().await, b.database.close().await);
    match (there, back) {
        (Ok(()), Ok(())) => Ok(()),
        (there, back) => Err([there.err(), back.err()].into_iter().flatten().collect::<Vec<_>>().join("\n")),
    }
}

/// One way as scripts, if it is safe, or statement by statement.
async fn arrives(side: &Side, from: &Catalog, to: &Catalog, is_safe: bool) -> Result<(), String> {
    let steps = plan(from, to);
    if let Some(unwritten) = steps.unwritten.first() {
        return Err(format!("{unwritten}\nplan:\n{steps}"));
    }
    if steps.is_empty() != from.differences(to).is_empty() {
        return Err(format!("an empty plan over differences:\n{}", from.differences(to)));
    }
    let applied = if is_safe { side.migrate(&steps).await } else { side.apply(&steps).await };
    applied.map_err(|problem| format!("{problem}\nplan:\n{steps}"))?;
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
