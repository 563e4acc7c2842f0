//! `fn main() -> Result<(), Box<dyn Error>>`, `unwrap` and `expect` print `Debug`, so it must be the readable
//! text.

use crate::bad_input::support::{Folder, database};
use migrate_postgres::Set;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_main_that_returns_an_error_prints_its_text_with_its_lines() {
    let folder = Folder::good();
    folder.write("0004_bad.up.sql", "CREATE TABLE ok (id int);\nSELECT nope;\n");
    let database = database().await;
    let error: Box<dyn Error> = folder.migrator().run(&database.config()).await.unwrap_err().into();
    let printed = format!("{error:?}");
    assert_eq!(printed, error.to_string());
    assert!(printed.contains("\ndatabase: ") && printed.contains("\nnext: "), "{printed}");
    let lost: Box<dyn Error> = Set::from_folder("no/such/folder").unwrap_err().into();
    assert!(format!("{lost:?}").starts_with(&lost.to_string()), "{lost:?}");
}

#[test]
fn no_public_error_type_derives_debug() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates =
        ["migrate-core", "migrate-macros", "migrate-postgres"].map(|name| workspace.join(name).join("src"));
    let deriving: Vec<String> =
        crates.iter().flat_map(|folder| sources(folder)).flat_map(|path| deriving(&path)).collect();
    // A notice is reported, but never returned as an error.
    assert_eq!(deriving, ["pub enum Notice {"], "use `debug_as_display!`");
}

/// The error types of a file that derive `Debug`.
fn deriving(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let derives = text.split("#[derive(").skip(1);
    let of_errors = derives.filter(|rest| {
        let list = rest.split(")]").next().unwrap_or_default();
        list.contains("Debug") && list.ends_with("Error")
    });
    let items = of_errors
        .filter_map(|rest| rest.lines().find(|line| line.contains("enum ") || line.contains("struct ")));
    items.filter(|item| item.starts_with("pub ") && !item.starts_with("pub(")).map(str::to_owned).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(of).collect()
}
