//! `check`: findings in each format, and what makes it fail.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use serde_json::Value;

/// A set in which each risk occurs.
const RISKS: [(&str, &str); 4] = [
    ("0001_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text, phone text);"),
    ("0001_users.down.sql", "DROP TABLE users;"),
    ("0002_index.up.sql", "-- Finds users by email.\nCREATE INDEX users_email ON users (email);"),
    ("0003_phone.up.sql", "ALTER TABLE users ADD age int;\nALTER TABLE users\n  DROP COLUMN phone;\n"),
];

#[tokio::test]
async fn findings_are_shown_with_their_line_the_reason_and_the_safe_way() {
    let stage = Stage::new(&RISKS).await;
    let lines = [
        "check",
        "check --all",
        "check --since 0002 --deny very-risky",
        "check --since 0002_index --json",
        "check --since 0001 --deny careful --format github",
        "check --since 0009",
    ];
    assert_snapshot("findings.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn only_a_denied_risk_fails_the_check() {
    let stage = Stage::new(&RISKS).await;
    for (line, code) in [
        ("check", 0),
        ("check --since 0003 --deny careful", 0),
        ("check --since 0001 --deny dangerous", 12),
        ("check --since 0002 --deny very-risky", 12),
        ("check --since 0001 --deny very-risky --format sarif", 12),
        ("check --since 0001 --deny very-risky --format github", 12),
        ("check --since 0001 --deny very-risky --json", 12),
        ("check --deny harmless", 2),
        ("check --pg 13", 2),
        ("check --format sarif --json", 2),
    ] {
        let ran = stage.run(line);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
    }
    let accepted =
        "-- migrate: allow=drop-column reason=\"unused since 2.0\"\nALTER TABLE users DROP COLUMN phone;";
    stage.write("migrations/0003_phone.up.sql", accepted);
    let ran = stage.run("check --since 0002 --deny very-risky --json");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &found["approved"][0]["reason"]), (0, &"unused since 2.0".into()), "{found}");
    let sarif = stage.run("check --since 0002 --format sarif");
    assert!(sarif.stdout.contains(r#""justification": "unused since 2.0""#), "{sarif:?}");
    stage.write("migrations/0003_phone.up.sql", "-- migrate: allow=drop-colum\nSELECT 1;");
    assert_eq!(stage.run("check").code, 12, "an unknown rule is an error, whatever is denied");
    stage.write("migrations/0003_phone.up.sql", "SELECT 1;");
    assert_eq!(stage.run("check --since 0001 --deny very-risky").code, 0);
    assert_eq!(stage.run("check --since 0002 --deny careful").code, 0);
}

/// The members that the schema of SARIF 2.1.0 requires, and places in the file.
#[tokio::test]
async fn sarif_has_each_rule_and_the_place_of_each_finding() {
    let stage = Stage::new(&RISKS).await;
    let sarif = |stage: &Stage, code: i32| -> Value {
        let ran = stage.run("check --since 0001 --format sarif");
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let document = sarif(&stage, 0);
    let run = &document["runs"][0];
    assert_eq!((&document["version"], &run["tool"]["driver"]["name"]), (&"2.1.0".into(), &"migrate".into()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 3, "{document}");
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        assert!(
            result["message"]["text"].as_str().is_some_and(|text| text.contains("Safe way: ")),
            "{result}"
        );
    }
    let dropped = results.iter().find(|result| result["ruleId"] == "drop-column").unwrap();
    let place = &dropped["locations"][0]["physicalLocation"];
    assert_eq!(
        (&dropped["level"], &place["artifactLocation"]["uri"]),
        (&"error".into(), &"migrations/0003_phone.up.sql".into())
    );
    let region = serde_json::json!({ "startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 20 });
    assert_eq!(place["region"], region);

    stage.write("migrations/0004_ä b.sql", "SELECT 'open");
    let result = &sarif(&stage, 5)["runs"][0]["results"][0];
    let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(
        (&result["level"], uri),
        (&"error".into(), &"migrations/0004_%C3%A4%20b.sql".into()),
        "{result}"
    );
}

#[tokio::test]
async fn no_text_of_a_script_becomes_a_command_of_github() {
    let stage = Stage::new(&[]).await;
    stage.write("migrations/0001_a.sql", "DROP TABLE \"a\n::error::b%0A\u{1b}[2J\";");
    for line in ["check --format github", "check"] {
        let ran = stage.run(line);
        assert!(ran.stdout.contains("drop-table"), "{ran:?}");
        assert!(ran.stdout.lines().skip(1).all(|line| !line.starts_with("::")), "{ran:?}");
        assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    }
    stage.write("migrations/0002_b,c:d.sql", "SELECT 'open");
    let ran = stage.run("check --format github");
    assert!(
        ran.code == 5 && ran.stdout.starts_with("::error file=migrations/0002_b%2Cc%3Ad.sql,line=1,"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn required_scripts_are_missed_by_name() {
    let stage = Stage::new(&TABLES).await;
    stage.write("migrations/0003_more.up.sql", "SELECT 1;");
    let lines = [
        "check --require down",
        "check --require down,verify --since 0001",
        "check --require down,verify --since 0003",
        "check --require verify --json",
    ];
    assert_snapshot("required.txt", &stage.transcript(&lines));
    let flyway =
        Stage::new(&[("V1__a.sql", "SELECT 1;"), ("U1__a.sql", "SELECT 1;"), ("R__b.sql", "SELECT 1;")]);
    assert_eq!(flyway.await.run("check --require down").code, 0, "a repeatable migration can't be reverted");
}

#[tokio::test]
async fn a_rule_explains_itself() {
    let stage = Stage::new(&[]).await;
    let lines = ["check --explain drop_column", "check --explain drop-colum", "check --explain x --json"];
    assert_snapshot("rules.txt", &stage.transcript(&lines));
    let text = stage.done("check --rules").stdout;
    let listed: Value = serde_json::from_str(&stage.done("check --rules --json").stdout).unwrap();
    for rule in migrate_postgres::lint::rules() {
        assert!(text.lines().any(|line| line.starts_with(&format!("{} ", rule.id))), "{}", rule.id);
        assert!(
            listed["rules"].as_array().unwrap().iter().any(|listed| listed["id"] == rule.id),
            "{}",
            rule.id
        );
    }
}

#[tokio::test]
async fn facts_about_the_database_are_read_from_a_file() {
    let stage = Stage::new(&RISKS).await;
    stage.write("other.json", "{\"format\": 99}");
    stage.write("broken.json", "{\"format\": ");
    stage.write("16.json", "{\"format\": 1, \"server_version\": 16, \"positions\": {\"default\": \"0003\"}}");
    let lines = [
        "check --facts 16.json",
        "check --facts 16.json --pg 17",
        "check --facts none.json",
        "check --facts other.json",
        "check --facts broken.json",
    ];
    assert_snapshot("facts_file.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn the_configuration_is_read_beside_cargo_toml() {
    let stage = Stage::new(&RISKS).await;
    stage.write("Cargo.toml", "");
    let config = "[lint]\ndeny = \"very-risky\"\nsince = \"0001\"\n\n[[lint.allow]]\nmigration = \"0002\"\n\
                  rule = \"index-not-concurrent\"\nreason = \"few users\"\n";
    stage.write("migrate.toml", config);
    let found = |line: &str, code: i32| -> Value {
        let ran = stage.run(line);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let denied = found("check --json", 12);
    assert_eq!(denied["deny"], "very-risky");
    let approved = &denied["approved"][0];
    assert_eq!(
        (&approved["by"], &approved["reason"]),
        (&"configuration".into(), &"few users".into()),
        "{denied}"
    );
    let findings = |document: &Value| document["findings"].as_array().unwrap().len();
    assert_eq!(findings(&denied), 2, "those of 0003: {denied}");
    assert_eq!(findings(&found("check --since 0003 --json", 0)), 0, "the command line outranks it");

    stage.write("migrate.toml", "[lint]\nfacts = \"db/none.json\"\n");
    let missing = stage.run("check");
    assert!(missing.stderr.starts_with("error: can't read `db/none.json`: "), "{missing:?}");
    stage.write("migrate.toml", "[lint]\ndeny = \"dangerous\"\n  denied = 1\n");
    let wrong = stage.run("check");
    assert!(
        wrong.code == 1 && wrong.stderr.starts_with("error: migrate.toml:3:3: unknown key `denied`"),
        "{wrong:?}"
    );
    // That of another crate above.
    stage.write("crate/Cargo.toml", "");
    stage.write("crate/migrations/0001_a.sql", "DROP TABLE a;");
    stage.done("check --folder crate/migrations");
}

#[tokio::test]
async fn the_facts_of_a_database_say_what_is_applied_there() {
    let stage = Stage::new(&RISKS).await;
    stage.done("up --to 0002");
    stage.write("facts.json", "{\"format\": 1, \"search_path\": [], \"positions\": {\"billing\": \"7\"}}");
    let written = stage.done("facts --out facts.json").stdout;
    assert!(written.starts_with("wrote facts.json: "), "{written}");
    let text = std::fs::read_to_string(stage.path().join("facts.json")).unwrap();
    let facts: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        facts["positions"],
        serde_json::json!({ "billing": "7", "default": "2" }),
        "other sets keep theirs"
    );
    let lines = |text: &str| {
        text.lines().filter(|line| !line.contains("billing")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&stage.done("facts").stdout), lines(&text));
    let ran = stage.run("check --facts facts.json --deny very-risky --json");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let names: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert!(ran.code == 12 && !names.is_empty() && names.iter().all(|name| *name == "0003_phone"), "{found}");
}

#[tokio::test]
async fn facts_overwrite_no_file_that_holds_something_else() {
    let stage = Stage::new(&RISKS).await;
    stage.write("notes.txt", "mine");
    let refused = stage.run("facts --out notes.txt");
    assert!(refused.code != 0 && refused.stderr.contains("notes.txt"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(stage.path().join("notes.txt")).unwrap(), "mine");
}

#[tokio::test]
async fn a_run_reports_the_findings_of_what_it_applied_and_what_was_accepted() {
    let stage = Stage::new(&RISKS).await;
    stage.done("up --to 0002");
    let drop = "ALTER TABLE users ADD age int;\n-- migrate: allow=drop-column reason=\"unused\"\nALTER TABLE users DROP COLUMN phone;\n\
                ALTER TABLE users DROP COLUMN email;\n";
    stage.write("migrations/0003_phone.up.sql", drop);
    let planned = stage.run("plan").stdout;
    assert!(planned.contains("very-risky: the column users.email and its values are gone"), "{planned}");
    let ran: Value = serde_json::from_str(&stage.done("up --json").stdout).unwrap();
    let rules = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|of| of["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert!(rules(&ran["report"]["findings"]).contains(&"drop-column".to_owned()), "{ran}");
    assert_eq!(rules(&ran["report"]["approved"]), ["drop-column"]);
    let accepted = serde_json::json!([{ "rule": "drop-column", "statement": 2, "reason": "unused" }]);
    let status: Value = serde_json::from_str(&stage.done("status --json").stdout).unwrap();
    assert_eq!(status["migrations"][2]["accepted"], accepted);
    let history: Value = serde_json::from_str(&stage.done("history --json").stdout).unwrap();
    assert_eq!(history["attempts"][2]["accepted"], accepted);
}
