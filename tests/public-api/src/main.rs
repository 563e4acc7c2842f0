//! Compares the public API of the three crates with a list of it.
//!
//! `cargo run --manifest-path tests/public-api/Cargo.toml` fails if a crate's public items differ from
//! `tests/snapshots/public-api`, or if two public types share a name; `UPDATE_SNAPSHOTS=1` rewrites the
//! lists. The lists show how a release changes the API for its users.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The crates, each with what its name is as a path.
const CRATES: [&str; 3] = ["migrate-core", "migrate-macros", "migrate-postgres"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut is_same = true;
    let mut names = BTreeMap::<String, Vec<String>>::new();
    for name in CRATES {
        let items = items(&root, name)?;
        for path in items.iter().filter_map(|item| declared_type(item)) {
            let paths = names.entry(last(path).to_owned()).or_default();
            if !paths.iter().any(|other| other == path) {
                paths.push(path.to_owned());
            }
        }
        is_same &= holds(&root.join("tests/snapshots/public-api").join(format!("{name}.txt")), &items)?;
    }
    for (name, paths) in &names {
        if !is_one(paths) {
            is_same = false;
            println!("two public types are called {name}: {}", paths.join(", "));
        }
    }
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The public items of a crate with all its features, one line each.
fn items(root: &Path, name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let target = root.join("target/public-api/rustdoc");
    // rustdoc's JSON is only for tools of the same release, so it requires a nightly compiler or
    // RUSTC_BOOTSTRAP.
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--manifest-path"])
        .arg(root.join(name).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Zunstable-options", "--output-format=json", "--cap-lints=allow"])
        .status()?;
    if !status.success() {
        return Err(format!("rustdoc failed for {name}").into());
    }
    let json = target.join("doc").join(name.replace('-', "_") + ".json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.items().map(ToString::to_string).collect())
}

/// Compares the items with the list, and prints each item that is only on one side.
fn holds(list: &Path, items: &[String]) -> Result<bool, Box<dyn Error>> {
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(list.parent().expect("it is in a folder"))?;
        std::fs::write(list, items.join("\n") + "\n")?;
        return Ok(true);
    }
    let listed = std::fs::read_to_string(list)?;
    let listed: Vec<&str> = listed.lines().collect();
    let mut is_same = true;
    for item in items.iter().filter(|item| !listed.contains(&item.as_str())) {
        is_same = false;
        println!("+ {item}");
    }
    for item in listed.iter().filter(|item| !items.iter().any(|other| other == *item)) {
        is_same = false;
        println!("- {item}");
    }
    if !is_same {
        println!("the public API is not that of {} (above: + is new, - is gone)", list.display());
    }
    Ok(is_same)
}

/// The path of the type or trait that an item declares.
fn declared_type(item: &str) -> Option<&str> {
    let item = item.strip_prefix("#[non_exhaustive] ").unwrap_or(item);
    let rest = ["pub struct ", "pub enum ", "pub trait ", "pub type "]
        .iter()
        .find_map(|kind| item.strip_prefix(kind))?;
    let path = rest.split(['<', '(', ' ', '=']).next()?.trim_end_matches(':');
    // An associated type has its trait or its type before it.
    let (parents, _) = path.rsplit_once("::")?;
    let is_associated = parents.split("::").any(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
    (!path.is_empty() && !is_associated).then_some(path)
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().expect("a path has a part")
}

/// True if all paths are the same type: in its module, and re-exported at the crate's root.
fn is_one(paths: &[String]) -> bool {
    let is_root = |path: &&String| path.matches("::").count() == 1;
    let krate = |path: &String| path.split("::").next().map(str::to_owned);
    let crates: std::collections::BTreeSet<_> = paths.iter().map(krate).collect();
    crates.len() == 1 && paths.iter().filter(|path| !is_root(path)).count() <= 1
}
