use super::{Catalog, Change, Kind, Object, Pattern};
use proptest::prelude::*;

fn objects() -> impl Strategy<Value = Vec<Object>> {
    let kinds = prop::sample::select(vec![Kind::Table, Kind::Column, Kind::MaterializedView, Kind::Comment]);
    let one = (kinds, "[ab]{1,2}", prop::collection::vec("[a-c]{0,2}", 0..5), prop::option::of("[ab]"));
    let object = one.prop_map(|(kind, identity, lines, table)| {
        let object = Object::new(kind, identity, lines.join("\n"));
        match table {
            Some(table) => object.of(table),
            None => object,
        }
    });
    prop::collection::vec(object, 0..12).prop_map(|mut objects| {
        objects.sort();
        objects.dedup_by(|a, b| a.key() == b.key());
        objects
    })
}

fn catalog() -> impl Strategy<Value = Catalog> {
    objects().prop_map(Catalog::of)
}

proptest! {
    #[test]
    fn a_catalog_has_no_differences_from_itself(catalog in catalog()) {
        prop_assert!(catalog.differences(&catalog).is_empty());
        prop_assert_eq!(catalog.differences(&catalog).to_string(), "");
    }

    #[test]
    fn the_order_of_objects_does_not_matter(mut objects in objects(), seed: u64) {
        let sorted = Catalog::of(objects.clone());
        let len = objects.len().max(1);
        objects.rotate_left(usize::try_from(seed).unwrap_or_default() % len);
        prop_assert_eq!(Catalog::of(objects).fingerprint(), sorted.fingerprint());
    }

    #[test]
    fn catalogs_without_differences_have_one_fingerprint(a in catalog(), b in catalog()) {
        if a.fingerprint() == b.fingerprint() {
            prop_assert!(a.differences(&b).is_empty());
        }
        if a.differences(&b).is_empty() {
            prop_assert_eq!(a.fingerprint(), b.fingerprint());
        }
    }

    #[test]
    fn seen_from_the_other_side_added_is_removed(a in catalog(), b in catalog()) {
        let (there, back) = (a.differences(&b), b.differences(&a));
        prop_assert_eq!(there.len(), back.len());
        for (one, other) in there.iter().zip(&back) {
            prop_assert_eq!(one.object.key(), other.object.key());
            let opposite = match one.change {
                Change::Added => Change::Removed,
                Change::Removed => Change::Added,
                Change::Changed => Change::Changed,
            };
            prop_assert_eq!(other.change, opposite);
        }
    }

    #[test]
    fn what_is_only_in_one_is_added_or_removed(a in catalog(), b in catalog()) {
        let differences = a.differences(&b);
        for object in b.objects().iter().filter(|object| a.find(object.kind(), object.identity()).is_none()) {
            let added = differences.iter().any(|one| one.change == Change::Added && one.object == *object);
            prop_assert!(added, "{}", object);
        }
    }

    #[test]
    fn a_pattern_of_a_whole_name_matches_that_name_alone(name in "[a-z*?.\\\\\" :]{1,8}", other in "[a-z*?.\\\\\" :]{1,8}") {
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let pattern: Pattern = escaped.parse().unwrap();
        prop_assert!(pattern.matches(&Object::new(Kind::Table, name.clone(), "")));
        prop_assert_eq!(pattern.matches(&Object::new(Kind::Table, other.clone(), "")), name == other);
    }

    #[test]
    fn a_star_stands_for_any_text(name in "[a-z.]{0,8}", from in 0usize..9, to in 0usize..9) {
        let (from, to) = (from.min(to).min(name.len()), from.max(to).min(name.len()));
        let glob = format!("{}*{}", &name[..from], &name[to..]);
        prop_assert!(glob.parse::<Pattern>().unwrap().matches(&Object::new(Kind::View, name, "")), "{}", glob);
    }
}

fn matches(pattern: &str, object: &Object) -> bool {
    pattern.parse::<Pattern>().unwrap().matches(object)
}

