//! The private folder of a server, and the removal of folders whose process is gone.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, process, thread};

use super::TestingError;
use super::user::User;
use super::watchdog;

/// The prefix of our folders' names.
pub(super) const PREFIX: &str = "migrate-pg-";

/// The socket's name in the folder. The folder is private, so the port is free.
const SOCKET: &str = ".s.PGSQL.5432";

/// The lock file's name in the folder.
const LOCK: &str = "lock";

/// Linux: `sockaddr_un` holds 108 bytes including the closing zero; macOS and the BSDs: 104.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The age from which a folder without a lock file counts as abandoned. Its creator makes the lock file right
/// after the folder.
const UNLOCKED_GRACE: Duration = Duration::from_secs(600);

/// A server's folder.
#[derive(Clone, Debug)]
pub(super) struct ServerFolder {
    pub(super) path: PathBuf,
    pub(super) own_uid: u32,
    pub(super) user: Option<User>,
}

/// A folder in the temporary folder, mode 0700, locked while this value lives and removed with it.
#[derive(Debug)]
pub(super) struct LockedFolder {
    place: ServerFolder,
    _lock: File,
}

impl LockedFolder {
    /// Creates a folder that belongs to the server's user, and removes the folders of dead processes.
    pub(super) fn create() -> Result<Self, TestingError> {
        let temp = std::path::absolute(env::temp_dir()).unwrap_or_else(|_| env::temp_dir());
        // TMPDIR may be long, or accessible to root alone.
        Self::create_in(&temp).or_else(|error| Self::create_in(Path::new("/tmp")).map_err(|_| error))
    }

    fn create_in(base: &Path) -> Result<Self, TestingError> {
        loop {
            let path = base.join(format!("{PREFIX}{}-{:08x}", process::id(), random()));
            fits_a_socket(&path, base)?;
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(TestingError::io("make the folder", &path)(error)),
            }
            let lock_path = path.join(LOCK);
            let lock = match OpenOptions::new().write(true).create_new(true).open(&lock_path) {
                Ok(lock) => lock,
                Err(error) => {
                    let _ = fs::remove_dir(&path);
                    return Err(TestingError::io("make the file", &lock_path)(error));
                }
            };
            // Between creation and locking, another process may have taken the folder for an abandoned one.
            // Then it holds the lock, or has removed the file.
            if lock.try_lock().is_err() || !lock_path.exists() {
                continue;
            }
            // The standard library has no `geteuid`, but a file has an owner.
            let own_uid = lock.metadata().map_err(TestingError::io("inspect", &lock_path))?.uid();
            let mut folder = Self { place: ServerFolder { path, own_uid, user: None }, _lock: lock };
            folder.place.user = User::for_server(own_uid)?;
            folder.give_to_user(base)?;
            sweep(base, own_uid, folder.user.as_ref());
            return Ok(folder);
        }
    }
}

