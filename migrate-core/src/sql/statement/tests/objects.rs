//! The other objects: indexes, views, types, roles; drops.

use super::*;

#[test]
fn indexes_views_and_sequences_are_altered_like_tables() {
    for (text, kind, is) in [
        ("ALTER INDEX i RENAME TO j", ObjectKind::Index, "RenameTo"),
        ("ALTER INDEX IF EXISTS i SET TABLESPACE fast", ObjectKind::Index, "SetTablespace"),
        ("ALTER INDEX i ATTACH PARTITION j", ObjectKind::Index, "AttachPartition"),
        ("ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 100", ObjectKind::Index, "AlterColumn"),
        ("ALTER INDEX i NO DEPENDS ON EXTENSION e", ObjectKind::Index, "DependsOnExtension"),
        ("ALTER VIEW v ALTER COLUMN c SET DEFAULT 1", ObjectKind::View, "AlterColumn"),
        ("ALTER MATERIALIZED VIEW v SET SCHEMA s", ObjectKind::MaterializedView, "SetSchema"),
        ("ALTER FOREIGN TABLE f OPTIONS (ADD a 'b')", ObjectKind::ForeignTable, "ForeignOptions"),
        ("ALTER SEQUENCE s AS int RESTART", ObjectKind::Sequence, "SequenceOptions"),
        ("ALTER SEQUENCE s NO MAXVALUE OWNED BY t.c", ObjectKind::Sequence, "SequenceOptions"),
        ("ALTER SEQUENCE s OWNER TO app", ObjectKind::Sequence, "OwnerTo"),
    ] {
        parsed_as!(AlterRelation, text, |alter: AlterRelation<'_>| {
            assert_eq!(alter.kind, kind, "{text}");
            assert!(format!("{:?}", alter.actions[0].kind).starts_with(is), "{text}: {alter:?}");
        });
    }
    parsed_as!(
        AlterAllInTablespace,
        "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b",
        |all: AlterAllInTablespace<'_>| {
            assert_eq!((all.kind, all.tablespace.written()), (ObjectKind::Table, "a"));
        }
    );
}

#[test]
fn types_domains_and_other_objects_are_altered() {
    let text = "ALTER TYPE app.mood ADD VALUE IF NOT EXISTS 'meh' BEFORE 'ok'";
    parsed_as!(AlterType, text, |alter: AlterType<'_>| {
        let TypeChange::AddValue { if_not_exists: true, value } = alter.change else { panic!("{alter:?}") };
        assert_eq!((alter.name.folded(), value.text()), ("app.mood".into(), "'meh'"));
    });
    parsed_as!(AlterType, "ALTER TYPE m RENAME VALUE 'a' TO 'z'", |alter: AlterType<'_>| {
        assert!(matches!(alter.change, TypeChange::RenameValue { .. }));
    });
    parsed_as!(
        AlterType,
        "ALTER TYPE m DROP ATTRIBUTE a CASCADE, ADD ATTRIBUTE b int",
        |alter: AlterType<'_>| {
            assert!(matches!(alter.change, TypeChange::Attributes { cascade: true, .. }));
        }
    );
    parsed_as!(AlterType, "ALTER TYPE m OWNER TO app", |alter: AlterType<'_>| {
        assert!(matches!(alter.change, TypeChange::Object(ObjectChange::OwnerTo { .. })));
    });
    for (text, is) in [
        ("ALTER DOMAIN d SET NOT NULL", "SetNotNull"),
        ("ALTER DOMAIN d DROP NOT NULL", "DropNotNull"),
        ("ALTER DOMAIN d SET DEFAULT 1", "SetDefault"),
        ("ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID", "AddConstraint"),
        ("ALTER DOMAIN d ADD CHECK (VALUE > 0)", "AddConstraint"),
        ("ALTER DOMAIN d DROP CONSTRAINT IF EXISTS k CASCADE", "DropConstraint"),
        ("ALTER DOMAIN d VALIDATE CONSTRAINT k", "ValidateConstraint"),
        ("ALTER DOMAIN d RENAME CONSTRAINT a TO b", "RenameConstraint"),
        ("ALTER DOMAIN d RENAME TO e", "Object(RenameTo"),
        ("ALTER DOMAIN d SET SCHEMA s", "Object(SetSchema"),
    ] {
        parsed_as!(AlterDomain, text, |alter: AlterDomain<'_>| {
            assert!(format!("{:?}", alter.change).starts_with(is), "{text}: {alter:?}");
        });
    }
    for (text, kind, name, is) in [
        ("ALTER FUNCTION app.f(int, text) RENAME TO g", ObjectKind::Function, "app.f", "RenameTo"),
        ("ALTER POLICY p ON t USING (true)", ObjectKind::Policy, "p", "Other"),
        ("ALTER TRIGGER g ON t RENAME TO h", ObjectKind::Trigger, "g", "RenameTo"),
        ("ALTER ROLE app PASSWORD 'x'", ObjectKind::Role, "app", "Password"),
        ("ALTER ROLE app LOGIN", ObjectKind::Role, "app", "Other"),
        ("ALTER SCHEMA s OWNER TO app", ObjectKind::Schema, "s", "OwnerTo"),
    ] {
        parsed_as!(AlterObject, text, |alter: AlterObject<'_>| {
            assert_eq!((alter.kind, alter.name.as_ref().unwrap().folded()), (kind, name.to_owned()));
            assert_eq!(alter.on.is_some(), text.contains(" ON t"), "{text}");
            assert!(format!("{:?}", alter.change).starts_with(is), "{text}: {alter:?}");
        });
    }
}

