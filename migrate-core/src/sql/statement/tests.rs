use super::*;
use crate::sql::{LockMode, Token, tokens};
use proptest::prelude::*;

/// Parses a statement, which has to be understood completely.
fn parsed<R>(text: &str, look: impl FnOnce(ParsedStatement<'_>) -> R) -> R {
    let lexed = LexedStatement::new(text);
    let statement = lexed.parse();
    assert!(statement.is_complete(), "{text}: {statement:?}");
    look(statement)
}

macro_rules! parsed_as {
    ($kind:ident, $text:expr, $look:expr) => {
        parsed($text, |statement| match statement.kind {
            StatementKind::$kind(it) => ($look)(it),
            other => panic!("{}: {other:?}", $text),
        })
    };
}

fn names(names: &[Name<'_>]) -> Vec<String> {
    names.iter().map(|name| name.folded().into_owned()).collect()
}

fn qualified(names: &[QualifiedName<'_>]) -> Vec<String> {
    names.iter().map(QualifiedName::folded).collect()
}

/// The only action of an `ALTER TABLE`.
fn action<R>(change: &str, look: impl FnOnce(AlterActionKind<'_>) -> R) -> R {
    let text = format!("ALTER TABLE IF EXISTS ONLY app.t {change}");
    parsed_as!(AlterRelation, &text, |alter: AlterRelation<'_>| {
        assert!(alter.if_exists && alter.relation.only, "{text}");
        assert_eq!(alter.relation.name.folded(), "app.t");
        assert_eq!(alter.actions.len(), 1, "{text}: {alter:?}");
        assert!(alter.actions[0].is_complete, "{text}: {alter:?}");
        assert_eq!(alter.actions[0].span.text(&text), change);
        look(alter.actions.into_iter().next().unwrap().kind)
    })
}

fn added_column<R>(definition: &str, look: impl FnOnce(ColumnDefinition<'_>) -> R) -> R {
    action(&format!("ADD COLUMN {definition}"), |action| match action {
        AlterActionKind::AddColumn { column, .. } => {
            assert!(column.is_complete, "{definition}: {column:?}");
            look(*column)
        }
        other => panic!("{definition}: {other:?}"),
    })
}

fn change<R>(change: &str, look: impl FnOnce(ColumnChange<'_>) -> R) -> R {
    action(&format!("ALTER COLUMN c {change}"), |action| match action {
        AlterActionKind::AlterColumn { column: Some(column), change } => {
            assert_eq!(column.written(), "c");
            look(change)
        }
        other => panic!("{change}: {other:?}"),
    })
}

fn added_constraint<R>(definition: &str, look: impl FnOnce(Constraint<'_>) -> R) -> R {
    action(&format!("ADD {definition}"), |action| match action {
        AlterActionKind::AddConstraint(constraint) => look(*constraint),
        other => panic!("{definition}: {other:?}"),
    })
}

#[test]
fn names_are_folded_as_the_server_folds_them() {
    let long = "ä".repeat(40);
    for (written, folded) in [
        ("Users", "users"),
        ("\"Users\"", "Users"),
        ("\"a\"\"b\"", "a\"b"),
        ("ÄPFEL", "Äpfel"),
        ("U&\"d\\0061t\\+000061\"", "data"),
        ("U&\"d!0061!!\" UESCAPE '!'", "da!"),
        ("U&\"\\D83D\\DE00\"", "😀"),
        (&format!("\"{long}\""), &"ä".repeat(31)),
        (&"A".repeat(70), &"a".repeat(63)),
    ] {
        parsed_as!(Drop, &format!("DROP TABLE {written}"), |drop: DropObjects<'_>| {
            assert_eq!(drop.names[0].folded(), folded, "{written}");
            assert_eq!(drop.names[0].span().text(&format!("DROP TABLE {written}")), written);
        });
    }
    let text = "DROP TABLE app . U&\"x\"\"\\0041\", \"B\".c";
    parsed_as!(Drop, text, |drop: DropObjects<'_>| {
        assert_eq!(qualified(&drop.names), ["app.x\"A", "B.c"]);
        assert_eq!(drop.names[0].to_sql().unwrap(), "app.\"x\"\"A\"");
        assert_eq!(drop.names[0].schema().unwrap().written(), "app");
    });
}

#[test]
fn types_are_known_by_their_names_in_the_catalog() {
    for (written, base, modifiers, is_array) in [
        ("int", "int4", 0, false),
        ("INTEGER[]", "int4", 0, true),
        ("bigint ARRAY[3]", "int8", 0, true),
        ("varchar(20)", "varchar", 1, false),
        ("character varying (20)", "varchar", 1, false),
        ("national character varying(20)", "varchar", 1, false),
        ("char(3)", "bpchar", 1, false),
        ("\"char\"", "char", 0, false),
        ("numeric(10, 2)", "numeric", 2, false),
        ("double precision", "float8", 0, false),
        ("float(10)", "float4", 1, false),
        ("bit varying(5)", "varbit", 1, false),
        ("timestamp", "timestamp", 0, false),
        ("timestamp(3) with time zone", "timestamptz", 1, false),
        ("time without time zone", "time", 0, false),
        ("interval day to second(3)", "interval", 1, false),
        ("text", "text", 0, false),
        ("pg_catalog.TEXT", "text", 0, false),
        ("app.\"Mood\"[][]", "app.Mood", 0, true),
        ("geometry(Point, 4326)", "geometry", 2, false),
    ] {
        added_column(&format!("c {written} NOT NULL"), |column| {
            let type_name = column.type_name.as_ref().unwrap();
            assert_eq!(type_name.base(), base, "{written}");
            assert_eq!((type_name.modifiers.len(), type_name.is_array), (modifiers, is_array), "{written}");
            assert!(column.is_not_null(), "{written}");
        });
    }
    for (written, is_serial) in [("bigserial", true), ("SERIAL", true), ("app.serial", false), ("int", false)]
    {
        added_column(&format!("c {written}"), |column| {
            assert_eq!(column.type_name.unwrap().is_serial(), is_serial);
        });
    }
}

#[test]
fn a_column_has_its_default_its_constraints_and_the_rest() {
    for (definition, default) in [
        ("c int DEFAULT 1", "1"),
        ("c int DEFAULT NULL NULL", "NULL"),
        ("c int DEFAULT -1 NOT NULL", "-1"),
        ("c text DEFAULT 'x'::character varying NOT NULL", "'x'::character varying"),
        ("c text COLLATE \"C\" DEFAULT lower('X') CHECK (c <> '')", "lower('X')"),
        ("c int DEFAULT (1 + 1) PRIMARY KEY", "(1 + 1)"),
        ("c int DEFAULT CASE WHEN a IS NOT NULL THEN 1 END UNIQUE", "CASE WHEN a IS NOT NULL THEN 1 END"),
        ("c bool DEFAULT 1 IS NOT DISTINCT FROM 2 NOT NULL", "1 IS NOT DISTINCT FROM 2"),
        ("c int DEFAULT 1 + NULL NOT NULL", "1 + NULL"),
        ("c text CONSTRAINT d DEFAULT CURRENT_USER CONSTRAINT e NOT NULL", "CURRENT_USER"),
        ("c int[] DEFAULT ARRAY[1, 2] REFERENCES r", "ARRAY[1, 2]"),
        ("c timestamptz DEFAULT pg_catalog.now() GENERATED ALWAYS AS (a) STORED", "pg_catalog.now()"),
    ] {
        added_column(definition, |column| {
            assert_eq!(column.default.unwrap().expression.text(), default, "{definition}");
        });
    }
    added_column("c int GENERATED ALWAYS AS (a * 2) STORED", |column| {
        let generated = column.generated.unwrap();
        assert_eq!((generated.expression.text(), generated.is_stored), ("a * 2", true));
    });
    added_column("c int GENERATED ALWAYS AS (a) VIRTUAL", |column| {
        assert!(!column.generated.unwrap().is_stored);
    });
    added_column("c int GENERATED BY DEFAULT AS IDENTITY (START 5) PRIMARY KEY", |column| {
        assert!(!column.identity.as_ref().unwrap().is_always);
        assert!(column.is_primary_key());
    });
    added_column(
        "c int CONSTRAINT k REFERENCES app.r (a) ON DELETE SET NULL (c) ON UPDATE CASCADE NOT VALID",
        |column| {
            let ConstraintKind::ForeignKey(key) = &column.constraints[0].kind else { panic!() };
            assert_eq!(
                (key.table.folded(), names(&key.referenced_columns)),
                ("app.r".into(), vec!["a".into()])
            );
            assert_eq!(key.on_delete, Some(ReferentialAction::SetNull));
            assert_eq!(key.on_update, Some(ReferentialAction::Cascade));
            assert_eq!(column.constraints[0].name.unwrap().written(), "k");
            assert!(column.constraints[0].not_valid.is_some());
        },
    );
    added_column("c text STORAGE EXTERNAL COMPRESSION lz4 DEFAULT 'a'", |column| {
        assert!(column.default.is_some());
    });
    action("ADD IF NOT EXISTS a app.dm", |action| {
        let AlterActionKind::AddColumn { if_not_exists: true, column } = action else { panic!("{action:?}") };
        assert_eq!(column.type_name.unwrap().base(), "app.dm");
    });
}

#[test]
fn each_change_of_a_table_is_known() {
    use AlterActionKind as A;
    macro_rules! is {
        ($change:expr, $pattern:pat $(if $guard:expr)?) => {
            action($change, |action| match action {
                $pattern $(if $guard)? => {}
                other => panic!("{}: {other:?}", $change),
            });
        };
    }
    is!("DROP COLUMN IF EXISTS c CASCADE", A::DropColumn { if_exists: true, column, cascade: true } if column.written() == "c");
    is!("DROP \"C\"", A::DropColumn { cascade: false, column, .. } if column.folded() == "C");
    is!("DROP CONSTRAINT k", A::DropConstraint { if_exists: false, name, cascade: false } if name.written() == "k");
    is!("VALIDATE CONSTRAINT k", A::ValidateConstraint { name } if name.written() == "k");
    is!("ALTER CONSTRAINT k NOT DEFERRABLE", A::AlterConstraint { attributes, .. } if attributes.text() == "NOT DEFERRABLE");
    is!("ATTACH PARTITION app.p FOR VALUES FROM (1, MINVALUE) TO (2, 3)",
        A::AttachPartition { partition, bound: Some(PartitionBound::Values(_)) } if partition.folded() == "app.p");
    is!("ATTACH PARTITION p DEFAULT", A::AttachPartition { bound: Some(PartitionBound::Default), .. });
    is!("DETACH PARTITION p CONCURRENTLY", A::DetachPartition { concurrently: Some(_), finalize: false, .. });
    is!(
        "DETACH PARTITION \"concurrently\" FINALIZE",
        A::DetachPartition { concurrently: None, finalize: true, .. }
    );
    is!("RENAME TO u", A::RenameTo { to } if to.written() == "u");
    is!("RENAME COLUMN a TO b", A::RenameColumn { from, to } if from.written() == "a" && to.written() == "b");
    is!("RENAME a TO b", A::RenameColumn { .. });
    is!("RENAME CONSTRAINT a TO b", A::RenameConstraint { .. });
    is!("OWNER TO app", A::OwnerTo { role } if role.written() == "app");
    is!("SET SCHEMA other", A::SetSchema { schema } if schema.written() == "other");
    is!("SET TABLESPACE fast NOWAIT", A::SetTablespace { .. });
    is!("SET LOGGED", A::SetLogged);
    is!("SET UNLOGGED", A::SetUnlogged);
    is!("SET ACCESS METHOD heap", A::SetAccessMethod { .. });
    is!("SET (fillfactor = 70, toast.autovacuum_enabled = off)",
        A::SetOptions(options) if options[1].name == "toast.autovacuum_enabled" && !options[1].is_on());
    is!("RESET (fillfactor)", A::ResetOptions(_));
    is!("CLUSTER ON i", A::ClusterOn { .. });
    is!("SET WITHOUT CLUSTER", A::SetWithoutCluster);
    is!("REPLICA IDENTITY USING INDEX i", A::ReplicaIdentity(_));
    is!("ENABLE REPLICA TRIGGER g", A::Trigger { enable: true, name } if name.written() == "g");
    is!("DISABLE TRIGGER ALL", A::Trigger { enable: false, name } if name.is_keyword("all"));
    is!("ENABLE ALWAYS RULE r", A::Rule { enable: true, .. });
    is!("ENABLE ROW LEVEL SECURITY", A::RowSecurity(RowSecurity::Enable));
    is!("NO FORCE ROW LEVEL SECURITY", A::RowSecurity(RowSecurity::NoForce));
    is!("INHERIT p", A::Inherit { .. });
    is!("NO INHERIT p", A::NoInherit { .. });
    is!("OF app.row", A::OfType { .. });
    is!("NOT OF", A::NotOfType);
    is!("ALTER COLUMN c SET DATA TYPE numeric(1) COLLATE \"C\" USING c::numeric + f(a, b)",
        A::AlterColumn { change: ColumnChange::SetType { using: Some(using), collation: Some(_), .. }, .. }
        if using.text() == "c::numeric + f(a, b)");
}

#[test]
fn each_change_of_a_column_is_known() {
    use ColumnChange as C;
    macro_rules! is {
        ($change:expr, $pattern:pat $(if $guard:expr)?) => {
            change($change, |change| match change {
                $pattern $(if $guard)? => {}
                other => panic!("{}: {other:?}", $change),
            });
        };
    }
    is!("TYPE varchar(100)", C::SetType { type_name, using: None, .. } if type_name.base() == "varchar");
    is!("SET DEFAULT f(1) + 2", C::SetDefault(default) if default.text() == "f(1) + 2");
    is!("DROP DEFAULT", C::DropDefault);
    is!("SET NOT NULL", C::SetNotNull);
    is!("DROP NOT NULL", C::DropNotNull);
    is!("SET EXPRESSION AS (a + 1)", C::SetExpression(expression) if expression.text() == "a + 1");
    is!("DROP EXPRESSION IF EXISTS", C::DropExpression);
    is!("ADD GENERATED ALWAYS AS IDENTITY", C::AddIdentity(identity) if identity.is_always);
    is!("SET GENERATED BY DEFAULT RESTART WITH 5", C::SetIdentity(_));
    is!("RESTART", C::SetIdentity(_));
    is!("DROP IDENTITY IF EXISTS", C::DropIdentity);
    is!("SET STATISTICS -1", C::SetStatistics);
    is!("SET STORAGE EXTERNAL", C::SetStorage);
    is!("SET COMPRESSION lz4", C::SetCompression);
    is!("SET (n_distinct = 5)", C::SetOptions(_));
    is!("RESET (n_distinct)", C::ResetOptions(_));
}

#[test]
fn constraints_are_known_with_what_makes_them_cheap() {
    added_constraint("CONSTRAINT k CHECK (a > 0) NO INHERIT NOT VALID", |constraint| {
        let ConstraintKind::Check { expression } = constraint.kind else { panic!("{constraint:?}") };
        assert_eq!((expression.text(), constraint.no_inherit), ("a > 0", true));
        assert!(constraint.not_valid.is_some());
        assert_eq!(constraint.name.unwrap().written(), "k");
    });
    added_constraint(
        "FOREIGN KEY (a, \"B\") REFERENCES r MATCH FULL ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        |constraint| {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { panic!("{constraint:?}") };
            assert_eq!((names(&key.columns), key.table.folded()), (vec!["a".into(), "B".into()], "r".into()));
            assert_eq!(key.on_delete, Some(ReferentialAction::Cascade));
            assert_eq!((constraint.deferrable, constraint.initially_deferred), (Some(true), true));
            assert_eq!(constraint.not_valid, None);
        },
    );
    added_constraint(
        "CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c) WITH (fillfactor = 70)",
        |constraint| {
            let ConstraintKind::Unique(unique) = constraint.kind else { panic!("{constraint:?}") };
            assert_eq!(
                (names(&unique.columns), names(&unique.include)),
                (vec!["a".into(), "b".into()], vec!["c".into()])
            );
            assert!(unique.nulls_not_distinct && unique.using_index.is_none());
        },
    );
    added_constraint("CONSTRAINT k PRIMARY KEY USING INDEX i DEFERRABLE", |constraint| {
        let ConstraintKind::PrimaryKey(key) = constraint.kind else { panic!("{constraint:?}") };
        assert_eq!(key.using_index.unwrap().written(), "i");
    });
    added_constraint("EXCLUDE USING gist (c WITH =, r WITH &&) WHERE (c > 0)", |constraint| {
        let ConstraintKind::Exclude(exclusion) = constraint.kind else { panic!("{constraint:?}") };
        assert_eq!(exclusion.method.unwrap().written(), "gist");
        assert_eq!((exclusion.elements.items().len(), exclusion.condition.unwrap().text()), (2, "c > 0"));
    });
    added_constraint("CONSTRAINT n NOT NULL c NOT VALID", |constraint| {
        let ConstraintKind::NotNull { column: Some(column) } = constraint.kind else {
            panic!("{constraint:?}")
        };
        assert_eq!(column.written(), "c");
        assert!(constraint.not_valid.is_some());
    });
    added_constraint("CHECK (a) NOT ENFORCED", |constraint| assert_eq!(constraint.enforced, Some(false)));
    action("ADD exclude text", |action| {
        assert!(matches!(action, AlterActionKind::AddColumn { .. }), "{action:?}");
    });
}

#[test]
fn many_changes_are_divided_where_their_commas_are() {
    let text = "ALTER TABLE t ADD a numeric(1, 2) DEFAULT f(1, 2), DROP b, ALTER c TYPE int USING g(c, 1), FROBNICATE x (1, 2), ADD d int";
    let lexed = LexedStatement::new(text);
    let StatementKind::AlterRelation(alter) = lexed.parse().kind else { panic!() };
    let spans: Vec<&str> = alter.actions.iter().map(|action| action.span.text(text)).collect();
    let expected = [
        "ADD a numeric(1, 2) DEFAULT f(1, 2)",
        "DROP b",
        "ALTER c TYPE int USING g(c, 1)",
        "FROBNICATE x (1, 2)",
        "ADD d int",
    ];
    assert_eq!(spans, expected);
    assert_eq!(
        alter.actions.iter().map(|action| action.is_complete).collect::<Vec<_>>(),
        [true, true, true, false, true]
    );
    assert!(matches!(alter.actions[3].kind, AlterActionKind::Other(_)));
}

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
fn a_new_table_has_columns_constraints_and_relatives() {
    let text = "CREATE UNLOGGED TABLE IF NOT EXISTS app.t (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        r int REFERENCES r,
        CONSTRAINT k CHECK (a > 0),
        LIKE other INCLUDING ALL,
        name text NOT NULL DEFAULT 'a, b',
        UNIQUE (r, name)
    ) INHERITS (p1, p2) PARTITION BY RANGE (id, lower(name)) USING heap WITH (fillfactor = 70) TABLESPACE fast";
    parsed_as!(CreateTable, text, |table: Box<CreateTable<'_>>| {
        assert_eq!((table.persistence, table.if_not_exists), (Persistence::Unlogged, true));
        assert_eq!(table.name.folded(), "app.t");
        let columns: Vec<_> = table.columns.iter().map(|column| column.name.written()).collect();
        assert_eq!(columns, ["id", "r", "name"]);
        assert!(table.columns.iter().all(|column| column.is_complete));
        assert_eq!((table.constraints.len(), table.likes[0].table.folded()), (2, "other".into()));
        assert_eq!(qualified(&table.inherits), ["p1", "p2"]);
        assert_eq!(table.partition_by.as_ref().unwrap().strategy.written(), "RANGE");
        assert_eq!(table.columns[2].span.text(text), "name text NOT NULL DEFAULT 'a, b'");
    });
    let text = "CREATE TABLE p2 PARTITION OF app.p (a DEFAULT 1, CHECK (a > 0)) FOR VALUES IN (1, 2) PARTITION BY LIST (b)";
    parsed_as!(CreateTable, text, |table: Box<CreateTable<'_>>| {
        let partition = table.partition_of.as_ref().unwrap();
        assert_eq!(partition.parent.folded(), "app.p");
        assert!(matches!(partition.bound, PartitionBound::Values(_)));
        assert_eq!((table.columns.len(), table.constraints.len()), (1, 1));
        assert!(table.columns[0].type_name.is_none() && table.columns[0].default.is_some());
    });
    parsed_as!(CreateTable, "CREATE TEMP TABLE t (a, b) AS SELECT 1, 2 WITH NO DATA", |table: Box<
        CreateTable<'_>,
    >| {
        assert_eq!(table.persistence, Persistence::Temporary);
        assert_eq!((table.query.unwrap().text(), table.with_no_data), ("SELECT 1, 2", true));
        assert_eq!(table.columns.len(), 2);
    });
    parsed_as!(
        CreateTable,
        "CREATE FOREIGN TABLE f (a int OPTIONS (x 'y') NOT NULL) SERVER s OPTIONS (b 'c')",
        |table: Box<CreateTable<'_>>| {
            assert!(table.is_foreign && table.columns[0].is_not_null());
        }
    );
    parsed_as!(CreateTable, "CREATE TABLE t ()", |table: Box<CreateTable<'_>>| assert_eq!(table.columns, []));
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
fn rows_are_changed_with_a_condition_or_without() {
    let text = "UPDATE ONLY app.t AS x SET a = f(1, 2), (b, c) = (SELECT 1, 2), d[1] = 2 FROM u WHERE x.id = u.id RETURNING *";
    parsed_as!(Update, text, |update: Box<UpdateRows<'_>>| {
        assert_eq!((update.table.name.folded(), update.table.only), ("app.t".into(), true));
        assert_eq!(names(&update.columns), ["a", "b", "c", "d"]);
        assert_eq!((update.from.unwrap().text(), update.condition.unwrap().text()), ("u", "x.id = u.id"));
        assert!(update.returning);
    });
    parsed_as!(Update, "UPDATE t SET a = (SELECT 1 FROM u WHERE v)", |update: Box<UpdateRows<'_>>| {
        assert!(update.condition.is_none() && update.from.is_none());
    });
    parsed_as!(Delete, "DELETE FROM t USING u WHERE t.a = u.a", |delete: Box<DeleteRows<'_>>| {
        assert_eq!((delete.using.unwrap().text(), delete.condition.unwrap().text()), ("u", "t.a = u.a"));
    });
    parsed_as!(Delete, "DELETE FROM t", |delete: Box<DeleteRows<'_>>| assert_eq!(delete.condition, None));
    let text = "INSERT INTO app.t AS x (a, b[1]) OVERRIDING SYSTEM VALUE VALUES (1, 2), (3, 4) ON CONFLICT (a) DO UPDATE SET b = 1 WHERE c RETURNING a";
    parsed_as!(Insert, text, |insert: Box<InsertRows<'_>>| {
        assert_eq!(
            (insert.table.folded(), names(&insert.columns)),
            ("app.t".into(), vec!["a".into(), "b".into()])
        );
        assert_eq!(insert.source, InsertSource::Values);
    });
    parsed_as!(Insert, "INSERT INTO t (SELECT 1)", |insert: Box<InsertRows<'_>>| {
        assert!(matches!(insert.source, InsertSource::Query(query) if query.text() == "(SELECT 1)"));
        assert_eq!(insert.columns.len(), 0);
    });
    parsed_as!(Merge, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", |merge: Box<
        MergeRows<'_>,
    >| {
        assert_eq!((merge.source.text(), merge.condition.text()), ("s", "t.a = s.a"));
    });
    parsed_as!(
        Truncate,
        "TRUNCATE TABLE ONLY a, b * RESTART IDENTITY CASCADE",
        |truncate: TruncateTables<'_>| {
            assert_eq!((truncate.tables.len(), truncate.restart_identity, truncate.cascade), (2, true, true));
        }
    );
    let text = "WITH RECURSIVE gone (a) AS MATERIALIZED (DELETE FROM t RETURNING a), b AS (SELECT 1) INSERT INTO u SELECT * FROM gone";
    parsed(text, |statement| {
        assert!(matches!(statement.kind, StatementKind::Insert(_)));
        assert!(matches!(statement.with[0].query.statement().kind, StatementKind::Delete(_)));
        assert_eq!((statement.verb(), statement.with.len()), ("WITH", 2));
    });
    let text = "WITH RECURSIVE a (b) AS (SELECT 1) SEARCH DEPTH FIRST BY b, c SET d CYCLE b, c SET e TO 1 DEFAULT 0 USING f, g AS (SELECT 2) SELECT * FROM a";
    parsed(text, |statement| {
        assert!(matches!(statement.kind, StatementKind::Query(_)));
        assert_eq!(statement.with.len(), 2);
    });
    parsed_as!(Copy, "COPY t (a, b) FROM STDIN WITH (FORMAT csv) WHERE a > 0", |copy: Box<CopyData<'_>>| {
        assert!(copy.is_from && copy.endpoint == CopyEndpoint::Client && copy.condition.is_some());
    });
    parsed_as!(Copy, "COPY (SELECT 1) TO PROGRAM 'gzip'", |copy: Box<CopyData<'_>>| {
        assert!(!copy.is_from && matches!(copy.endpoint, CopyEndpoint::Program(_)));
    });
}

