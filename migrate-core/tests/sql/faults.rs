//! All faults of a script are found, each at its position.

use migrate_core::sql::{Control, FaultKind, Modes, line_column, split};

/// The faults, as `line:column message`.
fn faults(script: &str) -> Vec<String> {
    let place = |offset| line_column(script, offset);
    split(script).faults.iter().map(|fault| format!("{} {fault}", place(fault.offset))).collect()
}

fn statements(script: &str) -> Vec<&str> {
    split(script).statements.iter().map(|statement| statement.text(script)).collect()
}

#[test]
fn what_does_not_end_is_reported_where_it_begins() {
    let cases = [
        ("SELECT 1;\nSELECT 'it''s;\n", "2:8 this string has no closing quote"),
        ("SELECT E'a\\';", "1:8 this string has no closing quote"),
        ("SELECT B'01", "1:8 this bit string has no closing quote"),
        ("SELECT \"a;", "1:8 this quoted identifier has no closing quote"),
        ("DO $do$ BEGIN END $DO$;", "1:4 this dollar-quoted string has no closing $do$"),
        ("DO $$ BEGIN END;", "1:4 this dollar-quoted string has no closing $$"),
        ("SELECT 1; /* /* */", "1:11 this comment has no closing */"),
        (
            "CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC SELECT CASE END;",
            "2:1 this BEGIN ATOMIC has no END",
        ),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2", "1:36 this ( is unmatched"),
        ("CREATE TABLE t (a int", "1:16 this ( is unmatched"),
    ];
    for (script, expected) in cases {
        assert_eq!(faults(script), [expected], "{script}");
    }
}

#[test]
fn what_stands_inside_something_unterminated_is_not_reported_again() {
    assert_eq!(faults("CREATE TABLE t (a text DEFAULT 'x);"), ["1:32 this string has no closing quote"]);
    assert_eq!(faults("CREATE TABLE t (a text /* x);"), ["1:24 this comment has no closing */"]);
    assert_eq!(
        faults("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 'x; END;"),
        ["1:53 this string has no closing quote"]
    );
}

#[test]
fn a_transaction_can_be_begun_and_ended_and_is_known_for_it() {
    use Modes::{None, ReadOnly, ReadWrite, Some};
    let [commit, commit_and_chain] = [false, true].map(|chain| Control::Commit { chain });
    let [rollback, rollback_and_chain] = [false, true].map(|chain| Control::Rollback { chain });
    let cases = [
        ("BEGIN", Control::Begin(None)),
        ("begin work", Control::Begin(None)),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", Control::Begin(Some)),
        ("START /* a */ TRANSACTION READ ONLY, NOT DEFERRABLE", Control::Begin(ReadOnly)),
        ("BEGIN TRANSACTION READ ONLY READ WRITE", Control::Begin(ReadWrite)),
        ("COMMIT", commit),
        ("COMMIT AND CHAIN", commit_and_chain),
        ("END TRANSACTION AND NO CHAIN", commit),
        ("ABORT", rollback),
        ("ROLLBACK WORK", rollback),
        ("ROLLBACK TRANSACTION AND CHAIN", rollback_and_chain),
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", Control::Set(Some)),
        ("SET LOCAL TRANSACTION READ ONLY", Control::Set(ReadOnly)),
        ("SET TRANSACTION SNAPSHOT '1'", Control::Set(Some)),
        ("SET LOCAL transaction_isolation TO 'serializable'", Control::Set(Some)),
        ("set session \"transaction_read_only\" = on", Control::Set(ReadOnly)),
        ("SET transaction_read_only = off", Control::Set(ReadWrite)),
        ("CALL p()", Control::Code),
        ("DO $$ BEGIN COMMIT; END $$", Control::Code),
    ];
    for (script, control) in cases {
        let split = split(script);
        assert_eq!(split.faults, [], "{script}");
        assert_eq!(split.statements[0].control(), Option::Some(control), "{script}");
    }
    for script in
        ["ROLLBACK TO a", "COMMIT PREPARED 'x'", "SAVEPOINT a", "SET default_transaction_read_only = on"]
    {
        assert_eq!(split(script).statements[0].control(), Option::None, "{script}");
    }
    assert_eq!(split("PREPARE TRANSACTION 'x'").faults[0].kind, FaultKind::PrepareTransaction);
}

#[test]
fn what_works_inside_a_transaction_is_no_fault() {
    for script in [
        "SAVEPOINT a; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a; ROLLBACK TRANSACTION TO a; RELEASE a",
        "COMMIT PREPARED 'x'; ROLLBACK PREPARED 'x'",
        "PREPARE q AS SELECT 1; PREPARE transaction_ AS SELECT 1",
        "DO $$ BEGIN COMMIT; END $$",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "COPY t FROM '/tmp/stdin'; COPY t TO '/tmp/stdout'; COPY t FROM PROGRAM 'true'",
        "COPY stdin FROM '/tmp/x'; COPY (SELECT 1 FROM stdin) TO '/tmp/x'; COPY s.from (\"to\") FROM '/tmp/x'",
        "SELECT '\\connect', $$\\i x$$, \"\\a\" -- \\b\n/* \\c */",
    ] {
        assert_eq!(faults(script), Vec::<String>::new(), "{script}");
    }
}

#[test]
fn copy_from_and_to_the_client_is_a_fault() {
    let cases = [
        ("COPY t FROM STDIN", FaultKind::CopyFromStdin),
        ("copy s.\"T\" (a, \"from\") from stdin with (format csv)", FaultKind::CopyFromStdin),
        ("COPY BINARY t FROM stdout", FaultKind::CopyFromStdin),
        ("COPY t TO STDOUT", FaultKind::CopyToStdout),
        ("COPY (SELECT 1 FROM t) TO STDOUT", FaultKind::CopyToStdout),
        ("COPY t TO stdin", FaultKind::CopyToStdout),
    ];
    for (script, kind) in cases {
        assert_eq!(
            split(script).faults.into_iter().map(|fault| fault.kind).collect::<Vec<_>>(),
            [kind],
            "{script}"
        );
    }
}

#[test]
fn the_rows_of_a_copy_are_not_read_as_sql() {
    let script =
        "COPY t FROM stdin;\n1\tit's; \\N\n\\.x\n\\.\nSELECT 2;\nCOPY t FROM stdin;\r\n'\r\n\\.\r\nSELECT 3;";
    let from = "COPY FROM STDIN waits for rows that a migration can't send";
    assert_eq!(faults(script), [format!("1:1 {from}"), format!("6:1 {from}")]);
    assert_eq!(statements(script), ["COPY t FROM stdin", "SELECT 2", "COPY t FROM stdin", "SELECT 3"]);
}

#[test]
fn a_copy_without_rows_does_not_hide_what_follows() {
    assert_eq!(faults("COPY t FROM stdin;\nSELECT 1;\nPREPARE TRANSACTION 'x';").len(), 2);
}

#[test]
fn a_command_for_psql_is_a_fault_with_its_line() {
    let cases = [
        ("\\connect db", "\\connect"),
        ("\\restrict x'y", "\\restrict"),
        ("SELECT 1 \\gset", "\\gset"),
        ("SELECT 1\\; SELECT 2;", "\\;"),
        ("\\echo it's", "\\echo"),
        ("\\a\\b", "\\a"),
        ("\\\\", "\\\\"),
        ("\\", "\\"),
        ("\\é x", "\\é"),
    ];
    for (script, command) in cases {
        let command = command.to_owned();
        let kinds: Vec<_> = split(script).faults.into_iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds, [FaultKind::PsqlMetaCommand { command }], "{script}");
    }
}