#[test]
fn a_new_index_has_the_places_where_words_can_be_put_in() {
    let text = "CREATE UNIQUE INDEX i ON ONLY app.t USING btree (a, lower(b) DESC, (c + 1)) INCLUDE (d) NULLS NOT DISTINCT WHERE a > 0";
    parsed_as!(CreateIndex, text, |index: Box<CreateIndex<'_>>| {
        assert!(index.is_unique && index.table.only && index.nulls_not_distinct);
        assert_eq!(index.concurrently, None);
        assert_eq!(index.keyword.text(text), "INDEX");
        assert_eq!((index.name.unwrap().folded(), index.table.name.folded()), ("i".into(), "app.t".into()));
        let columns: Vec<_> =
            index.elements.iter().map(|element| element.column.map(|column| column.written())).collect();
        assert_eq!(columns, [Some("a"), None, None]);
        assert_eq!((names(&index.include), index.condition.unwrap().text()), (vec!["d".into()], "a > 0"));
        assert!(index.definition.text().starts_with("(a, lower"));
    });
    parsed_as!(CreateIndex, "CREATE INDEX CONCURRENTLY IF NOT EXISTS ON t (a)", |index: Box<
        CreateIndex<'_>,
    >| {
        assert!(index.concurrently.is_some() && index.if_not_exists.is_some() && index.name.is_none());
    });
    parsed_as!(CreateIndex, "CREATE INDEX \"concurrently\" ON t (a)", |index: Box<CreateIndex<'_>>| {
        assert_eq!(index.concurrently, None);
    });
}

#[test]
fn what_is_dropped_is_known_by_name() {
    for (text, kind, names, cascade) in [
        ("DROP TABLE IF EXISTS a, b.c CASCADE", ObjectKind::Table, vec!["a", "b.c"], true),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", ObjectKind::Index, vec!["i"], false),
        ("DROP MATERIALIZED VIEW v RESTRICT", ObjectKind::MaterializedView, vec!["v"], false),
        ("DROP FUNCTION f(int, text), g CASCADE", ObjectKind::Function, vec!["f", "g"], true),
        ("DROP TRIGGER IF EXISTS g ON app.t", ObjectKind::Trigger, vec!["g"], false),
        ("DROP SCHEMA s CASCADE", ObjectKind::Schema, vec!["s"], true),
        ("DROP OWNED BY app, other CASCADE", ObjectKind::Owned, vec!["app", "other"], true),
        ("DROP DATABASE d WITH (FORCE)", ObjectKind::Database, vec!["d"], false),
        ("DROP CAST (int AS text) CASCADE", ObjectKind::Cast, vec![], true),
        ("DROP USER MAPPING IF EXISTS FOR app SERVER s", ObjectKind::UserMapping, vec![], false),
        ("DROP OPERATOR app.+ (int, text), - (NONE, int) CASCADE", ObjectKind::Operator, vec![], true),
        ("DROP USER app", ObjectKind::User, vec!["app"], false),
    ] {
        parsed_as!(Drop, text, |drop: DropObjects<'_>| {
            assert_eq!((drop.kind, drop.cascade), (kind, cascade), "{text}");
            assert_eq!(qualified(&drop.names), names, "{text}");
            assert_eq!(drop.concurrently.is_some(), text.contains("CONCURRENTLY"), "{text}");
            assert_eq!(
                drop.on.map(|on| on.folded()),
                text.contains(" ON ").then(|| "app.t".to_owned()),
                "{text}"
            );
        });
    }
}

