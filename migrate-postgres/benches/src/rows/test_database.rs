//! A fresh migrated database, and a fresh migrated schema, for one test.

use crate::corpus::{Corpus, Layout, Scratch};
use crate::report::{Criterion, Section, Table};
use crate::stage::{Stage, connect};
use crate::times::{Times, ratio, shown, timed};
use crate::tool::{Loaded, Tool};
use crate::{Problem, Result, sqlx_test};
use migrate_postgres::Migrator;
use std::time::Duration;

/// Our way to a migrated database: until a query has run in it. The first time, the template is made too.
async fn migrated_by_template(stage: &Stage, migrator: &Migrator) -> Result<Duration> {
    let make = async {
        let database = stage.server.fresh_database(migrator).await?;
        database.connect().await?.simple_query("SELECT 1").await?;
        Ok::<_, Problem>(database)
    };
    let (database, time) = timed(make).await?;
    database.close().await?;
    Ok(time)
}

/// Our way to a migrated schema. The first time, the schema is made that its history is copied from.
async fn migrated_schema(stage: &Stage, migrator: &Migrator) -> Result<Duration> {
    let make = async { Ok::<_, Problem>(stage.server.fresh_schema(migrator).await?) };
    let (schema, time) = timed(make).await?;
    schema.close().await?;
    Ok(time)
}

pub(crate) async fn databases(stage: &Stage) -> Result<Section> {
    let tables = stage.options.size(300);
    let corpus = Corpus::tables(tables);
    let migrator = ours(&corpus).await?;
    let scratch = Scratch::new()?;
    corpus.write(scratch.path(), Layout::Flat)?;
    let template = stage.empty().await?;
    migrator.run(&template.config()).await?;
    let [mut limit, mut by_template, mut from_nothing, mut sqlx] = [const { Times::new() }; 4];
    // A template is made once for all tests.
    migrated_by_template(stage, &migrator).await?;
    for _ in 0..stage.options.runs {
        limit.push(copy(stage, template.name()).await?);
        by_template.push(migrated_by_template(stage, &migrator).await?);
        let make = async {
            let database = stage.empty().await?;
            let client = database.connect().await?;
            migrator.run(&client).await?;
            client.simple_query("SELECT 1").await?;
            Ok::<_, Problem>(database)
        };
        from_nothing.push(timed(make).await?.1);
        sqlx.push(sqlx_test::in_a_process(&stage.server.url("postgres"), scratch.path()).await?);
    }
    let base = limit.median();
    let mut table = Table::new(["", "until the first query is answered", "×"]);
    for (name, times) in [
        ("`CREATE DATABASE … TEMPLATE`", &limit),
        ("**migrate-postgres**, by a template", &by_template),
        ("**migrate-postgres**, an empty database and a run", &from_nothing),
        ("`#[sqlx::test]`", &sqlx),
    ] {
        table.push([name.to_owned(), shown(times.median()), format!("{:.2}", ratio(times.median(), base))]);
    }
    let mut section = Section::new(
        "A fresh migrated database for one test",
        format!("{tables} tables. Connecting is included, dropping the database is not."),
    );
    section.tables.push(table);
    let what = "a migrated database, as against `CREATE DATABASE … TEMPLATE`";
    let faster = "a migrated database, faster than `#[sqlx::test]`";
    section.criteria = vec![
        Criterion::at_most(what, ratio(by_template.median(), base), 1.2),
        Criterion::at_least(faster, ratio(sqlx.median(), by_template.median()), 10.0),
    ];
    Ok(section)
}

pub(crate) async fn schemas(stage: &Stage) -> Result<Section> {
    let tables = stage.options.size(300);
    let corpus = Corpus::tables(tables);
    let migrator = ours(&corpus).await?;
    let replay = format!("CREATE SCHEMA fresh; SET search_path = fresh; {}", corpus.all());
    let [mut limit, mut schema] = [const { Times::new() }; 2];
    // So is the schema that others are copied from.
    migrated_schema(stage, &migrator).await?;
    for _ in 0..stage.options.runs {
        let database = stage.empty().await?;
        let client = database.connect().await?;
        limit.push(timed(client.batch_execute(&replay)).await?.1);
        schema.push(migrated_schema(stage, &migrator).await?);
    }
    let ratio = ratio(schema.median(), limit.median());
    let mut table = Table::new(["", "time", "×"]);
    table.push(["the DDL in one message".to_owned(), shown(limit.median()), "1.00".to_owned()]);
    table.push(["**migrate-postgres**".to_owned(), shown(schema.median()), format!("{ratio:.2}")]);
    let mut section = Section::new(
        "A fresh migrated schema for one test",
        format!("{tables} tables, on an open connection to a database that has the schema not yet."),
    );
    section.tables.push(table);
    section.criteria.push(Criterion::at_most(
        "a migrated schema, as against the DDL in one message",
        ratio,
        1.2,
    ));
    Ok(section)
}

async fn ours(corpus: &Corpus) -> Result<std::sync::Arc<Migrator>> {
    match Loaded::load(Tool::Ours, corpus).await? {
        Loaded::Ours(migrator) => Ok(migrator),
        _ => Err("it is ours that was loaded".into()),
    }
}

/// `CREATE DATABASE … TEMPLATE`, until a query has run in the copy.
async fn copy(stage: &Stage, template: &str) -> Result<Duration> {
    let make = async {
        let admin = connect(&stage.server.config("postgres")).await?;
        admin.batch_execute(&format!("CREATE DATABASE copied TEMPLATE {template}")).await?;
        connect(&stage.server.config("copied")).await?.simple_query("SELECT 1").await?;
        Ok::<_, Problem>(())
    };
    let time = timed(make).await?.1;
    stage.admin("DROP DATABASE copied WITH (FORCE)").await?;
    Ok(time)
}
