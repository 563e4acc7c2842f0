//! The guide lists every field of the documents.

use migrate_postgres::advice::Setting;
use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

/// The words in the code of a page.
fn words_of_code(page: &str) -> BTreeSet<&str> {
    let code = page.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|c: char| !c.is_ascii_lowercase() && c != '_')).collect()
}

/// The keys in the documents of a snapshot.
fn keys(snapshot: &str) -> impl Iterator<Item = &str> {
    let key = |line: &str| line.trim_start().strip_prefix('"')?.split_once("\": ").map(|(key, _)| key.len());
    snapshot.lines().filter_map(move |line| {
        let length = key(line)?;
        Some(&line.trim_start()[1..=length])
    })
}

#[test]
fn the_guide_lists_every_field_of_a_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/cli.md")).unwrap();
    let listed = words_of_code(&page);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join("tests/cli/snapshots")).unwrap() {
        let snapshot = fs::read_to_string(entry.unwrap().path()).unwrap();
        found.extend(keys(&snapshot).map(str::to_owned));
    }
    assert!(found.len() > 80, "{found:?}");
    // The settings of advice are keys of an object.
    let is_setting = |key: &str| Setting::ALL.iter().any(|setting| setting.word() == key);
    let lacking: Vec<&String> =
        found.iter().filter(|key| !listed.contains(key.as_str()) && !is_setting(key)).collect();
    assert!(lacking.is_empty(), "docs/cli.md lacks {lacking:?}");
}
