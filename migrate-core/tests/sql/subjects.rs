//! The subject of a statement is determined from its tokens.

use migrate_core::sql::{Subject, subject};

fn index(name: Option<&str>, table: &str) -> Subject {
    Subject::CreateIndex {
        name: name.map(str::to_owned),
        table: table.to_owned(),
        unique: false,
        method: None,
        definition: "(a)".to_owned(),
        if_not_exists: false,
    }
}

#[test]
fn an_index_is_known_by_its_name_as_written_and_its_table() {
    let cases = [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", index(Some("i"), "t")),
        ("create index concurrently ON t(a);", index(None, "t").with_definition("(a)")),
        ("CREATE INDEX CONCURRENTLY \"On\" ON ONLY s.\"T\" (a)", index(Some("\"On\""), "s.\"T\"")),
        ("CREATE INDEX CONCURRENTLY i ON ONLY (db . s . t) (a)", index(Some("i"), "db.s.t")),
        ("CREATE INDEX CONCURRENTLY Ident ON t * (a)", index(Some("Ident"), "t")),
        ("CREATE INDEX/**/CONCURRENTLY--\n\"a\"\"b\" ON t (a)", index(Some("\"a\"\"b\""), "t")),
        ("CREATE INDEX CONCURRENTLY U&\"d\\0061t\\+000061\" ON t (a)", index(Some("\"data\""), "t")),
        ("CREATE INDEX CONCURRENTLY U&\"!0022!!\" UESCAPE '!' ON t (a)", index(Some("\"\"\"!\""), "t")),
        ("CREATE INDEX CONCURRENTLY U&\"\\d83d\\de00\" ON t (a)", index(Some("\"😀\""), "t")),
    ];
    for (statement, expected) in cases {
        assert_eq!(subject(statement), Some(expected), "{statement}");
    }
}

trait WithDefinition {
    fn with_definition(self, text: &str) -> Self;
}

impl WithDefinition for Subject {
    fn with_definition(mut self, text: &str) -> Self {
        if let Subject::CreateIndex { definition, .. } = &mut self {
            *definition = text.to_owned();
        }
        self
    }
}

#[test]
fn an_index_is_unique_or_not_and_has_a_method_and_what_follows() {
    let statement =
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING Hash (a, lower(b)) WHERE c > 0; ";
    let expected = Subject::CreateIndex {
        name: Some("i".to_owned()),
        table: "t".to_owned(),
        unique: true,
        method: Some("Hash".to_owned()),
        definition: "(a, lower(b)) WHERE c > 0".to_owned(),
        if_not_exists: true,
    };
    assert_eq!(subject(statement), Some(expected));
}

#[test]
fn the_others_are_known_by_what_they_name() {
    let name = |name: &str| name.to_owned();
    let cases = [
        ("DROP INDEX CONCURRENTLY i", Subject::DropIndex { names: vec![name("i")] }),
        (
            "DROP INDEX CONCURRENTLY IF EXISTS s.i, \"J\" CASCADE",
            Subject::DropIndex { names: vec![name("s.i"), name("\"J\"")] },
        ),
        ("REINDEX INDEX CONCURRENTLY s.i", Subject::ReindexIndex { name: name("s.i") }),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE t", Subject::ReindexTable { name: name("t") }),
        (
            "ALTER TABLE IF EXISTS ONLY p DETACH PARTITION s.c CONCURRENTLY",
            Subject::DetachPartition { table: name("p"), partition: name("s.c") },
        ),
        (
            "CREATE DATABASE d OWNER o",
            Subject::CreateDatabase { name: name("d"), options: vec![(name("owner"), name("o"))] },
        ),
        ("CREATE DATABASE d;", Subject::CreateDatabase { name: name("d"), options: Vec::new() }),
        (
            "CREATE DATABASE d WITH Encoding = 'UTF8' TEMPLATE \"T\" CONNECTION LIMIT -1 IS_TEMPLATE true",
            Subject::CreateDatabase {
                name: name("d"),
                options: [
                    ("encoding", "'UTF8'"),
                    ("template", "\"T\""),
                    ("connection_limit", "-1"),
                    ("is_template", "true"),
                ]
                .map(|(option, value)| (name(option), name(value)))
                .to_vec(),
            },
        ),
        ("DROP DATABASE IF EXISTS d WITH (FORCE)", Subject::DropDatabase { name: name("d") }),
        (
            "CREATE TABLESPACE t OWNER o LOCATION '/x'",
            Subject::CreateTablespace {
                name: name("t"),
                owner: Some(name("o")),
                location: Some(name("'/x'")),
            },
        ),
        ("DROP TABLESPACE \"T\"", Subject::DropTablespace { name: name("\"T\"") }),
        (
            "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p, \"Q\"",
            Subject::CreateSubscription {
                name: name("s"),
                connection: Some(name("''")),
                publications: vec![name("p"), name("\"Q\"")],
            },
        ),
        ("DROP SUBSCRIPTION IF EXISTS s", Subject::DropSubscription { name: name("s") }),
        ("COMMIT PREPARED 'it''s'", Subject::EndPrepared { transaction: name("'it''s'") }),
        ("ROLLBACK PREPARED E'a\\'b'", Subject::EndPrepared { transaction: name("E'a\\'b'") }),
        (
            "COMMIT PREPARED U&'d!0061' UESCAPE '!'",
            Subject::EndPrepared { transaction: name("U&'d!0061' UESCAPE '!'") },
        ),
    ];
    for (statement, expected) in cases {
        assert_eq!(subject(statement), Some(expected), "{statement}");
    }
}

#[test]
fn what_can_run_again_or_takes_a_transaction_or_is_broken_has_no_subject() {
    let cases = [
        "VACUUM t",
        "CLUSTER",
        "DISCARD ALL",
        "ALTER SYSTEM RESET ALL",
        "REINDEX SCHEMA CONCURRENTLY s",
        "CREATE INDEX i ON t (a)",
        "DROP INDEX i",
        "ALTER TABLE p DETACH PARTITION c FINALIZE",
        "ALTER TABLE p DETACH PARTITION c",
        "ALTER TABLE p ADD COLUMN c int",
        "CREATE INDEX CONCURRENTLY",
        "CREATE INDEX CONCURRENTLY i",
        "CREATE INDEX CONCURRENTLY i ON",
        "CREATE INDEX CONCURRENTLY i ON s.",
        "CREATE INDEX CONCURRENTLY U&\"\\00zz\" ON t (a)",
        "CREATE INDEX CONCURRENTLY U&\"\\é\" ON t (a)",
        "CREATE INDEX CONCURRENTLY U&\"\\d83d\" ON t (a)",
        "DROP INDEX CONCURRENTLY",
        "COMMIT PREPARED x",
        "COMMIT",
        "",
    ];
    for statement in cases {
        assert_eq!(subject(statement), None, "{statement}");
    }
}
