//! A PgBouncer in transaction mode, in front of a test's server.

use migrate_postgres::testing::Server;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A PgBouncer in transaction mode that listens on a private Unix socket; stopped when the value is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    folder: PathBuf,
    version: (u32, u32),
}

const PORT: u16 = 6432;

impl PgBouncer {
    /// Starts one in front of a server, with this many server connections per database. If the machine has no
    /// PgBouncer, reports that and returns none.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    pub async fn start(server: &Server, pool_size: usize) -> Option<PgBouncer> {
        let Some(binary) = find() else {
            crate::skipped("PgBouncer (apt-get install pgbouncer)");
            return None;
        };
        let version = version(&binary);
        let folder = make_folder(server, pool_size, supports_prepared_statements(version));
        let mut command = Command::new(binary);
        command.arg("-q").arg(folder.join("ini")).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = unprivileged() {
            // It refuses to run as root.
            command.uid(uid).gid(gid);
        }
        let process = command.spawn().expect("PgBouncer starts");
        let bouncer = PgBouncer { process, folder, version };
        for _ in 0..500 {
            if tokio_postgres::connect(&bouncer.url("postgres"), tokio_postgres::NoTls).await.is_ok() {
                return Some(bouncer);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("PgBouncer does not answer: {}", bouncer.log());
    }

    /// True if it may give a server connection to another client while the server still works for a lost
    /// client that has had an answer outside a transaction: before 1.21 it did not track unanswered messages.
    pub fn hands_answers_on(&self) -> bool {
        self.version < (1, 21)
    }

    /// Its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{PORT}"))
    }

    /// The URL of a database through it.
    pub fn url(&self, database: &str) -> String {
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{host}:{PORT}/{database}")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.into_iter().map(|folder| folder.join("pgbouncer")).find(|file| file.is_file())
}

/// User and group of `nobody`, if this process is root.
fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let me = std::fs::metadata("/proc/self").ok()?;
    (me.uid() == 0).then_some((65534, 65534))
}

/// True if it tracks prepared statements, as it does since 1.21.
fn supports_prepared_statements(version: (u32, u32)) -> bool {
    version >= (1, 21)
}

fn version(binary: &Path) -> (u32, u32) {
    let output = Command::new(binary).arg("--version").output().expect("PgBouncer tells its version");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next().and_then(|line| line.strip_prefix("PgBouncer ")).unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn make_folder(server: &Server, pool_size: usize, prepared_statements: bool) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new("/tmp").join(format!("migrate-bouncer-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let config = server.config("postgres");
    let tokio_postgres::config::Host::Unix(host) = &config.get_hosts()[0] else {
        panic!("the tests' server listens on a Unix socket")
    };
    let ini = format!(
        "[databases]\n* = host={host} port={port} user=postgres\n[pgbouncer]\npool_mode = transaction\n\
         listen_addr =\nlisten_port = {PORT}\nunix_socket_dir = {folder}\nauth_type = any\nlogfile = {folder}/log\n\
         default_pool_size = {pool_size}\nmax_client_conn = 500\nignore_startup_parameters = extra_float_digits\n",
        host = host.display(),
        port = server.port(),
        folder = folder.display(),
    );
    let ini = if prepared_statements { ini + "max_prepared_statements = 100\n" } else { ini };
    std::fs::write(folder.join("ini"), ini).expect("a file can be written");
    if let Some((uid, gid)) = unprivileged() {
        for path in [folder.clone(), folder.join("ini")] {
            chown(&path, Some(uid), Some(gid)).expect("root can give a file away");
        }
    }
    // Only the server's user may enter the server's folder; the path to its socket must be open to PgBouncer.
    open_to_all(host);
    folder
}

fn open_to_all(folder: &Path) {
    let mode = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder, mode).expect("the server's folder is ours");
}
