//! Row-level security policies.

use super::Written;
use crate::difference::context::Context;
use crate::difference::statement::{Statements, one};
use crate::objects::details::attached::Policy;
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Policy {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let mut sql = format!("CREATE POLICY {} ON {}", name::last(object.identity()), object.table()?);
        if self.restrictive {
            sql += " AS RESTRICTIVE";
        }
        if self.command != "ALL" {
            sql += &format!(" FOR {}", self.command);
        }
        if self.roles != ["PUBLIC"] {
            sql += &format!(" TO {}", self.roles.join(", "));
        }
        for (word, expression) in [("USING", &self.using), ("WITH CHECK", &self.check)] {
            if let Some(expression) = expression {
                sql += &format!(" {word} ({expression})");
            }
        }
        one(sql)
    }

    fn alter(&self, new: &Policy, object: &Object, _: &Context<'_>) -> Statements {
        let is_lost = |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_none();
        let is_same = (self.restrictive, &self.command) == (new.restrictive, &new.command);
        if !is_same || is_lost(&self.using, &new.using) || is_lost(&self.check, &new.check) {
            return None;
        }
        let mut sql = format!("ALTER POLICY {} ON {}", name::last(object.identity()), object.table()?);
        if self.roles != new.roles {
            sql += &format!(" TO {}", new.roles.join(", "));
        }
        for (word, old, new) in [("USING", &self.using, &new.using), ("WITH CHECK", &self.check, &new.check)]
        {
            if let Some(expression) = new.as_ref().filter(|_| old != new) {
                sql += &format!(" {word} ({expression})");
            }
        }
        one(sql)
    }

    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP POLICY {} ON {}", name::last(object.identity()), object.table()?))
    }
}
