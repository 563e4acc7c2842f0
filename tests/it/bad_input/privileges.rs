//! Roles without privileges, and read-only servers.

use crate::bad_input::support::{Folder, assert_error, assert_snapshot, database, holds};
use migrate_postgres::testing::{Database, Server, ShutdownMode};
use migrate_postgres::{Error, ErrorKind, SetPosition};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use tokio_postgres::{Client, Config, NoTls};

/// A test's own role, which owns nothing.
struct Role {
    name: String,
    config: Config,
    admin: Client,
}

impl Role {
    async fn of(database: &Database) -> Role {
        let admin = database.connect().await.unwrap();
        let name = format!("app_{}", database.name());
        let make = format!("REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE {name} LOGIN");
        admin.batch_execute(&make).await.unwrap();
        let mut config = database.config();
        config.user(&name);
        Role { name, config, admin }
    }

    async fn grant(&self, what: &str) {
        self.admin.batch_execute(&format!("GRANT {what} TO {}", self.name)).await.unwrap();
    }

    async fn assert_privilege(&self, case: &str, error: &Error, database: &Database) {
        assert!(matches!(error, Error::Privilege { role, .. } if *role == self.name), "{error:?}");
        let text = format!("{error}\n\n--- the database holds\n{}", holds(&self.admin).await);
        assert_snapshot(case, &text, &[(&self.name, "app"), (database.name(), "DB")]);
    }

    async fn drop(self) {
        let sql = format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn a_role_that_may_not_make_the_history() {
    let (database, folder) = (database().await, Folder::good());
    let role = Role::of(&database).await;
    role.grant("USAGE ON SCHEMA public").await;
    let error = folder.migrator().run(&role.config).await.unwrap_err();
    role.assert_privilege("no_create", &error, &database).await;
    let error = folder.migrator().history_schema("ops").run(&role.config).await.unwrap_err();
    role.assert_privilege("no_create_on_database", &error, &database).await;
    role.grant("CREATE ON SCHEMA public").await;
    assert_eq!(folder.migrator().run(&role.config).await.unwrap().steps.len(), 3);
    role.drop().await;
}

#[tokio::test]
async fn a_role_without_usage_on_the_historys_schema() {
    let (database, folder) = (database().await, Folder::good());
    let role = Role::of(&database).await;
    folder.migrator().history_schema("ops").run(&database.config()).await.unwrap();
    let migrator = folder.migrator().history_schema("ops");
    let error = migrator.run(&role.config).await.unwrap_err();
    role.assert_privilege("no_usage", &error, &database).await;
    for error in [
        migrator.status(&role.config).await.unwrap_err(),
        migrator.plan(&role.config).await.unwrap_err(),
        migrator.history(&role.config).await.unwrap_err(),
        migrator.position(&role.config).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::Privilege { .. }), "{error:?}");
    }
    role.grant("USAGE ON SCHEMA ops").await;
    let error = migrator.run(&role.config).await.unwrap_err();
    role.assert_privilege("no_select", &error, &database).await;
    let error = migrator.status(&role.config).await.unwrap_err();
    role.assert_privilege("no_select_for_status", &error, &database).await;
    role.drop().await;
}

#[tokio::test]
async fn a_role_that_may_only_read_boots_in_peace_until_there_is_work() {
    let (database, folder) = (database().await, Folder::good());
    let role = Role::of(&database).await;
    folder.migrator().run(&database.config()).await.unwrap();
    role.grant("USAGE ON SCHEMA public").await;
    role.grant("SELECT ON migrate_history, migrate_history_head").await;
    assert!(folder.migrator().run(&role.config).await.unwrap().is_noop());
    assert_eq!(folder.migrator().status(&role.config).await.unwrap().pending().count(), 0);
    folder.write("0002_posts.up.sql", "CREATE TABLE posts (id bigint PRIMARY KEY); -- A comment.\n");
    assert_eq!(folder.migrator().run(&role.config).await.unwrap().notices.len(), 1);
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let error = folder.migrator().run(&role.config).await.unwrap_err();
    role.assert_privilege("select_only_with_work", &error, &database).await;
    role.drop().await;
}

