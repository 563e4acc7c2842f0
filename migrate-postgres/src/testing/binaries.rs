//! Finding the machine's PostgreSQL.

use std::cmp::Reverse;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::TestingError;

/// The variable that names the folder of the binaries to use.
pub(super) const VARIABLE: &str = "MIGRATE_TEST_PG_BIN";

/// The folders of packaged servers: the path before and after the version. Newest version first within a
/// family.
const FAMILIES: &[(&str, &str)] = &[
    ("/usr/lib/postgresql/", "/bin"),                          // Debian, Ubuntu
    ("/usr/pgsql-", "/bin"),         // Red Hat, SUSE: the PostgreSQL project's packages
    ("/usr/libexec/postgresql", ""), // Alpine
    ("/opt/homebrew/opt/postgresql@", "/bin"), // Homebrew on Apple silicon
    ("/usr/local/opt/postgresql@", "/bin"), // Homebrew on Intel
    ("/Applications/Postgres.app/Contents/Versions/", "/bin"), // Postgres.app
];

/// Folders of servers without a version in the path.
const FIXED: &[&str] = &["/opt/homebrew/bin", "/usr/local/pgsql/bin"];

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
    version: String,
    version_num: u32,
}

impl Binaries {
    /// Finds the machine's PostgreSQL: the folder in `MIGRATE_TEST_PG_BIN`, or else the first folder with a
    /// `postgres` and an `initdb` in `PATH`, in the output of `pg_config --bindir`, or in the usual places of
    /// Debian, Red Hat, Alpine, Homebrew and Postgres.app, newest version first.
    ///
    /// # Errors
    ///
    /// [`TestingError::NoBinaries`] if none is found, [`TestingError::NotBinaries`] if `MIGRATE_TEST_PG_BIN`
    /// names another kind of folder, and [`TestingError::UnknownVersion`] or [`TestingError::Io`] if the
    /// programs found do not run.
    pub fn find() -> Result<Self, TestingError> {
        if let Some(dir) = env::var_os(VARIABLE).filter(|dir| !dir.is_empty()) {
            return Self::named(Path::new(&dir), VARIABLE);
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let candidates = candidates(&path, pg_config().as_deref(), &entries);
        match first(&candidates, &real_dir) {
            Some(dir) => Self::new(dir),
            None => Err(TestingError::NoBinaries { searched: candidates }),
        }
    }

    /// The installation whose `postgres` and `initdb` are in `dir`.
    ///
    /// # Errors
    ///
    /// [`TestingError::NotBinaries`] if they are missing, and [`TestingError::UnknownVersion`] or
    /// [`TestingError::Io`] if they do not run.
    pub fn at(dir: impl AsRef<Path>) -> Result<Self, TestingError> {
        Self::named(dir.as_ref(), "`Binaries::at`")
    }

    fn named(dir: &Path, origin: &'static str) -> Result<Self, TestingError> {
        let dir = real_dir(dir).ok_or_else(|| TestingError::NotBinaries { path: dir.to_owned(), origin })?;
        Self::new(dir)
    }

    fn new(dir: PathBuf) -> Result<Self, TestingError> {
        let program = dir.join("postgres");
        let output = Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(TestingError::io("run", &program))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match version_num(&version) {
            Some(version_num) => Ok(Self { dir, version, version_num }),
            None => Err(TestingError::UnknownVersion { path: program, text: version }),
        }
    }

    /// The folder of the programs, with symbolic links followed.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The output of `postgres --version`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version in the format of `server_version_num`: 15.18 is 150018.
    #[must_use]
    pub fn version_num(&self) -> u32 {
        self.version_num
    }
}

/// The folders to search, in order. A pure function of the machine's answers.
fn candidates(
    path: &OsStr,
    pg_config: Option<&Path>,
    entries: &dyn Fn(&Path) -> Vec<OsString>,
) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
    folders.extend(pg_config.map(Path::to_owned));
    for (before, after) in FAMILIES {
        folders.extend(family(before, after, entries));
    }
    folders.extend(FIXED.iter().map(PathBuf::from));
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// The folders `{before}{version}{after}` that exist, the newest version first.
fn family(before: &str, after: &str, entries: &dyn Fn(&Path) -> Vec<OsString>) -> Vec<PathBuf> {
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let mut versions: Vec<(Vec<u32>, String)> = entries(Path::new(parent))
        .into_iter()
        .filter_map(|entry| {
            let version = entry.to_str()?.strip_prefix(prefix)?.to_owned();
            let numbers = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            Some((numbers, version))
        })
        .collect();
    versions.sort_by_key(|(numbers, _)| Reverse(numbers.clone()));
    versions.into_iter().map(|(_, version)| PathBuf::from(format!("{before}{version}{after}"))).collect()
}

/// The first candidate that `real_dir` accepts as a server's folder.
fn first(candidates: &[PathBuf], real_dir: &dyn Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    candidates.iter().find_map(|candidate| real_dir(candidate))
}

/// The folder that `dir/postgres` really lies in, if `initdb` does too. A distribution may link one of its
/// versions into `/usr/local/bin`, while the programs look for each other in their own folder.
fn real_dir(dir: &Path) -> Option<PathBuf> {
    let is_server = |dir: &Path| ["postgres", "initdb"].iter().all(|program| dir.join(program).is_file());
    let real = fs::canonicalize(dir.join("postgres")).ok()?.parent()?.to_owned();
    [real, fs::canonicalize(dir).ok()?].into_iter().find(|dir| is_server(dir))
}

fn entries(dir: &Path) -> Vec<OsString> {
    fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?;
    let dir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    dir.is_absolute().then_some(dir)
}

/// Converts the output of `postgres --version` to `server_version_num`.
fn version_num(text: &str) -> Option<u32> {
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 17.2", "… 18beta1", "… 19devel"
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let leading = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..digits].parse::<u32>().ok()
    };
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some(leading(major)? * 10_000 + leading(minor)?)
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::path::{Path, PathBuf};

    use super::{candidates, family, first, version_num};

    fn machine(dir: &Path) -> Vec<OsString> {
        let names: &[&str] = match dir.to_str() {
            Some("/usr/lib/postgresql") => &["9.6", "15", "17", "README"],
            Some("/usr") => &["lib", "pgsql-16", "pgsql-", "pgsql-x"],
            Some("/opt/homebrew/opt") => &["postgresql@14", "postgresql@9.6", "libpq"],
            _ => &[],
        };
        names.iter().map(OsString::from).collect()
    }

    fn folders(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_family_is_sorted_by_number_with_the_newest_first() {
        let found = family("/usr/lib/postgresql/", "/bin", &machine);
        let newest_first =
            ["/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9.6/bin"];
        assert_eq!(found, folders(&newest_first));
    }

    #[test]
    fn the_path_comes_before_pg_config_and_that_before_the_families() {
        let path = OsStr::new("/a:relative::/usr/pgsql-16/bin");
        let found = candidates(path, Some(Path::new("/b")), &machine);
        let order = [
            "/a",
            "/usr/pgsql-16/bin",
            "/b",
            "/usr/lib/postgresql/17/bin",
            "/usr/lib/postgresql/15/bin",
            "/usr/lib/postgresql/9.6/bin",
            "/opt/homebrew/opt/postgresql@14/bin",
            "/opt/homebrew/opt/postgresql@9.6/bin",
            "/opt/homebrew/bin",
            "/usr/local/pgsql/bin",
        ];
        assert_eq!(found, folders(&order));
    }

    #[test]
    fn the_first_folder_of_a_server_is_taken_where_its_links_lead() {
        let links = |dir: &Path| (dir == Path::new("/link")).then(|| PathBuf::from("/real"));
        assert_eq!(first(&folders(&["/none", "/link", "/later"]), &links), Some(PathBuf::from("/real")));
        assert_eq!(first(&folders(&["/none"]), &links), None);
    }

    #[test]
    fn versions_of_releases_betas_and_distributions_are_read() {
        let num = |text: &str| version_num(&format!("postgres (PostgreSQL) {text}"));
        assert_eq!(num("15.18 (Debian 15.18-0+deb12u1)"), Some(150_018));
        assert_eq!(num("18.4"), Some(180_004));
        assert_eq!(num("19beta1"), Some(190_000));
        assert_eq!(num("19devel"), Some(190_000));
        assert_eq!(num("none"), None);
        assert_eq!(version_num("bash 5"), None);
    }
}
