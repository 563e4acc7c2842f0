//! The template data folder: one per PostgreSQL, kept in the user's cache folder. `initdb` takes seconds;
//! copying its result takes next to nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, str};

use super::TestingError;
use super::binaries::Binaries;
use super::folder::ServerFolder;
use super::postmaster::tail;
use super::user::{User, command};

/// Options for `initdb`. WAL segments are small, because a copy holds at least one of them.
const INITDB: &[&str] = &[
    "--no-sync",
    "-A",
    "trust",
    "--locale=C",
    "-E",
    "UTF8",
    "--wal-segsize=1",
    "-U",
    super::server::SUPERUSER,
];

/// The file that is written to a template last: its key. A template without it is incomplete.
const COMPLETE: &str = "complete";

/// Fills the data folder of a new server.
pub(super) fn fill(folder: &ServerFolder, binaries: &Binaries) -> Result<(), TestingError> {
    if let Some(user) = folder.user()
        && !user.can_enter(binaries.dir())
    {
        return Err(TestingError::Unreachable { path: binaries.dir().to_owned(), user: user.name.clone() });
    }
    let key = key(binaries);
    let caches = caches(folder.own_uid());
    let Some(mut cache) = caches.iter().find_map(|dir| Cache::open(dir, folder.own_uid(), &key)) else {
        return initdb(folder, binaries);
    };
    if !cache.is_complete() {
        cache.lock_exclusive()?;
    }
    // Another process may have made it in the meantime.
    if cache.is_complete() {
        return cache.copy_to(folder);
    }
    initdb(folder, binaries)?;
    // The server has its data regardless of the template, and an incomplete template is remade.
    let _ = cache.store(&folder.data());
    Ok(())
}

/// The identity of a template.
pub(super) fn key(binaries: &Binaries) -> String {
    format!("{}\n{}\ninitdb {}\n", binaries.version(), binaries.dir().display(), INITDB.join(" "))
}

fn initdb(folder: &ServerFolder, binaries: &Binaries) -> Result<(), TestingError> {
    let program = binaries.dir().join("initdb");
    let output = command(&program, folder.user())
        .args(INITDB)
        .arg("-D")
        .arg(folder.data())
        .env("LC_ALL", "C")
        .current_dir(folder.path())
        .process_group(0)
        .stdin(Stdio::null())
        .output()
        .map_err(TestingError::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(TestingError::Initdb {
        program,
        status: output.status,
        output: tail(&String::from_utf8_lossy(&text)),
    })
}

/// The folders that may hold templates, best first.
fn caches(own: u32) -> Vec<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Root may have kept the HOME of the user that it was before, who could not use files that root creates
    // there.
    let is_own = |dir: &PathBuf| fs::metadata(dir).map_or(true, |metadata| metadata.uid() == own);
    let mut dirs = Vec::new();
    dirs.extend(absolute("XDG_CACHE_HOME").filter(is_own).map(|dir| dir.join("migrate-postgres")));
    dirs.extend(absolute("HOME").filter(is_own).map(|dir| dir.join(".cache/migrate-postgres")));
    dirs.push(env::temp_dir().join(format!("migrate-postgres-cache-{own}")));
    dirs
}

/// The folder of one template, under a lock: shared while it is copied, so that it stays complete, and
/// exclusive while it is made.
struct Cache {
    template: PathBuf,
    lock: File,
    key: String,
}