#[test]
fn a_value_stands_with_the_name_of_what_takes_it() {
    let option = |name: &str| Taker::ForeignOption(name.to_owned());
    let parameter = |name: &str| Taker::Parameter(name.split('.').map(str::to_owned).collect());
    for (text, expected) in [
        ("CREATE ROLE a LOGIN PASSWORD 'x' VALID UNTIL 'y'", vec![(Taker::Password, "'x'", "'x'")]),
        ("ALTER USER a ENCRYPTED PASSWORD E'x'", vec![(Taker::Password, "E'x'", "E'x'")]),
        ("ALTER ROLE a PASSWORD NULL", vec![]),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", vec![(Taker::Connection, "'x'", "'x'")]),
        ("ALTER SUBSCRIPTION s CONNECTION 'x'", vec![(Taker::Connection, "'x'", "'x'")]),
        ("COPY t FROM PROGRAM 'x' WITH (FORMAT csv)", vec![(Taker::Program, "'x'", "'x'")]),
        (
            "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET U&\"\\0061\" 'x', DROP b, set 'y', c 'z' 'z')",
            vec![(option("a"), "'x'", "SET U&\"\\0061\" 'x'"), (option("set"), "'y'", "set 'y'")],
        ),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (A 'x')", vec![(option("a"), "'x'", "A 'x'")]),
        ("ALTER FOREIGN TABLE f ALTER c OPTIONS (ADD a 'x')", vec![(option("a"), "'x'", "ADD a 'x'")]),
        ("ALTER FOREIGN TABLE f ADD c int OPTIONS (a 'x')", vec![(option("a"), "'x'", "a 'x'")]),
        (
            "CREATE FOREIGN TABLE f (c int OPTIONS (a 'x')) SERVER s OPTIONS (b 'y')",
            vec![(option("a"), "'x'", "a 'x'"), (option("b"), "'y'", "b 'y'")],
        ),
        ("SET LOCAL a.b = 'x', -1", vec![(parameter("a.b"), "'x', -1", "a.b = 'x', -1")]),
        ("SET a = b || c", vec![]),
        ("ALTER SYSTEM SET a TO on", vec![(parameter("a"), "on", "a TO on")]),
        ("ALTER DATABASE d SET a.b = x", vec![(parameter("a.b"), "x", "a.b = x")]),
        ("ALTER ROLE r IN DATABASE d SET a = x", vec![(parameter("a"), "x", "a = x")]),
        ("ALTER ROLE r SET a FROM CURRENT", vec![]),
        (
            "CREATE FUNCTION f() RETURNS int SET a = 'x' LANGUAGE sql SET b TO y AS 'z'",
            vec![(parameter("a"), "'x'", "a = 'x'"), (parameter("b"), "y", "b TO y")],
        ),
    ] {
        let lexed = LexedStatement::new(text);
        let given = lexed.parse().given_values();
        let found: Vec<_> = given
            .into_iter()
            .map(|given| (given.taker.clone(), given.value.text(), given.span.text(text)))
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn no_form_prints_a_secret() {
    for text in [
        "CREATE ROLE a LOGIN PASSWORD 'hunter2'",
        "ALTER USER a PASSWORD 'hunter2'",
        "CREATE SUBSCRIPTION s CONNECTION 'hunter2' PUBLICATION p",
        "ALTER SUBSCRIPTION s CONNECTION 'hunter2'",
        "COPY t FROM PROGRAM 'hunter2'",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (password 'hunter2')",
        "ALTER FOREIGN TABLE f ALTER c OPTIONS (ADD token 'hunter2')",
        "SET app.token = hunter2",
        "ALTER SYSTEM SET app.token = 'hunter2'",
        "CREATE FUNCTION f() RETURNS int SET app.token = 'hunter2' LANGUAGE sql AS 'x'",
    ] {
        let printed = format!("{:?}", LexedStatement::new(text).parse());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
