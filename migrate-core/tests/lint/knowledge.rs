//! Knowledge from the set's earlier migrations, and tables that are new.

use crate::support::{findings, ids};
use migrate_core::Version;
use migrate_core::lint::{Finding, LintOptions, Risk};
use migrate_core::sql::facts::Facts;
use migrate_core::sql::losses;

const TABLE: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50), age int)";

#[test]
fn a_table_that_the_script_makes_is_no_danger() {
    let script = format!(
        "{TABLE}; CREATE INDEX ON users (age); ALTER TABLE users ALTER age TYPE bigint; UPDATE users SET age = 1; TRUNCATE users; \
         ALTER TABLE users DROP email; ALTER TABLE users RENAME TO people; DROP TABLE people"
    );
    assert_eq!(ids(&[&script]), [""; 0]);
}

#[test]
fn what_is_made_in_a_pending_migration_of_the_same_run_is_no_danger() {
    let texts = [TABLE, "CREATE INDEX i ON users (age)", "CREATE INDEX j ON posts (age)"];
    let since = |version: Option<&str>| {
        let mut options = LintOptions::default();
        options.since = version.map(|version| Version::numeric(version.to_owned()));
        let findings = findings(&texts, &options);
        findings.iter().map(|finding| finding.version.to_string()).collect::<Vec<_>>()
    };
    // Each by itself, then 2 and 3 after 1, and 3 alone.
    assert_eq!(since(None), ["2", "3"]);
    assert_eq!(since(Some("1")), ["2", "3"]);
    assert_eq!(since(Some("2")), ["3"]);
    assert_eq!(since(Some("3")), [""; 0]);
    // A version that the set lacks says nothing.
    assert_eq!(since(Some("9")), ["2", "3"]);
    let pending = ["CREATE TABLE old ()", TABLE, "CREATE INDEX i ON users (age)"];
    let mut options = LintOptions::default();
    options.since = Some(Version::numeric("1".to_owned()));
    assert_eq!(findings(&pending, &options), []);
}

#[test]
fn a_check_that_an_earlier_migration_validated_makes_not_null_harmless() {
    let add = "ALTER TABLE users ADD CONSTRAINT age_set CHECK (age IS NOT NULL) NOT VALID";
    let validate = "ALTER TABLE users VALIDATE CONSTRAINT age_set";
    let set_it = "ALTER TABLE users ALTER age SET NOT NULL";
    assert!(ids(&[TABLE, add, set_it]).contains(&"not-null-scans"));
    assert!(!ids(&[TABLE, add, validate, set_it]).contains(&"not-null-scans"));
    let dropped = "ALTER TABLE users DROP CONSTRAINT age_set";
    assert!(ids(&[TABLE, add, validate, dropped, set_it]).contains(&"not-null-scans"));
}

#[test]
fn what_code_may_have_changed_is_not_known() {
    let check = "ALTER TABLE users ADD CONSTRAINT age_set CHECK (age IS NOT NULL)";
    let set_it = "ALTER TABLE users ALTER age SET NOT NULL";
    assert!(!ids(&[TABLE, check, set_it]).contains(&"not-null-scans"));
    for code in [
        "DO $$ BEGIN ALTER TABLE users DROP CONSTRAINT age_set; END $$",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE \"users\" DROP CONSTRAINT age_set'; END $$",
        "DO 'BEGIN ALTER TABLE Users DROP CONSTRAINT age_set; END'",
    ] {
        assert!(ids(&[TABLE, check, code, set_it]).contains(&"not-null-scans"), "{code}");
    }
    let other = "DO $$ BEGIN ALTER TABLE posts DROP CONSTRAINT age_set; END $$";
    assert!(!ids(&[TABLE, check, other, set_it]).contains(&"not-null-scans"));
}

#[test]
fn the_old_type_decides_what_a_change_of_it_costs() {
    let worst = |statement| {
        let findings = crate::support::found(&[TABLE, statement]);
        findings
            .iter()
            .max_by_key(|finding| finding.risk)
            .map(|finding: &Finding| (finding.rule.id, finding.risk))
    };
    assert_eq!(worst("ALTER TABLE users ALTER age TYPE bigint"), Some(("type-rewrites", Risk::Dangerous)));
    assert!(worst("ALTER TABLE users ALTER email TYPE text").is_some_and(|(_, risk)| risk == Risk::Careful));
}