#[tokio::test]
async fn a_migration_that_the_role_may_not_run_is_a_failure_of_its_own() {
    let (database, folder) = (database().await, Folder::good());
    let role = Role::of(&database).await;
    role.grant("USAGE, CREATE ON SCHEMA public").await;
    folder.write("0002_posts.up.sql", "CREATE SCHEMA posts;\n");
    let error = folder.migrator().run(&role.config).await.unwrap_err();
    assert!(matches!(&error, Error::Failed(_)), "{error:?}");
    assert_eq!(error.sqlstate(), Some("42501"));
    assert_error("no_privilege_in_a_script", &error, &database).await;
    role.drop().await;
}

#[tokio::test]
async fn a_migration_that_takes_the_right_to_write_the_history_stops_the_run_there() {
    let (database, folder) = (database().await, Folder::good());
    let role = Role::of(&database).await;
    role.grant("USAGE, CREATE ON SCHEMA public").await;
    let revoke = format!("REVOKE INSERT ON migrate_history FROM {};\n", role.name);
    folder.write("0002_posts.up.sql", &revoke);
    let error = folder.migrator().run(&role.config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Privilege, "{error:?}");
    assert_eq!(error.report().map(|report| report.steps.len()), Some(2), "{error:?}");
    let text = format!("{error}\n\n--- the database holds\n{}", holds(&role.admin).await);
    assert_snapshot("right_taken_half_way", &text, &[(&role.name, "app"), (database.name(), "DB")]);
    role.drop().await;
}

#[tokio::test]
async fn no_schema_of_the_search_path_exists() {
    let database = database().await;
    let mut config = database.config();
    config.options("-c search_path=nowhere");
    let error = Folder::good().migrator().run(&config).await.unwrap_err();
    assert!(matches!(&error, Error::NoSchema), "{error:?}");
    assert_error("no_schema", &error, &database).await;
}

#[tokio::test]
async fn a_history_schema_that_does_not_exist_is_made() {
    let database = database().await;
    let folder = Folder::good();
    let migrator = folder.migrator().history_schema("ops \"1\"").history_table("migrate history");
    assert_eq!(
        migrator.position(&database.config()).await.unwrap(),
        SetPosition::Behind { applied: 0, pending: 3 }
    );
    migrator.run(&database.config()).await.unwrap();
    assert!(migrator.run(&database.config()).await.unwrap().is_noop());
    let holds = holds(&database.connect().await.unwrap()).await;
    assert!(
        holds.contains("\"ops \"\"1\"\"\".\"migrate history\":\n  1 apply 0001_users done live\n"),
        "{holds}"
    );
}

#[tokio::test]
async fn a_session_that_is_read_only_by_default_takes_no_migrations() {
    let (database, folder) = (database().await, Folder::good());
    let mut config = database.config();
    config.options("-c default_transaction_read_only=on");
    let error = folder.migrator().run(&config).await.unwrap_err();
    assert!(matches!(&error, Error::ReadOnly { .. }), "{error:?}");
    assert_error("read_only_session", &error, &database).await;
    folder.migrator().run(&database.config()).await.unwrap();
    assert!(folder.migrator().run(&config).await.unwrap().is_noop());
}

#[tokio::test]
async fn a_hot_standby_boots_when_nothing_is_pending_and_takes_no_migrations() {
    let server = Server::builder().start().unwrap();
    let (done, empty) = (server.database().await.unwrap(), server.database().await.unwrap());
    let folder = Folder::good();
    folder.migrator().run(&done.config()).await.unwrap();
    server.stop(ShutdownMode::Fast).unwrap();
    let signal = server.socket_dir().unwrap().join("data/standby.signal");
    fs::write(&signal, "").unwrap();
    fs::set_permissions(&signal, Permissions::from_mode(0o666)).unwrap();
    server.restart().unwrap();

    assert!(folder.migrator().run(&done.config()).await.unwrap().is_noop());
    assert_eq!(folder.migrator().status(&done.config()).await.unwrap().pending().count(), 0);
    let error = folder.migrator().run(&empty.config()).await.unwrap_err();
    assert!(matches!(&error, Error::ReadOnly { .. }), "{error:?}");
    assert_error("hot_standby", &error, &empty).await;
    folder.write("0004_likes.up.sql", "CREATE TABLE likes ();");
    let error = folder.migrator().run(&done.config()).await.unwrap_err();
    assert!(matches!(&error, Error::ReadOnly { .. }), "{error:?}");
    let (client, connection) = done.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let error = folder.migrator().run(&client).await.unwrap_err();
    assert!(matches!(&error, Error::ReadOnly { .. }), "{error:?}");
    drop(client);
    fs::remove_file(&signal).unwrap();
    server.restart().unwrap();
}
