//! The rewrite of one statement.

use super::context::{Context, Rewritten};
use super::names::Names;
use super::{alter, batches, concurrently, partition};
use crate::lint::finding::Finding;
use crate::lint::model::Model;
use crate::sql::statement::{ObjectKind, ParsedStatement, Span, StatementKind as Kind};

/// The rules whose findings in one statement a rewrite removes.
pub(super) const RULES: [&str; 17] = [
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
    "backfill-in-transaction",
    "volatile-default",
    "serial-column",
    "identity-column",
];

/// Rewrites a statement with these findings. The result has no statement if it stays as it is.
pub(super) fn rewrite(
    text: &str,
    parsed: &ParsedStatement<'_>,
    model: &Model,
    names: &mut Names,
    setting: Option<u32>,
    findings: Vec<(Span, &Finding)>,
) -> Rewritten {
    let all: Vec<&Finding> = findings.iter().map(|(_, finding)| *finding).collect();
    if all.is_empty() {
        return Rewritten::default();
    }
    let mut rewritten = of_kind(&mut Context { text, parsed, model, names, setting, findings });
    if rewritten.is_empty() {
        let is_refused = |finding: &Finding| rewritten.refused.iter().any(|(of, _)| of == finding);
        let left: Vec<&Finding> = all.into_iter().filter(|finding| !is_refused(finding)).collect();
        let reason = "statements in code stay as they are";
        rewritten.refused.extend(left.into_iter().map(|finding| (finding.clone(), reason.to_owned())));
    }
    rewritten
}

fn of_kind(context: &mut Context<'_>) -> Rewritten {
    match &context.parsed.kind {
        Kind::CreateIndex(index) => concurrently::create_index(context, index),
        Kind::Drop(drop) if drop.kind == ObjectKind::Index => concurrently::drop_index(context, drop),
        Kind::Reindex(reindex) => concurrently::reindex(context, reindex),
        Kind::Refresh(refresh) => concurrently::refresh(context, refresh),
        Kind::CreateTable(create) => partition::create(context, create),
        Kind::AlterRelation(alter) => alter::rewrite(context, alter),
        Kind::Update(_) | Kind::Delete(_) => batches::rewrite(context),
        _ if context.parsed.verb().eq_ignore_ascii_case("WITH") => batches::rewrite(context),
        _ => Rewritten::default(),
    }
}
