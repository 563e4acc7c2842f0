use super::header::words;
use super::*;
use crate::set::problem::ProblemKind;
use proptest::prelude::*;

fn header(text: &str) -> Options {
    let header = read_header(text, Role::Up);
    assert_eq!(header.faults, [], "{text}");
    header.options
}

#[test]
fn options_may_stand_in_several_lines_among_other_comments() {
    let options = header(
        "\u{feff}-- Drops the old table.\r\n\n  --migrate:lock_timeout=5s\r\n/* a /* nested */ comment */\n\
         -- migrate:  transaction=none\tphase=contract \n--\n-- migrate: allow=drop-table,drop_column\nDROP TABLE t;",
    );
    assert_eq!(
        options.to_string(),
        "lock_timeout=5s transaction=none phase=contract allow=drop-table,drop-column"
    );
}

#[test]
fn times_are_read_as_postgresql_reads_them() {
    for (text, millis) in [
        ("250", 250),
        ("0", 0),
        ("0min", 0),
        ("1ms", 1),
        ("1500us", 2),
        ("500us", 1),
        ("5s", 5000),
        ("10min", 600_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("2147483647", 2_147_483_647),
    ] {
        assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for text in [
        "",
        "s",
        "5 s",
        "5S",
        "5m",
        "5sec",
        "-1",
        "+1",
        "1.5s",
        "499us",
        "2147483648",
        "25d",
        "99999999999999999999999999999999999999999d",
        "\u{663}s",
    ] {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn sqlxs_no_transaction_is_honoured_and_words_like_it_are_not() {
    for (text, mode) in [
        ("-- no-transaction", Some(TransactionMode::None)),
        ("-- a comment\n--no-transaction: an index\nSELECT 1", Some(TransactionMode::None)),
        ("-- no-transactions", None),
        ("-- no-transaction-log", None),
        ("SELECT 1;\n-- no-transaction", None),
    ] {
        assert_eq!(header(text).transaction, mode, "{text}");
    }
}

#[test]
fn dbmates_marks_are_no_options_and_words_that_begin_like_them_are() {
    for mark in ["-- migrate:up", "-- migrate:down", "--migrate:up transaction:false", "-- migrate:down;"] {
        assert_eq!(words(mark), None, "{mark}");
    }
    for options in ["-- migrate:upper=1", "-- migrate:up_to=1", "-- migrate:up2=1", "-- migrate:downs=1"] {
        assert!(words(options).is_some(), "{options}");
    }
}

#[test]
fn one_version_is_replaced_as_a_range_of_one() {
    let options = header("-- migrate: replaces=0004\nSELECT 1;");
    let one = Replaces { first: "0004".into(), last: "0004".into() };
    assert_eq!((options.replaces.as_ref(), options.to_string().as_str()), (Some(&one), "replaces=0004"));
    assert_eq!(header("-- migrate: replaces=0004..0004\nSELECT 1;"), options);
}

#[test]
fn a_phase_is_one_of_two_and_a_rule_has_the_shape_of_an_id() {
    for text in [
        "phase=soon",
        "phase=Expand",
        "phase=",
        "allow=",
        "allow=Drop-table",
        "allow=drop--table",
        "allow=-drop",
        "allow=drop-",
        "allow=drop-table,",
        "allow=3d",
        "allow=drop.table",
        "reason=\"first\"",
    ] {
        let faults = read_header(&format!("-- migrate: {text}\nSELECT 1;"), Role::Up).faults;
        assert!(matches!(faults[..], [(12, ProblemKind::BadValue { .. })]), "{text}: {faults:?}");
    }
    assert_eq!(header("-- migrate: allow=drop_column\nSELECT 1;").to_string(), "allow=drop-column");
}

#[test]
fn strings_and_bodies_hold_no_options() {
    header("SELECT '\n-- migrate: lock_timeout=5s\n';\nDO $$\n-- migrate: lock_timeout=5s\nBEGIN END $$;");
}

#[test]
fn a_batch_is_a_table_and_the_columns_of_a_key() {
    let batch = |value: &str| header(&format!("-- migrate: batch={value}\nSELECT 1;")).batch.unwrap();
    for (value, table, key) in [
        ("users", "users", &[][..]),
        ("users(id)", "users", &["id"]),
        ("app.users( tenant, id )", "app.users", &["tenant", "id"]),
        ("\"My App\".\"Users\"(\"Tenant Id\",id)", "\"My App\".\"Users\"", &["\"Tenant Id\"", "id"]),
        ("U&\"d\\0061t\"(id)", "\"dat\"", &["id"]),
    ] {
        let batch = batch(value);
        assert_eq!(
            (&*batch.table, batch.key.iter().map(AsRef::as_ref).collect::<Vec<&str>>()),
            (table, key.to_vec())
        );
    }
    for value in [
        "",
        "users()",
        "users(id",
        "users)",
        "a.b.c(id)",
        "users(id)x",
        "users(a.b)",
        "users(a,)",
        "1",
        "users,posts",
    ] {
        let text = format!("-- migrate: batch={value}\nSELECT 1;");
        let faults = read_header(&text, Role::Up).faults;
        assert!(matches!(faults[..], [(12, ProblemKind::BadValue { .. })]), "{value}: {faults:?}");
    }
}

#[test]
fn rows_pause_and_after_take_values_that_make_sense() {
    let options = header("-- migrate: rows=500 pause=100ms after=0043\nSELECT 1;");
    assert_eq!(options.to_string(), "rows=500 pause=100ms after=0043");
    for text in [
        "rows=0",
        "rows=-1",
        "rows=+1",
        "rows=1e3",
        "rows=10000001",
        "pause=61min",
        "pause=soon",
        "after=",
        "after=a=b",
    ] {
        let faults = read_header(&format!("-- migrate: {text}\nSELECT 1;"), Role::Up).faults;
        assert!(matches!(faults[..], [(12, ProblemKind::BadValue { .. })]), "{text}: {faults:?}");
    }
}

fn batched() -> impl Strategy<Value = Options> {
    let name = || prop_oneof!["[a-z_]{1,5}", "\"[a-zA-Z é(),=.]{1,6}\""];
    let table = (proptest::option::of(name()), name())
        .prop_map(|(schema, table)| schema.map_or(table.clone(), |schema| format!("{schema}.{table}")));
    let key = proptest::collection::vec(name().prop_map(Cow::Owned), 0..3);
    let batch = (table, key).prop_map(|(table, key)| Batch { table: table.into(), key: key.into() });
    let pause = (0..=3_600_000_u64).prop_map(Duration::from_millis);
    let (rows, pause) = (proptest::option::of(1..=10_000_000_u32), proptest::option::of(pause));
    (proptest::option::of(batch), rows, pause, proptest::option::of("[0-9a-z_.]{1,6}")).prop_map(
        |(batch, rows, pause, after)| Options {
            batch,
            rows: rows.and_then(NonZeroU32::new),
            pause,
            after: after.map(Cow::Owned),
            ..Options::NONE
        },
    )
}

fn options() -> impl Strategy<Value = Options> {
    let timeout = || proptest::option::of((0..=2_147_483_647u64).prop_map(Duration::from_millis));
    let mode = prop_oneof![Just(TransactionMode::Block), Just(TransactionMode::None)];
    let phase = prop_oneof![Just(Phase::Expand), Just(Phase::Contract)];
    let reason = proptest::option::of("[a-z\u{e9},=-][ a-z\u{e9}',=-]{0,8}[.!]");
    let approval = ("[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}", reason);
    let approval =
        approval.prop_map(|(rule, reason)| Approval { rule: rule.into(), reason: reason.map(Into::into) });
    let allow = proptest::collection::vec(approval, 0..4);
    let replaces = ("[0-9._a-z]{0,5}[0-9]", "[0-9_]{1,6}")
        .prop_map(|(first, last)| Replaces { first: first.into(), last: last.into() });
    let replaces = proptest::option::of(
        replaces.prop_filter("dots", |r| !r.first.contains("..") && !r.last.starts_with('=')),
    );
    let (mode, phase) = (proptest::option::of(mode), proptest::option::of(phase));
    (timeout(), timeout(), mode, phase, allow, replaces, batched()).prop_map(
        |(lock_timeout, statement_timeout, transaction, phase, allow, replaces, batched)| Options {
            lock_timeout,
            statement_timeout,
            transaction,
            phase,
            allow: allow.into(),
            replaces,
            ..batched
        },
    )
}

proptest! {
    #[test]
    fn what_is_displayed_reads_back(options in options()) {
        prop_assert_eq!(header(&format!("-- migrate: {options}\nSELECT 1;")), options);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(-- ?migrate:|[ -~\u{a0}\u{e9}\n]|/\\*|\\*/|=|--|phase=|lock_timeout=1s|batch=|batch=t\\(){0,40}") {
        for role in [Role::Up, Role::Down, Role::Verify] {
            for (offset, _) in read_header(&text, role).faults {
                prop_assert!(text.is_char_boundary(offset));
            }
        }
    }
}
