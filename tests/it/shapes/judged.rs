//! The shapes, judged with what `migrate facts` has written about a real database.

use super::{fixture, shapes};
use migrate_core::sql::facts::Facts;
use migrate_postgres::lint::{LintOptions, Risk, lint};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::{Scripts, set};

/// The facts about the fixture, as a file keeps them.
async fn facts() -> Facts {
    let database = fixture().await;
    let zone = format!("ALTER DATABASE {} SET TimeZone = 'UTC'", database.name());
    database.connect().await.unwrap().batch_execute(&zone).await.unwrap();
    let migrator = Migrator::new(Set::new("default", Vec::new()).unwrap());
    let written = migrator.facts(database.url()).await.unwrap().to_json();
    let mut facts = Facts::from_json(&written).unwrap();
    // Work on a small table is no danger, and those of the fixture have 50 rows.
    facts.relations.values_mut().for_each(|relation| relation.size = None);
    facts
}

#[tokio::test]
async fn the_facts_that_facts_writes_show_all_dangers_and_nothing_else() {
    let facts = facts().await;
    let version = facts.server_version.unwrap();
    let options = LintOptions::new().facts(facts);
    let mut wrong = Vec::new();
    for shape in shapes(version).into_iter().filter(|shape| shape.class != "other") {
        let set = set("shape", [Scripts::up(1, shape.statement)]);
        let judgement = lint(&set, &options).unwrap();
        let dangers: Vec<String> = judgement.at_least(Risk::Dangerous).map(ToString::to_string).collect();
        if dangers.is_empty() != (shape.class == "light") {
            wrong.push(format!("{} {}: {}", shape.class, shape.statement, dangers.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