#[test]
fn a_pattern_may_name_a_kind() {
    let view = Object::new(Kind::MaterializedView, "public.tmp_counts", "");
    for pattern in
        ["*", "public.*", "materialized_view:*", "materialized view:public.tmp_*", "public.tmp?count?"]
    {
        assert!(matches(pattern, &view), "{pattern}");
    }
    for pattern in ["view:*", "table:public.tmp_*", "public", "tmp_*", "*_", "public.tmp_count"] {
        assert!(!matches(pattern, &view), "{pattern}");
    }
}

#[test]
fn a_pattern_of_a_table_matches_what_is_of_it() {
    let index = Object::new(Kind::Index, "public.by_name", "").of("public.tmp_users");
    assert!(matches("public.tmp_*", &index));
    assert!(matches("public.by_*", &index));
    assert!(!matches("table:public.tmp_*", &index));
    assert!(!matches("index:public.tmp_*", &index));
}

#[test]
fn comments_and_privileges_are_matched_by_what_they_are_on() {
    let comment = Object::new(Kind::Comment, "materialized view public.tmp_counts", "");
    for pattern in ["public.tmp_*", "comment:public.tmp_*", "comment:materialized view *", "comment:*"] {
        assert!(matches(pattern, &comment), "{pattern}");
    }
    assert!(!matches("privileges:*", &comment));
}

#[test]
fn a_kind_that_there_is_not_is_refused_and_a_colon_in_a_name_is_not() {
    let error = "indexes:*".parse::<Pattern>().unwrap_err();
    assert_eq!(error.kind, "indexes");
    assert!(error.to_string().contains("materialized_view, "), "{error}");
    assert!(matches("public.\"a:b\"", &Object::new(Kind::Table, "public.\"a:b\"", "")));
}

#[test]
fn kinds_have_names_of_their_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of_word(kind.word()), Some(*kind));
        assert_eq!(Kind::of_word(&kind.word().replace(' ', "_")), Some(*kind));
    }
    assert_eq!(Kind::of_word("tables"), None);
}

#[test]
fn the_columns_of_a_table_are_told_once_and_their_order_is_no_difference() {
    let table = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|name| format!("column {name}\n")).collect();
        Catalog::of([Object::new(
            Kind::Table,
            "t",
            format!("TABLE\n{}WITH (fillfactor=70)", columns.concat()),
        )])
    };
    assert!(table(&["a", "b", "c"]).differences(&table(&["a", "c", "d"])).is_empty());
    let (before, after) = (table(&["a", "b", "c"]), table(&["b", "a", "d"]));
    assert!(before.differences(&after).is_empty());
    assert_eq!(before.fingerprint(), after.fingerprint());
    assert_eq!(before.reordered(&after).len(), 1);
    assert!(before.reordered(&table(&["a", "x", "c"])).is_empty());
}

#[test]
fn a_secret_is_seen_to_change_and_not_shown() {
    let function = |password: &str| {
        let body = format!("CREATE FUNCTION f()\nAS $$ ALTER ROLE a PASSWORD '{password}' $$");
        Catalog::of([Object::new(Kind::Function, "public.f()", body)])
    };
    let changed = function("hunter2").differences(&function("hunter3")).to_string();
    assert_eq!(changed, "function public.f(): changed\n  (in a secret, which is not shown)");
    let added = Catalog::default().differences(&function("hunter2")).to_string();
    assert!(added.contains("+AS $$ ALTER ROLE a PASSWORD '…' $$"), "{added}");
}

#[test]
fn no_two_lists_of_texts_are_taken_for_one() {
    let one = Catalog::of([Object::new(Kind::Table, "a", "bc")]);
    let other = Catalog::of([Object::new(Kind::Table, "ab", "c")]);
    assert_ne!(one.fingerprint(), other.fingerprint());
}

/// A stored fingerprint must have the same meaning in the next release.
#[test]
fn a_fingerprint_stays_what_it_is() {
    let catalog = Catalog::of([Object::new(Kind::Column, "public.users.id", "bigint\nNOT NULL")]);
    let hex: String = catalog.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "2dd69d8d6352899757d7b43c49cb213c05d76dab75929c27574e8836b7098676");
}