impl Cache {
    /// The template's folder in `dir`, if `dir` belongs to `own`, no other user can write to it (a template
    /// is code that tests run), and its file system supports locks.
    fn open(dir: &Path, own: u32, key: &str) -> Option<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).ok()?;
        let metadata = fs::symlink_metadata(dir).ok()?;
        if !metadata.is_dir() || metadata.uid() != own || metadata.mode() & 0o022 != 0 {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = format!("template-{:016x}", hasher.finish());
        let lock = dir.join(format!("{name}.lock"));
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock).ok()?;
        lock.lock_shared().ok()?;
        Some(Self { template: dir.join(name), lock, key: key.to_owned() })
    }

    fn lock_exclusive(&mut self) -> Result<(), TestingError> {
        let locked = self.lock.unlock().and_then(|()| self.lock.lock());
        locked.map_err(TestingError::io("lock", &self.template))
    }

    fn data(&self) -> PathBuf {
        self.template.join("data")
    }

    fn is_complete(&self) -> bool {
        fs::read(self.template.join(COMPLETE)).is_ok_and(|text| text == self.key.as_bytes())
    }

    fn copy_to(&self, folder: &ServerFolder) -> Result<(), TestingError> {
        copy(&self.data(), &folder.data(), folder.user())
            .map_err(TestingError::io("copy the data folder", &self.data()))
    }

    fn store(&self, data: &Path) -> io::Result<()> {
        if self.template.exists() {
            fs::remove_dir_all(&self.template)?;
        }
        DirBuilder::new().mode(0o700).create(&self.template)?;
        copy(data, &self.data(), None)?;
        fs::write(self.template.join(COMPLETE), &self.key)
    }
}

/// Copies a folder recursively, for `user` if given.
fn copy(from: &Path, to: &Path, user: Option<&User>) -> io::Result<()> {
    let own = |path: &Path| user.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)));
    DirBuilder::new().mode(0o700).create(to)?;
    own(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, user)?;
        } else {
            fs::copy(entry.path(), &target)?;
            own(&target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::{COMPLETE, Cache};
    use crate::testing::folder::LockedFolder;

    fn template(folder: &LockedFolder) -> Cache {
        let own = fs::metadata(folder.path()).unwrap().uid();
        Cache::open(folder.path(), own, "postgres (PostgreSQL) 15.18\n/bin\n").unwrap()
    }

    #[test]
    fn a_template_is_complete_only_with_its_marker() {
        let folder = LockedFolder::create().unwrap();
        let cache = template(&folder);
        assert!(!cache.is_complete());

        let data = folder.path().join("made");
        fs::create_dir_all(data.join("base/1")).unwrap();
        fs::write(data.join("base/1/PG_VERSION"), "15\n").unwrap();
        cache.store(&data).unwrap();
        assert!(cache.is_complete());
        assert_eq!(fs::read(cache.data().join("base/1/PG_VERSION")).unwrap(), b"15\n");

        fs::remove_file(cache.template.join(COMPLETE)).unwrap();
        assert!(!cache.is_complete());
    }

    #[test]
    fn a_half_made_template_is_made_anew() {
        let folder = LockedFolder::create().unwrap();
        let cache = template(&folder);
        fs::create_dir_all(cache.data().join("half")).unwrap();
        let data = folder.path().join("made");
        fs::create_dir(&data).unwrap();
        cache.store(&data).unwrap();
        assert!(cache.is_complete());
        assert!(!cache.data().join("half").exists());
    }

    #[test]
    fn the_template_of_another_server_is_not_taken() {
        let folder = LockedFolder::create().unwrap();
        let cache = template(&folder);
        let data = folder.path().join("made");
        fs::create_dir(&data).unwrap();
        cache.store(&data).unwrap();
        fs::write(cache.template.join(COMPLETE), "another").unwrap();
        assert!(!cache.is_complete());
    }

    #[test]
    fn a_cache_that_others_may_write_to_or_own_is_not_used() {
        let folder = LockedFolder::create().unwrap();
        let dir = folder.path().join("cache");
        assert!(Cache::open(&dir, folder.own_uid() + 1, "key").is_none());
        let own = fs::metadata(&dir).unwrap().uid();
        assert!(Cache::open(&dir, own, "key").is_some());
        fs::set_permissions(&dir, Permissions::from_mode(0o770)).unwrap();
        assert!(Cache::open(&dir, own, "key").is_none());
    }
}
