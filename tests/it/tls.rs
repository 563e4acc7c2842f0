//! TLS, with a test's own certificates.

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

/// Runs a program of the machine in a folder; `None` if it is missing.
fn run(folder: &Path, program: &str, arguments: &str) -> Option<()> {
    let made = Command::new(program).current_dir(folder).args(arguments.split(' ')).output();
    let Ok(made) = made else {
        migrate_tests::skipped("openssl (apt-get install openssl)");
        return None;
    };
    assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
    Some(())
}

/// Two authorities. One of them, `ca`, has signed certificates of the server and a client, and revoked one.
/// Also a certificate that only vouches for itself, as `openssl req -x509` makes it.
fn certificates() -> Option<Folder> {
    let folder = folder_of(&[
        ("san", "subjectAltName=DNS:localhost\n"),
        ("none", "basicConstraints=CA:FALSE\n"),
        ("index", ""),
        ("number", "01\n"),
        (
            "config",
            "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=2\n\
             certificate=ca.crt\nprivate_key=ca.key\n",
        ),
    ]);
    let openssl = |arguments: String| run(folder.path(), "openssl", &arguments);
    for ca in ["ca", "other"] {
        openssl(format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.crt"
        ))?;
    }
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=self -addext subjectAltName=DNS:localhost \
         -keyout self.key -out self.crt"
            .to_owned(),
    )?;
    for (name, subject, extensions) in
        [("server", "server", "san"), ("named", "localhost", "none"), ("client", "postgres", "none")]
    {
        openssl(format!(
            "req -newkey rsa:2048 -nodes -subj /CN={subject} -keyout {name}.key -out {name}.csr"
        ))?;
        openssl(format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile {extensions} -out {name}.crt"
        ))?;
    }
    openssl("ca -config config -gencrl -out empty.crl".to_owned())?;
    openssl("ca -config config -revoke server.crt".to_owned())?;
    openssl("ca -config config -gencrl -out revoked.crl".to_owned())?;
    openssl("pkcs8 -topk8 -in client.key -passout pass:x -out locked.key".to_owned())?;
    for (name, mode) in [("client.key", 0o600), ("locked.key", 0o600), ("server.key", 0o644)] {
        std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    Some(folder)
}

/// A server with TLS over TCP: some databases require TLS, others a client certificate.
struct Scene {
    server: Server,
    folder: Folder,
    port: u16,
}

impl Scene {
    fn new() -> Option<Scene> {
        let folder = certificates()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server::builder()
            .setting("listen_addresses", "localhost")
            .setting("port", port.to_string())
            .start()
            .unwrap();
        server.stop(ShutdownMode::Fast).unwrap();
        let data = server.socket_dir().unwrap().join("data");
        append(
            &data.join("pg_hba.conf"),
            "hostssl certified all all cert\nhost either all all trust\nhostssl all all all trust\n",
        );
        let scene = Scene { server, folder, port };
        scene.use_certificate("server", "");
        Some(scene)
    }

