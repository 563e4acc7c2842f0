//! The user of the server process: PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::TestingError;

/// A user other than the one that runs the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// The user for the server's processes; `None` is the tests' own user, whose uid is `own_uid`.
    pub(super) fn for_server(own_uid: u32) -> Result<Option<Self>, TestingError> {
        if own_uid != 0 {
            return Ok(None);
        }
        let passwd = Path::new("/etc/passwd");
        let text = fs::read_to_string(passwd).map_err(TestingError::io("read", passwd))?;
        Self::unprivileged(&text).map(Some).ok_or(TestingError::NoUnprivilegedUser)
    }

    fn unprivileged(passwd: &str) -> Option<Self> {
        ["postgres", "nobody"].iter().find_map(|name| Self::named(passwd, name))
    }

    fn named(passwd: &str, name: &str) -> Option<Self> {
        // name:password:uid:gid:…, and macOS writes the uid of `nobody` as -2.
        let id = |field: &str| field.parse::<i64>().ok().map(|id| id as u32).filter(|&id| id != 0);
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            Some(Self { name: name.to_owned(), uid: id(fields.nth(1)?)?, gid: id(fields.next()?)? })
        })
    }

    /// True if this user can enter `path` and every folder above it, judged by the mode bits.
    pub(super) fn can_enter(&self, path: &Path) -> bool {
        path.ancestors().filter(|folder| !folder.as_os_str().is_empty()).all(|folder| {
            fs::metadata(folder).is_ok_and(|metadata| {
                let bit = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & bit != 0
            })
        })
    }
}

/// A command that runs as `user`, without the environment variables that configure PostgreSQL's programs.
pub(super) fn command(program: impl AsRef<std::ffi::OsStr>, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    if let Some(user) = user {
        // With a uid set, the standard library also drops root's supplementary groups.
        command.uid(user.uid).gid(user.gid);
    }
    command
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::User;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
        postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n";

    fn user(name: &str, uid: u32, gid: u32) -> User {
        User { name: name.to_owned(), uid, gid }
    }

    #[test]
    fn postgres_comes_before_nobody() {
        assert_eq!(User::unprivileged(PASSWD), Some(user("postgres", 101, 104)));
    }

    #[test]
    fn nobody_serves_where_there_is_no_postgres() {
        let passwd = PASSWD.replace("postgres:", "postgres2:");
        assert_eq!(User::unprivileged(&passwd), Some(user("nobody", 65534, 65533)));
    }

    #[test]
    fn a_negative_uid_is_read_as_macos_means_it() {
        let nobody = User::unprivileged("##\nnobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n");
        assert_eq!(nobody, Some(user("nobody", u32::MAX - 1, u32::MAX - 1)));
    }

    #[test]
    fn root_by_another_name_and_a_broken_line_are_no_users() {
        assert_eq!(User::unprivileged("postgres:x:0:0::/:/bin/sh\nnobody:x\n"), None);
    }

    #[test]
    fn only_root_needs_another_user() {
        assert_eq!(User::for_server(1000).unwrap(), None);
    }

    #[test]
    fn the_root_folder_is_open_to_all_and_a_missing_one_to_none() {
        let nobody = user("nobody", 65534, 65534);
        assert!(nobody.can_enter(Path::new("/")));
        assert!(!nobody.can_enter(Path::new("/no/such/folder")));
    }
}
