//! Indexes and extended statistics.

use super::Written;
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, one};
use crate::objects::details::attached::{Index, Statistics};
use crate::objects::object::Object;

impl Written for Index {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let mut statements: Vec<Statement> = vec![self.definition.clone().into()];
        statements.extend(Index::default().changes(self, object));
        statements.extend(self.partition_of.as_ref().map(|parent| {
            Statement::late(format!("ALTER INDEX {parent} ATTACH PARTITION {}", object.identity()))
        }));
        Some(statements)
    }

    fn alter(&self, new: &Index, object: &Object, _: &Context<'_>) -> Statements {
        if self.definition != new.definition || self.invalid && !new.invalid {
            return None;
        }
        let mut statements = self.changes(new, object);
        if self.partition_of != new.partition_of {
            statements.extend(new.partition_of.as_ref().map(|parent| {
                Statement::late(format!("ALTER INDEX {parent} ATTACH PARTITION {}", object.identity()))
            }));
        }
        Some(statements)
    }
}

impl Index {
    fn changes(&self, new: &Index, object: &Object) -> Vec<Statement> {
        let alter = format!("ALTER INDEX {}", object.identity());
        let mut statements: Vec<Statement> = Vec::new();
        if self.tablespace != new.tablespace {
            let tablespace = new.tablespace.as_deref().unwrap_or("pg_default");
            statements.push(format!("{alter} SET TABLESPACE {tablespace}").into());
        }
        let target = |text: &str| text.split_once(" ON COLUMN ").map(|(a, b)| (a.to_owned(), b.to_owned()));
        let gone = self.statistics.iter().filter_map(|old| target(old)).filter(|(_, column)| {
            !new.statistics.iter().filter_map(|new| target(new)).any(|(_, other)| other == *column)
        });
        let changed =
            new.statistics.iter().filter(|one| !self.statistics.contains(one)).filter_map(|one| target(one));
        let targets = gone.map(|(_, column)| ("-1".to_owned(), column)).chain(changed);
        statements.extend(
            targets.map(|(target, column)| {
                format!("{alter} ALTER COLUMN {column} SET STATISTICS {target}").into()
            }),
        );
        statements
    }
}

impl Written for Statistics {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let target = self.target.as_ref().map(|target| alter_target(object, target));
        Some([self.definition.clone()].into_iter().chain(target).map(Statement::from).collect())
    }

    fn alter(&self, new: &Statistics, object: &Object, _: &Context<'_>) -> Statements {
        if self.definition != new.definition {
            return None;
        }
        one(alter_target(object, new.target.as_deref().unwrap_or("-1")))
    }
}

fn alter_target(object: &Object, target: &str) -> String {
    format!("ALTER STATISTICS {} SET STATISTICS {target}", object.identity())
}
