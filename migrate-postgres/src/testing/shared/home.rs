//! The folder of a shared server.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::testing::TestingError;
use crate::testing::binaries::Binaries;
use crate::testing::folder::{ServerFolder, fits_a_socket};
use crate::testing::postmaster::{conf, make_data};
use crate::testing::template;
use crate::testing::user::{User, command};

/// The prefix of these folders' names.
const PREFIX: &str = "migrate-server-";

/// Age without use after which the data is recreated: cleaners of temporary folders may have removed files
/// from it.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The folder for one user and one PostgreSQL installation.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    pub(super) place: ServerFolder,
    /// The identity of the data. It includes the machine's boot, because nothing is flushed to disk.
    pub(super) key: String,
    base: PathBuf,
}

impl Home {
    /// Creates the folder in the temporary folder, or finds it there.
    pub(super) fn open(binaries: &Binaries) -> Result<Home, TestingError> {
        let temp = std::env::temp_dir();
        let temp = std::path::absolute(&temp).unwrap_or(temp);
        // TMPDIR may be long, or accessible to root alone.
        Home::open_in(&temp, binaries)
            .or_else(|error| Home::open_in(Path::new("/tmp"), binaries).map_err(|_| error))
    }

    fn open_in(base: &Path, binaries: &Binaries) -> Result<Home, TestingError> {
        let own_uid = own_uid(base)?;
        let user = User::for_server(own_uid)?;
        let settings = conf(Path::new("run"), &settings());
        let mut hasher = DefaultHasher::new();
        (template::key(binaries), &settings).hash(&mut hasher);
        let path = base.join(format!("{PREFIX}{own_uid}-{:08x}", hasher.finish() as u32));
        let place = ServerFolder { path: path.join("run"), own_uid, user };
        fits_a_socket(&place.path, base)?;
        // The server's user must be able to enter.
        let mode = if place.user.is_some() { 0o711 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .map_err(TestingError::io("make the folder", &path))?;
        let found = fs::symlink_metadata(&path).map_err(TestingError::io("inspect", &path))?;
        if !found.is_dir() || found.uid() != own_uid || found.mode() & 0o022 != 0 {
            let problem = io::Error::new(ErrorKind::PermissionDenied, "it is not this user's own");
            return Err(TestingError::io("use the folder", &path)(problem));
        }
        let key = format!("{}{settings}{}\n", template::key(binaries), boot());
        Ok(Home { path, place, key, base: base.to_owned() })
    }

    /// Keeps other processes from joining and starting, until the file is closed.
    pub(super) fn gate(&self) -> Result<File, TestingError> {
        let path = self.path.join("gate");
        let gate = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        gate.and_then(|gate| gate.lock().map(|()| gate)).map_err(TestingError::io("lock", &path))
    }

    pub(super) fn users(&self) -> PathBuf {
        self.path.join("users")
    }

    /// The pipe's name while the watchdog stops the server.
    pub(super) fn closing(&self) -> PathBuf {
        self.path.join("closing")
    }

    /// Creates the pipe.
    pub(super) fn make_users(&self) -> Result<(), TestingError> {
        let path = self.users();
        let mut mkfifo = command("mkfifo", None);
        mkfifo.args(["-m", "600"]).arg(&path);
        run(&mut mkfifo).map_err(TestingError::io("make the pipe", &path))
    }

    /// Removes this user's folders of installations that are no longer used.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.base) else { return };
        let prefix = format!("{PREFIX}{}-", self.place.own_uid);
        for entry in entries.flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
            if !is_ours || path == self.path || !is_stale(&path, self.place.own_uid) {
                continue;
            }
            // A process that holds the gate is about to use the folder.
            let gate = File::open(path.join("gate"));
            if gate.is_ok_and(|gate| gate.try_lock().is_ok()) {
                drop(fs::remove_dir_all(&path));
            }
        }
    }

    /// Keeps the data of the last run if it shut down cleanly during this boot of the machine; otherwise
    /// creates new data.
    pub(super) fn make_data(&self, binaries: &Binaries) -> Result<(), TestingError> {
        let clean = self.path.join("clean");
        let is_clean = fs::read(&clean).is_ok_and(|key| key == self.key.as_bytes());
        let age =
            fs::metadata(&clean).and_then(|clean| clean.modified()).ok().and_then(|at| at.elapsed().ok());
        remove(&clean)?;
        self.sweep();
        if is_clean && age.is_some_and(|age| age < STALE) && self.place.data().is_dir() {
            return Ok(());
        }
        let run = &self.place.path;
        match fs::remove_dir_all(run) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(TestingError::io("remove", run)(error));
            }
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(run).map_err(TestingError::io("make the folder", run))?;
        self.place.give_to_user(&self.base)?;
        make_data(&self.place, binaries, &settings())
    }
}

