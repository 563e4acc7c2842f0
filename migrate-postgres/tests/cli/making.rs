//! `new`, `check` and `completions`, which need no database.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use std::fs;

#[tokio::test]
async fn a_new_migration_follows_the_folder() {
    for (files_there, expected) in [
        (&["0009_a.up.sql"][..], &["0010_add_b.down.sql", "0010_add_b.up.sql", "0010_add_b.verify.sql"][..]),
        (&["9_a.sql"], &["10_add_b.down.sql", "10_add_b.sql", "10_add_b.verify.sql"]),
        (&["01_a/up.sql"], &["02_add_b/down.sql", "02_add_b/up.sql", "02_add_b/verify.sql"]),
        (
            &["01_init/migration.sql", "02_a/migration.sql"],
            &["03_add_b/migration.sql", "03_add_b/rollback.sql", "03_add_b/verify.sql"],
        ),
        (&["2024/V1_9__a.sql"], &["U1_10__add_b.sql", "V1_10__add_b.sql", "V1_10__add_b.verify.sql"]),
    ] {
        let there: Vec<(&str, &str)> = files_there.iter().map(|name| (*name, "SELECT 1;")).collect();
        let stage = Stage::new(&there).await;
        stage.done("new 'add b' --with-down --with-verify");
        let made: Vec<String> =
            stage.files().into_iter().filter(|name| !files_there.contains(&name.as_str())).collect();
        assert_eq!(made, expected);
        assert_eq!(stage.run("check").code, 5, "a stub that was not written is not forgotten");
        for name in made {
            stage.write(&format!("migrations/{name}"), "SELECT 1;");
        }
        stage.done("check");
        let status = stage.run("status");
        assert!(
            status.stdout.contains("_add_b pending\n") || status.stdout.contains("_add_b  pending\n"),
            "{status:?}"
        );
    }
}

/// A file is read back as code of the next version, with its functions. The compiler reads the same text below.
#[tokio::test]
async fn a_new_migration_in_rust_follows_the_folder() {
    for (there, expected) in [
        ("0009_a.up.sql", "0010_add_b.rs"),
        ("20260105_a/up.sql", "/up.rs"),
        ("01_init/migration.sql", "/migration.rs"),
        ("V1_9__a.sql", "V1_10__add_b.rs"),
    ] {
        let stage = Stage::new(&[(there, "SELECT 1;")]).await;
        stage.done("new 'add b' --rust --with-down --with-verify");
        let made: Vec<String> = stage.files().into_iter().filter(|name| name.ends_with(".rs")).collect();
        assert!(made.len() == 1 && made[0].ends_with(expected), "{made:?}");
        let set = migrate_postgres::Set::from_folder(stage.path().join("migrations")).unwrap();
        let code = set.iter().next_back().unwrap().up();
        let code = code.code().unwrap();
        assert!(code.has_down() && code.has_verify(), "{there}");
        let text = fs::read_to_string(stage.path().join("migrations").join(&made[0])).unwrap();
        assert_eq!(text, include_str!("code_stub.rs"), "the stub that is compiled here");
        assert_ne!(stage.run("up").code, 0);
    }
    let plain = Stage::new(&[("0001_a.sql", "SELECT 1;")]).await;
    plain.done("new b --rust");
    let text = fs::read_to_string(plain.path().join("migrations/0002_b.rs")).unwrap();
    assert!(include_str!("code_stub.rs").starts_with(&text) && !text.contains("down"), "{text}");
    assert_eq!(plain.run("new c --rust --fill a.b --as 1").code, 2);
}

/// The stub compiles, and fails until it is written.
#[path = "code_stub.rs"]
#[allow(unreachable_pub, clippy::unused_async, reason = "it is the text of a stub")]
mod code_stub;

#[tokio::test]
async fn a_stub_in_rust_compiles_and_is_not_applied() {
    use migrate_postgres::code::Registration;
    let stage = Stage::new(&TABLES).await;
    let set = migrate_postgres::Set::from_folder(stage.path().join("migrations")).unwrap();
    let functions = migrate_postgres::code_functions!(
        up = code_stub::up,
        down = code_stub::down,
        verify = code_stub::verify
    );
    let migrator = migrate_postgres::Migrator::new(set);
    let migrator = migrator.with_code(Registration::new("3", "b", "1", functions)).unwrap();
    let error = migrator.run(stage.database.url()).await.unwrap_err().to_string();
    assert!(error.contains("write 3_b in its file"), "{error}");
}

