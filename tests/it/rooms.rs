//! The architecture: imports between a crate's rooms lead only downwards.
//!
//! The rooms are the folders of `src`, in the order of `ARCHITECTURE.md`; each may refer only to the ones
//! before it. Every path in the code counts, in `use` lines and in expressions; comments, strings and unit
//! tests do not.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `migrate-core`, from the ground up.
const CORE: [&str; 13] = [
    "display",
    "advice",
    "sql",
    "rust",
    "set",
    "backfill",
    "directory",
    "history",
    "plan",
    "lint",
    "config",
    "render",
    "engine",
];

/// The rooms of `migrate-postgres`, from the ground up.
const POSTGRES: [&str; 24] = [
    "display",
    "objects",
    "settings",
    "sql",
    "difference",
    "assertion",
    "error",
    "connection",
    "observe",
    "history",
    "lock",
    "code",
    "execute",
    "backfill",
    "backup",
    "backend",
    "migrator",
    "embed",
    "schema",
    "sides",
    "operate",
    "report",
    "testing",
    "cli",
];

#[test]
fn imports_between_the_rooms_of_migrate_core_lead_down() {
    assert_eq!(arrows_up("../migrate-core/src", &CORE), Vec::<String>::new());
}

#[test]
fn imports_between_the_rooms_of_migrate_postgres_lead_down() {
    assert_eq!(arrows_up("../migrate-postgres/src", &POSTGRES), Vec::<String>::new());
}

#[test]
fn every_room_is_in_the_plan() {
    for (source, rooms) in [("../migrate-core/src", &CORE[..]), ("../migrate-postgres/src", &POSTGRES)] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let folders = fs::read_dir(&source).unwrap().map(|entry| entry.unwrap());
        let folders = folders
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap());
        let unknown: Vec<String> =
            folders.filter(|name| name != "bin" && !rooms.contains(&name.as_str())).collect();
        assert_eq!(unknown, Vec::<String>::new(), "give each a place in ARCHITECTURE.md and in this test");
    }
}

/// The references from a room to one above it: `file -> path`.
fn arrows_up(source: &str, rooms: &[&str]) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let exports = exports(&source, rooms);
    let floor = |room: &str| rooms.iter().position(|other| *other == room);
    let mut up = BTreeSet::new();
    for file in files(&source) {
        let place = module(&source, &file);
        let Some(from) = place.first().and_then(|room| floor(room)) else { continue };
        for path in paths(&tokens(&file)) {
            let Some(absolute) = absolute(&place, &path) else { continue };
            let Some(first) = absolute.first() else { continue };
            let room = exports.get(first).unwrap_or(first);
            if floor(room).is_some_and(|to| to > from) {
                up.insert(format!(
                    "{} -> {}",
                    file.strip_prefix(&source).unwrap().display(),
                    absolute.join("::")
                ));
            }
        }
    }
    up.into_iter().collect()
}

/// The room of each item that the crate's root re-exports.
fn exports(source: &Path, rooms: &[&str]) -> BTreeMap<String, String> {
    let paths = paths(&tokens(&source.join("lib.rs")));
    let own = paths
        .into_iter()
        .map(|path| path.into_iter().filter(|s| s != "crate" && s != "self").collect::<Vec<_>>());
    own.filter(|path| path.len() > 1 && rooms.contains(&path[0].as_str()))
        .map(|path| (path[path.len() - 1].clone(), path[0].clone()))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let all = entries.flat_map(below);
    let is_test = |path: &Path| path.file_stem().is_some_and(|name| name == "tests");
    all.filter(|path| path.extension().is_some_and(|name| name == "rs") && !is_test(path)).collect()
}

/// The module path of a file.
fn module(source: &Path, file: &Path) -> Vec<String> {
    let file = file.strip_prefix(source).unwrap().with_extension("");
    let mut path: Vec<String> = file.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if path.last().is_some_and(|name| name == "mod" || name == "lib") {
        path.pop();
    }
    path
}

fn tokens(file: &Path) -> TokenStream {
    let text = fs::read_to_string(file).unwrap();
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A path, resolved from the crate's root.
fn absolute(place: &[String], path: &[String]) -> Option<Vec<String>> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            let base = place.get(..place.len().checked_sub(ups)?)?;
            Some([base, &path[ups..]].concat())
        }
        _ => None,
    }
}

/// All paths of two or more segments, with `use` trees expanded. Unit tests are left out.
fn paths(tokens: &TokenStream) -> Vec<Vec<String>> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_only(&tokens[at..]) {
            at += tokens[at..]
                .iter()
                .position(|token| matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace))
                .unwrap_or(0)
                + 1;
            continue;
        }
        match &tokens[at] {
            TokenTree::Ident(_) => at += path(&tokens[at..], &[], &mut found),
            TokenTree::Group(group) => {
                found.extend(paths(&group.stream()));
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// True if `#[cfg(test)] mod …` starts here.
fn is_test_only(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(attribute), TokenTree::Ident(item), ..] => {
            hash.as_char() == '#' && attribute.to_string().replace(' ', "") == "[cfg(test)]" && item == "mod"
        }
        _ => false,
    }
}

/// Parses the path that starts here, after `prefix`; returns the number of tokens.
fn path(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while let Some(TokenTree::Ident(segment)) = tokens.get(at) {
        path.push(segment.to_string());
        at += 1;
        match tokens.get(at..at + 2) {
            Some([TokenTree::Punct(a), TokenTree::Punct(b)]) if a.as_char() == ':' && b.as_char() == ':' => {
                at += 2;
            }
            _ => break,
        }
    }
    match tokens.get(at) {
        Some(TokenTree::Group(tree))
            if tree.delimiter() == Delimiter::Brace && at > 1 && is_colon(&tokens[at - 1]) =>
        {
            let inner: Vec<TokenTree> = tree.stream().into_iter().collect();
            for branch in inner.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ',')) {
                self::path(branch, &path, found);
            }
            at + 1
        }
        _ => {
            if path.len() > 1 {
                found.push(path);
            }
            at.max(1)
        }
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == ':')
}

#[test]
fn a_path_is_found_wherever_it_stands() {
    let code = "use crate::{a::B, c::{self, D}}; fn f() { crate::e::g(); super::h::I } #[cfg(test)] mod tests { use crate::z::Z; }";
    let found = paths(&code.parse().unwrap());
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::a::B", "crate::c::self", "crate::c::D", "crate::e::g", "super::h::I"]);
}
