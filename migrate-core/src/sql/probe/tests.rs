//! The rows that make a statement fail, and the statements before it that change the answer.

use super::*;
use crate::sql::facts::{Column, ConstraintFacts, ConstraintFactsKind, RelationKind, SqlType};

/// `users (id int primary key, email text, name varchar(20), n int8)` and `orders (id int, user_id int)`.
fn facts() -> Facts {
    let mut facts = Facts::none();
    facts.search_path = vec!["public".to_owned()];
    facts.is_complete = true;
    let mut table = |name: &str, columns: &[(&str, &str)]| {
        let mut relation = Relation::new(RelationKind::Table);
        let column = |(name, of): &(&str, &str)| Column::new(*name, SqlType::read(of));
        relation.columns = Some(columns.iter().map(column).collect());
        relation.origin = Some(ObjectName::new("public", name));
        relation.columns.iter_mut().flatten().next().unwrap().is_not_null = true;
        relation.constraints.push(ConstraintFacts::new(
            Some(format!("{name}_pkey")),
            ConstraintFactsKind::PrimaryKey,
            vec!["id".to_owned()],
        ));
        facts.relations.insert(ObjectName::new("public", name), relation);
    };
    table("users", &[("id", "int"), ("email", "text"), ("name", "varchar(20)"), ("n", "int8")]);
    table("orders", &[("id", "int"), ("user_id", "int")]);
    facts
}

/// The probes of statements, one after the other; each has the number of its statement as its place.
fn probes(statements: &[&str]) -> Vec<Probe> {
    let (mut facts, mut probes, mut found) = (facts(), Probes::new(), Vec::new());
    for (at, statement) in statements.iter().enumerate() {
        found.extend(probes.next(statement, &facts, &(at + 1).to_string()));
        facts.apply(statement);
    }
    found
}

