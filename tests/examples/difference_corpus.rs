//! Proves the plans between pairs of schemas in a folder: each is a folder with `a.sql` and `b.sql`, such as
//! `packages/pg-delta/corpus` of `supabase/pg-toolbelt`.
//!
//! `cargo run --example difference_corpus -- FOLDER [PART OF A NAME]` prints the plans that are not proved,
//! and the counts.

#![allow(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../it/difference/pairs.rs"]
mod pairs;
#[path = "../it/difference/proof.rs"]
mod proof;

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// A name and the two schemas.
type Pair = (String, String, String);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_default();
    let only = arguments.next().unwrap_or_default();
    let mut pairs = if folder == "pairs" { own() } else { pairs_of(Path::new(&folder)) };
    pairs.retain(|(name, _, _)| name.contains(&only));
    pairs.sort();
    let failed = migrate_tests::spread(&pairs, async |pairs: Vec<&Pair>| {
        let mut failed = Vec::new();
        for (name, old, new) in pairs {
            if let Err(problem) = proof::proved(old, new).await {
                println!("== {name}\n{problem}\n");
                failed.push(name.clone());
            }
        }
        failed
    });
    println!("{} of {} proved", pairs.len() - failed.concat().len(), pairs.len());
}

/// The pairs of the tests.
fn own() -> Vec<Pair> {
    let pairs = pairs::PAIRS.iter().filter(|pair| pair.since <= 15);
    pairs.map(|pair| (pair.name.to_owned(), pair.old.to_owned(), pair.new.to_owned())).collect()
}

fn pairs_of(folder: &Path) -> Vec<Pair> {
    let entries = read_dir(folder).expect("a folder of pairs");
    let paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    let pair = |path: &PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, read_to_string(path.join("a.sql")).ok()?, read_to_string(path.join("b.sql")).ok()?))
    };
    paths.iter().filter_map(pair).collect()
}
