//! Row-level security on the history's table hides rows from roles that do not own it.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator, Set};
use migrate_tests::sets::folder_of;
use tokio_postgres::Config;

const FILES: &[(&str, &str)] = &[("1_a.sql", "CREATE TABLE a ();")];

fn migrator() -> Migrator {
    Migrator::new(Set::from_folder(folder_of(FILES).path()).unwrap())
}

/// A database migrated by its owner, and a role with every privilege that a migrating role needs.
async fn migrated(name: &str) -> (Database, Config) {
    let database = testing::server().unwrap().database().await.unwrap();
    migrator().run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let role = format!("{name}_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    (database, config)
}

async fn hide(database: &Database) {
    let admin = database.connect().await.unwrap();
    let tables =
        "SELECT oid::regclass::text FROM pg_class WHERE relname LIKE 'migrate\\_%' AND relkind = 'r'";
    for row in admin.query(tables, &[]).await.unwrap() {
        let enable = format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", row.get::<_, &str>(0));
        admin.batch_execute(&enable).await.unwrap();
    }
}

async fn drop_role(database: &Database, config: &Config) {
    let role = config.get_user().unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_role_from_which_rows_are_hidden_is_told_so_and_changes_nothing() {
    let (database, config) = migrated("hidden").await;
    migrator().run(&config).await.unwrap();
    hide(&database).await;
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let errors = [
        migrator().run(&config).await.unwrap_err(),
        migrator().run(&client).await.unwrap_err(),
        migrator().status(&config).await.unwrap_err(),
        migrator().down(&config, 1).await.unwrap_err(),
    ];
    for error in errors {
        let Error::RowSecurity { table, role } = &error else { panic!("{error:?}") };
        assert_eq!((table.as_str(), Some(role.as_str())), ("public.migrate_history", config.get_user()));
        assert!(
            error.to_string().contains("next: ALTER TABLE public.migrate_history DISABLE ROW LEVEL"),
            "{error}"
        );
    }
    // No lock and no transaction was left behind.
    client.batch_execute("SELECT 1").await.unwrap();
    migrator().run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let rows = admin.query_one("SELECT count(*) FROM migrate_history", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 1);
    drop(client);
    drop_role(&database, &config).await;
}

#[tokio::test]
async fn a_role_to_which_it_does_not_apply_goes_on() {
    let (database, config) = migrated("exempt").await;
    hide(&database).await;
    let admin = database.connect().await.unwrap();
    admin.batch_execute(&format!("ALTER ROLE {} BYPASSRLS", config.get_user().unwrap())).await.unwrap();
    assert!(migrator().run(&config).await.unwrap().is_noop());
    let more = [FILES[0], ("2_b.sql", "CREATE TABLE b ();")];
    let more = Migrator::new(Set::from_folder(folder_of(&more).path()).unwrap());
    assert_eq!(more.run(&config).await.unwrap().steps.len(), 1);
    drop_role(&database, &config).await;
}
