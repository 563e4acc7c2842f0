//! Changes of a column's type: those that rewrite the table or rebuild an index.

use super::types::SqlType;
use crate::sql::statement::IntervalField;

/// The effect of a change of a column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeChange {
    pub(super) rewrites: Rewrites,
    /// True if indexes on the column have to be rebuilt even without a table rewrite.
    pub(super) rebuilds_indexes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rewrites {
    Yes,
    No,
    /// Unless the time zone is UTC.
    UnlessUtc,
}

impl TypeChange {
    const FREE: TypeChange = TypeChange { rewrites: Rewrites::No, rebuilds_indexes: false };
    const REINDEX: TypeChange = TypeChange { rewrites: Rewrites::No, rebuilds_indexes: true };
    const REWRITE: TypeChange = TypeChange { rewrites: Rewrites::Yes, rebuilds_indexes: true };
}

impl SqlType {
    /// The effect of a change to this type, as far as the new type alone determines it. A cast to a type
    /// without a length is mostly written where the old type is of another kind.
    pub(super) fn change_from_unknown(&self, is_cast: bool) -> FromUnknown {
        let is_converted = is_cast && self.modifiers.is_empty();
        let widens = ["text", "varchar", "numeric", "inet", "varbit", "interval", "time", "timetz"];
        // A change to `timestamptz` mostly starts from `timestamp`, the reverse is rare.
        let is_full_timestamp = self.base == "timestamp" && self.precision().is_none();
        let is_wide = widens.contains(&self.base.as_str()) || is_full_timestamp;
        if self.is_built_in() && !self.is_array && is_wide && !is_converted {
            FromUnknown::Unlikely
        } else {
            FromUnknown::Likely
        }
    }
}

/// The effect of a change of which only the new type is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FromUnknown {
    /// It rewrites the table for most old types.
    Likely,
    /// It does not rewrite the table for the old types from which such a change is common.
    Unlikely,
}

/// The effect of a column's change from one type to another. Both are without domains: see
/// `Facts::without_domains`.
pub(super) fn change(old: &SqlType, new: &SqlType, is_collation_changed: bool) -> TypeChange {
    let change = change_of_type(old, new);
    if is_collation_changed && new.is_collatable() && change.rewrites == Rewrites::No {
        return TypeChange { rebuilds_indexes: true, ..change };
    }
    change
}

fn change_of_type(old: &SqlType, new: &SqlType) -> TypeChange {
    if old == new || old.base == "interval" && is_wider_interval(old, new) {
        return TypeChange::FREE;
    }
    if old.is_array || new.is_array {
        let is_without_length =
            old.is_array && new.is_array && new.modifiers.is_empty() && old.base == new.base;
        // The elements of an array are cast one by one, unless the cast does nothing.
        return if is_without_length && old.schema == new.schema {
            TypeChange::FREE
        } else {
            TypeChange::REWRITE
        };
    }
    if old.schema != new.schema {
        return TypeChange::REWRITE;
    }
    match (old.base.as_str(), new.base.as_str()) {
        ("varchar" | "text", "text") | ("text", "varchar") if new.modifiers.is_empty() => TypeChange::FREE,
        ("varchar", "varchar") | ("varbit", "varbit") if is_longer(old, new) => TypeChange::FREE,
        ("numeric", "numeric") if is_more_precise(old, new) => TypeChange::FREE,
        ("cidr", "inet") | ("xml", "text") => TypeChange::FREE,
        ("xml", "varchar") if new.modifiers.is_empty() => TypeChange::FREE,
        ("bit", "varbit") if new.modifiers.is_empty() => TypeChange::REINDEX,
        ("time", "time")
        | ("timetz", "timetz")
        | ("timestamp", "timestamp")
        | ("timestamptz", "timestamptz")
            if is_at_least_as_fine(old, new) =>
        {
            TypeChange::FREE
        }
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") if new.precision().is_none() => {
            TypeChange { rewrites: Rewrites::UnlessUtc, rebuilds_indexes: true }
        }
        (old, new) if is_oid(old) && is_oid(new) && (old == "oid" || new == "oid") => TypeChange::FREE,
        ("int4", new) if is_oid(new) => TypeChange::REINDEX,
        (old, "int4") if is_oid(old) => TypeChange::REINDEX,
        _ => TypeChange::REWRITE,
    }
}

fn is_oid(base: &str) -> bool {
    base == "oid" || base.starts_with("reg")
}

fn is_longer(old: &SqlType, new: &SqlType) -> bool {
    match (old.modifiers.first(), new.modifiers.first()) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    }
}

/// Returns true for a larger precision with the same scale.
fn is_more_precise(old: &SqlType, new: &SqlType) -> bool {
    let scale = |of: &SqlType| of.modifiers.get(1).copied().unwrap_or_default();
    match (old.modifiers.first(), new.modifiers.first()) {
        (_, None) => true,
        (Some(before), Some(after)) => after >= before && scale(old) == scale(new),
        (None, Some(_)) => false,
    }
}

fn is_at_least_as_fine(old: &SqlType, new: &SqlType) -> bool {
    match (old.precision(), new.precision()) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    }
}