#[test]
fn the_time_zone_decides_where_it_is_known() {
    let texts = ["CREATE TABLE e (at timestamp)", "ALTER TABLE e ALTER at TYPE timestamptz"];
    let rules = |is_utc| {
        let mut options = LintOptions::default();
        options.is_utc = is_utc;
        let findings = findings(&texts, &options);
        findings
            .iter()
            .filter(|finding| finding.risk >= Risk::Dangerous)
            .map(|finding| finding.rule.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(None), ["type-timezone"]);
    assert_eq!(rules(Some(true)), [""; 0]);
    assert_eq!(rules(Some(false)), ["type-rewrites"]);
}

#[test]
fn an_index_that_a_later_migration_makes_serves_a_foreign_key() {
    let key = "CREATE TABLE posts (author bigint REFERENCES users (id))";
    let options = LintOptions::default();
    let rules =
        |texts: &[&str]| findings(texts, &options).iter().map(|finding| finding.rule.id).collect::<Vec<_>>();
    assert_eq!(rules(&[TABLE, key]), ["fk-without-index"]);
    assert_eq!(rules(&[TABLE, key, "CREATE INDEX CONCURRENTLY i ON posts (author)"]), [""; 0]);
}

#[test]
fn in_one_transaction_a_lock_lasts_to_the_commit() {
    let script = "ALTER TABLE users ADD seen int;\nUPDATE users SET seen = age;";
    let findings = crate::support::found(&[TABLE, script]);
    let slow = findings.iter().find(|finding| finding.rule.id == "slow-after-lock").unwrap();
    assert_eq!(
        slow.to_string(),
        "2.sql:2:1: dangerous: the lock on users of the statement in line 1 is held until its rows are written: nobody can read or \
         write it [slow-after-lock]"
    );
    let alone = format!("-- migrate: transaction=none\n{script}");
    assert!(!ids(&[TABLE, &alone]).contains(&"slow-after-lock"));
}

#[test]
fn what_code_does_is_judged_as_if_it_were_written_out() {
    let rules = |statement: &str| ids(&[TABLE, statement]);
    for (code, rule) in [
        ("DO $$ BEGIN ALTER TABLE users ALTER age TYPE bigint; END $$", "type-rewrites"),
        ("DO 'BEGIN DROP TABLE users; END'", "drop-table"),
        (
            "DO $$ BEGIN IF true THEN EXECUTE 'CREATE INDEX i ON users (age)'; END IF; END $$",
            "index-not-concurrent",
        ),
        ("DO $$ BEGIN EXECUTE format('ALTER TABLE %I DROP COLUMN age', t); END $$", "drop-column"),
        ("DO $$ BEGIN ALTER TABLE users ADD z int; UPDATE users SET z = 1; END $$", "slow-after-lock"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE users; END $$; SELECT f()",
            "truncate",
        ),
        ("CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM users'; CALL p()", "delete-all-rows"),
    ] {
        assert!(rules(code).contains(&rule), "{code}: {:?}", rules(code));
    }
    // A function that nobody calls does nothing, and code may drop what it made.
    for harmless in [
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE users; END $$",
        "DO $$ BEGIN CREATE TABLE scratch (id int); DROP TABLE scratch; END $$",
        "DO LANGUAGE plpython3u $$ DROP TABLE users; $$",
        "DO $$ BEGIN UPDATE users SET age = 1 WHERE id = 1; END $$",
    ] {
        let findings = crate::support::found(&[TABLE, harmless]);
        assert!(findings.iter().all(|finding| finding.risk <= Risk::Careful), "{harmless}: {findings:?}");
    }
}

#[test]
fn a_statement_inside_of_code_is_found_where_it_stands() {
    let text = "DO $$\nBEGIN\n  DROP TABLE users;\nEND $$";
    let found = crate::support::found(&[TABLE, text]);
    let drop = found.iter().find(|finding| finding.rule.id == "drop-table").unwrap();
    assert_eq!(
        drop.to_string(),
        "2.sql:3:3: very-risky: inside the code, the table users and its rows are deleted [drop-table]"
    );
    assert_eq!(&text[drop.span.clone()], "DROP TABLE users");
}

#[test]
fn code_with_names_that_only_the_run_knows_may_have_changed_any_table() {
    let check = "ALTER TABLE users ADD CONSTRAINT age_set CHECK (age IS NOT NULL)";
    let set_it = "ALTER TABLE users ALTER age SET NOT NULL";
    let code = |execute: &str| format!("DO $$ BEGIN {execute}; END $$");
    for open in [
        "EXECUTE format('ALTER TABLE %I DROP CONSTRAINT age_set', t)",
        "EXECUTE statement",
        "EXECUTE 'ALTER TABLE ' || t || ' DROP CONSTRAINT age_set'",
    ] {
        assert!(ids(&[TABLE, check, &code(open), set_it]).contains(&"not-null-scans"), "{open}");
    }
    let grant = code("EXECUTE format('GRANT SELECT ON %I TO app', t)");
    assert!(!ids(&[TABLE, check, &grant, set_it]).contains(&"not-null-scans"));
}

#[test]
fn code_may_have_made_what_a_later_statement_meets() {
    let parent = "CREATE TABLE p (id int) PARTITION BY RANGE (id)";
    let code = "DO $$ BEGIN CREATE TABLE rest PARTITION OF p DEFAULT; END $$";
    let partition = "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2)";
    let worst = |scripts: &[&str]| crate::support::found(scripts).iter().map(|finding| finding.risk).max();
    assert_eq!(worst(&[parent, partition]), Some(Risk::Careful));
    assert_eq!(worst(&[parent, code, partition]), Some(Risk::Dangerous));
}

#[test]
fn what_the_script_itself_made_is_no_loss() {
    for kept in [
        "CREATE SCHEMA s; CREATE TABLE s.t (); DROP SCHEMA s CASCADE",
        "CREATE TYPE m AS ENUM ('a'); DROP TYPE m",
        "CREATE EXTENSION hstore; DROP EXTENSION hstore",
        "CREATE DOMAIN d AS int; DROP DOMAIN d",
    ] {
        let findings = crate::support::found(&[kept]);
        assert!(findings.iter().all(|finding| finding.risk < Risk::Dangerous), "{kept}: {findings:?}");
    }
}

#[test]
fn a_check_of_a_table_that_the_set_did_not_create_is_followed_too() {
    let add = "ALTER TABLE old ADD CONSTRAINT age_set CHECK (age IS NOT NULL) NOT VALID";
    let validate = "ALTER TABLE old VALIDATE CONSTRAINT age_set";
    let set_it = "ALTER TABLE old ALTER age SET NOT NULL";
    let has = |scripts: &[&str]| ids(scripts).contains(&"not-null-scans");
    assert!(has(&[set_it]) && has(&[add, set_it]));
    assert!(!has(&[add, validate, set_it]));
    assert!(!has(&[
        "ALTER TABLE old ADD CONSTRAINT a NOT NULL age NOT VALID",
        "ALTER TABLE old VALIDATE CONSTRAINT a",
        set_it
    ]));
    for between in [
        "ALTER TABLE old DROP CONSTRAINT age_set",
        "ALTER TABLE old RENAME age TO years",
        "DROP TABLE old",
        "DO $$ BEGIN ALTER TABLE old DROP CONSTRAINT age_set; END $$",
    ] {
        assert!(has(&[add, validate, between, set_it]), "{between}");
    }
    let renamed = ["ALTER TABLE old RENAME TO older", "ALTER TABLE older ALTER age SET NOT NULL"];
    assert!(!has(&[add, validate, renamed[0], renamed[1]]));
}

#[test]
fn the_losses_of_a_plan_leave_out_what_its_statements_made() {
    let lost = |made: &str, dropped: &str| {
        let mut facts = Facts::none();
        facts.apply(made);
        losses(dropped, &facts).len()
    };
    for (made, dropped) in [
        ("CREATE SCHEMA s", "DROP SCHEMA s"),
        ("CREATE TYPE m AS ENUM ('a')", "DROP TYPE m"),
        ("CREATE DOMAIN d AS int", "DROP DOMAIN d"),
        ("CREATE EXTENSION hstore", "DROP EXTENSION hstore"),
    ] {
        assert_eq!((lost(made, dropped), lost("SELECT 1", dropped)), (0, 1), "{dropped}");
    }
    assert_eq!(lost("CREATE SCHEMA IF NOT EXISTS s", "DROP SCHEMA s"), 1);
}

#[test]
fn a_validated_check_of_which_only_the_name_is_known_leaves_the_answer_open() {
    let set_it = "ALTER TABLE old ALTER age SET NOT NULL";
    let risk = |validate: &str| {
        let findings = crate::support::found(&[validate, set_it]);
        findings.into_iter().find(|finding| finding.rule.id == "not-null-scans").unwrap()
    };
    let open = risk("ALTER TABLE old VALIDATE CONSTRAINT old_age_not_null");
    assert_eq!(
        open.to_string(),
        "2.sql:1:17: careful: nobody can read or write old for a moment (all of it is read if the constraint old_age_not_null \
         does not exclude nulls) [not-null-scans]"
    );
    assert_eq!(risk("ALTER TABLE old VALIDATE CONSTRAINT positive").risk, Risk::Dangerous);
}