#[test]
fn reading_goes_on_behind_a_command_for_psql() {
    let script = "\\echo it's\nSELECT 1 \\gset\nSELECT 2;\nSELECT\n\\set x\n3;";
    assert_eq!(faults(script).len(), 3);
    assert_eq!(statements(script), ["SELECT 1", "SELECT 2", "SELECT\n\\set x\n3"]);
}

#[test]
fn the_rows_of_a_psql_copy_are_not_read_as_sql() {
    assert_eq!(statements("\\copy t from stdin\nit's\n\\.\nSELECT 1;"), ["SELECT 1"]);
}

#[test]
fn a_parenthesis_without_a_partner_is_a_fault() {
    let script = "SELECT (1;\nSELECT 2);\nSELECT ((3);\nSELECT (4)";
    assert_eq!(
        faults(script),
        ["1:8 this ( is unmatched", "2:9 this ) is unmatched", "3:8 this ( is unmatched"]
    );
    assert_eq!(statements(script), ["SELECT (1", "SELECT 2)", "SELECT ((3)", "SELECT (4)"]);
}

#[test]
fn a_byte_0_ends_the_reading() {
    assert_eq!(faults("SELECT 1;\nSELECT '\0'"), ["2:9 a zero byte can't be sent to the server"]);
    assert_eq!(faults("COPY t TO stdout;\0COMMIT").len(), 2);
    let utf16: String = "SELECT 1;".chars().flat_map(|c| [c, '\0']).collect();
    assert_eq!(faults(&utf16).len(), 1);
}

