//! TLS, with a certificate of a test's own.

use migrate_postgres::testing::{Server, ShutdownMode};
use migrate_postgres::{Error, Migrator, Set};
use migrate_tests::sets::{Folder, folder_of};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

const URL: &str = "MIGRATE_TLS_URL";

fn migrator() -> Migrator {
    Migrator::new(Set::from_folder(folder_of(&[("1_a.sql", "CREATE TABLE a ();")]).path()).unwrap())
}

/// A certificate for `localhost`, made for the server's user; none where the machine has no openssl, which is then said.
fn certificate(server: &Server) -> Option<Folder> {
    let folder = folder_of(&[("made", "")]);
    let path = |name: &str| folder.path().join(name);
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=migrate tests"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(path("key"))
        .arg("-out")
        .arg(path("cert"))
        .output();
    let Ok(made) = made else {
        migrate_tests::skipped("openssl (apt-get install openssl)");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let owner = std::fs::metadata(server.socket_dir().unwrap().join("data")).unwrap();
    for name in ["key", "cert"] {
        chown(path(name), Some(owner.uid()), Some(owner.gid())).unwrap();
        let mode = if name == "key" { 0o600 } else { 0o644 };
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    Some(folder)
}

/// A server that takes connections over TCP by TLS alone.
fn server(port: u16) -> Option<(Server, Folder)> {
    let server = Server::builder()
        .setting("listen_addresses", "localhost")
        .setting("port", port.to_string())
        .start()
        .unwrap();
    let certificate = certificate(&server)?;
    server.stop(ShutdownMode::Fast).unwrap();
    let data = server.socket_dir().unwrap().join("data");
    append(
        &data.join("postgresql.auto.conf"),
        &format!(
            "ssl = on\nssl_cert_file = '{0}/cert'\nssl_key_file = '{0}/key'\n",
            certificate.path().display()
        ),
    );
    append(&data.join("pg_hba.conf"), "hostssl all all all trust\n");
    server.restart().unwrap();
    Some((server, certificate))
}

fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    // What comes first counts in pg_hba.conf, what comes last in the settings: only lines for TCP are ours.
    let kept: String =
        before.lines().filter(|line| !line.starts_with("host")).map(|line| format!("{line}\n")).collect();
    std::fs::write(file, kept + text).unwrap();
}

/// Runs by itself in a process that trusts the certificate, or does not; does nothing otherwise.
#[tokio::test]
async fn a_service_boots_over_tls() {
    let Ok(url) = std::env::var(URL) else { return };
    match migrator().run(&url).await {
        Ok(report) => eprintln!("booted: {report}"),
        Err(error) => eprintln!("failed: {error}"),
    }
}

fn boot(url: &str, trusted: Option<&Path>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "a_service_boots_over_tls", "--nocapture"])
        .env(URL, url)
        .env_remove("SSL_CERT_DIR");
    match trusted {
        Some(file) => command.env("SSL_CERT_FILE", file),
        None => command.env_remove("SSL_CERT_FILE"),
    };
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

#[tokio::test]
async fn a_url_that_asks_for_tls_gets_it_and_checks_the_certificate() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some((server, certificate)) = server(port) else { return };
    let database = server.database().await.unwrap();
    let url = |mode: &str| format!("postgres://postgres@localhost:{port}/{}?sslmode={mode}", database.name());
    let trusted = certificate.path().join("cert");

    let untrusted = boot(&url("require"), None);
    assert!(untrusted.contains("failed: can't connect to localhost"), "{untrusted}");
    assert!(untrusted.contains("invalid peer certificate"), "{untrusted}");
    let plain = boot(&url("disable"), Some(&trusted));
    assert!(plain.contains("no encryption"), "{plain}");
    let booted = boot(&url("require"), Some(&trusted));
    assert!(booted.contains("booted: 1 applied"), "{booted}");
    let again = boot(&url("prefer"), Some(&trusted));
    assert!(again.contains("booted: nothing to do"), "{again}");

    // Over a Unix socket there is no TLS to ask for.
    assert!(migrator().run(database.url()).await.unwrap().is_noop());
    let nobody: Result<_, Error> = migrator().run("postgres://nobody@localhost:1/none?sslmode=require").await;
    assert!(matches!(nobody.unwrap_err(), Error::Connect { .. }));
}
