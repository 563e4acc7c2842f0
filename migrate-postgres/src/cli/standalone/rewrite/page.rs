//! The result: which files change, what is done, and what is not.

use super::{Changes, Rewriting, is_rewritten};
use crate::cli::answer::Answer;
use crate::cli::page::{Page, Tone};
use migrate_core::lint::fix::{NotDone, Rewrite};
use serde_json::{Value, json};
use similar::TextDiff;
use std::collections::BTreeSet;

/// A change of one file.
enum FileChange<'a> {
    Renamed(&'a str, &'a str),
    Removed(&'a str),
    Written(&'a str, &'a [u8], &'a [u8]),
}

pub(super) fn answer(rewriting: &Rewriting<'_>, rewrites: &[Rewrite], changes: &Changes) -> Answer {
    let folder = rewriting.folder.to_string_lossy();
    let shown = |path: &str| format!("{}/{path}", folder.trim_end_matches('/'));
    let files = file_changes(changes);
    let mut page = Page::default();
    for change in &files {
        page = match change {
            FileChange::Renamed(from, to) => page.line(format!("{} -> {}", shown(from), shown(to))),
            FileChange::Removed(path) => page.line(format!("removed {}", shown(path))),
            FileChange::Written(path, before, after) if rewriting.only_diff => {
                diff(page, &shown(path), before, after)
            }
            FileChange::Written(path, ..) => page.line(format!("wrote {}", shown(path))),
        };
    }
    let rewritten = rewrites.iter().filter(|rewrite| is_rewritten(rewrite)).count();
    for rewrite in rewrites {
        page =
            page.lines(rewrite.not_done.iter().map(|not_done| format!("left: {}", left(rewrite, not_done))));
    }
    let summary = match (rewritten, rewriting.only_diff) {
        (0, _) => "no script to rewrite".to_owned(),
        (1, false) => "1 migration rewritten".to_owned(),
        (count, false) => format!("{count} migrations rewritten"),
        (1, true) => "1 migration would be rewritten; nothing was written".to_owned(),
        (count, true) => format!("{count} migrations would be rewritten; nothing was written"),
    };
    Answer::done(page.toned(summary, Tone::Good), data(rewriting, rewrites, &files))
}

fn data(rewriting: &Rewriting<'_>, rewrites: &[Rewrite], files: &[FileChange<'_>]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|change| match change {
            FileChange::Renamed(from, to) => json!({ "change": "renamed", "from": from, "path": to }),
            FileChange::Removed(path) => json!({ "change": "removed", "path": path }),
            FileChange::Written(path, ..) => json!({ "change": "written", "path": path }),
        })
        .collect();
    let migrations: Vec<Value> = rewrites
        .iter()
        .map(|rewrite| {
            let done: Vec<Value> = rewrite
                .done
                .iter()
                .map(|finding| json!({ "rule": finding.rule.id, "line": finding.place.line }))
                .collect();
            let left: Vec<Value> = rewrite
                .not_done
                .iter()
                .map(|of| {
                    let finding = of.finding.as_ref();
                    json!({
                        "rule": finding.map(|finding| finding.rule.id),
                        "line": finding.map(|finding| finding.place.line),
                        "reason": of.reason,
                    })
                })
                .collect();
            json!({ "name": rewrite.name, "scripts": rewrite.scripts.len(), "done": done, "left": left })
        })
        .collect();
    json!({ "written": !rewriting.only_diff, "files": files, "migrations": migrations })
}

fn left(rewrite: &Rewrite, not_done: &NotDone) -> String {
    match &not_done.finding {
        Some(finding) => {
            format!("{}:{}: {}: {}", finding.path, finding.place.line, finding.rule.id, not_done.reason)
        }
        None => format!("{}: {}", rewrite.name, not_done.reason),
    }
}

/// The changes, with a file of the same content under another name as a renaming.
fn file_changes(changes: &Changes) -> Vec<FileChange<'_>> {
    let mut renamed_from = BTreeSet::new();
    let mut found = Vec::new();
    for (path, after) in &changes.after {
        let before = changes.before.get(path);
        if before == Some(after) {
            continue;
        }
        let is_moved =
            |(from, bytes): &(&String, &Vec<u8>)| *bytes == after && changes.after.get(*from) != Some(*bytes);
        let from = changes.before.iter().find(|of| is_moved(of) && !renamed_from.contains(of.0));
        match from {
            Some((from, _)) => {
                renamed_from.insert(from);
                found.push(FileChange::Renamed(from, path));
            }
            None => found.push(FileChange::Written(path, before.map_or(&[], Vec::as_slice), after)),
        }
    }
    let is_gone = |path: &&String| !changes.after.contains_key(*path) && !renamed_from.contains(path);
    found.extend(changes.before.keys().filter(is_gone).map(|path| FileChange::Removed(path)));
    found
}

/// A unified diff of a file.
fn diff(page: Page, path: &str, before: &[u8], after: &[u8]) -> Page {
    let [before, after] = [before, after].map(String::from_utf8_lossy);
    let compared = TextDiff::from_lines(&*before, &*after);
    let old = if before.is_empty() { "/dev/null" } else { path };
    let text = compared.unified_diff().context_radius(3).header(old, path).to_string();
    text.lines().fold(page, |page, line| match line.as_bytes().first() {
        Some(b'+') => page.toned(line, Tone::Good),
        Some(b'-') => page.toned(line, Tone::Bad),
        _ => page.line(line),
    })
}