#[test]
fn the_rest_is_known_by_kind() {
    let text = "CREATE OR REPLACE FUNCTION app.f(a int, b text DEFAULT 'x') RETURNS TABLE (c int) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path TO app AS $$BEGIN END$$";
    parsed_as!(CreateRoutine, text, |routine: Box<CreateRoutine<'_>>| {
        assert_eq!((routine.name.folded(), routine.language.as_deref()), ("app.f".into(), Some("plpgsql")));
        assert_eq!((routine.volatility, routine.is_security_definer), (Some(Volatility::Stable), true));
        let Some(RoutineBody::Text(body)) = routine.body else { panic!("{routine:?}") };
        assert_eq!(body.text(), "$$BEGIN END$$");
    });
    let text = "CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END";
    parsed_as!(CreateRoutine, text, |routine: Box<CreateRoutine<'_>>| {
        let Some(RoutineBody::Atomic(body)) = routine.body else { panic!("{routine:?}") };
        assert_eq!(body.text(), "SELECT CASE WHEN a THEN 1 END; SELECT 2;");
    });
    let text = "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OF a, b ON app.t FROM u DEFERRABLE FOR EACH ROW WHEN (a) EXECUTE FUNCTION app.f()";
    parsed_as!(CreateTrigger, text, |trigger: Box<CreateTrigger<'_>>| {
        assert_eq!(
            (trigger.table.folded(), trigger.function.unwrap().folded()),
            ("app.t".into(), "app.f".into())
        );
        assert!(trigger.is_constraint && trigger.for_each_row && trigger.from.is_some());
    });
    parsed_as!(
        CreateView,
        "CREATE OR REPLACE TEMP VIEW v (a) WITH (security_barrier) AS SELECT 1 WITH CHECK OPTION",
        |view: Box<CreateView<'_>>| {
            assert!(view.or_replace && !view.is_materialized);
            assert_eq!(view.query.text(), "SELECT 1");
        }
    );
    parsed_as!(CreateView, "CREATE MATERIALIZED VIEW v AS TABLE t WITH NO DATA", |view: Box<
        CreateView<'_>,
    >| {
        assert!(view.is_materialized && view.with_no_data);
    });
    parsed_as!(CreateType, "CREATE TYPE m AS ENUM ('a', 'b')", |kind: CreateType<'_>| {
        assert!(matches!(kind.definition, TypeDefinition::Enum(labels) if labels.len() == 2));
    });
    parsed_as!(
        CreateDomain,
        "CREATE DOMAIN d AS text COLLATE \"C\" DEFAULT 'x' CONSTRAINT k CHECK (VALUE <> '') NOT NULL",
        |domain: Box<CreateDomain<'_>>| {
            assert_eq!((domain.type_name.base().as_ref(), domain.constraints.len()), ("text", 2));
            assert_eq!(domain.default.unwrap().expression.text(), "'x'");
        }
    );
    parsed_as!(CreateSequence, "CREATE SEQUENCE IF NOT EXISTS s AS int OWNED BY t.c", |sequence: Box<
        CreateSequence<'_>,
    >| {
        assert_eq!(sequence.options.data_type.unwrap().base(), "int4");
    });
    parsed_as!(CreateSchema, "CREATE SCHEMA AUTHORIZATION app", |schema: CreateSchema<'_>| assert!(
        schema.name.is_none()
    ));
    parsed_as!(
        CreateExtension,
        "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA s CASCADE",
        |extension: CreateExtension<'_>| {
            assert!(extension.cascade && extension.schema.is_some());
        }
    );
    parsed_as!(
        CreateOnTable,
        "CREATE RULE r AS ON INSERT TO app.t DO (SELECT 1; SELECT 2)",
        |rule: CreateOnTable<'_>| {
            assert_eq!((rule.kind, rule.table.folded()), (ObjectKind::Rule, "app.t".into()));
        }
    );
    parsed_as!(CreateOnTable, "CREATE POLICY p ON t TO app USING (true)", |policy: CreateOnTable<'_>| {
        assert_eq!((policy.kind, policy.table.folded()), (ObjectKind::Policy, "t".into()));
    });
    parsed_as!(CreateObject, "CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", |object: CreateObject<
        '_,
    >| {
        assert_eq!(object.kind, ObjectKind::TextSearchConfiguration);
    });
    parsed_as!(
        Reindex,
        "REINDEX (CONCURRENTLY OFF) TABLE CONCURRENTLY app.t",
        |reindex: Reindex<'_>| assert!(reindex.concurrently)
    );
    parsed_as!(Reindex, "REINDEX (CONCURRENTLY false) TABLE t", |reindex: Reindex<'_>| assert!(
        !reindex.concurrently
    ));
    parsed_as!(Vacuum, "VACUUM (FULL, ANALYZE) a (b), c", |vacuum: Vacuum<'_>| {
        assert_eq!((vacuum.is_full, vacuum.tables.len()), (true, 2));
    });
    parsed_as!(Cluster, "CLUSTER VERBOSE t USING i", |cluster: ClusterTable<'_>| assert!(
        cluster.table.is_some() && cluster.index.is_some()
    ));
    parsed_as!(
        Refresh,
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v WITH DATA",
        |refresh: RefreshView<'_>| assert!(refresh.concurrently.is_some())
    );
    parsed_as!(Lock, "LOCK TABLE a, ONLY b IN SHARE ROW EXCLUSIVE MODE NOWAIT", |lock: LockTables<'_>| {
        assert_eq!((lock.mode, lock.tables.len(), lock.no_wait), (LockMode::ShareRowExclusive, 2, true));
    });
    parsed_as!(Comment, "COMMENT ON COLUMN app.t.c IS 'x'", |comment: CommentOn<'_>| {
        assert_eq!(comment.name.unwrap().qualifier().unwrap().folded(), "app.t");
    });
    parsed_as!(
        Privileges,
        "GRANT SELECT (a, b), UPDATE ON app.t, u TO GROUP x, \"Y\" WITH GRANT OPTION",
        |grant: ChangePrivileges<'_>| {
            let on = grant.on.unwrap();
            assert_eq!(
                (on.kind, qualified(&on.names)),
                (ObjectKind::Table, vec!["app.t".into(), "u".into()])
            );
            assert_eq!(grant.grantees.text(), "GROUP x, \"Y\"");
        }
    );
    parsed_as!(Privileges, "REVOKE ADMIN OPTION FOR a FROM b", |grant: ChangePrivileges<'_>| assert!(
        grant.on.is_none() && !grant.is_grant
    ));
    parsed_as!(Explain, "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", |explain: Wrapped<'_>| {
        assert!(explain.runs && matches!(explain.statement.statement().kind, StatementKind::Update(_)));
    });
    parsed_as!(
        Query,
        "SELECT pg_catalog.set_config('search_path', '', false) AS a, set_config(is_local => true, setting_name => 'b')",
        |query: Query<'_>| {
            assert_eq!(query.set_config.iter().map(|call| call.is_local).collect::<Vec<_>>(), [false, true]);
            assert_eq!(query.set_config[1].setting.unwrap().text(), "'b'");
        }
    );
    parsed_as!(Query, "SELECT a INTO TEMP app.t FROM u", |query: Query<'_>| assert_eq!(
        query.into.unwrap().folded(),
        "app.t"
    ));
    for text in [
        "SHOW ALL",
        "LISTEN a",
        "NOTIFY a, 'b'",
        "UNLISTEN *",
        "CHECKPOINT",
        "DISCARD ALL",
        "DO LANGUAGE plpgsql $$ $$",
        "CALL app.p(1, 2)",
        "EXECUTE p(1)",
        "RESET ALL",
        "ALTER SYSTEM RESET ALL",
    ] {
        parsed(text, |_| ());
    }
}