/// The server's `interval_support`: the smallest field is no larger than before, and the digits are no fewer.
fn is_wider_interval(old: &SqlType, new: &SqlType) -> bool {
    let smallest = |of: &SqlType| of.fields.map_or(IntervalField::Second, |(_, smallest)| smallest);
    new.base == "interval"
        && !old.is_array
        && !new.is_array
        && smallest(new) <= smallest(old)
        && (smallest(old) > IntervalField::Second || is_at_least_as_fine(old, new))
}

#[cfg(test)]
mod tests {
    use crate::sql::facts::Facts;
    use crate::sql::{TableScan, locks_with};
    use std::collections::{BTreeMap, BTreeSet};

    /// The type changes that rewrite no table, among all pairs of the types in the file, as observed on real
    /// servers.
    const FREE: &str = include_str!("type-changes.txt");

    const DOMAINS: &str = "CREATE DOMAIN d_int AS int; CREATE DOMAIN d_int_chk AS int CHECK (VALUE > 0);
        CREATE DOMAIN d_int_nn AS int NOT NULL; CREATE DOMAIN d_text AS text; CREATE DOMAIN d_vc AS varchar(20);
        CREATE DOMAIN d_text_chk AS text CHECK (VALUE <> '')";

    /// The predicted effect of a column's type change, in the time zone UTC.
    fn told(old: &str, new: &str, is_indexed: bool) -> TableScan {
        let mut facts = Facts::none();
        facts.search_path = vec!["public".to_owned()];
        facts.is_utc = Some(true);
        DOMAINS.split(';').for_each(|domain| facts.apply(domain));
        facts.apply(&format!("CREATE TABLE t (c {old})"));
        if is_indexed {
            facts.apply("CREATE INDEX ON t (c)");
        }
        let locks = locks_with(&format!("ALTER TABLE t ALTER c TYPE {new}"), &facts);
        assert_eq!(locks.known()[0].otherwise, None, "{old} -> {new}");
        locks.known()[0].scan
    }

    #[test]
    fn each_change_of_type_is_told_to_cost_what_it_costs() {
        let mut free = BTreeMap::new();
        let mut types = BTreeSet::new();
        for line in FREE.lines().filter(|line| !line.starts_with('#')) {
            let (change, costs) = line.split_once(" | plain:none | indexed:").unwrap();
            let (old, new) = change.split_once(" -> ").unwrap();
            types.extend([old, new]);
            free.insert((old, new), costs);
        }
        let mut wrong = Vec::new();
        for old in &types {
            for new in types.iter().filter(|new| *new != old) {
                let expected = match free.get(&(*old, *new)).copied() {
                    None => (TableScan::Rewrite, TableScan::Rewrite),
                    Some("index") => (TableScan::Catalog, TableScan::Build),
                    Some(_) => (TableScan::Catalog, TableScan::Catalog),
                };
                let found = (told(old, new, false), told(old, new, true));
                // XML can't be indexed.
                if found != expected && !(*old == "xml" && found.0 == expected.0) {
                    wrong.push(format!("{old} -> {new}: {found:?}, but expected is {expected:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_cast_of_the_column_to_its_new_type_computes_nothing() {
        let mut facts = Facts::none();
        facts.search_path = vec!["public".to_owned()];
        let made =
            "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (\"userId\" varchar(20), m mood, ms mood[])";
        made.split(';').for_each(|statement| facts.apply(statement));
        let told =
            |change: &str| locks_with(&format!("ALTER TABLE t ALTER {change}"), &facts).known()[0].scan;
        for free in [
            "\"userId\" TYPE varchar(40) USING \"userId\"::varchar(40)",
            "\"userId\" TYPE varchar(40) USING ((\"userId\")::varchar(40))",
            "\"userId\" TYPE text USING CAST(t.\"userId\" AS text)",
            "m TYPE public.mood USING m::mood",
            "m TYPE mood",
            "ms TYPE public.mood[] USING ms::mood[]",
        ] {
            assert_eq!(told(free), TableScan::Catalog, "{free}");
        }
        for computed in [
            "\"userId\" TYPE varchar(40) USING userId::varchar(40)",
            "\"userId\" TYPE varchar(40) USING \"userId\"::varchar(10)",
            "\"userId\" TYPE text USING \"userId\"::text || ''",
            "\"userId\" TYPE text USING lower(\"userId\")",
            "m TYPE mood USING m::text::mood",
            "m TYPE other.mood",
        ] {
            assert_eq!(told(computed), TableScan::Rewrite, "{computed}");
        }
    }

    #[test]
    fn a_negative_scale_is_a_scale() {
        assert_eq!(told("numeric(3,-2)", "numeric(5,-2)", false), TableScan::Catalog);
        for new in ["numeric(3,0)", "numeric(3)", "numeric(5,-1)"] {
            assert_eq!(told("numeric(3,-2)", new, false), TableScan::Rewrite, "{new}");
        }
        assert_eq!(told("numeric(3)", "numeric(3,-2)", false), TableScan::Rewrite);
    }
}