#[tokio::test]
async fn times_as_versions_go_on_as_times() {
    let stage = Stage::new(&[("20260105101500_a.sql", "SELECT 1;")]).await;
    stage.done("new b");
    let version = stage.files()[1].split('_').next().unwrap().to_owned();
    assert!(version.len() == 14 && version.starts_with("20") && *version > *"20260105101500", "{version}");
    let empty = Stage::new(&[]).await;
    empty.done("new a --layout folders --versions timestamp");
    assert_eq!(empty.files()[0].len(), "20260105101500_a/up.sql".len());
    let prisma = Stage::new(&[]).await;
    prisma.done("new a --layout prisma");
    assert_eq!(prisma.files()[0].len(), "20260105101500_a/migration.sql".len());
}

#[tokio::test]
async fn a_layout_without_down_scripts_gets_none() {
    let stage = Stage::new(&[("U1__a.sql", "SELECT 1;")]).await;
    let ran = stage.run("new b --with-down");
    assert_eq!((ran.code, stage.files().len()), (5, 1), "{ran:?}");
    assert!(ran.stderr.contains("the refinery layout has no down scripts"), "{ran:?}");
    stage.done("new b --with-verify");
    assert_eq!(stage.files(), ["U1__a.sql", "V2__b.sql", "V2__b.verify.sql"]);
}

#[tokio::test]
async fn a_column_is_added_and_filled_while_the_service_writes() {
    const USERS: &str = "CREATE TABLE app_users (id bigint PRIMARY KEY, name text NOT NULL); \
                         INSERT INTO app_users SELECT i, 'N' || i FROM generate_series(1, 5) i;";
    for (first, text, last) in [
        ("0001_a.up.sql", USERS.to_owned(), "0005_validate_app_users_slug.up.sql"),
        ("20260105101500_a/migration.sql", USERS.to_owned(), ""),
        ("V1__a.sql", USERS.to_owned(), "V5__validate_app_users_slug.sql"),
        (
            "0001_a.sql",
            format!("-- +goose Up\n{USERS}\n-- +goose Down\nDROP TABLE app_users;"),
            "0005_validate_app_users_slug.sql",
        ),
        ("1_a.sql", format!("-- migrate:up\n{USERS}\n-- migrate:down\n"), "5_validate_app_users_slug.sql"),
    ] {
        let stage = Stage::new(&[(first, &text)]).await;
        let made = stage.done("new --fill app_users.slug --as 'lower(name)'");
        assert!(made.stdout.contains("DROP TRIGGER app_users_slug_fill ON app_users;"), "{made:?}");
        assert!(last.is_empty() || stage.files().iter().any(|file| file == last), "{:?}", stage.files());
        stage.done("check");
        let up = stage.done("up");
        assert!(up.stdout.contains("applied 5 migrations"), "{up:?}");
        let client = stage.database.connect().await.unwrap();
        client
            .batch_execute(
                "INSERT INTO app_users VALUES (6, 'NEW'); INSERT INTO app_users VALUES (7, 'OWN', 'mine'); UPDATE app_users SET name = 'B' WHERE id = 1; \
                 UPDATE app_users SET name = 'C', slug = 'own' WHERE id = 2;",
            )
            .await
            .unwrap();
        let sql = "SELECT string_agg(slug, ' ' ORDER BY id) FROM app_users";
        let slugs: String = client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(slugs, "b own n3 n4 n5 new mine", "{first}");
    }
}

