//! Folders with code that is read at run time: the same set, which this program can't run.

use super::{CODE, database, texts};
use migrate_core::Set;
use migrate_postgres::testing::Database;
use migrate_postgres::{Error, MigrationStatus, Migrator, Refused};
use migrate_tests::sets::{Folder, folder_of};
use std::path::Path;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/code");

fn of_folder(path: &Path) -> Migrator {
    Migrator::new(Set::from_folder(path).unwrap())
}

/// A copy of the fixture, in which a file has another text; none removes it.
fn edited(name: &str, edit: impl Fn(&str) -> Option<String>) -> Folder {
    let files = std::fs::read_dir(FIXTURE).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter_map(|path| {
        let (file, text) = (path.file_name()?.to_str()?.to_owned(), std::fs::read_to_string(&path).ok()?);
        let text = if file == name { edit(&text)? } else { text };
        Some((file, text))
    });
    let files: Vec<(String, String)> = files.collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    folder_of(&files)
}

async fn applied() -> Database {
    let database = database().await;
    CODE.run(database.url()).await.unwrap();
    database
}

#[test]
fn a_folder_gives_the_set_that_the_macro_embeds() {
    let (folder, embedded) = (Set::from_folder(FIXTURE).unwrap(), CODE.set());
    let shown = |set: &Set| -> Vec<String> {
        set.iter()
            .map(|m| {
                format!("{} {} {:?}", m.name(), m.checksum(), m.down().map(|down| down.path().to_owned()))
            })
            .collect()
    };
    assert_eq!(shown(&folder), shown(embedded));
    assert_eq!(folder.digests().of_all(), embedded.digests().of_all());
}

#[tokio::test]
async fn a_program_without_the_code_names_it_before_anything_is_run() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let migrator = of_folder(Path::new(FIXTURE));
    let error = migrator.run(database.url()).await.unwrap_err();
    let Error::Refused(Refused::CodeMissing { migrations }) = &error else { panic!("{error}") };
    let named: Vec<&str> = migrations.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(named, ["0002_slugs.rs", "0004_index.rs"]);
    let text = error.to_string();
    assert!(text.contains("0002_slugs (0002_slugs.rs), 0004_index (0004_index.rs) are Rust code"), "{text}");
    assert!(text.contains("run it with the service"), "{text}");
    assert!(
        texts(&client, "SELECT relname::text FROM pg_class WHERE relname IN ('users', 'migrate_history')")
            .await
            .is_empty()
    );
    // What comes before the code can be applied.
    assert_eq!(migrator.clone().up_to("0001").run(database.url()).await.unwrap().steps.len(), 1);
    assert_eq!(migrator.plan(database.url()).await.unwrap().steps.len(), 3);
    let status = migrator.status(database.url()).await.unwrap();
    let pending =
        status.rows.iter().filter(|row| matches!(row.state, MigrationStatus::Pending { .. })).count();
    assert_eq!(pending, 3);
}

#[tokio::test]
async fn a_program_without_the_code_has_nothing_to_do_where_it_is_applied() {
    let database = applied().await;
    let migrator = of_folder(Path::new(FIXTURE));
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    // The last one's down script is SQL, the second one's is code.
    assert_eq!(migrator.down(database.url(), 2).await.unwrap().steps.len(), 2);
    let error = migrator.down(database.url(), 1).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::CodeMissing { .. })), "{error}");
}

#[tokio::test]
async fn comments_and_formatting_are_no_edit_and_tokens_are() {
    let database = applied().await;
    let folder = edited("0002_slugs.rs", |text| {
        Some(format!("// Another one.\n{}", text.replace("    ", "\t").replace("(),\n", "()\n,\n")))
    });
    assert!(of_folder(folder.path()).run(database.url()).await.unwrap().is_noop());
    let folder = edited("0002_slugs.rs", |text| Some(text.replace("join(\"-\")", "join(\"_\")")));
    let error = of_folder(folder.path()).run(database.url()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(Refused::Edited { name, .. }) if name == "0002_slugs"),
        "{error}"
    );
    let error = of_folder(folder.path()).accept(database.url(), "0002", "why").await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::OtherStatements { .. })), "{error}");
}

#[tokio::test]
async fn an_older_program_can_not_revert_what_it_does_not_contain_and_names_it() {
    let database = applied().await;
    CODE.down(database.url(), 2).await.unwrap();
    let older = edited("0002_slugs.rs", |_| None);
    let error = of_folder(older.path()).allow_missing(true).down(database.url(), 1).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::CodeGone { name }) if name == "0002_slugs"), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(
            "0002_slugs can't be reverted: it was applied by Rust code, which this program does not contain"
        ),
        "{text}"
    );
    assert!(text.contains("revert with a release that has 0002_slugs"), "{text}");
}

#[tokio::test]
async fn code_without_a_down_function_has_no_way_back() {
    let database = database().await;
    super::ACTS.clone().value(super::nothing()).run(database.url()).await.unwrap();
    let error = super::ACTS.to(database.url(), "0001").await.unwrap_err();
    // The script after it has none either, and is the first to be reverted.
    assert!(matches!(&error, Error::Refused(Refused::NoDown { .. })), "{error}");
}

#[tokio::test]
async fn another_tools_table_is_not_kept_with_code() {
    let database = database().await;
    let kept = CODE.clone().foreign_history(migrate_postgres::tools::sqlx());
    let error = kept.run(database.url()).await.unwrap_err().to_string();
    assert!(error.contains("0002_slugs") && error.contains("it is Rust code"), "{error}");
}
