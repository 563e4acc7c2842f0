//! Servers that can't be reached, or refuse the login.

use crate::bad_input::support::{Folder, assert_error, assert_snapshot, database, text};
use migrate_postgres::Error;
use migrate_postgres::testing::Server;
use std::fs;
use std::net::TcpListener;
use std::sync::OnceLock;
use tokio_postgres::{Config, NoTls};

/// An unused loopback port.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that requires passwords, on a loopback port.
fn server_with_passwords() -> (&'static Server, u16) {
    static SERVER: OnceLock<(Server, u16)> = OnceLock::new();
    let (server, port) = SERVER.get_or_init(|| {
        let port = free_port();
        let listening = Server::builder().setting("listen_addresses", "127.0.0.1");
        let server = listening.setting("port", port.to_string()).start().unwrap();
        let data = server.socket_dir().unwrap().join("data");
        let rules = "local all postgres trust\nhost all app 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        server.restart().unwrap();
        (server, port)
    });
    (server, *port)
}

/// A database on the server that requires passwords, with the role `app`.
async fn app(name: &str) -> (Config, u16) {
    let (server, port) = server_with_passwords();
    let host = server.socket_dir().unwrap();
    let mut config = Config::new();
    config.host_path(host).port(port).user("postgres").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let made = "SELECT count(*)::text FROM pg_roles WHERE rolname = 'app'";
    if text(&client, made).await == "0" {
        // Another test may have created it.
        let _ = client.batch_execute("CREATE ROLE app LOGIN PASSWORD 'right'").await;
    }
    client.batch_execute(&format!("CREATE DATABASE {name} OWNER app")).await.unwrap();
    config.dbname(name);
    (config, port)
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_server() {
    let (config, port) = app("wrong").await;
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/wrong");
    let folder = Folder::good();
    let error = folder.migrator().run(&url).await.unwrap_err();
    assert!(matches!(&error, Error::Login { .. }), "{error:?}");
    assert_eq!(error.sqlstate(), Some("28P01"));
    assert_snapshot("wrong_password", &error.to_string(), &[(&port.to_string(), "PORT")]);
    assert!(!format!("{error:?}").contains("hunter2"));

    let no_password = format!("postgres://app@127.0.0.1:{port}/wrong");
    let error = folder.migrator().run(&no_password).await.unwrap_err();
    assert!(matches!(&error, Error::Login { .. }), "{error:?}");
    assert_snapshot("no_password", &error.to_string(), &[(&port.to_string(), "PORT")]);

    let stranger = format!("postgres://stranger:hunter2@127.0.0.1:{port}/wrong?sslmode=disable");
    let error = folder.migrator().run(&stranger).await.unwrap_err();
    assert!(matches!(&error, Error::Login { .. }), "{error:?}");
    assert_snapshot("no_entry_in_pg_hba", &error.to_string(), &[(&port.to_string(), "PORT")]);

    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(crate::bad_input::support::holds(&client).await, "nothing\n");
    let right = format!("postgres://app:right@127.0.0.1:{port}/wrong");
    assert_eq!(folder.migrator().run(&right).await.unwrap().steps.len(), 3);
}

#[tokio::test]
async fn a_pool_with_a_wrong_password_gives_the_same_error() {
    let (_, port) = app("pool").await;
    let config: Config = format!("postgres://app:hunter2@127.0.0.1:{port}/pool").parse().unwrap();
    let manager = deadpool_postgres::Manager::new(config, NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
    let error = Folder::good().migrator().run(&pool).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("28P01"));
    assert_snapshot("wrong_password_in_a_pool", &error.to_string(), &[(&port.to_string(), "PORT")]);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_host_that_nobody_listens_on_is_named() {
    let port = free_port();
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/shop");
    let error = Folder::good().migrator().run(&url).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    assert_snapshot("closed_port", &error.to_string(), &[(&port.to_string(), "PORT")]);
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = Folder::good().migrator().run("host=/nowhere user=app dbname=shop").await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    assert_snapshot("no_socket", &error.to_string(), &[]);
}

#[tokio::test]
async fn a_connection_string_that_cant_be_read_is_not_repeated() {
    let cases = [
        ("url_port", "postgres://app:hunter2@localhost:fivefourthreetwo/shop"),
        ("url_option", "postgres://app:hunter2@localhost/shop?sslcrldir=ca.pem"),
        ("url_secret_option", "postgres://app:hunter2@hunter2@localhost/shop?hunter2=hunter2"),
        ("url_pairs", "host=localhost password=hunter 2hunter2=1"),
        ("url_pairs_end", "host=localhost password=a hunter2"),
        ("url_empty_value", "postgres://app:hunter2@localhost/shop?sslmode"),
        ("url_nonsense", "hunter2"),
        ("url_empty", ""),
        ("url_of_prisma", "postgres://app:hunter2@localhost/shop?schema="),
        ("url_verify_full", "postgres://app:hunter2@localhost/shop?sslmode=verify"),
    ];
    for (case, url) in cases {
        let error = Folder::good().migrator().run(url).await.unwrap_err();
        assert!(matches!(&error, Error::Url { .. }), "{case}: {error:?}");
        assert_snapshot(case, &error.to_string(), &[]);
        let mut shown = format!("{error}{error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown += &format!("{cause}{cause:?}");
            source = cause.source();
        }
        assert!(!shown.contains("hunter"), "{case}: {shown}");
    }
}

#[tokio::test]
async fn a_password_whose_signs_are_not_encoded_turns_up_nowhere() {
    let urls = [
        "postgres://app:hunter2@hunter3@localhost/shop",
        "postgres://app:hunter2@hunter3/hunter4@localhost/shop",
        "postgres://app:hunter2@hunter3?hunter4@localhost/shop",
        "postgres://app:hunter2@hunter3#hunter4@localhost/shop",
        "postgres://app:hunter2@hunter3:hunter4@localhost/shop",
        "postgres://app:hunter2@hunter3:5432@localhost/shop",
        "postgres://app:hunter2@hunter3,hunter4@localhost/shop",
        "postgres://app:hunter2@%2Fhunter3@localhost/shop",
        "postgres://app:hunter2@127.0.0.1:1/hunter3@localhost/shop",
        "postgres://app:hunter2@127.0.0.1:1?user=hunter3:hunter4@localhost/shop",
        "postgres://app:hunter2@127.0.0.1:1?dbname=hunter3@localhost/shop",
        "postgres://app%3Ahunter2@127.0.0.1:1/shop",
        "postgres://app:%zzhunter2@hunter3@localhost,localhost/shop",
        "host=localhost port=1 user=app password=hunter2 hunter3",
        "host=localhost port=1 user=app password='hunter2'hunter3' dbname=shop",
        "host=localhost port=1 user=app password=hunter2\\'hunter3 dbname=shop connect_timeout=x",
        "host=postgres://app:hunter2@localhost/shop",
        "host=127.0.0.1 port=1 dbname=postgres://app:hunter2@localhost/shop",
    ];
    for url in urls {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let told = heard.clone();
        let migrator = Folder::good().migrator().on_event(move |event: &migrate_postgres::Event<'_>| {
            told.lock().unwrap().push_str(&format!("{event}{event:?}"));
        });
        let error = migrator.run(url).await.unwrap_err();
        assert!(matches!(&error, Error::Url { .. }), "{url}: {error:?}");
        let shown = format!("{error:?}{error}{}", heard.lock().unwrap());
        assert!(!shown.contains("hunter") && !shown.contains("localhost"), "{url}: {shown}");
    }
    let error = Folder::good().migrator().run(urls[0]).await.unwrap_err();
    assert_snapshot("url_unencoded_password", &error.to_string(), &[]);
}

#[tokio::test]
async fn a_database_whose_name_has_an_at_sign_is_migrated() {
    let database = database().await;
    let name = format!("{}@shop", database.name());
    let client = database.connect().await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
    let mut config = database.config();
    config.dbname(&name);
    assert_eq!(Folder::good().migrator().run(&config).await.unwrap().steps.len(), 3);
    client.batch_execute(&format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named() {
    let database = database().await;
    let mut config = database.config();
    config.dbname("no_such_shop");
    let error = Folder::good().migrator().run(&config).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.sqlstate(), Some("3D000"));
    let text = error.to_string();
    let socket = text.split(", database").next().unwrap().trim_start_matches("can't connect to ");
    assert_snapshot("no_database", &text, &[(socket, "SERVER")]);
}

#[tokio::test]
async fn a_server_without_a_free_connection_says_so_in_the_end() {
    let database = database().await;
    let (client, role) = (database.connect().await.unwrap(), format!("app_{}", database.name()));
    let make =
        format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; GRANT CREATE ON SCHEMA public TO {role}");
    client.batch_execute(&make).await.unwrap();
    let mut config = database.config();
    config.user(&role);
    let migrator = Folder::good().migrator().lock_wait(std::time::Duration::from_millis(300));
    // One connection holds the lock, and none is left to work with.
    let error = migrator.run(&config).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("53300"), "{error}");
    assert!(matches!(&error, Error::ConnectionLimit { .. }), "{error:?}");
    let shown = error.to_string();
    let vary = [(&*role, "app"), (database.name(), "DB")];
    assert_snapshot("too_many_connections", &shown, &vary);
    assert_eq!(crate::bad_input::support::holds(&client).await, "nothing\n");

    let (held, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let error = migrator.run(&config).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    // One connection is enough if it both holds the lock and works.
    assert_eq!(migrator.run(&held).await.unwrap().steps.len(), 3);
    client.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_leaves_a_clean_beginning() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_users.sql", "CREATE TABLE users ();"),
        ("0002_cut.sql", "CREATE TABLE cut ();\nSELECT pg_terminate_backend(pg_backend_pid());\n"),
    ]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_error("connection_cut", &error, &database).await;
    folder.write("0002_cut.sql", "CREATE TABLE cut ();");
    assert!(folder.migrator().run(&database.config()).await.is_ok());
}
