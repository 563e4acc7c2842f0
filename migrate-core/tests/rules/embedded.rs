//! An embedded set is the same as one read at run time.

use crate::support::words;
use migrate_core::directory::Directory;
use migrate_core::directory::source::SourceFile;
use migrate_core::history::HistoryState;
use migrate_core::plan::{Plan, Policies, Up};
use migrate_core::set::embedded::{LAZY_MIGRATION, Literals, Packing};
use migrate_core::{FileMigration, Migration, Set, Version, directory};

const FILES: [(&str, &str); 6] = [
    ("1_one.sql", "SELECT 1;"),
    ("2_two.up.sql", "SELECT 2;"),
    ("2_two.down.sql", "SELECT -2;"),
    ("3_three.sql", "SELECT 3;"),
    ("4_squash.sql", "-- migrate: replaces=1..2\nSELECT 4;"),
    ("R__views.sql", "SELECT 5;"),
];

fn read() -> Directory {
    let files = FILES.map(|(path, text)| SourceFile::new(path, text.as_bytes().to_vec()));
    directory::read(files.into()).unwrap()
}

/// The set that a macro would emit for a directory.
fn embedded(directory: &Directory, folder: &'static str) -> Set {
    let all: Vec<&FileMigration> = directory.migrations.iter().chain(&directory.replaced).collect();
    let packing = Packing::of(all.iter().copied());
    let text = |path: &&str| FILES.iter().find(|(other, _)| other == path).unwrap().1;
    let literals = Literals {
        order: directory.layout.order(),
        files: packing.files.iter().map(text).collect::<Vec<_>>().leak(),
        packed: packing.bytes.leak(),
        code: &[],
        assertions: &[],
        seeds: &[],
    };
    let made: Vec<_> = all.iter().map(|_| LAZY_MIGRATION).collect();
    let digests = Set::from(directory.clone()).digests().as_bytes().to_vec();
    Set::from_static("app", Box::leak(Box::new(literals)), made.leak(), digests.leak(), folder, &[], &[])
}

fn shown(migration: &dyn Migration) -> String {
    let payload = |payload: Option<migrate_core::Payload<'_>>| {
        payload.and_then(migrate_core::Payload::into_script).map(|script| script.text().to_owned())
    };
    let (up, down) = (payload(Some(migration.up())), payload(migration.down()));
    format!("{} {} {} {up:?} {down:?}", migration.version(), migration.name(), migration.checksum())
}

#[test]
fn an_embedded_set_has_the_migrations_of_its_folder() {
    let directory = read();
    let (embedded, loaded) = (embedded(&directory, "migrations"), Set::from(directory));
    let all = |set: &Set| set.iter().map(shown).collect::<Vec<_>>();
    assert_eq!(all(&embedded), all(&loaded));
    let replaced = |set: &Set| set.replaced().map(shown).collect::<Vec<_>>();
    assert_eq!(replaced(&embedded), replaced(&loaded));
    assert_eq!((embedded.len(), replaced(&embedded).len(), embedded.is_empty()), (3, 2, false));
    assert!(embedded.get(3).is_none());
    for (index, migration) in loaded.iter().enumerate() {
        assert_eq!(embedded.position(migration.version()), Some(index));
    }
    for migration in loaded.iter().chain(loaded.replaced()) {
        assert_eq!(embedded.find(migration.version()).map(shown), Some(shown(migration)));
    }
    assert_eq!(embedded.last_version(), Some(&Version::numeric("4")));
    assert_eq!(embedded.name(), "app");
    assert!(format!("{embedded:?}").contains("4_squash"));
}

#[test]
fn an_embedded_set_is_planned_like_one_that_is_read() {
    let directory = read();
    let embedded = embedded(&directory, "migrations");
    let plan =
        |set: &Set| words(&Up::all().decide(set, &HistoryState::EMPTY, &Policies::DEFAULT).unwrap().steps);
    assert_eq!(plan(&embedded), plan(&Set::from(directory)));
    assert_eq!(plan(&embedded), ["apply 3", "apply 4", "apply R__views"]);
}

#[test]
fn an_embedded_set_knows_its_folder_if_the_macro_was_given_one() {
    let directory = read();
    assert_eq!(embedded(&directory, "migrations").folder(), Some("migrations"));
    assert_eq!(embedded(&directory, "").folder(), None);
    assert_eq!(Set::from(directory).folder(), None);
}

#[test]
fn a_set_without_a_migration_is_empty_and_another_is_not() {
    assert!(Set::new("app", Vec::new()).unwrap().is_empty());
    assert!(!Set::from(read()).is_empty());
}