fn rows(statement: &str) -> Vec<FailingRows> {
    let probes = probes(&[statement]);
    assert!(probes.iter().all(|probe| probe.obstacle.is_none() && probe.key == ["id"]), "{probes:?}");
    probes.into_iter().map(|probe| probe.rows).collect()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn duplicate(columns: &[&str]) -> FailingRows {
    let key = columns.iter().map(|column| KeyPart::Column((*column).to_owned())).collect();
    FailingRows::Duplicate { key, condition: None, nulls_are_equal: false }
}

fn misfit(column: &str, type_name: &str, limit: Limit) -> Vec<FailingRows> {
    vec![FailingRows::Misfit { column: column.to_owned(), type_name: type_name.to_owned(), limit }]
}

#[test]
fn nulls_stand_in_the_way_of_not_null() {
    let nulls = vec![FailingRows::Null { columns: strings(&["email"]) }];
    assert_eq!(rows("ALTER TABLE users ALTER email SET NOT NULL"), nulls);
    assert_eq!(rows("ALTER TABLE users ADD CONSTRAINT c NOT NULL email"), nulls);
    assert_eq!(rows("ALTER TABLE users ALTER id SET NOT NULL"), []);
    let any = vec![FailingRows::Any { column: "age".to_owned() }];
    assert_eq!(rows("ALTER TABLE users ADD COLUMN age int NOT NULL"), any);
    assert_eq!(rows("ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 1"), []);
    assert_eq!(rows("ALTER TABLE users ADD COLUMN age serial"), []);
    assert_eq!(rows("ALTER TABLE users ADD COLUMN age int GENERATED ALWAYS AS IDENTITY"), []);
    assert_eq!(rows("ALTER TABLE users ADD COLUMN age positive NOT NULL"), []);
    assert_eq!(rows("ALTER TABLE users ADD COLUMN IF NOT EXISTS email text NOT NULL"), []);
}

#[test]
fn equal_rows_stand_in_the_way_of_unique() {
    assert_eq!(rows("ALTER TABLE users ADD UNIQUE (email, name)"), [duplicate(&["email", "name"])]);
    assert_eq!(rows("CREATE UNIQUE INDEX CONCURRENTLY ON users (email DESC)"), [duplicate(&["email"])]);
    assert_eq!(rows("CREATE INDEX ON users (email)"), []);
    let partial =
        "CREATE UNIQUE INDEX ON users (lower(email) text_pattern_ops DESC) NULLS NOT DISTINCT WHERE n > 0";
    let FailingRows::Duplicate { key, condition, nulls_are_equal } = &rows(partial)[0] else { panic!() };
    assert_eq!(key, &[KeyPart::Expression("lower(email)".to_owned())]);
    assert_eq!((condition.as_deref(), *nulls_are_equal), (Some("n > 0"), true));
    let key = rows("ALTER TABLE users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY (id, email)");
    assert_eq!(key, [FailingRows::Null { columns: strings(&["email"]) }, duplicate(&["id", "email"])]);
}

#[test]
fn missing_rows_stand_in_the_way_of_a_foreign_key() {
    let orphans = FailingRows::Orphan {
        columns: strings(&["user_id"]),
        references: ObjectName::new("public", "users"),
        referenced_columns: strings(&["id"]),
        is_match_full: false,
    };
    assert_eq!(
        rows("ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users"),
        std::slice::from_ref(&orphans)
    );
    let not_valid =
        "ALTER TABLE orders ADD CONSTRAINT c FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID";
    assert_eq!(rows(not_valid), []);
    let validated = probes(&[not_valid, "ALTER TABLE orders VALIDATE CONSTRAINT c"]);
    assert_eq!(validated.iter().map(|probe| &probe.rows).collect::<Vec<_>>(), [&orphans]);
}

#[test]
fn a_row_with_some_nulls_stands_in_the_way_of_match_full() {
    let is_full = |probes: Vec<Probe>| {
        let rows = probes.into_iter().map(|probe| probe.rows);
        let is_full = rows.map(|rows| matches!(rows, FailingRows::Orphan { is_match_full: true, .. }));
        is_full.collect::<Vec<_>>()
    };
    let full =
        "ALTER TABLE orders ADD CONSTRAINT c FOREIGN KEY (user_id, id) REFERENCES users (id, n) MATCH FULL";
    assert_eq!(is_full(probes(&[full])), [true]);
    let not_valid = format!("{full} ON DELETE CASCADE NOT VALID");
    assert_eq!(is_full(probes(&[&not_valid, "ALTER TABLE orders VALIDATE CONSTRAINT c"])), [true]);
    let simple = full.replace("FULL", "SIMPLE");
    assert_eq!(is_full(probes(&[&simple])), [false]);
    // The constraint was added long ago, and is known from the catalog.
    let mut facts = facts();
    facts.apply(&not_valid);
    let found = Probes::new().next("ALTER TABLE orders VALIDATE CONSTRAINT c", &facts, "1");
    assert_eq!(is_full(found), [true]);
}

#[test]
fn values_of_each_table_stand_in_the_way_of_a_domains_constraint() {
    let mut facts = facts();
    for statement in [
        "CREATE DOMAIN code AS text",
        "CREATE DOMAIN short AS code",
        "ALTER TABLE users ADD c code, ADD cs code[]",
        "ALTER TABLE orders ADD s short NOT NULL",
    ] {
        facts.apply(statement);
    }
    let found = |statements: &[&str]| {
        let mut probes = Probes::new();
        let next = |statement: &&str| probes.next(statement, &facts, "1");
        let found: Vec<Probe> = statements.iter().flat_map(next).collect();
        found.into_iter().map(|probe| (probe.written, probe.only, probe.rows)).collect::<Vec<_>>()
    };
    let violation = |table: &str, column: &str| {
        let (column, expression) = (column.to_owned(), "VALUE <> ''".to_owned());
        (format!("public.{table}"), true, FailingRows::DomainViolation { column, expression })
    };
    let violations = [violation("orders", "s"), violation("users", "c")];
    assert_eq!(found(&["ALTER DOMAIN code ADD CHECK (VALUE <> '')"]), violations);
    let not_valid = "ALTER DOMAIN code ADD CONSTRAINT filled CHECK (VALUE <> '') NOT VALID";
    assert_eq!(found(&[not_valid]), []);
    assert_eq!(found(&[not_valid, "ALTER DOMAIN code VALIDATE CONSTRAINT filled"]), violations);
    let null = FailingRows::Null { columns: strings(&["c"]) };
    assert_eq!(found(&["ALTER DOMAIN code SET NOT NULL"]), [("public.users".to_owned(), true, null)]);
    assert_eq!(found(&["ALTER DOMAIN code SET DEFAULT ''"]), []);
}

#[test]
fn violations_stand_in_the_way_of_a_check() {
    let violation = FailingRows::Violation { expression: "n > 0".to_owned() };
    assert_eq!(rows("ALTER TABLE users ADD CHECK (n > 0)"), [violation]);
    assert_eq!(rows("ALTER TABLE users ADD CHECK (n > 0) NOT ENFORCED"), []);
}

#[test]
fn values_that_do_not_fit_stand_in_the_way_of_a_type() {
    let change = |column: &str, to: &str| rows(&format!("ALTER TABLE users ALTER {column} TYPE {to}"));
    assert_eq!(change("name", "varchar(10)"), misfit("name", "varchar(10)", Limit::Length(10)));
    assert_eq!(change("name", "varchar(20)"), []);
    assert_eq!(change("name", "text"), []);
    assert_eq!(change("n", "int"), misfit("n", "int4", Limit::Range(i32::MIN.into(), i32::MAX.into())));
    let digits = Limit::Digits { whole: 3, scale: 2 };
    assert_eq!(change("n", "numeric(5, 2)"), misfit("n", "numeric(5,2)", digits));
    assert_eq!(change("email", "int USING email::int"), misfit("email", "int4", Limit::Input));
    assert_eq!(change("email", "int USING length(email)"), []);
    assert_eq!(change("email", "int USING email::boolean::int"), []);
    assert_eq!(change("n", "smallint USING n::int % 100"), []);
    let digits = Limit::Digits { whole: 5, scale: -2 };
    assert_eq!(change("n", "numeric(3, -2)"), misfit("n", "numeric(3,-2)", digits));
    let digits = Limit::Digits { whole: -2, scale: 4 };
    assert_eq!(change("n", "numeric(2, 4)"), misfit("n", "numeric(2,4)", digits));
    assert_eq!(change("id", "bigint"), []);
}

#[test]
fn a_column_that_the_statement_itself_makes_is_not_asked_about() {
    assert_eq!(rows("ALTER TABLE orders ADD u int, ADD FOREIGN KEY (u) REFERENCES users"), []);
    assert_eq!(rows("ALTER TABLE users ADD c int DEFAULT 1, ALTER c SET NOT NULL"), []);
    let change = rows("ALTER TABLE users ALTER n TYPE int, ADD CHECK (n > 0)");
    assert_eq!(change, misfit("n", "int4", Limit::Range(i32::MIN.into(), i32::MAX.into())));
}

#[test]
fn what_an_earlier_statement_does_is_an_obstacle() {
    let not_null = "ALTER TABLE users ALTER email SET NOT NULL";
    let obstacle =
        |before: &str, statement: &str| probes(&[before, statement]).pop().and_then(|probe| probe.obstacle);
    let users = ObjectName::new("public", "users");
    let place = || "1".to_owned();
    let written = Some(ProbeObstacle::Written { table: users.clone(), place: place() });
    assert_eq!(obstacle("UPDATE users SET email = '' WHERE email IS NULL", not_null), written);
    assert_eq!(obstacle("TRUNCATE users", not_null), written);
    assert_eq!(obstacle("UPDATE orders SET id = 1", not_null), None);
    assert_eq!(obstacle("DO $$ BEGIN END $$", not_null), Some(ProbeObstacle::Code { place: place() }));
    let key = "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users";
    assert_eq!(obstacle("INSERT INTO users SELECT 1", key), written);
    let changed = |column: &str| Some(ProbeObstacle::Changed { column: column.to_owned(), place: place() });
    assert_eq!(
        obstacle("ALTER TABLE users ALTER n TYPE int", "ALTER TABLE users ADD CHECK (n > 0)"),
        changed("n")
    );
    let mail = "ALTER TABLE users ALTER mail SET NOT NULL";
    assert_eq!(obstacle("ALTER TABLE users RENAME email TO mail", mail), changed("mail"));
    assert_eq!(obstacle("ALTER TABLE users ADD mail text", mail), changed("mail"));
    let new = probes(&[
        "CREATE TABLE t (id int PRIMARY KEY)",
        "ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES t",
    ]);
    let t = ObjectName::new("public", "t");
    assert_eq!(new[0].obstacle, Some(ProbeObstacle::NewReference { table: t }));
    assert_eq!(probes(&["CREATE TABLE t (id int)", "ALTER TABLE t ALTER id SET NOT NULL"]), []);
    // The database knows the table by its old name.
    let renamed =
        probes(&["ALTER TABLE users RENAME TO people", "ALTER TABLE people ALTER email SET NOT NULL"]);
    assert_eq!((&renamed[0].table, &renamed[0].obstacle), (&users, &None));
}

/// `users` and `orders`, and `events` by the time with the partitions `y24` and `rest`, which is the default.
fn partitioned() -> Facts {
    let mut facts = facts();
    for statement in [
        "CREATE TABLE events (id int, at date NOT NULL, user_id int) PARTITION BY RANGE (at)",
        "CREATE TABLE y24 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE rest PARTITION OF events DEFAULT",
        "CREATE TABLE filled (id int PRIMARY KEY, at date NOT NULL, user_id int)",
        "CREATE TABLE hashed (id int) PARTITION BY HASH (id)",
    ] {
        facts.apply(statement);
    }
    for (name, relation) in &mut facts.relations {
        relation.origin = Some(name.clone());
    }
    facts
}

fn of_partition(facts: &Facts, statement: &str) -> Vec<(String, FailingRows)> {
    let probes = Probes::new().next(statement, facts, "1");
    assert!(probes.iter().all(|probe| probe.obstacle.is_none()), "{probes:?}");
    probes.into_iter().map(|probe| (probe.written, probe.rows)).collect()
}

const Y25: &str = "(at) IS NOT NULL AND (at) >= ('2025-01-01') AND (at) < ('2026-01-01')";

fn within() -> (String, FailingRows) {
    let rows = FailingRows::WithinBounds { bounds: Y25.to_owned(), partition: "y25".to_owned() };
    ("public.rest".to_owned(), rows)
}

fn outside(table: &str) -> (String, FailingRows) {
    (table.to_owned(), FailingRows::OutsideBounds { bounds: Y25.to_owned(), within: None })
}

#[test]
fn rows_on_the_wrong_side_of_its_bounds_stand_in_the_way_of_a_partition() {
    let mut facts = partitioned();
    let y25 = "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')";
    let create = format!("CREATE TABLE y25 PARTITION OF events {y25}");
    assert_eq!(of_partition(&facts, &create), [within()]);
    let attach = format!("ALTER TABLE events ATTACH PARTITION filled {y25}");
    let taken = FailingRows::WithinBounds { bounds: Y25.to_owned(), partition: "filled".to_owned() };
    assert_eq!(of_partition(&facts, &attach), [outside("filled"), ("public.rest".to_owned(), taken)]);
    assert_eq!(of_partition(&facts, "ALTER TABLE events DETACH PARTITION rest"), []);
    // Without a default partition, a new partition takes no rows.
    facts.apply("ALTER TABLE events DETACH PARTITION rest");
    assert_eq!(of_partition(&facts, &create), []);
    let default = "ALTER TABLE events ATTACH PARTITION filled DEFAULT";
    let partitions = vec![ObjectName::new("public", "y24")];
    assert_eq!(
        of_partition(&facts, default),
        [("filled".to_owned(), FailingRows::OfPartitions { partitions })]
    );
    // A check that proves it is not asked about again.
    facts.apply("ALTER TABLE filled ADD CHECK (at >= '2025-01-01' AND at < '2026-01-01')");
    assert_eq!(of_partition(&facts, &attach), []);
}

#[test]
fn keys_that_a_partition_inherits_and_lacks_are_asked_about() {
    let mut facts = partitioned();
    facts.apply("ALTER TABLE events ADD PRIMARY KEY (id, at)");
    facts.apply("ALTER TABLE events ADD FOREIGN KEY (user_id) REFERENCES users");
    facts.apply("ALTER TABLE events DETACH PARTITION rest");
    let attach =
        "ALTER TABLE events ATTACH PARTITION filled FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')";
    let orphans = FailingRows::Orphan {
        columns: strings(&["user_id"]),
        references: ObjectName::new("public", "users"),
        referenced_columns: strings(&["id"]),
        is_match_full: false,
    };
    let of_filled = |rows| ("filled".to_owned(), rows);
    let expected = [outside("filled"), of_filled(duplicate(&["id", "at"])), of_filled(orphans)];
    assert_eq!(of_partition(&facts, attach), expected);
    facts.apply("ALTER TABLE filled ADD UNIQUE (id, at), ADD FOREIGN KEY (user_id) REFERENCES users");
    assert_eq!(of_partition(&facts, attach), [outside("filled")]);
}

#[test]
fn bounds_that_are_no_condition_or_of_new_tables_are_an_obstacle() {
    let facts = partitioned();
    let obstacle = |before: &[&str], statement: &str| {
        let mut facts = facts.clone();
        before.iter().for_each(|statement| facts.apply(statement));
        let probes = Probes::new().next(statement, &facts, "1");
        probes.into_iter().next().map(|probe| probe.obstacle)
    };
    let table = |name: &str| ObjectName::new("public", name);
    let hashed = "ALTER TABLE hashed ATTACH PARTITION filled FOR VALUES WITH (MODULUS 2, REMAINDER 0)";
    assert_eq!(obstacle(&[], hashed), Some(None));
    let new = "CREATE TABLE new (id text) PARTITION BY HASH (id)";
    let attached = hashed.replace("hashed", "new");
    let reference = |name| Some(Some(ProbeObstacle::NewReference { table: table(name) }));
    assert_eq!(obstacle(&[new], &attached), reference("new"));
    let odd = "CREATE TABLE odd (id text) PARTITION BY LIST (id text_pattern_ops)";
    let attached = "ALTER TABLE odd ATTACH PARTITION filled FOR VALUES IN ('a')";
    assert_eq!(obstacle(&[odd], attached), Some(Some(ProbeObstacle::PartitionKey { table: table("odd") })));
    let first = "CREATE TABLE h0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0)";
    assert_eq!(obstacle(&[first], "ALTER TABLE hashed ATTACH PARTITION filled DEFAULT"), reference("h0"));
    // Rows that are written to the partitioned table may go to its default partition.
    let mut probes = Probes::new();
    assert_eq!(probes.next("INSERT INTO events SELECT 1", &facts, "1"), []);
    let create = "CREATE TABLE y25 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')";
    let written = ProbeObstacle::Written { table: table("events"), place: "1".to_owned() };
    assert_eq!(probes.next(create, &facts, "2")[0].obstacle, Some(written));
}

#[test]
fn rows_that_conflict_stand_in_the_way_of_an_exclusion() {
    let column = |name: &str| KeyPart::Column(name.to_owned());
    let part = |part, operator: &str| ExclusionPart { part, operator: operator.to_owned() };
    let excluded = |parts, condition: Option<&str>| FailingRows::Excluded {
        parts,
        condition: condition.map(Into::into),
    };
    let parts = vec![
        part(column("email"), "="),
        part(KeyPart::Expression("int8range(n, id)".to_owned()), "OPERATOR(pg_catalog.&&)"),
    ];
    let exclude = "ALTER TABLE users ADD EXCLUDE USING gist \
                   (email WITH =, int8range(n, id) range_ops WITH OPERATOR(pg_catalog.&&)) WHERE (n > 0)";
    assert_eq!(rows(exclude), [excluded(parts, Some("n > 0"))]);
    let overlaps = vec![part(column("id"), "="), part(column("n"), "&&")];
    assert_eq!(rows("ALTER TABLE users ADD UNIQUE (id, n WITHOUT OVERLAPS)"), [excluded(overlaps, None)]);
}