#[test]
fn a_placeholder_is_a_name() {
    let text = "CREATE INDEX CONCURRENTLY ${prefix:x}_i ON ${schema}.t (a)";
    let lexed = LexedStatement::new("CREATE INDEX CONCURRENTLY ${index} ON ${schema}.t (a)");
    let StatementKind::CreateIndex(index) = lexed.parse().kind else { panic!() };
    assert_eq!(
        (index.name.unwrap().written(), index.table.name.written()),
        ("${index}".into(), "${schema}.t".into())
    );
    for text in [text, "DROP TABLE ${", "DROP TABLE ${\n}", "DROP TABLE $", "DROP TABLE ${é}"] {
        let _ = LexedStatement::new(text).parse();
    }
}

#[test]
fn transactions_and_settings_are_known() {
    use TransactionControl as T;
    for (text, is) in [
        ("BEGIN WORK", "Begin"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "Begin"),
        ("COMMIT AND CHAIN", "Commit { chain: true }"),
        ("END AND NO CHAIN", "Commit { chain: false }"),
        ("ROLLBACK TO SAVEPOINT a", "RollbackTo(a)"),
        ("ABORT", "Rollback { chain: false }"),
        ("SAVEPOINT \"A\"", "Savepoint(\"A\")"),
        ("RELEASE a", "Release(a)"),
        ("PREPARE TRANSACTION 'x'", "Prepare("),
        ("COMMIT PREPARED 'x'", "CommitPrepared("),
        ("ROLLBACK PREPARED 'x'", "RollbackPrepared("),
    ] {
        parsed_as!(Transaction, text, |control: T<'_>| {
            assert!(format!("{control:?}").starts_with(is), "{text}: {control:?}");
        });
    }
    for (text, scope, is, value) in [
        ("SET search_path TO app, public", SettingScope::Session, "Parameter(search_path)", "app, public"),
        ("SET LOCAL app.user = 'x'", SettingScope::Local, "Parameter(app.user)", "'x'"),
        ("SET SESSION TIME ZONE 'UTC'", SettingScope::Session, "TimeZone", "'UTC'"),
        ("SET ROLE app", SettingScope::Session, "Role", "app"),
        ("SET role TO app", SettingScope::Session, "Parameter(role)", "app"),
        ("SET SESSION AUTHORIZATION DEFAULT", SettingScope::Session, "SessionAuthorization", "DEFAULT"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            SettingScope::Session,
            "SessionCharacteristics",
            "",
        ),
        ("SET TRANSACTION READ WRITE", SettingScope::Session, "Transaction", ""),
        ("SET CONSTRAINTS ALL DEFERRED", SettingScope::Session, "Constraints", "ALL DEFERRED"),
        ("SET NAMES 'UTF8'", SettingScope::Session, "Names", "'UTF8'"),
        ("SET a FROM CURRENT", SettingScope::Session, "Parameter(a)", ""),
    ] {
        parsed_as!(Set, text, |set: SetParameter<'_>| {
            assert!(format!("{:?}", set.target).starts_with(is), "{text}: {set:?}");
            assert_eq!((set.scope, set.value.text()), (scope, value), "{text}");
        });
    }
}

