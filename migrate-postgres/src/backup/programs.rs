//! Finding and running PostgreSQL's client programs.

use crate::connection::endpoint::Endpoint;
use crate::error::BackupError;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_postgres::config::{ChannelBinding, Host, TargetSessionAttrs};

/// A `pg_dump` and the `pg_restore` beside it.
pub(super) struct Programs {
    dump: PathBuf,
    restore: PathBuf,
}

impl Programs {
    /// The oldest programs that are not older than the server: a newer `pg_dump` reads an older server, but
    /// not the reverse (manual, `pg_dump`, "Notes").
    pub(super) fn find(folder: Option<&Path>, server: u32) -> Result<Programs, BackupError> {
        let folders = folder.map_or_else(usual_folders, |folder| vec![folder.to_owned()]);
        let mut usable = Vec::new();
        let mut found = Vec::new();
        for folder in folders {
            let programs = Programs { dump: folder.join("pg_dump"), restore: folder.join("pg_restore") };
            match (major(&programs.dump), major(&programs.restore)) {
                (Some(dump), Some(_)) if dump >= server => usable.push((dump, programs)),
                (Some(dump), _) => found.push(format!("{} of version {dump}", programs.dump.display())),
                _ => {}
            }
        }
        let best = usable.into_iter().min_by_key(|(version, _)| *version);
        best.map(|(_, programs)| programs).ok_or(BackupError::NoProgram { server, found })
    }
}

fn usual_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    folders
}

/// The major version in a program's `--version` output: `pg_dump (PostgreSQL) 15.8`.
fn major(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let version = said.split_once("(PostgreSQL) ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The free bytes in a folder's file system, from POSIX `df -P`: the column before the percentage.
pub(super) fn free_space(folder: &Path) -> Result<u64, BackupError> {
    let failed = |source| BackupError::Folder { path: folder.to_owned(), source };
    let folder = fs::canonicalize(folder).map_err(failed)?;
    let output = Command::new("df").arg("-Pk").arg(&folder).stdin(Stdio::null()).output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = said.lines().last().unwrap_or_default().split_whitespace().collect();
    let percents = words.iter().position(|word| word.ends_with('%'));
    let free = percents.and_then(|index| words.get(index.checked_sub(1)?)?.parse::<u64>().ok());
    free.map(|kilobytes| kilobytes.saturating_mul(1024))
        .ok_or_else(|| failed(std::io::Error::other("df does not tell what is free there")))
}

/// Connection settings for libpq, as environment variables: a password in an argument would show in the
/// process list.
pub(super) fn environment(config: &Endpoint, database: &str) -> Vec<(&'static str, String)> {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let ports = config.get_ports().iter().map(u16::to_string);
    let attributes = match config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "read-write",
        TargetSessionAttrs::ReadOnly => "read-only",
        _ => "",
    };
    let binding = match config.get_channel_binding() {
        ChannelBinding::Disable => "disable",
        ChannelBinding::Require => "require",
        _ => "",
    };
    let mut environment = vec![
        ("PGHOST", hosts.collect::<Vec<_>>().join(",")),
        ("PGPORT", ports.collect::<Vec<_>>().join(",")),
        ("PGDATABASE", database.to_owned()),
        ("PGTARGETSESSIONATTRS", attributes.to_owned()),
        ("PGCHANNELBINDING", binding.to_owned()),
    ];
    environment.extend(config.tls.variables(config));
    environment.extend(config.get_user().map(|user| ("PGUSER", user.to_owned())));
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    environment.extend(password.map(|password| ("PGPASSWORD", password)));
    environment.retain(|(_, value)| !value.is_empty());
    environment
}

/// Files that are removed on drop unless they are kept.
struct Partial(Vec<PathBuf>);

impl Drop for Partial {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

/// A child process that is killed when the future that waits for it is dropped.
struct RunningProgram(Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A dump to make.
pub(super) struct Dump<'d> {
    pub(super) programs: &'d Programs,
    pub(super) folder: &'d Path,
    pub(super) name: &'d str,
    pub(super) environment: &'d [(&'static str, String)],
}

/// Receives the number of bytes written so far.
type Written<'w> = &'w mut (dyn FnMut(u64) + Send);

impl Dump<'_> {
    /// Dumps into a temporary file, verifies its table of contents, and renames it.
    pub(super) async fn make(&self, written: Written<'_>) -> Result<(PathBuf, u64), BackupError> {
        let Dump { programs, folder, name, environment } = self;
        let (partial, said, file) =
            (folder.join(format!(".{name}.partial")), folder.join(format!(".{name}.log")), folder.join(name));
        let _partial = Partial(vec![partial.clone(), said.clone()]);
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| BackupError::Folder { path, source }
        };
        drop(private(&partial).map_err(at(&partial))?);
        let mut dump = Command::new(&programs.dump);
        dump.args(["--format=custom", "--no-password", "--lock-wait-timeout=60000", "--file"]).arg(&partial);
        for other in ["PGOPTIONS", "PGSERVICE", "PGHOSTADDR", "PGTARGETSESSIONATTRS", "PGCHANNELBINDING"] {
            dump.env_remove(other);
        }
        for (_, other) in crate::connection::tls::VARIABLES {
            dump.env_remove(other);
        }
        dump.envs(environment.iter().map(|(name, value)| (*name, value)));
        let size = || fs::metadata(&partial).map_or(0, |metadata| metadata.len());
        run(&programs.dump, dump, &said, &mut || written(size())).await?;
        let mut list = Command::new(&programs.restore);
        list.arg("--list").arg(&partial);
        run(&programs.restore, list, &said, &mut || {}).await?;
        let dumped = File::open(&partial).map_err(at(&partial))?;
        dumped.sync_all().map_err(at(&partial))?;
        let bytes = dumped.metadata().map_err(at(&partial))?.len();
        fs::rename(&partial, &file).map_err(at(&file))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
        Ok((fs::canonicalize(&file).unwrap_or(file), bytes))
    }
}

/// Creates a file that only this user can read.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Runs a program to its end. Its output goes to a file, because a pipe could fill up and block it.
///
/// `tick` is called repeatedly in the meantime.
async fn run(
    program: &Path,
    mut command: Command,
    said: &Path,
    tick: &mut (dyn FnMut() + Send),
) -> Result<(), BackupError> {
    drop(fs::remove_file(said));
    let failed = |said: String| BackupError::Program { program: program.to_owned(), said };
    let errors = private(said).map_err(|source| BackupError::Folder { path: said.to_owned(), source })?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn();
    let mut running = RunningProgram(child.map_err(|error| failed(error.to_string()))?);
    loop {
        tick();
        match running.0.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let text = fs::read(said).unwrap_or_default();
                let text =
                    String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).trim().to_owned();
                return Err(failed(if text.is_empty() { status.to_string() } else { text }));
            }
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
