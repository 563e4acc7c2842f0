//! A stage: a database, a folder of migrations, and the program.

use crate::snapshot::normalized;
use migrate_postgres::testing::{self, Database};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs};

/// A database, and a working directory with a folder `migrations`.
pub(crate) struct Stage {
    pub(crate) database: Database,
    directory: PathBuf,
}

/// The result of a call of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Two tables, each with a down script; the first with a verify script.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("0001_users.up.sql", "CREATE TABLE users (id bigint);"),
    ("0001_users.down.sql", "DROP TABLE users;"),
    ("0001_users.verify.sql", "SELECT count(*) = 0 FROM users;"),
    ("0002_posts.up.sql", "CREATE TABLE posts (id bigint);"),
    ("0002_posts.down.sql", "DROP TABLE posts;"),
];

/// A migration that runs statement by statement and fails at its second statement.
pub(crate) const HALF: (&str, &str) = (
    "0003_index.up.sql",
    "CREATE INDEX CONCURRENTLY a ON users (id);\nCREATE INDEX CONCURRENTLY b ON users (nope);\n",
);

impl Stage {
    pub(crate) async fn new(files: &[(&str, &str)]) -> Stage {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("migrate-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(directory.join("migrations")).unwrap();
        let stage = Stage { database: testing::server().unwrap().database().await.unwrap(), directory };
        for (name, text) in files {
            stage.write(&format!("migrations/{name}"), text);
        }
        stage
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The paths of the files in the migrations folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let folder = self.path().join("migrations");
        let mut open = vec![folder.clone()];
        let mut paths = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                paths.push(path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
            }
        }
        paths.sort();
        paths
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.directory.join(name)).unwrap();
    }

    /// The program with a command line, without this process's variables that it would read.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        command.args(words(line)).current_dir(&self.directory).stdin(Stdio::null());
        for name in strange_variables() {
            command.env_remove(name);
        }
        command.envs(self.variables());
        command
    }

    /// The variables for the program's environment.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        let home = self.directory.to_str().unwrap().to_owned();
        [("DATABASE_URL", self.database.url().to_owned()), ("HOME", home), ("USER", "ada".to_owned())]
    }

    pub(crate) fn spawn(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command line.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.ran(&self.command(line).output().unwrap())
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| self.without_names(std::str::from_utf8(bytes).unwrap());
        Ran {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Replaces the names of this stage in a text.
    pub(crate) fn without_names(&self, text: &str) -> String {
        let text = text.replace(concat!("migrate ", env!("CARGO_PKG_VERSION")), "migrate $VERSION");
        text.replace(self.database.name(), "$DATABASE").replace(self.directory.to_str().unwrap(), "$DIR")
    }

    /// Runs a command line that must succeed.
    pub(crate) fn done(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        ran
    }

    /// The command lines with their output and exit codes.
    pub(crate) fn transcript(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.run(line).transcript(line)).collect()
    }

    /// Waits until a session of the database sleeps in `pg_sleep`.
    pub(crate) async fn until_asleep(&self) {
        let asleep = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while self.value(asleep).await != "true" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the database has no other session left.
    #[cfg(unix)]
    pub(crate) async fn until_gone(&self) {
        let left = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid()";
        while self.value(left).await == "true" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a signal (a name without SIG) to a program.
    #[cfg(unix)]
    pub(crate) fn send(&self, signal: &str, child: &Child) {
        let kill = format!("kill -s {signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Ends all other sessions of the database.
    pub(crate) async fn end_all(&self) {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
                   AND pid <> pg_backend_pid()";
        self.value(end).await;
    }

    /// A single value from the database.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let client = self.database.connect().await.unwrap();
        let row = client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap();
        row.get::<_, Option<String>>(0).unwrap_or_default()
    }
}

impl Ran {
    pub(crate) fn transcript(&self, line: &str) -> String {
        let mut text = format!("$ migrate {line}\n{}", normalized(&self.stdout));
        if !self.stderr.is_empty() {
            text += &format!("--- standard error\n{}", normalized(&self.stderr));
        }
        text + &format!("--- exit code {}\n\n", self.code)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// Variables of this process that the program would read.
pub(crate) fn strange_variables() -> impl Iterator<Item = String> {
    env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PG") || name.ends_with("COLOR"))
}

/// Splits a line into words at spaces; single quotes keep spaces together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
