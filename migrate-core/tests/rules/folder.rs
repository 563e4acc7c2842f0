//! Folders read at run time: the resulting sets and the errors.

use migrate_core::directory::source::folder::collect;
use migrate_core::{FolderError, Migration, Set};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder that is removed at the end of its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let path = std::env::temp_dir().join(format!("migrate-core-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Folder(path)
    }

    /// The error of reading the folder, with its path replaced.
    fn error(&self) -> String {
        let error = Set::from_folder(&self.0).unwrap_err();
        error.to_string().replace(self.0.to_str().unwrap(), "$DIR")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const UP: &str = "CREATE TABLE t ();";

#[test]
fn a_folder_and_the_folders_in_it_are_read_and_no_deeper_ones() {
    let folder = Folder::new(
        "depth",
        &[("b/up.sql", UP), ("b/deep/up.sql", UP), ("a.sql", UP), (".git/HEAD", "x"), ("notes.bin", "x")],
    );
    fs::create_dir(folder.0.join("c")).unwrap();
    let files = collect(&folder.0).unwrap();
    let files: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.bytes.len())).collect();
    assert_eq!(
        files,
        [(".git", 0), ("a.sql", 18), ("b/deep/", 0), ("b/up.sql", 18), ("c/", 0), ("notes.bin", 0)]
    );
}

#[test]
fn a_folder_of_flyways_is_read_to_its_depth() {
    let folder = Folder::new(
        "flyway",
        &[
            ("V1__a.sql", UP),
            ("2026/02/deep/V3__c.sql", UP),
            ("2026/02/V2__b.sql", UP),
            ("2026/.git/x/V4__d.sql", "x"),
        ],
    );
    fs::create_dir_all(folder.0.join("2026/03/empty")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&folder.0, folder.0.join("2026/02/back")).unwrap();
    let set = Set::from_folder(&folder.0).unwrap();
    assert_eq!(set.iter().map(Migration::name).collect::<Vec<_>>(), ["V1__a", "V2__b", "V3__c"]);
}

#[test]
fn a_missing_folder_is_named() {
    let missing = Path::new("/nowhere/migrations");
    let error = Set::from_folder(missing).unwrap_err();
    assert!(matches!(&error, FolderError::NotFound { path } if path == missing));
    assert_eq!(error.to_string(), "there is no folder `/nowhere/migrations`");
}

#[test]
fn a_file_is_not_a_folder() {
    let folder = Folder::new("file", &[("0001_a.sql", UP)]);
    assert!(matches!(Set::from_folder(folder.0.join("0001_a.sql")), Err(FolderError::NotFound { .. })));
}

#[test]
fn every_problem_of_a_folder_is_listed_with_a_path_that_opens() {
    let folder = Folder::new("problems", &[("0001_a.sql", "SELECT '"), ("b_c.sql", UP)]);
    assert_eq!(
        folder.error(),
        "2 problems in `$DIR`:\n\
         $DIR/0001_a.sql:1:8: this string has no closing quote\n    \
         help: close it with '; write a ' inside as '': a backslash before it does not escape it unless the string begins with E'\n\
         $DIR/b_c.sql:1:1: the name does not start with a version\n    \
         help: name it like `0001_b_c.sql`: digits, an underscore, what it does; or move it out of the directory"
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_one_that_leads_nowhere_is_named() {
    use std::os::unix::fs::symlink;
    let elsewhere = Folder::new("elsewhere", &[("shared.sql", UP), ("down/down.sql", UP)]);
    let folder = Folder::new("links", &[]);
    symlink(elsewhere.0.join("shared.sql"), folder.0.join("0001_a.sql")).unwrap();
    // An editor leaves this while a file is open.
    symlink("nowhere", folder.0.join(".#0001_a.sql")).unwrap();
    assert_eq!(Set::from_folder(&folder.0).unwrap().get(0).map(Migration::name), Some("0001_a"));
    symlink("nowhere", folder.0.join("0002_b.sql")).unwrap();
    assert_eq!(folder.error(), "can't read `$DIR/0002_b.sql`: No such file or directory (os error 2)");
}

/// Reading either would never end: a pipe that no program writes to, and a device without an end.
#[cfg(target_os = "linux")]
#[test]
fn only_regular_files_are_read_and_others_are_named() {
    use std::os::unix::fs::symlink;
    for (name, kind) in
        [("0002_b.sql", "a device"), ("metadata.toml", "a device"), ("0003_c.sql", "a named pipe")]
    {
        let folder = Folder::new(&format!("special-{name}"), &[("0001_a.sql", UP)]);
        let path = folder.0.join(name);
        if kind == "a device" {
            symlink("/dev/zero", &path).unwrap();
        } else {
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        }
        assert_eq!(folder.error(), format!("`$DIR/{name}` is {kind}, not a file, so it is not read"));
    }
    // No layout reads these files.
    let folder = Folder::new("special-others", &[("0001_a.sql", UP)]);
    symlink("/dev/zero", folder.0.join("seed.sh")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.0.join("pipe")).status().unwrap().success());
    let set = Set::from_folder(&folder.0).unwrap();
    assert_eq!(
        set.notices().collect::<Vec<_>>(),
        ["`pipe`, `seed.sh`: not applied: it is not named like a migration"]
    );
}

/// The file has a length but no content. None of it is read.
#[test]
fn a_file_that_no_server_takes_is_named_and_not_read() {
    let folder = Folder::new("large", &[("0001_a.sql", UP)]);
    fs::File::create(folder.0.join("0002_dump.sql")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(
        folder.error(),
        "`$DIR/0002_dump.sql` has more than 1072693248 bytes, the most that the server accepts in one message"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf_8_is_a_problem_and_not_a_panic() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new("names", &[("0001_a.sql", UP)]);
    fs::write(folder.0.join(OsStr::from_bytes(b"0002_caf\xe9.sql")), UP).unwrap();
    assert!(folder.error().contains("0002_caf\u{fffd}.sql:1:1: the name contains"), "{}", folder.error());
}
