//! `backup`, and `--backup` of the commands that change something.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use std::fs;

fn dumps(stage: &Stage) -> usize {
    fs::read_dir(stage.path().join("backups")).unwrap().count()
}

#[tokio::test]
async fn a_backup_is_made_checked_recorded_and_says_how_to_restore_it() {
    let stage = Stage::new(&TABLES).await;
    fs::create_dir(stage.path().join("backups")).unwrap();
    stage.done("up");
    let lines = ["backup backups", "backup backups --json"];
    assert_snapshot("backup.txt", &stage.transcript(&lines));
    assert_eq!((dumps(&stage), stage.value("SELECT count(*) FROM migrate_backup").await.as_str()), (2, "2"));
    let looked = stage.done("preflight --backup-age 1h").stdout;
    assert!(looked.contains("\nbackup       pass  the last one was made "), "{looked}");
    assert_eq!(stage.run("preflight --backup-age 0s").code, 9);
}

#[tokio::test]
async fn a_run_makes_its_backup_before_it_changes_anything_and_tells_of_it_in_every_end() {
    let stage = Stage::new(&TABLES).await;
    fs::create_dir(stage.path().join("backups")).unwrap();
    let lines = [
        "up --backup backups --dry-run",
        "up --backup backups",
        "up --backup backups",
        "redo --yes --backup backups",
    ];
    let told = stage.transcript(&lines);
    assert_eq!(dumps(&stage), 2, "one for each run that changed something: {told}");
    stage.write("migrations/0003_count.up.sql", "UPDATE users SET n = nope;");
    let told = told + &stage.transcript(&["up --backup backups", "down --yes --backup backups --json"]);
    assert_snapshot("backup_first.txt", &told);
    assert_eq!(dumps(&stage), 4);
    // The last dump was made before `down`, the first before `up`.
    let last = stage.value("SELECT file FROM migrate_backup ORDER BY made_at DESC LIMIT 1").await;
    let listed = |file: &str| {
        let output = std::process::Command::new("pg_restore").args(["--list", file]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(listed(&last).contains(" TABLE public posts "));
    let first = stage.value("SELECT file FROM migrate_backup ORDER BY made_at LIMIT 1").await;
    assert!(!listed(&first).contains(" TABLE public users "));
}

/// A `pg_dump` that writes something and never ends; its pid is in the file `dumping`.
const ENDLESS: &str = "#!/bin/sh
case $1 in --version) echo 'pg_dump (PostgreSQL) 99.1'; exit;; esac
while [ $# -gt 1 ]; do [ $1 = --file ] && echo half > $2; shift; done
echo $$ > dumping.new; mv dumping.new dumping
exec sleep 600
";

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_dump_and_removes_what_it_has_written() {
    use std::os::unix::fs::PermissionsExt;
    for signal in ["INT", "TERM", "HUP"] {
        for line in ["up --backup backups --pg-bin bin", "backup backups --pg-bin bin"] {
            let stage = Stage::new(&TABLES).await;
            fs::create_dir(stage.path().join("backups")).unwrap();
            for program in ["bin/pg_dump", "bin/pg_restore"] {
                stage.write(program, ENDLESS);
                let executable = fs::Permissions::from_mode(0o755);
                fs::set_permissions(stage.path().join(program), executable).unwrap();
            }
            let mut child = stage.spawn(line);
            let dumping = stage.path().join("dumping");
            while !dumping.exists() {
                assert!(child.try_wait().unwrap().is_none(), "{line}");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert!(dumps(&stage) > 0);
            stage.send(signal, &child);
            let ran = stage.ran(&child.wait_with_output().unwrap());
            assert!(ran.code > 128, "{ran:?}");
            assert_eq!(dumps(&stage), 0, "{signal} {line}");
            let pid = fs::read_to_string(&dumping).unwrap();
            assert!(!std::path::Path::new(&format!("/proc/{}", pid.trim())).exists(), "{signal} {line}");
        }
    }
}

#[tokio::test]
async fn without_a_backup_nothing_is_changed() {
    let stage = Stage::new(&TABLES).await;
    assert_snapshot(
        "no_backup.txt",
        &stage.transcript(&["up --backup nowhere", "up --backup nowhere --json"]),
    );
    for (line, next) in [
        ("backup . --pg-bin .", ", or name the folder (`--pg-bin`)"),
        ("backup . --reserve 8000000TB", "next: free some space, or name another folder"),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == 10 && ran.stderr.contains(next), "{line}: {ran:?}");
    }
    assert_eq!(stage.run("up --reserve 1GB").code, 2, "it is asked for what has no meaning");
    assert_eq!(stage.value("to_regclass('users')").await, "");
    assert_eq!(stage.value("to_regclass('migrate_backup')").await, "");
}
