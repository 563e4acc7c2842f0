//! The files that a rewrite writes are read back as the expected set, in every layout.

use super::files::Files;
use super::{Contents, is_rewritten, versions};
use migrate_core::directory::source::SourceFile;
use migrate_core::directory::{self, Directory};
use migrate_core::lint::LintOptions;
use migrate_core::lint::fix::{ScriptText, rewrites};
use migrate_core::{Layout, Migration, Payload, Script, Set, TransactionMode};
use proptest::prelude::*;

/// A layout with a style of versions.
#[derive(Clone, Copy, Debug)]
struct Style {
    layout: Layout,
    versions: [&'static str; 4],
    /// The ending of an up script.
    up: &'static str,
    /// The ending of a down script.
    down: &'static str,
}

const STYLES: [Style; 11] = [
    style(Layout::Flat, ["0001", "0002", "0003", "0009"], ".up.sql", ".down.sql"),
    style(Layout::Flat, ["1", "8", "9", "10"], ".sql", ".down.sql"),
    style(
        Layout::Flat,
        ["20260101000000", "20260101000001", "20260102", "20260203000000"],
        ".sql",
        ".down.sql",
    ),
    style(Layout::Flyway, ["1", "1_1", "1.2", "10"], ".sql", ".sql"),
    style(Layout::Refinery, ["1", "2", "3", "10"], ".sql", ""),
    style(
        Layout::Folders,
        ["2026-01-01-000000", "2026-01-02-000000", "2026-01-02-000001", "20260301000000"],
        "/up.sql",
        "/down.sql",
    ),
    style(
        Layout::Prisma,
        ["0", "20260101000000", "20260101000001", "20260201000000"],
        "/migration.sql",
        "/rollback.sql",
    ),
    style(Layout::Prisma, ["01", "02", "03", "04"], "/migration.sql", "/down.sql"),
    style(Layout::Goose, ["00001", "00002", "00003", "20260101000000"], ".sql", ""),
    style(Layout::Dbmate, ["20250101", "20250102", "20250103", "20250109"], ".sql", ""),
    style(Layout::Tern, ["001", "002", "003", "004"], ".sql", ""),
];

const fn style(layout: Layout, versions: [&'static str; 4], up: &'static str, down: &'static str) -> Style {
    Style { layout, versions, up, down }
}

/// Up and down scripts; `#` stands for the number of the migration. The first two stay as they are.
const SCRIPTS: [(&str, &str); 6] = [
    ("SELECT #;", "SELECT 2;"),
    ("ALTER TABLE t ADD c# int;", "ALTER TABLE t DROP c#;"),
    ("CREATE INDEX t_a# ON t (a);\nALTER TABLE t ADD d# int;", "ALTER TABLE t DROP d#;\nDROP INDEX t_a#;"),
    ("ALTER TABLE t ADD CONSTRAINT k# CHECK (a > 0);", "ALTER TABLE t DROP CONSTRAINT k#;"),
    ("ALTER TABLE t ADD CONSTRAINT u# UNIQUE (a);", "ALTER TABLE t DROP CONSTRAINT u#;"),
    // Its rewrite has a verify script.
    ("CREATE INDEX p_a# ON p (a);", "DROP INDEX p_a#;"),
];

const TABLES: &str = "CREATE TABLE t (a int, b int);\n\
    CREATE TABLE p (a int) PARTITION BY LIST (a);\n\
    CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);";

/// A migration to write.
#[derive(Clone, Debug)]
struct Draft {
    script: usize,
    description: &'static str,
    folder: &'static str,
    has_down: bool,
    has_verify: bool,
    /// The request of its settings file.
    settings: Option<bool>,
    /// True for a `U` in the layout of refinery, and for a down script with a description of its own.
    is_other: bool,
}

fn draft() -> impl Strategy<Value = Draft> {
    let description = prop::sample::select(vec!["a", "add_b", "to.v2", ""]);
    let folder = prop::sample::select(vec!["", "2024/", "old/q1/"]);
    let parts = (any::<bool>(), any::<bool>(), any::<Option<bool>>(), any::<bool>());
    (0..SCRIPTS.len(), description, folder, parts).prop_map(
        |(script, description, folder, (has_down, has_verify, settings, is_other))| Draft {
            script,
            description,
            folder,
            has_down,
            has_verify,
            settings,
            is_other,
        },
    )
}

impl Style {
    /// The files of a migration.
    fn files(self, at: usize, draft: &Draft) -> Vec<(String, String)> {
        let number = at.to_string();
        let (up, down) = match at {
            0 => (TABLES.to_owned(), String::from("DROP TABLE t, p;")),
            _ => {
                let (up, down) = SCRIPTS[draft.script];
                (up.replace('#', &number), down.replace('#', &number))
            }
        };
        let name = |description: &str| {
            let version = self.versions[at];
            match (self.layout, description) {
                (Layout::Flyway | Layout::Refinery | Layout::Folders | Layout::Dbmate, "") => {
                    version.to_owned()
                }
                (Layout::Flyway | Layout::Refinery, _) => format!("{version}__{description}"),
                (Layout::Dbmate, "to.v2") => format!("{version}to.v2"),
                _ => format!("{version}_{description}"),
            }
        };
        let is_named = matches!(self.layout, Layout::Flyway | Layout::Refinery);
        let folder = if is_named { draft.folder } else { "" };
        let prefix = match self.layout {
            Layout::Refinery if draft.is_other || at == 0 => "U",
            Layout::Flyway | Layout::Refinery => "V",
            _ => "",
        };
        let own = format!("{folder}{prefix}{}", name(draft.description));
        let mut files = Vec::new();
        let text = match self.layout {
            Layout::Goose if draft.has_down => format!("-- +goose Up\n{up}\n-- +goose Down\n{down}\n"),
            Layout::Goose => format!("-- +goose Up\n{up}\n"),
            Layout::Dbmate if draft.has_down => format!("-- migrate:up\n{up}\n-- migrate:down\n{down}\n"),
            Layout::Dbmate => format!("-- migrate:up\n{up}\n-- migrate:down\n"),
            // Without the mark, the files are flat ones.
            Layout::Tern if draft.has_down || at == 0 => {
                format!("{up}\n---- create above / drop below ----\n{down}\n")
            }
            _ => format!("{up}\n"),
        };
        files.push((format!("{own}{}", self.up), text));
        if draft.has_down && !self.down.is_empty() {
            let path = match self.layout {
                Layout::Flyway => format!("U{}", name(draft.description)),
                Layout::Flat if draft.is_other => name("drop"),
                _ => own.clone(),
            };
            files.push((format!("{path}{}", self.down), format!("{down}\n")));
        }
        let beside = if self.up.starts_with('/') { "/verify.sql" } else { ".verify.sql" };
        if draft.has_verify {
            files.push((format!("{own}{beside}"), format!("SELECT {at} = {at};\n")));
        }
        let settings = |key: &str, request: bool| format!("# settings {at}\n{key} = {request}\n");
        match (self.layout, draft.settings) {
            (Layout::Flyway | Layout::Refinery, Some(request)) => {
                files.push((format!("{own}.sql.conf"), settings("executeInTransaction", request)));
            }
            (Layout::Folders, Some(request)) => {
                files.push((format!("{own}/metadata.toml"), settings("run_in_transaction", request)));
            }
            (Layout::Prisma, Some(_)) => {
                files.push((format!("{own}/README.md"), format!("# settings {at}\n")));
            }
            _ => {}
        }
        files
    }

    fn folder(self, drafts: &[Draft]) -> Contents {
        let files = drafts.iter().enumerate().flat_map(|(at, draft)| self.files(at, draft));
        let mut contents: Contents = files.map(|(path, text)| (path, text.into_bytes())).collect();
        // Every layout but refinery's has repeatable migrations.
        if self.layout != Layout::Refinery {
            contents.insert("R__views.sql".to_owned(), b"SELECT 'views';\n".to_vec());
        }
        contents.insert("NOTES.md".to_owned(), b"# Notes\n".to_vec());
        contents
    }
}

fn read(files: &Contents) -> Directory {
    let sources = files.iter().map(|(path, bytes)| SourceFile::new(path.clone(), bytes.clone()));
    directory::read(sources.collect()).unwrap_or_else(|problems| panic!("{problems}\n{files:#?}"))
}

/// The statements of a script, and how it is committed.
type Content = (Vec<String>, TransactionMode);

/// The up, down and verify scripts of a migration.
type Scripts = [Option<Content>; 3];

fn content(script: &Script) -> Content {
    let statements = script.statements().iter().map(|of| of.text(script.text()).to_owned());
    (statements.collect(), script.transaction())
}

fn scripts(migration: &dyn Migration) -> Scripts {
    let payload = |payload: Payload<'_>| payload.into_script().map(|script| content(&script));
    [payload(migration.up()), migration.down().and_then(payload), migration.verify().map(content)]
}

fn written(text: String) -> Content {
    content(&Script::of_up_text("0001_a.sql", text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_files_are_read_back_as_the_expected_set(
        style in prop::sample::select(STYLES.to_vec()),
        drafts in prop::collection::vec(draft(), 2..=4),
    ) {
        let before = style.folder(&drafts);
        let set = Set::from(read(&before));
        prop_assert_eq!(read(&before).layout, style.layout);
        let options = LintOptions::new().since(set.get(0).unwrap().version().clone());
        let rewrites = rewrites(&set, &options).unwrap();
        let numbered = versions::assign(&set, style.layout, &options, &rewrites).unwrap();
        let files = Files::of(style.layout, &before).unwrap();
        let after = files.rewritten(&set, &rewrites, &numbered).unwrap();
        let found = Set::from(read(&after));
        let names: Vec<&str> = found.iter().map(Migration::name).collect();
        let expected: Vec<&str> = numbered.iter().flat_map(|of| of.names.iter().map(String::as_str)).collect();
        prop_assert_eq!(&names, &expected, "{:#?}", after.keys());

        let mut found = found.iter();
        for migration in set.iter() {
            let rewrite = rewrites.iter().find(|of| of.version == *migration.version() && is_rewritten(of));
            let Some(rewrite) = rewrite else {
                prop_assert_eq!(scripts(found.next().unwrap()), scripts(migration), "{}", migration.name());
                continue;
            };
            for part in &rewrite.scripts {
                let text = |text: &ScriptText| written(text.to_string());
                let verify = part.verify.clone().map(written);
                let expected = [Some(text(&part.up)), part.down.as_ref().map(text), verify];
                let mut read = scripts(found.next().unwrap());
                if style.layout == Layout::Goose && expected[0].as_ref().map(|up| up.1) == Some(TransactionMode::None) {
                    // goose's mark applies to both halves.
                    read[1].iter_mut().zip(&expected[1]).for_each(|(read, expected)| read.1 = expected.1);
                }
                prop_assert_eq!(read, expected, "{} {}", migration.name(), part.word);
            }
        }

        // No file is lost: settings move along with their scripts, and what belongs to no migration stays.
        for (path, bytes) in &before {
            let text = String::from_utf8_lossy(bytes);
            if text.starts_with("# settings") {
                let first = text.lines().next().unwrap().as_bytes();
                prop_assert!(after.values().any(|bytes| bytes.starts_with(first)), "{path} of {:#?}", after.keys());
            }
        }
        prop_assert_eq!(after.get("NOTES.md"), before.get("NOTES.md"));
    }
}

/// The parts of a rewrite wait for their backfill, and a later migration for the one it waited for.
#[test]
fn what_waits_for_a_backfill_has_the_version_that_it_gets() {
    let texts = [
        ("0001_t.sql", "CREATE TABLE t (id bigint PRIMARY KEY, v text);"),
        ("0002_serial.sql", "ALTER TABLE t ADD n serial;"),
        ("0003_fill.sql", "-- migrate: batch=t\nUPDATE t SET v = '' WHERE v IS NULL AND ${batch};"),
        ("0004_later.sql", "-- migrate: lock_timeout=1s after=0003\nSELECT 'after=0003';"),
        ("0005_both.sql", "-- migrate: after=0003\nCREATE INDEX t_v ON t (v);"),
    ];
    let before: Contents =
        texts.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let set = Set::from(read(&before));
    let options = LintOptions::new().since(set.get(0).unwrap().version().clone());
    let rewrites = rewrites(&set, &options).unwrap();
    let numbered = versions::assign(&set, Layout::Flat, &options, &rewrites).unwrap();
    let after = Files::of(Layout::Flat, &before).unwrap().rewritten(&set, &rewrites, &numbered).unwrap();
    let headers: Vec<(&str, &str)> = after
        .iter()
        .map(|(path, text)| (path.as_str(), std::str::from_utf8(text).unwrap()))
        .filter_map(|(path, text)| Some((path, text.lines().find(|line| line.starts_with("-- migrate:"))?)))
        .collect();
    assert_eq!(
        headers,
        [
            ("0003_serial_fill.sql", "-- migrate: batch=t"),
            ("0004_serial_then.sql", "-- migrate: after=0003"),
            ("0005_serial_validate.sql", "-- migrate: after=0003"),
            ("0006_serial_not_null.sql", "-- migrate: after=0003"),
            ("0007_fill.sql", "-- migrate: batch=t"),
            ("0008_later.sql", "-- migrate: lock_timeout=1s after=0007"),
            ("0009_both.sql", "-- migrate: transaction=none after=0007"),
        ]
    );
    assert!(after["0008_later.sql"].ends_with(b"SELECT 'after=0003';"));
}
