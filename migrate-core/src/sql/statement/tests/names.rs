//! Names and types, as the server reads them.

use super::*;

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