#[test]
fn all_faults_are_found_in_the_order_of_the_script() {
    let script = "\\a\nSELECT 1 \\g\nCOPY t TO stdout;\nSELECT );\nPREPARE TRANSACTION 'a';\nSELECT 'x";
    let lines: Vec<_> =
        faults(script).iter().map(|fault| fault.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn every_fault_says_how_to_mend_it() {
    let script = "BEGIN; SELECT ); SELECT (; COPY t FROM stdin; COPY t TO stdout;\n\\c\n\\i x\n\\foo\n";
    for ending in ["'", "B'", "\"", "$x$", "/*", "CREATE FUNCTION f() BEGIN ATOMIC", "\0"] {
        for fault in split(&format!("{script}{ending}")).faults {
            assert!(fault.help().len() > 8, "{fault}");
            assert_ne!(fault.help(), fault.to_string());
        }
    }
}

const ESCAPES: &str = "the meaning of a backslash in this string depends on standard_conforming_strings, which the script turns off \
                       before it";
const ENCODED: &str =
    "this character depends on client_encoding, which the script sets to something other than UTF8 before it";

#[test]
fn a_backslash_in_a_string_behind_the_setting_that_makes_it_an_escape_is_refused() {
    let paths = "INSERT INTO paths VALUES ('C:\\\\data\\\\new');";
    for off in [
        "SET standard_conforming_strings = off",
        "set Standard_Conforming_Strings to 'off'",
        "SET SESSION \"standard_conforming_strings\" = false",
        "SET LOCAL standard_conforming_strings TO 0",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "SELECT pg_catalog.set_config('STANDARD_CONFORMING_STRINGS', 'off', is_local => true)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
        "DO $$ BEGIN SET standard_conforming_strings = off; END $$",
        "SET standard_conforming_strings = on; SET standard_conforming_strings = off",
    ] {
        assert_eq!(faults(&format!("{off};\n{paths}")), [format!("2:27 {ESCAPES}")], "{off}");
        assert_eq!(
            faults(&format!("{off};\nSELECT N'\\', E'\\\\', $$\\$$")),
            [format!("2:8 {ESCAPES}")],
            "{off}"
        );
        // A string without a backslash, or with explicit escapes, keeps its meaning.
        assert!(
            faults(&format!("{off}; INSERT INTO paths VALUES ('C:/data', E'a\\\\b', $$a\\b$$);")).is_empty(),
            "{off}"
        );
    }
    for back in [
        "SET standard_conforming_strings = on",
        "RESET standard_conforming_strings",
        "SET standard_conforming_strings TO DEFAULT",
        "RESET ALL",
        "DISCARD ALL",
    ] {
        assert!(
            faults(&format!("SET standard_conforming_strings = off; {back}; {paths}")).is_empty(),
            "{back}"
        );
    }
    for as_it_was in [
        "SET standard_conforming_strings = on",
        "SET standard_conforming_strings TO 'true'",
        "SELECT set_config('standard_conforming_strings', 'on', false)",
        "SHOW standard_conforming_strings",
        "SELECT current_setting('standard_conforming_strings')",
        "CREATE FUNCTION f() RETURNS text SET standard_conforming_strings = off LANGUAGE sql AS 'SELECT 1'",
        "ALTER DATABASE app SET standard_conforming_strings = off",
        "ALTER ROLE app SET standard_conforming_strings = off",
    ] {
        assert!(faults(&format!("{as_it_was};\n{paths}")).is_empty(), "{as_it_was}");
    }
}

#[test]
fn a_character_behind_another_encoding_is_refused() {
    let insert = "INSERT INTO t VALUES ('caf\u{e9}');";
    for other in [
        "SET client_encoding = 'LATIN1'",
        "SET CLIENT_ENCODING TO win1252",
        "SET NAMES 'SQL_ASCII'",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
    ] {
        assert_eq!(faults(&format!("{other};\n{insert}")), [format!("2:27 {ENCODED}")], "{other}");
        assert!(faults(&format!("{other}; INSERT INTO t VALUES ('cafe');")).is_empty(), "{other}");
        assert!(faults(&format!("{other}; RESET client_encoding; {insert}")).is_empty(), "{other}");
    }
    for utf8 in
        ["SET client_encoding = 'UTF8'", "SET NAMES 'utf-8'", "SET client_encoding TO DEFAULT", "SET NAMES"]
    {
        assert!(faults(&format!("{utf8}; {insert}")).is_empty(), "{utf8}");
    }
}
