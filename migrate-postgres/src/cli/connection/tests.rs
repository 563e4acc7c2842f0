//! The precedence of connection sources.

use super::*;
use crate::connection::tls::{Mode, Roots};
use std::collections::HashMap;
use tokio_postgres::config::{Host, SslMode};

fn with(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let variables: HashMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    move |name| variables.get(name).cloned()
}

fn command_line(url: &str) -> Asked<'_> {
    Asked { url: Some(url), service: None }
}

#[test]
fn the_command_line_comes_before_the_service_and_that_before_the_environment() {
    let environment = with(&[("DATABASE_URL", "postgres://c@h/c")]);
    let own: Config = "postgres://b@h/b".parse().unwrap();
    let user = |asked, own| config(asked, own, &environment).unwrap().get_user().unwrap().to_owned();
    assert_eq!(user(command_line("postgres://a@h/a"), Some(&own)), "a");
    assert_eq!(user(Asked::default(), Some(&own)), "b");
    assert_eq!(user(Asked::default(), None), "c");
}

#[test]
fn libpqs_variables_fill_what_the_string_leaves_open() {
    let environment = with(&[
        ("PGUSER", "ada"),
        ("PGPASSWORD", "secret"),
        ("PGPORT", "6432"),
        ("PGDATABASE", "other"),
        ("PGSSLMODE", "verify-full"),
    ]);
    let config = config(command_line("host=db.example dbname=app"), None, &environment).unwrap();
    assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
    assert_eq!((config.get_user(), config.get_dbname()), (Some("ada"), Some("app")));
    assert_eq!(config.get_password(), Some(&b"secret"[..]));
    assert_eq!((config.get_ports(), config.get_ssl_mode()), (&[6432][..], SslMode::Require));
}

#[test]
fn a_service_and_the_password_file_are_found() {
    let folder = std::env::temp_dir().join(format!("migrate-connection-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (services, passwords) = (folder.join("services"), folder.join("passwords"));
    fs::write(&services, "[app]\nhost=db.example\nport=7000\nuser=ada\ndbname=app\n").unwrap();
    fs::write(&passwords, "db.example:7000:app:ada:secret\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let variables = [
        ("PGSERVICEFILE", services.to_str().unwrap()),
        ("PGPASSFILE", passwords.to_str().unwrap()),
        ("DATABASE_URL", "postgres://not@this/one"),
        ("PGUSER", "nobody"),
    ];
    let environment = with(&variables);
    let named = Asked { url: None, service: Some("app") };
    let found = config(named, None, &environment).unwrap();
    assert_eq!((found.get_user(), found.get_password()), (Some("ada"), Some(&b"secret"[..])));
    let unknown = config(Asked { url: None, service: Some("ap") }, None, &environment).unwrap_err();
    assert!(unknown.to_string().starts_with("there is no service `ap` in `"), "{unknown}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn tls_comes_from_the_string_the_service_and_the_environment_and_what_is_not_supported_is_refused() {
    let folder = std::env::temp_dir().join(format!("migrate-service-{}", std::process::id()));
    fs::write(&folder, "[app]\nhost=h\nsslrootcert=/ca.pem\nsslkey=/service.key\n").unwrap();
    let mut variables = vec![
        ("PGSERVICEFILE", folder.to_str().unwrap()),
        ("PGSERVICE", "app"),
        ("PGSSLCERT", "/env.crt"),
        ("PGSSLKEY", "/env.key"),
        ("PGSSLMODE", "require"),
    ];
    let found = config(command_line("postgres://h/d?sslmode=verify-ca"), None, &with(&variables)).unwrap();
    assert_eq!(found.tls.mode, Mode::VerifyCa);
    assert_eq!(found.tls.roots, Roots::File("/ca.pem".into()));
    assert_eq!(found.tls.key.as_deref(), Some("/service.key".as_ref()));
    assert_eq!(found.tls.certificate.as_deref(), Some("/env.crt".as_ref()));
    variables.push(("PGSSLCRLDIR", "/crls"));
    let refused = config(Asked::default(), None, &with(&variables)).unwrap_err().to_string();
    assert!(refused.starts_with("`sslcrldir` can't be used here: a folder of revocation lists"), "{refused}");
    fs::remove_file(&folder).unwrap();
}

#[test]
fn no_message_repeats_a_connection_string() {
    let problem =
        config(command_line("postgres://me:s3cr3t@h:port/db"), None, &with(&[])).unwrap_err().to_string();
    assert!(!problem.contains("s3cr3t") && problem.contains("--database-url"), "{problem}");
    assert!(matches!(config(Asked::default(), None, &with(&[])), Err(ConnectionProblem::Nothing)));
}
