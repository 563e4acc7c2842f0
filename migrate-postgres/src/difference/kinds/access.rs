//! Comments, privileges and default privileges. Security labels, and objects that are only listed, are not written.

use super::Written;
use super::routine::aggregate_name;
use crate::difference::context::Context;
use crate::difference::graph::target;
use crate::difference::statement::{Statement, Statements, literal, one};
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::details::access::{Comment, DefaultPrivileges, Noted, Privileges, SecurityLabel};
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::{Catalog, Object};
use std::collections::BTreeMap;

/// The object of a comment or of privileges, as statements name it: `COLUMN public.users.email`.
fn named(object: &Object, catalog: &Catalog) -> Option<String> {
    let key = target(object.identity())?;
    let word = key.kind.word().to_uppercase();
    let last = name::last(&key.identity);
    Some(match key.kind {
        Kind::Constraint => {
            let table = object.table()?;
            let domain = if catalog.find(Kind::Domain, table).is_some() { "DOMAIN " } else { "" };
            format!("{word} {last} ON {domain}{table}")
        }
        Kind::Trigger | Kind::Policy | Kind::Rule => format!("{word} {last} ON {}", object.table()?),
        Kind::Cast => format!("{word} ({})", key.identity),
        Kind::ForeignServer => format!("SERVER {}", key.identity),
        Kind::Aggregate => match catalog.get(&key)?.details()? {
            Details::Aggregate(aggregate) => {
                format!("{word} {}", aggregate_name(catalog.get(&key)?, aggregate))
            }
            _ => return None,
        },
        _ => format!("{word} {}", key.identity),
    })
}

impl Written for Comment {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        let text = literal(&self.text);
        one(format!("COMMENT ON {} IS {}", named(object, context.to)?, text.trim_start()))
    }

    fn alter(&self, new: &Comment, object: &Object, context: &Context<'_>) -> Statements {
        new.create(object, context)
    }

    fn drop(&self, object: &Object, context: &Context<'_>) -> Statements {
        one(format!("COMMENT ON {} IS NULL", named(object, context.from)?))
    }
}