#[test]
fn what_an_expression_calls_is_known() {
    let text = "ALTER TABLE t ADD c text DEFAULT app.f(1) || \"G\"(now()) || CAST(1 AS numeric(1)) || 'x'::varchar(3) || CASE WHEN (a) IN (1) THEN coalesce(b, 'c') END";
    let lexed = LexedStatement::new(text);
    let StatementKind::AlterRelation(alter) = lexed.parse().kind else { panic!() };
    let AlterActionKind::AddColumn { column, .. } = &alter.actions[0].kind else { panic!() };
    let calls = column.default.as_ref().unwrap().expression.calls();
    assert_eq!(
        calls.iter().map(QualifiedName::to_string).collect::<Vec<_>>(),
        ["app.f", "\"G\"", "now", "CAST", "coalesce"]
    );
}

#[test]
fn what_is_not_understood_is_left_and_the_rest_stays_known() {
    let text = "DROP TABLE a, b FROBNICATE now";
    let lexed = LexedStatement::new(text);
    let statement = lexed.parse();
    assert_eq!(statement.unread.unwrap().text(text), "FROBNICATE now");
    let StatementKind::Drop(drop) = statement.kind else { panic!() };
    assert_eq!(drop.names.len(), 2);
    for text in [
        "",
        ";",
        "FROBNICATE t",
        "CREATE",
        "CREATE INDEX",
        "ALTER TABLE",
        "DROP",
        "GRANT",
        "COPY t",
        "$1",
        "'x'",
    ] {
        let lexed = LexedStatement::new(text);
        let statement = lexed.parse();
        assert!(!statement.is_complete() || text == "GRANT", "{text}: {statement:?}");
    }
}