#[tokio::test]
async fn what_can_not_be_filled_makes_no_file() {
    let stage = Stage::new(&TABLES).await;
    let before = stage.files();
    for (options, says) in [
        ("--fill users --as 'lower(name)'", "--fill takes a table and a column"),
        ("--fill a.b.c.d --as 'lower(name)'", "--fill takes a table and a column"),
        ("--fill users.slug --as 'lower(name); DROP TABLE users'", "--as takes an expression"),
        ("--fill users.slug --as ''", "--as takes an expression"),
        ("--fill users.slug --as '1 -- one'", "--as takes an expression"),
        ("--fill users.slug --as 'lower(name)' --type 'text; DROP'", "--type takes the type"),
    ] {
        let ran = stage.run(&format!("new {options}"));
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
    assert_eq!(stage.run("new --fill users.slug").code, 2);
    assert_eq!(stage.files(), before);
}

#[tokio::test]
async fn a_name_without_a_letter_makes_no_file() {
    let stage = Stage::new(&TABLES).await;
    let ran = stage.run("new ../..");
    assert_eq!((ran.code, stage.files().len()), (5, TABLES.len()), "{ran:?}");
}

#[tokio::test]
async fn a_folder_is_checked_as_a_build_would() {
    let stage = Stage::new(&TABLES).await;
    let mut transcript = stage.transcript(&["check", "check --json"]);
    stage.write("migrations/0002_again.sql", "SELECT 'open;");
    stage.write("migrations/0004_none.down.sql", "PREPARE TRANSACTION 'x';");
    transcript += &stage.transcript(&["check", "check --json", "up", "check --folder elsewhere"]);
    assert_snapshot("check.txt", &transcript);
}

#[tokio::test]
async fn shells_complete_the_commands() {
    let stage = Stage::new(&[]).await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stage.done(&format!("completions {shell}")).stdout;
        assert!(script.contains("resolve") && script.contains("lock-wait"), "{shell}");
    }
}

#[tokio::test]
async fn every_command_has_a_help_with_an_example() {
    let stage = Stage::new(&[]).await;
    let commands = [
        "status",
        "plan",
        "preflight",
        "backup",
        "up",
        "down",
        "redo",
        "verify",
        "resolve",
        "accept",
        "renumber",
        "baseline",
        "history",
        "facts",
        "report",
        "reset",
        "new",
        "check",
        "completions",
        "adopt",
        "drift",
        "test",
    ];
    for command in commands {
        let help = stage.done(&format!("{command} --help")).stdout;
        assert!(help.contains("Example"), "{command}: {help}");
    }
    let help = ["--help", "down -h"].map(|line| stage.done(line).stdout).concat();
    assert_snapshot("help.txt", &help);
}

/// The option that a line of help text describes.
fn option(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let long = line.split_once(", ").filter(|(short, _)| short.len() == 2).map_or(line, |(_, long)| long);
    long.starts_with("--").then(|| long.split([' ', '=', '[']).next().unwrap_or_default())
}

/// The options in a help text, in order.
fn options(help: &str) -> Vec<&str> {
    let (_, sections) = help.split_once("Options:\n").unwrap_or_default();
    sections.lines().filter_map(option).collect()
}

/// The commands are taken from the help itself, so that none is missed.
#[tokio::test]
async fn the_help_of_each_command_lists_the_options_that_apply_to_it_and_no_others() {
    let stage = Stage::new(&[]).await;
    let help = stage.done("--help").stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 20, "{commands:?}");
    let mut text = String::new();
    for command in commands.into_iter().filter(|command| *command != "help") {
        let long = stage.done(&format!("{command} --help")).stdout;
        let short = stage.done(&format!("{command} -h")).stdout;
        assert_eq!(options(&long), options(&short), "{command}");
        text += &format!("{command}\n");
        for option in options(&long) {
            text += &format!("    {option}\n");
        }
    }
    assert_snapshot("options.txt", &text);
}