/// A label needs its provider to be loaded, so it is left to the user.
impl Written for SecurityLabel {
    fn create(&self, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    fn alter(&self, _: &SecurityLabel, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    fn drop(&self, _: &Object, _: &Context<'_>) -> Statements {
        None
    }
}

impl Written for Noted {
    fn create(&self, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    fn alter(&self, _: &Noted, _: &Object, _: &Context<'_>) -> Statements {
        None
    }

    fn drop(&self, _: &Object, _: &Context<'_>) -> Statements {
        None
    }
}

/// For each grantee its privileges, each with the right to grant it.
type Grants = BTreeMap<String, BTreeMap<String, bool>>;

const GRANTABLE: &str = " WITH GRANT OPTION";

fn grants(lines: &[String]) -> Grants {
    let grant = |line: &String| {
        let (grantee, privileges) = line.rsplit_once(": ")?;
        let one = |text: &str| match text.strip_suffix(GRANTABLE) {
            Some(privilege) => (privilege.to_owned(), true),
            None => (text.to_owned(), false),
        };
        Some((grantee.to_owned(), privileges.split(", ").map(one).collect()))
    };
    lines.iter().filter_map(grant).collect()
}

/// True if a privilege of a catalog is `MAINTAIN`.
pub(in crate::difference) fn has_maintain(catalog: &Catalog) -> bool {
    catalog.objects().iter().any(|object| match object.details() {
        Some(Details::Privileges(privileges)) => privileges.grants.iter().any(|line| line.contains(MAINTAIN)),
        Some(Details::DefaultPrivileges(privileges)) => {
            privileges.grants.iter().any(|line| line.contains(MAINTAIN))
        }
        _ => false,
    })
}

const MAINTAIN: &str = "MAINTAIN";

/// The privileges on a new object, where no default privileges were set.
fn usual(kind: Kind, context: &Context<'_>) -> Grants {
    let (owner, public): (&[&str], &[&str]) = match kind {
        Kind::Table | Kind::View | Kind::MaterializedView | Kind::ForeignTable => {
            (&["DELETE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"], &[])
        }
        Kind::Sequence => (&["SELECT", "UPDATE", "USAGE"], &[]),
        Kind::Function | Kind::Procedure | Kind::Aggregate => (&["EXECUTE"], &["EXECUTE"]),
        Kind::Type | Kind::Domain => (&["USAGE"], &["USAGE"]),
        Kind::Schema => (&["CREATE", "USAGE"], &[]),
        Kind::ForeignServer | Kind::ForeignDataWrapper => (&["USAGE"], &[]),
        _ => (&[], &[]),
    };
    let is_known = |name: &&&str| **name != MAINTAIN || context.knows_maintain;
    let of = |names: &[&str]| names.iter().filter(is_known).map(|name| ((*name).to_owned(), false)).collect();
    let all = [("(owner)", of(owner)), ("PUBLIC", of(public))];
    let given = all.into_iter().filter(|(_, privileges): &(_, BTreeMap<_, _>)| !privileges.is_empty());
    given.map(|(grantee, privileges)| (grantee.to_owned(), privileges)).collect()
}

/// The statements that turn privileges into others.
fn changes(
    old: &Grants,
    new: &Grants,
    prefix: &str,
    on: impl Fn(&str) -> String,
    owner: &str,
) -> Vec<Statement> {
    let mut statements = Vec::new();
    let nothing = BTreeMap::new();
    let role = |grantee: &str| if grantee == "(owner)" { owner.to_owned() } else { grantee.to_owned() };
    for (grantee, before) in old {
        let after = new.get(grantee).unwrap_or(&nothing);
        let gone: Vec<&str> =
            before.keys().filter(|name| !after.contains_key(*name)).map(String::as_str).collect();
        if !gone.is_empty() {
            statements.push(format!("{prefix}REVOKE {} FROM {}", on(&gone.join(", ")), role(grantee)));
        }
        let options: Vec<&str> = before
            .iter()
            .filter(|(name, grantable)| **grantable && after.get(*name) == Some(&false))
            .map(|(name, _)| name.as_str())
            .collect();
        if !options.is_empty() {
            let on = on(&options.join(", "));
            statements.push(format!("{prefix}REVOKE GRANT OPTION FOR {on} FROM {}", role(grantee)));
        }
    }
    for (grantee, after) in new {
        let before = old.get(grantee).unwrap_or(&nothing);
        for grantable in [false, true] {
            let added = after.iter().filter(|(name, given)| {
                **given == grantable && before.get(*name).is_none_or(|before| grantable && !before)
            });
            let added: Vec<&str> = added.map(|(name, _)| name.as_str()).collect();
            if !added.is_empty() {
                let option = if grantable { GRANTABLE } else { "" };
                let on = on(&added.join(", "));
                statements.push(format!("{prefix}GRANT {on} TO {}{option}", role(grantee)));
            }
        }
    }
    statements.into_iter().map(Statement::from).collect()
}

impl Privileges {
    fn changes(old: &Grants, new: &Grants, object: &Object, catalog: &Catalog, owner: &str) -> Statements {
        let key = target(object.identity())?;
        let named = named(object, catalog)?;
        let table = object.table().map(str::to_owned);
        let column = name::last(&key.identity).to_owned();
        let on = move |privileges: &str| match key.kind {
            Kind::Column => {
                let privileges = privileges.split(", ").map(|one| format!("{one} ({column})"));
                let privileges = privileges.collect::<Vec<_>>().join(", ");
                format!("{privileges} ON TABLE {}", table.as_deref().unwrap_or_default())
            }
            Kind::View | Kind::MaterializedView | Kind::ForeignTable | Kind::Table => {
                format!("{privileges} ON TABLE {}", key.identity)
            }
            Kind::Aggregate => format!("{privileges} ON FUNCTION {}", key.identity),
            Kind::ForeignServer => format!("{privileges} ON FOREIGN SERVER {}", key.identity),
            _ => format!("{privileges} ON {named}"),
        };
        Some(changes(old, new, "", on, owner))
    }

    /// The privileges before this plan grants any: those of a new object, or the usual ones.
    fn start(&self, object: &Object, context: &Context<'_>) -> Option<Grants> {
        if !self.initial.is_empty() {
            return Some(grants(&self.initial));
        }
        let key = target(object.identity())?;
        Some(if context.is_created(&key) { initial(&key, context) } else { usual(key.kind, context) })
    }
}

/// The privileges on a new object: the usual ones, or those that the old schema's default privileges give.
fn initial(key: &Key, context: &Context<'_>) -> Grants {
    let objects = match key.kind {
        Kind::Table | Kind::View | Kind::MaterializedView | Kind::ForeignTable => "TABLES",
        Kind::Sequence => "SEQUENCES",
        Kind::Function | Kind::Procedure | Kind::Aggregate => "FUNCTIONS",
        Kind::Type | Kind::Domain => "TYPES",
        Kind::Schema => "SCHEMAS",
        _ => return usual(key.kind, context),
    };
    let schema = name::schema(&key.identity);
    let of = |wanted: Option<&str>| {
        let found = context.from.objects().iter().filter_map(|object| match object.details() {
            Some(Details::DefaultPrivileges(found)) => Some(found),
            _ => None,
        });
        let mut mine =
            found.filter(|found| found.objects == objects && Some(&*found.role) == context.reader());
        mine.find(|found| found.schema.as_deref() == wanted).map(|found| grants(&found.grants))
    };
    let mut initial = of(None).unwrap_or_else(|| usual(key.kind, context));
    let added = schema.and_then(|schema| of(Some(schema))).unwrap_or_default();
    for (grantee, privileges) in added {
        let all = initial.entry(grantee).or_default();
        for (privilege, grantable) in privileges {
            *all.entry(privilege).or_default() |= grantable;
        }
    }
    initial
}

/// The statements that undo the effect of default privileges on a new object that has the usual privileges.
pub(in crate::difference) fn reset(object: &Object, context: &Context<'_>) -> Vec<Statement> {
    let key = Key::of(object);
    let identity = format!("{} {}", key.kind, key.identity);
    if context.to.find(Kind::Privileges, &identity).is_some() {
        return Vec::new();
    }
    let privileges = Object::new(Kind::Privileges, identity, "").of(object.identity());
    let (old, new) = (initial(&key, context), usual(key.kind, context));
    if old == new {
        return Vec::new();
    }
    let owner = context.reader().unwrap_or("CURRENT_USER");
    let statements = Privileges::changes(&old, &new, &privileges, context.to, owner);
    statements.unwrap_or_default().into_iter().map(|statement| Statement::late(statement.sql)).collect()
}

impl Written for Privileges {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        Privileges::changes(
            &self.start(object, context)?,
            &grants(&self.grants),
            object,
            context.to,
            &self.owner,
        )
    }

    fn alter(&self, new: &Privileges, object: &Object, context: &Context<'_>) -> Statements {
        Privileges::changes(&grants(&self.grants), &grants(&new.grants), object, context.to, &self.owner)
    }

    fn drop(&self, object: &Object, context: &Context<'_>) -> Statements {
        // A new privileges object is written in full.
        if context.is_created(&Key::of(object)) {
            return Some(Vec::new());
        }
        Privileges::changes(
            &grants(&self.grants),
            &self.start(object, context)?,
            object,
            context.from,
            &self.owner,
        )
    }
}

impl DefaultPrivileges {
    fn changes(&self, old: &Grants, new: &Grants) -> Statements {
        let schema = self.schema.as_ref().map(|schema| format!("IN SCHEMA {schema} ")).unwrap_or_default();
        let prefix = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {} {schema}", self.role);
        Some(changes(old, new, &prefix, |privileges| format!("{privileges} ON {}", self.objects), &self.role))
    }

    /// The default privileges that were not changed: in a schema, none beside the global ones.
    fn start(&self, context: &Context<'_>) -> Grants {
        let kind = match self.objects.as_str() {
            "TABLES" => Kind::Table,
            "SEQUENCES" => Kind::Sequence,
            "FUNCTIONS" => Kind::Function,
            "TYPES" => Kind::Type,
            "SCHEMAS" => Kind::Schema,
            _ => Kind::Comment,
        };
        if self.schema.is_some() { Grants::new() } else { usual(kind, context) }
    }
}

impl Written for DefaultPrivileges {
    fn create(&self, _: &Object, context: &Context<'_>) -> Statements {
        self.changes(&self.start(context), &grants(&self.grants))
    }

    fn alter(&self, new: &DefaultPrivileges, _: &Object, _: &Context<'_>) -> Statements {
        self.changes(&grants(&self.grants), &grants(&new.grants))
    }

    fn drop(&self, _: &Object, context: &Context<'_>) -> Statements {
        self.changes(&grants(&self.grants), &self.start(context))
    }
}