/// The words and signs from which statements are generated.
const PIECES: &[&str] = &[
    "ALTER",
    "CREATE",
    "DROP",
    "TABLE",
    "INDEX",
    "VIEW",
    "MATERIALIZED",
    "SEQUENCE",
    "TYPE",
    "DOMAIN",
    "COLUMN",
    "ADD",
    "CONSTRAINT",
    "CHECK",
    "UNIQUE",
    "PRIMARY KEY",
    "FOREIGN KEY",
    "REFERENCES",
    "DEFAULT",
    "NOT NULL",
    "NOT VALID",
    "GENERATED ALWAYS AS",
    "IDENTITY",
    "IF EXISTS",
    "IF NOT EXISTS",
    "ONLY",
    "USING",
    "ON",
    "CONCURRENTLY",
    "CASCADE",
    "SET",
    "RENAME TO",
    "ATTACH PARTITION",
    "FOR VALUES",
    "VALIDATE",
    "INSERT INTO",
    "UPDATE",
    "DELETE FROM",
    "MERGE INTO",
    "WITH",
    "AS",
    "SELECT",
    "VALUES",
    "FROM",
    "WHERE",
    "RETURNING",
    "set_config",
    "GRANT",
    "REVOKE",
    "TO",
    "COMMENT ON",
    "COPY",
    "STDIN",
    "REINDEX",
    "VACUUM",
    "FULL",
    "CLUSTER",
    "LOCK",
    "IN",
    "MODE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "PREPARED",
    "RESET",
    "EXPLAIN",
    "DO",
    "CALL",
    "FUNCTION",
    "BEGIN ATOMIC",
    "END",
    "LANGUAGE",
    "TRIGGER",
    "EXECUTE",
    "ENUM",
    "OPTIONS",
    "ROLE",
    "DATABASE",
    "SUBSCRIPTION",
    "PUBLICATION",
    "OWNED BY",
    "CASE",
    "WHEN",
    "t",
    "app.t",
    "\"T\"",
    "U&\"\\0061\"",
    "UESCAPE",
    "'!'",
    "'a'",
    "E'\\''",
    "$$ $$",
    "1",
    "int",
    "numeric",
    "timestamp",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ";",
    "*",
    "=",
    "::",
    "%",
    "$1",
    "\"",
    "'",
    "/*",
    "--\n",
    "é",
    "\\",
];

