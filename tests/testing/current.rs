//! The test that fails if a binary's set differs from its folder.

use migrate_postgres::testing::{CurrentDifference, NotCurrent, check_current};
use migrate_postgres::{Migrator, Set, migrate};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

static SET: Migrator = migrate!("fixtures/flat");

mod generated {
    migrate_postgres::current_test!(super::SET);
}

mod generated_for_a_release_build {
    migrate_postgres::current_test!(super::SET, "fixtures/flat");
}

/// A copy of the folder, removed on drop.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let path = env::temp_dir().join(format!("migrate-current-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flat");
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
        Copy(path)
    }

    fn differences(&self) -> Vec<CurrentDifference> {
        match check_current(&SET, Some(&self.0)) {
            Ok(()) => Vec::new(),
            Err(NotCurrent::Differs { differences, .. }) => differences,
            Err(other) => panic!("{other}"),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_folder_as_it_was_embedded_differs_in_nothing() {
    assert_eq!(Copy::new("same").differences(), []);
}

#[test]
fn every_way_to_differ_is_named() {
    let folder = Copy::new("every");
    fs::write(folder.0.join("0011_new.sql"), "SELECT 11;").unwrap();
    fs::write(folder.0.join("0010_forget_touch.sql"), "SELECT 10;").unwrap();
    fs::write(folder.0.join("0003_index_users.down.sql"), "SELECT 3;").unwrap();
    fs::remove_file(folder.0.join("0002_touch_users.up.sql")).unwrap();
    fs::remove_file(folder.0.join("0002_touch_users.down.sql")).unwrap();
    let expected = [
        CurrentDifference::Changed("0003_index_users".to_owned()),
        CurrentDifference::Changed("0010_forget_touch".to_owned()),
        CurrentDifference::NotEmbedded("0011_new".to_owned()),
        CurrentDifference::NotInFolder("0002_touch_users".to_owned()),
    ];
    assert_eq!(folder.differences(), expected);
    let text = check_current(&SET, Some(&folder.0)).unwrap_err().to_string();
    assert!(text.contains("\n  0011_new is not embedded\n") && text.contains("next: rebuild"), "{text}");
}

#[test]
fn a_set_of_no_known_folder_does_not_pass() {
    let set = Migrator::new(Set::new("default", Vec::new()).unwrap());
    assert!(matches!(check_current(&set, None), Err(NotCurrent::NoFolder)));
}
