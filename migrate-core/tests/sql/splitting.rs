//! A script is split at the same points as by the server.

use migrate_core::sql::{Refusal, Statement, split};

/// The statements of a script without faults.
fn statements(script: &str) -> Vec<&str> {
    let split = split(script);
    assert_eq!(split.faults, [], "{script}");
    split.statements.iter().map(|statement| statement.text(script)).collect()
}

#[test]
fn a_semicolon_ends_a_statement() {
    assert_eq!(statements("SELECT 1;SELECT 2 ; \n SELECT 3"), ["SELECT 1", "SELECT 2", "SELECT 3"]);
}

#[test]
fn nothing_is_no_statement() {
    for script in ["", " \n", ";;;", "-- a\n; /* b */ ;", "\u{FEFF}", "\u{FEFF};"] {
        assert!(statements(script).is_empty(), "{script:?}");
    }
}

#[test]
fn a_statement_has_no_comments_around_it_and_keeps_those_inside() {
    let script = "-- before\nSELECT /* in */ 1 -- after\n; -- behind\n";
    assert_eq!(statements(script), ["SELECT /* in */ 1"]);
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_statement() {
    let script = "\u{FEFF}SELECT 1";
    assert_eq!(statements(script), ["SELECT 1"]);
    assert_eq!(split(script).statements[0].range(), 3..11);
}

#[test]
fn a_quoted_semicolon_ends_nothing() {
    for script in [
        "SELECT ';'",
        r"SELECT E'\';'",
        "SELECT \";\"",
        "SELECT $$;$$",
        "SELECT $a$;$$;$a$",
        "SELECT 'a'\n';'",
        "SELECT 1 /* ; /* ; */ ; */ + 1",
        "SELECT 1 -- ;\n + 1",
    ] {
        assert_eq!(statements(script), [script]);
    }
}

#[test]
fn a_body_of_begin_atomic_is_part_of_its_statement() {
    for script in [
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "create or replace procedure p() language sql begin atomic insert into t values (1); end",
        "CREATE FUNCTION f() RETURNS int BEGIN /* c */ ATOMIC END",
        "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN CASE a WHEN 1 THEN 2 END END; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 1 AS begin; SELECT x.end FROM x; END",
        "CREATE FUNCTION begin() RETURNS begin BEGIN ATOMIC ; ; SELECT 1; END",
        "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC SELECT 1 FROM begin atomic; END",
        "CREATE FUNCTION f(a int DEFAULT (CASE WHEN true THEN 1 END)) RETURNS int BEGIN ATOMIC SELECT a; END",
        "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; END; END",
    ] {
        let twice = format!("{script};\nSELECT 1;");
        assert_eq!(statements(&twice), [script, "SELECT 1"]);
    }
}

#[test]
fn words_of_a_body_mean_nothing_elsewhere() {
    let scripts = [
        "CREATE FUNCTION f() RETURNS int RETURN 1; SELECT 2",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT 2",
        "CREATE FUNCTION begin(atomic int) RETURNS int RETURN 1; SELECT 2",
        "CREATE FUNCTION \"begin\"() RETURNS int RETURN 1; SELECT 2",
        "CREATE TABLE begin (atomic int); SELECT 2",
        "CREATE TABLE t AS SELECT 1 FROM begin atomic; SELECT 2",
        "CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f(); SELECT 2",
        "CREATE OR REPLACE RULE r AS ON INSERT TO t DO NOTHING; SELECT 2",
        "SELECT CASE WHEN true THEN 1 END; SELECT 2",
    ];
    for script in scripts {
        assert_eq!(statements(script).len(), 2, "{script}");
    }
}

#[test]
fn the_actions_of_a_rule_are_part_of_its_statement() {
    for script in [
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        "CREATE OR REPLACE RULE r AS ON INSERT TO t DO INSTEAD (SELECT (1); ; DELETE FROM t WHERE (a = 1);)",
    ] {
        let twice = format!("{script};\nSELECT 1;");
        assert_eq!(statements(&twice), [script, "SELECT 1"]);
    }
}

#[test]
fn a_schema_with_its_elements_is_one_statement() {
    let script = "CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT a FROM t";
    assert_eq!(statements(script), [script]);
}

#[test]
fn a_statement_knows_its_line() {
    let script = "SELECT 1;\r\n\r\n-- two\n/* three\nfour */ SELECT 'a\nb'; SELECT 3;\nSELECT 4";
    let lines: Vec<_> = split(script).statements.iter().map(Statement::line).collect();
    assert_eq!(lines, [1, 5, 6, 7]);
}

#[test]
fn a_statement_knows_what_it_refuses() {
    let split = split("CREATE TABLE t (a int); VACUUM t; SELECT 1");
    let refusals: Vec<_> = split.statements.iter().map(Statement::refuses).collect();
    assert_eq!(refusals, [None, Some(Refusal::Vacuum), None]);
}

#[test]
fn a_statement_can_be_a_constant() {
    const STATEMENT: Statement = Statement::new(0, 6, 1, Some(Refusal::Vacuum));
    assert_eq!(split("VACUUM").statements, [STATEMENT]);
    assert_eq!(STATEMENT.text("VACUUM"), "VACUUM");
}

#[test]
fn a_long_script_is_split_in_linear_time() {
    // Inputs that a careless lexer reads in quadratic time: signs cut off operators, strings without a
    // continuation, COPY without rows, open parentheses. Fifty thousand of each would then take many minutes.
    for piece in
        ["+-", "'a' \n -", "COPY t FROM stdin;", "(;", "$a", "E'\\\\'\n", "/**/", "\\x\n", "begin atomic "]
    {
        let script = piece.repeat(50_000);
        let split = split(&script);
        assert!(split.statements.len() <= 50_000);
    }
}