/// True if a folder was not used for a while and no server runs in it.
fn is_stale(home: &Path, own_uid: u32) -> bool {
    let age = |path: &Path| fs::metadata(path).ok()?.modified().ok()?.elapsed().ok();
    let found = fs::symlink_metadata(home);
    found.is_ok_and(|found| found.is_dir() && found.uid() == own_uid)
        && !home.join("users").exists()
        && !home.join("closing").exists()
        && age(&home.join("clean")).or_else(|| age(home)).is_some_and(|age| age > STALE)
}

/// In addition to the settings of every server: many processes open a few connections each.
fn settings() -> Vec<(String, String)> {
    vec![("max_connections".to_owned(), "500".to_owned())]
}

/// Removes a file that may not exist.
pub(super) fn remove(path: &Path) -> Result<(), TestingError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(TestingError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The uid of this process. The standard library has no `geteuid`, but a file has an owner.
fn own_uid(base: &Path) -> Result<u32, TestingError> {
    let path = base.join(format!("{PREFIX}uid-{}-{:?}", std::process::id(), std::thread::current().id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&path);
    let uid = made.and_then(|file| file.metadata()).map(|metadata| metadata.uid());
    drop(fs::remove_file(&path));
    uid.map_err(TestingError::io("make the file", &path))
}

/// A value that changes with each boot of the machine, as far as the system provides one.
fn boot() -> String {
    let linux = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    linux.unwrap_or_else(|_| {
        let output = command("sysctl", None).args(["-n", "kern.boottime"]).stdin(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;
    use std::time::SystemTime;

    use super::{Home, PREFIX, STALE, is_stale};
    use crate::testing::TestingError;
    use crate::testing::binaries::Binaries;
    use crate::testing::folder::LockedFolder;

    fn made_long_ago(file: &Path) {
        let long_ago = FileTimes::new().set_modified(SystemTime::now() - STALE * 2);
        File::create(file).unwrap().set_times(long_ago).unwrap();
    }

    #[test]
    fn a_folder_goes_when_it_was_not_used_for_long_and_nothing_runs_in_it() {
        let base = LockedFolder::create().unwrap();
        let own = fs::metadata(base.path().join("lock")).unwrap().uid();
        let [used, running, stale] = ["used", "running", "stale"].map(|name| base.path().join(name));
        for home in [&used, &running, &stale] {
            fs::create_dir(home).unwrap();
        }
        File::create(used.join("clean")).unwrap();
        made_long_ago(&running.join("clean"));
        File::create(running.join("users")).unwrap();
        made_long_ago(&stale.join("clean"));
        assert!(!is_stale(&used, own) && !is_stale(&running, own) && is_stale(&stale, own));
        assert!(!is_stale(&stale, own + 1), "another user's");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let base = LockedFolder::create().unwrap();
        fs::set_permissions(base.path(), Permissions::from_mode(0o711)).unwrap();
        let binaries = Binaries::find().unwrap();
        let home = Home::open_in(base.path(), &binaries).unwrap();
        assert!(home.path.file_name().unwrap().to_str().unwrap().starts_with(PREFIX));
        fs::set_permissions(&home.path, Permissions::from_mode(0o777)).unwrap();
        let error = Home::open_in(base.path(), &binaries).unwrap_err();
        assert!(matches!(error, TestingError::Io { action: "use the folder", .. }), "{error}");
    }
}