#[tokio::test]
async fn the_layouts_of_other_tools_are_gone_on_with() {
    let cases = [
        ("V1_1__a.sql", "SELECT 1;", &["V1_2__b.sql", "U1_2__b.sql", "V1_2__b.verify.sql"][..]),
        ("00001_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n", &["00002_b.sql"]),
        ("20260105101500_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n", &["_b.sql"]),
        ("001_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 2;\n", &["002_b.sql"]),
        ("2026-01-05-101500_a/up.sql", "SELECT 1;", &["_b/up.sql", "_b/down.sql", "_b/verify.sql"]),
    ];
    for (there, text, expected) in cases {
        let stage = Stage::new(&[(there, text)]).await;
        let down = there.replace('V', "U");
        if down != there {
            stage.write(&format!("migrations/{down}"), "SELECT 2;");
        }
        stage.done(if text.contains("\n-- ") || text.contains("----") {
            "new b --with-down"
        } else {
            "new b --with-down --with-verify"
        });
        let made: Vec<String> = stage.files().into_iter().filter(|name| name.contains("_b")).collect();
        assert_eq!(made.len(), expected.len(), "{made:?}");
        assert!(expected.iter().all(|end| made.iter().any(|name| name.ends_with(end))), "{made:?}");
        for name in made {
            let path = stage.path().join("migrations").join(&name);
            let written = fs::read_to_string(&path).unwrap().lines().map(written).collect::<String>();
            fs::write(path, written).unwrap();
        }
        stage.done("check");
    }
}

/// A line of a stub, with a statement in place of its comment; other tools' markers stay.
fn written(line: &str) -> String {
    let is_comment =
        line.starts_with("-- ") && !line.starts_with("-- +goose") && !line.starts_with("-- migrate:");
    if is_comment { "SELECT 1;\n".to_owned() } else { format!("{line}\n") }
}

#[tokio::test]
async fn a_script_of_comments_does_nothing_and_check_says_so() {
    let stage = Stage::new(&TABLES).await;
    let no_op = "-- No-op on Postgres";
    stage.write("migrations/0003_none.up.sql", no_op);
    stage.write("migrations/0003_none.down.sql", no_op);
    let checked = stage.done("check").stdout;
    assert!(
        checked.contains("note: `0003_none.up.sql`: does nothing: it contains only comments"),
        "{checked}"
    );
    assert!(stage.run("plan").stdout.contains("0003_none   nothing"));
    assert!(stage.done("up").stderr.contains("0003_none"));
    let status = stage.done("status").stdout;
    assert!(status.contains("note: `0003_none.up.sql`: does nothing: it contains only comments"), "{status}");
    assert!(status.contains("nothing pending") && status.contains("0003_none   applied"), "{status}");
    assert!(stage.done("down --yes").stderr.contains("0003_none"));
    assert!(stage.done("history").stdout.contains("0003_none"));
}

#[tokio::test]
async fn a_stub_that_nobody_wrote_is_told_from_a_comment() {
    for layout in ["flat", "folders", "prisma"] {
        let stage = Stage::new(&[]).await;
        stage.done(&format!("new a --layout {layout} --with-down --with-verify"));
        let refused = stage.run("check");
        let text = refused.stdout + &refused.stderr;
        assert_eq!(refused.code, 5, "{text}");
        let unwritten =
            text.matches("the script is not written yet: it is still the stub made by `migrate new`").count();
        assert_eq!(unwritten, 3, "{text}");
        for name in stage.files() {
            stage.write(&format!("migrations/{name}"), "-- nothing to do in this database");
        }
        stage.done("check");
    }
}

#[tokio::test]
async fn a_new_stub_stops_only_what_would_apply_it() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.done("new later");
    assert!(stage.files().contains(&"0003_later.up.sql".to_owned()), "{:?}", stage.files());
    assert_eq!(stage.files().len(), TABLES.len() + 1, "only the up script is made");
    let status = stage.done("status").stdout;
    let note = "note: `0003_later.up.sql`: left out: it is still the stub made by `migrate new`";
    assert!(status.contains("nothing pending") && status.contains(note), "{status}");
    for line in ["plan", "verify", "history", "preflight"] {
        stage.done(line);
    }
    stage.done("new 'even later'");
    assert!(stage.files().contains(&"0004_even_later.up.sql".to_owned()), "{:?}", stage.files());
    for line in ["check", "up", "redo", "reset --confirm x", "test"] {
        let refused = stage.run(line);
        let text = refused.stdout + &refused.stderr;
        assert_eq!(refused.code, 5, "{line}: {text}");
        assert!(text.contains("0003_later.up.sql:1:1: the script is not written yet"), "{line}: {text}");
    }
    stage.done("down --yes");
}