impl ServerFolder {
    /// Gives the folder to the server's user, who must be able to reach it from `base`.
    pub(super) fn give_to_user(&self, base: &Path) -> Result<(), TestingError> {
        let Some(user) = &self.user else { return Ok(()) };
        if !user.can_enter(base) {
            return Err(TestingError::Unreachable { path: base.to_owned(), user: user.name.clone() });
        }
        chown(&self.path, Some(user.uid), Some(user.gid))
            .map_err(TestingError::io("change the owner of", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The user that runs the tests.
    pub(super) fn own_uid(&self) -> u32 {
        self.own_uid
    }

    /// The user that runs the server, if it is not the tests' user.
    pub(super) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    pub(super) fn data(&self) -> PathBuf {
        data(&self.path)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

impl Deref for LockedFolder {
    type Target = ServerFolder;

    fn deref(&self) -> &ServerFolder {
        &self.place
    }
}

impl Drop for LockedFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Checks that the path of a socket in the folder `path` is short enough.
pub(super) fn fits_a_socket(path: &Path, base: &Path) -> Result<(), TestingError> {
    if path.join(SOCKET).as_os_str().as_bytes().len() > SOCKET_PATH_LIMIT {
        return Err(TestingError::PathTooLong { path: base.to_owned(), limit: SOCKET_PATH_LIMIT });
    }
    Ok(())
}

/// True if a server accepts connections in the folder.
pub(super) fn answers(folder: &Path) -> bool {
    UnixStream::connect(folder.join(SOCKET)).is_ok()
}

/// The data folder in a server's folder.
fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

/// Removes our folders in `base` whose process is gone: their lock is free. This is a second safety net,
/// because a server's watchdog removes its folder unless it was killed too.
fn sweep(base: &Path, own: u32, user: Option<&User>) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())
            && fs::symlink_metadata(&path).is_ok_and(|metadata| {
                metadata.is_dir() && (metadata.uid() == own || user.is_some_and(|u| u.uid == metadata.uid()))
            });
        if is_ours && let Some(lock) = left_behind(&path) {
            stop_orphan(&path, user);
            let _ = fs::remove_dir_all(&path);
            drop(lock);
        }
    }
}

/// Claims a folder that no process holds; its lock, if it has one, is held until the value is dropped.
fn left_behind(folder: &Path) -> Option<Option<File>> {
    match OpenOptions::new().read(true).write(true).open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok().then_some(Some(lock)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let age = fs::metadata(folder).ok()?.modified().ok()?.elapsed().ok()?;
            (age > UNLOCKED_GRACE).then_some(None)
        }
        Err(_) => None,
    }
}

/// The pid in the pid file of a folder's server, running or not.
pub(super) fn pid(folder: &Path) -> Option<u32> {
    fs::read_to_string(data(folder).join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// Stops the server that still runs in an abandoned folder.
pub(super) fn stop_orphan(folder: &Path, user: Option<&User>) {
    // The pid in the file may belong to another process by now; a server that answers on the socket is the
    // right one.
    for signal in ["QUIT", "KILL"] {
        for _ in 0..100 {
            if !answers(folder) {
                return;
            }
            if let Some(pid) = pid(folder) {
                watchdog::signal(signal, pid, user);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use super::{LOCK, LockedFolder, PREFIX, SOCKET_PATH_LIMIT, sweep};
    use crate::testing::TestingError;

    /// A folder that stands in for the temporary folder.
    fn base(folder: &LockedFolder, name: &str) -> PathBuf {
        let base = folder.path().join(name);
        fs::create_dir(&base).unwrap();
        base
    }

    fn left_behind(base: &Path, name: &str) -> PathBuf {
        let folder = base.join(name);
        fs::create_dir(&folder).unwrap();
        File::create(folder.join(LOCK)).unwrap();
        folder
    }

    #[test]
    fn a_folder_is_private_and_goes_with_its_value() {
        let folder = LockedFolder::create().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn only_folders_of_ours_with_a_free_lock_are_swept() {
        let temp = LockedFolder::create().unwrap();
        let base = base(&temp, "t");
        let own = fs::metadata(&base).unwrap().uid();
        let stale = left_behind(&base, &format!("{PREFIX}1-0"));
        let held = left_behind(&base, &format!("{PREFIX}2-0"));
        let foreign = left_behind(&base, "other-3-0");
        let fresh = base.join(format!("{PREFIX}4-0"));
        fs::create_dir(&fresh).unwrap();
        std::os::unix::fs::symlink(&foreign, base.join(format!("{PREFIX}5-0"))).unwrap();
        let lock = File::open(held.join(LOCK)).unwrap();
        lock.lock().unwrap();

        sweep(&base, own, None);

        assert!(!stale.exists());
        assert!(held.exists() && foreign.join(LOCK).exists() && fresh.exists());
    }

    #[test]
    fn a_folder_of_another_user_is_not_swept() {
        let temp = LockedFolder::create().unwrap();
        let base = base(&temp, "t");
        let stale = left_behind(&base, &format!("{PREFIX}1-0"));
        let own = fs::metadata(&base).unwrap().uid();
        sweep(&base, own + 1, None);
        assert!(stale.exists());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_before_anything_is_made() {
        let base = PathBuf::from(format!("/{}", "x".repeat(SOCKET_PATH_LIMIT)));
        assert!(matches!(LockedFolder::create_in(&base), Err(TestingError::PathTooLong { .. })));
    }
}