    /// Restarts the server with a certificate, in files that belong to its user.
    fn use_certificate(&self, name: &str, settings: &str) {
        drop(self.server.stop(ShutdownMode::Fast));
        let data = self.server.socket_dir().unwrap().join("data");
        let owner = std::fs::metadata(&data).unwrap();
        for (file, from, mode) in [
            ("tls.crt", format!("{name}.crt"), 0o644),
            ("tls.key", format!("{name}.key"), 0o600),
            ("tls.ca", "ca.crt".to_owned(), 0o644),
        ] {
            std::fs::copy(self.folder.path().join(from), data.join(file)).unwrap();
            chown(data.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
            std::fs::set_permissions(data.join(file), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        append(
            &data.join("postgresql.auto.conf"),
            &format!(
                "ssl = on\nssl_cert_file = 'tls.crt'\nssl_key_file = 'tls.key'\nssl_ca_file = 'tls.ca'\n{settings}\n"
            ),
        );
        self.server.restart().unwrap();
    }

    /// A URL; `$` stands for the folder of certificates.
    fn url(&self, database: &str, parameters: &str) -> String {
        let host = if parameters.contains("numeric") { "127.0.0.1" } else { "localhost" };
        let folder = self.folder.path().display().to_string();
        let parameters = parameters.replace("&numeric", "").replace('$', &folder);
        format!("postgres://postgres@{host}:{}/{database}?{parameters}", self.port)
    }

    /// Connects; returns true if the connection is encrypted.
    async fn connect(&self, database: &str, parameters: &str) -> Result<bool, Error> {
        let found = Migrator::new(
            Set::from_folder(
                folder_of(&[(
                    "1_a.sql",
                    "CREATE TABLE IF NOT EXISTS seen (ssl bool); \
                DELETE FROM seen; INSERT INTO seen SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();",
                )])
                .path(),
            )
            .unwrap(),
        );
        let found = found.history_table(format!("h{:x}", std::time::Instant::now().elapsed().as_nanos()));
        let url = self.url(database, parameters);
        let client = self.server_client(database).await;
        client.batch_execute("DROP TABLE IF EXISTS seen").await.unwrap();
        for table in client
            .query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[])
            .await
            .unwrap()
        {
            client.batch_execute(&format!("DROP TABLE {} CASCADE", table.get::<_, String>(0))).await.unwrap();
        }
        found.run(&url).await?;
        Ok(client.query_one("SELECT ssl FROM seen", &[]).await.unwrap().get(0))
    }

    async fn server_client(&self, database: &str) -> tokio_postgres::Client {
        let (client, connection) = self.server.config(database).connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    // In pg_hba.conf the first match wins, in the settings the last value: only the TCP lines are ours.
    let kept: String =
        before.lines().filter(|line| !line.starts_with("host")).map(|line| format!("{line}\n")).collect();
    std::fs::write(file, kept + text).unwrap();
}

#[tokio::test]
async fn each_sslmode_means_what_it_means_to_libpq() {
    let Some(scene) = Scene::new() else { return };
    let admin = scene.server_client("postgres").await;
    for database in ["encrypted", "either", "certified"] {
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
    }
    drop(admin);
    const OK: &str = "";
    const UNKNOWN: &str = "invalid peer certificate";
    const REVOKED: &str = "Revoked";
    const NAME: &str = "not valid for name";
    for (certificate, parameters, expected) in [
        ("server", "", OK),
        ("server", "sslmode=allow", OK),
        ("server", "sslmode=prefer", OK),
        ("server", "sslmode=require", OK),
        ("server", "sslmode=require&numeric", OK),
        ("server", "sslmode=require&sslrootcert=$/not_there", OK),
        ("server", "sslmode=require&sslrootcert=$/ca.crt&numeric", OK),
        ("server", "sslmode=require&sslrootcert=$/other.crt", UNKNOWN),
        ("server", "sslmode=prefer&sslrootcert=$/other.crt", OK),
        ("server", "sslmode=verify-ca&sslrootcert=$/ca.crt&numeric", OK),
        ("server", "sslmode=verify-ca&sslrootcert=$/other.crt", UNKNOWN),
        ("server", "sslmode=verify-ca&sslrootcert=$/not_there", "not_there (sslrootcert)"),
        ("server", "sslmode=verify-full&sslrootcert=$/ca.crt", OK),
        ("server", "sslmode=verify-full&sslrootcert=$/ca.crt&numeric", NAME),
        ("server", "sslmode=verify-full&sslrootcert=$/ca.crt&sslcrl=$/empty.crl", OK),
        ("server", "sslmode=verify-full&sslrootcert=$/ca.crt&sslcrl=$/revoked.crl", REVOKED),
        ("server", "sslrootcert=system", UNKNOWN),
        ("server", "sslmode=verify-full", UNKNOWN),
        ("server", "sslmode=disable", "no encryption"),
        // Its host is only in its common name.
        ("named", "sslmode=verify-full&sslrootcert=$/ca.crt", OK),
        ("named", "sslmode=verify-full&sslrootcert=$/ca.crt&numeric", NAME),
        // It has an authority's form, but no authority signed it.
        ("self", "sslmode=prefer", OK),
        ("self", "sslmode=require", OK),
        ("self", "sslmode=verify-ca&sslrootcert=$/ca.crt", UNKNOWN),
        ("self", "sslmode=verify-ca&sslrootcert=$/self.crt&numeric", OK),
        ("self", "sslmode=verify-full&sslrootcert=$/self.crt", OK),
        ("self", "sslmode=verify-full&sslrootcert=$/self.crt&numeric", NAME),
    ]
    .iter()
    .scan("server", |current, case| {
        if *current != case.0 {
            *current = case.0;
            scene.use_certificate(case.0, "");
        }
        Some(*case)
    }) {
        check(
            scene.connect("encrypted", parameters).await,
            expected,
            &format!("{certificate}, {parameters}"),
        );
    }
    scene.use_certificate("server", "");
    for (parameters, encrypted) in [("sslmode=allow", false), ("", true), ("sslmode=disable", false)] {
        assert_eq!(scene.connect("either", parameters).await.unwrap(), encrypted, "{parameters}");
    }

    let key = "sslcert=$/client.crt&sslkey=$/client.key";
    for (parameters, expected) in [
        (format!("sslmode=verify-full&sslrootcert=$/ca.crt&{key}"), OK),
        (key.to_owned(), OK),
        (format!("sslmode=require&sslcertmode=disable&{key}"), "requires a valid client certificate"),
        ("sslmode=require".to_owned(), "requires a valid client certificate"),
        ("sslmode=prefer".to_owned(), "requires a valid client certificate"),
        ("sslcert=$/client.crt&sslkey=$/server.key".to_owned(), "others may read"),
        ("sslcert=$/client.crt&sslkey=$/locked.key".to_owned(), "locked.key (sslkey)"),
        ("sslcert=$/client.crt&sslkey=$/not_there".to_owned(), "not_there (sslkey)"),
    ] {
        check(scene.connect("certified", &parameters).await, expected, &parameters);
    }

    // The TLS error, not the server's refusal of the attempt that followed.
    scene.use_certificate("server", "ssl_min_protocol_version = 'TLSv1.3'");
    check(scene.connect("encrypted", "ssl_min_protocol_version=TLSv1.3").await, OK, "TLS 1.3");
    let error = scene.connect("encrypted", "ssl_max_protocol_version=TLSv1.2").await.unwrap_err();
    assert!(error.to_string().contains("performing TLS handshake"), "{error}");
    assert!(!error.to_string().contains("check user and password"), "{error}");
    if scene.server.version_num() >= 170_000 {
        check(scene.connect("encrypted", "sslmode=require&sslnegotiation=direct").await, OK, "direct");
    }
}

fn check(outcome: Result<bool, Error>, expected: &str, case: &str) {
    match outcome {
        Ok(encrypted) => assert!(encrypted && expected.is_empty(), "{case}"),
        Err(error) => {
            let shown = format!("{error}");
            assert!(!expected.is_empty() && shown.contains(expected), "{case}: {shown}");
        }
    }
}

#[tokio::test]
async fn pg_dump_is_told_of_tls_what_the_run_was_told() {
    let folder = folder_of(&[(
        "pg_dump",
        "#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 99.1'; exit;; esac\nenv > ${0%/*}/told\nexit 1\n",
    )]);
    let bin = folder.path();
    std::fs::copy(bin.join("pg_dump"), bin.join("pg_restore")).unwrap();
    for program in ["pg_dump", "pg_restore"] {
        std::fs::set_permissions(bin.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let database = migrate_postgres::testing::server().unwrap().database().await.unwrap();
    // TLS does not apply to a socket, so the run connects; the dump gets the setting anyway.
    let sign = if database.url().contains('?') { '&' } else { '?' };
    let url = format!(
        "{}{sign}sslmode=verify-full&sslrootcert=/ca.crt&sslcert=/c.crt&sslkey=/c.key&sslcrl=/c.crl\
         &target_session_attrs=read-write&ssl_min_protocol_version=TLSv1.3",
        database.url()
    );
    let backups = migrate_postgres::operate::Backups::to(bin).programs(bin);
    migrator().backup(&url, backups).await.unwrap_err();
    let told = std::fs::read_to_string(bin.join("told")).unwrap();
    for line in [
        "PGSSLMODE=verify-full",
        "PGSSLROOTCERT=/ca.crt",
        "PGSSLCERT=/c.crt",
        "PGSSLKEY=/c.key",
        "PGSSLCRL=/c.crl",
        "PGSSLMINPROTOCOLVERSION=TLSv1.3",
        "PGTARGETSESSIONATTRS=read-write",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
}

/// Runs alone in a process that trusts the certificate or does not; does nothing otherwise.
#[tokio::test]
async fn a_service_boots_over_tls() {
    let Ok(url) = std::env::var(URL) else { return };
    match migrator().run(&url).await {
        Ok(report) => eprintln!("booted: {report}"),
        Err(error) => eprintln!("failed: {error}"),
    }
}

fn boot(url: &str, home: &Path, trusted: Option<&Path>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "tls::a_service_boots_over_tls", "--nocapture"])
        .env(URL, url)
        .env("HOME", home)
        .env_remove("SSL_CERT_DIR");
    match trusted {
        Some(file) => command.env("SSL_CERT_FILE", file),
        None => command.env_remove("SSL_CERT_FILE"),
    };
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

/// libpq's files in the home directory, and `SSL_CERT_FILE` for the system's trust store.
#[tokio::test]
async fn who_is_trusted_by_default_stands_in_the_home_or_is_the_systems_to_say() {
    let Some(scene) = Scene::new() else { return };
    let trusts = |name: &str| {
        let home = folder_of(&[("x", "")]);
        std::fs::create_dir(home.path().join(".postgresql")).unwrap();
        let from = scene.folder.path().join(name);
        std::fs::copy(from, home.path().join(".postgresql/root.crt")).unwrap();
        home
    };
    let (nothing, ca, other) = (folder_of(&[("x", "")]), trusts("ca.crt"), trusts("other.crt"));
    let file = scene.folder.path().join("ca.crt");
    for (parameters, home, system, boots) in [
        ("sslmode=verify-full", &nothing, None, false),
        ("sslmode=verify-full", &nothing, Some(&*file), true),
        ("sslrootcert=system", &nothing, Some(&*file), true),
        ("sslmode=verify-full", &ca, None, true),
        ("sslmode=verify-full", &other, Some(&*file), false),
        ("sslmode=require", &nothing, None, true),
        ("sslmode=require", &ca, None, true),
        ("sslmode=require", &other, None, false),
    ] {
        let said = boot(&scene.url("postgres", parameters), home.path(), system);
        assert_eq!(said.contains("booted: "), boots, "{parameters}: {said}");
        assert_eq!(said.contains("invalid peer certificate"), !boots, "{parameters}: {said}");
    }
}