fn soups() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_soup_is_parsed_and_every_place_is_in_it(text in soups()) {
        let lexed = LexedStatement::new(&text);
        let statement = lexed.parse();
        check_spans(&text, &format!("{statement:?}"))?;
        if let Some(unread) = statement.unread {
            prop_assert!(text.get(unread.range()).is_some());
        }
        for with in &statement.with {
            let _ = with.query.statement();
        }
        let _ = (statement.all.calls(), statement.all.items(), statement.verb());
    }

    #[test]
    fn white_space_and_comments_change_nothing(text in soups()) {
        let pieces: Vec<Token> = tokens(&text).filter(|token| !token.is_trivia()).collect();
        let gap = " /* ; */ -- x\n ";
        let wide: String = pieces.iter().map(|token| format!("{gap}{}", token.text(&text))).collect();
        let again: Vec<_> = tokens(&wide).filter(|token| !token.is_trivia()).map(|token| token.text(&wide).to_owned()).collect();
        // An unclosed construct swallows everything after it.
        prop_assume!(again == pieces.iter().map(|token| token.text(&text).to_owned()).collect::<Vec<_>>());
        let (a, b) = (LexedStatement::new(&text), LexedStatement::new(&wide));
        let (a, b) = (a.parse(), b.parse());
        prop_assert_eq!(a.is_complete(), b.is_complete());
        prop_assert_eq!(std::mem::discriminant(&a.kind), std::mem::discriminant(&b.kind));
    }
}

/// Checks every `Span { start: a, end: b }` in the debug form.
fn check_spans(text: &str, shown: &str) -> Result<(), TestCaseError> {
    for part in shown.split("Span { start: ").skip(1) {
        let numbers = part.split(" }").next().unwrap_or_default();
        let Some((start, end)) = numbers.split_once(", end: ") else { continue };
        let (Ok(start), Ok(end)) = (start.parse::<usize>(), end.parse::<usize>()) else { continue };
        prop_assert!(text.get(start..end).is_some(), "{}..{} of {:?}", start, end, text);
    }
    Ok(())
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