#[tokio::test]
async fn a_new_migration_does_not_mind_what_is_wrong_in_the_folder() {
    let stage = Stage::new(&[("0001_a.up.sql", "SELECT 'open"), ("0002-b.sql", "")]).await;
    assert_eq!(stage.run("check").code, 5);
    stage.done("new c");
    assert!(stage.files().contains(&"0002_c.up.sql".to_owned()), "{:?}", stage.files());
}

#[tokio::test]
async fn what_may_surprise_about_a_folder_is_shown_before_and_after_a_run() {
    let stage = Stage::new(&TABLES).await;
    stage.write("migrations/seed.sh", "");
    let note = "`seed.sh`: not applied: it is not named like a migration";
    let planned = stage.run("plan").stdout;
    assert!(planned.contains(&format!("note: {note}")), "{planned}");
    let applied: serde_json::Value = serde_json::from_str(&stage.done("up --json").stdout).unwrap();
    assert_eq!(applied["notes"], serde_json::json!([note]));
    let checked: serde_json::Value = serde_json::from_str(&stage.done("check --json").stdout).unwrap();
    assert_eq!(checked["notes"], serde_json::json!([note]));
}

/// Reading either would block: a pipe without a writer, and an endless device.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_regular_files_are_checked() {
    let stage = Stage::new(&TABLES).await;
    let path = stage.path().join("migrations/0003_pipe.up.sql");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = stage.run("check");
    assert!(refused.code != 0 && refused.stderr.contains("0003_pipe.up.sql` is a named pipe"), "{refused:?}");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let refused = stage.run("check");
    assert!(refused.code != 0 && refused.stderr.contains("0003_pipe.up.sql` is a device"), "{refused:?}");
}

#[tokio::test]
async fn a_version_of_prismas_is_named_by_its_beginning() {
    let stage = Stage::new(&[
        ("20260401000000_a/migration.sql", "CREATE TABLE a (id int);"),
        ("20260402000000_b/migration.sql", "CREATE TABLE b (id int);"),
        ("20260402000000_b/rollback.sql", "DROP TABLE b;"),
        (
            "20260403000000_c/migration.sql",
            "CREATE INDEX CONCURRENTLY i ON a (id);\nCREATE INDEX CONCURRENTLY j ON a (nope);",
        ),
    ])
    .await;
    stage.done("up --to 20260402000000");
    assert_eq!(stage.run("up").code, 7);
    stage.database.connect().await.unwrap().batch_execute("DROP INDEX i").await.unwrap();
    stage.done("resolve 20260403000000 --reverted --reason 'dropped the index'");
    stage.done("down --to 20260401000000 --yes");
    let status = stage.run("status").stdout;
    assert!(
        status.contains("20260401000000_a  applied") && status.contains("20260402000000_b  pending"),
        "{status}"
    );
    // Two names have this prefix: neither is chosen.
    stage.write("migrations/20260402000000_d/migration.sql", "SELECT 1;");
    assert_eq!(stage.run("up --to 20260402000000").code, 5);
}

#[tokio::test]
async fn a_renumbered_migration_is_recognized_by_its_text() {
    for (from, to) in [("0002_posts", "0004_posts"), ("0003_late", "0001_late")] {
        let stage = Stage::new(&[
            ("0000_first.sql", "CREATE TABLE first ();"),
            ("0002_posts.sql", "CREATE TABLE IF NOT EXISTS posts ();"),
            ("0003_late.sql", "CREATE TABLE IF NOT EXISTS late ();"),
        ])
        .await;
        stage.done("up");
        let folder = stage.path().join("migrations");
        fs::rename(folder.join(format!("{from}.sql")), folder.join(format!("{to}.sql"))).unwrap();
        for line in ["up", "up --allow-missing"] {
            let refused = stage.run(line);
            assert_eq!(refused.code, 5, "{refused:?}");
            let told = format!("rename {to} back to {from}, under which it is applied");
            assert!(
                refused.stderr.contains("has the same text") && refused.stderr.contains(&told),
                "{refused:?}"
            );
            assert!(!refused.stderr.contains("--allow"), "no way out that would apply it again: {refused:?}");
        }
        fs::rename(folder.join(format!("{to}.sql")), folder.join(format!("{from}.sql"))).unwrap();
        assert!(stage.done("up").stdout.contains("nothing"));
    }
}
