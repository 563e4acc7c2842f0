//! The rewrite of one statement.

use super::context::{Context, Rewritten};
use super::{alter, concurrently, partition};
use crate::sql::statement::{ObjectKind, StatementKind as Kind};

/// The rules whose findings in one statement a rewrite removes.
pub(super) const RULES: [&str; 13] = [
    "index-not-concurrent",
    "drop-index-not-concurrent",
    "reindex-not-concurrent",
    "unique-builds-index",
    "primary-key-builds-index",
    "primary-key-using-nullable",
    "check-scans",
    "not-null-scans",
    "foreign-key-scans",
    "attach-partition-scans",
    "partition-of-with-default",
    "detach-not-concurrent",
    "refresh-blocks-reads",
];

/// Rewrites a statement. The result has no statement if it stays as it is.
pub(super) fn rewrite(context: &mut Context<'_>) -> Rewritten {
    match &context.parsed.kind {
        Kind::CreateIndex(index) => concurrently::create_index(context, index),
        Kind::Drop(drop) if drop.kind == ObjectKind::Index => concurrently::drop_index(context, drop),
        Kind::Reindex(reindex) => concurrently::reindex(context, reindex),
        Kind::Refresh(refresh) => concurrently::refresh(context, refresh),
        Kind::CreateTable(create) => partition::create(context, create),
        Kind::AlterRelation(alter) => alter::rewrite(context, alter),
        _ => Rewritten::default(),
    }
}
