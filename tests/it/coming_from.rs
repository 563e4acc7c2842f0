//! The lines that `docs/coming-from-*.md` add to a program compile, over a directory of that tool.

use migrate_tests::rustc;
use migrate_tests::sets::folder_of;
use std::path::Path;
use std::{env, fs};

/// The program around the lines: the items of the existing program that they use.
const BEFORE: &str = "#![allow(unused)]
#![deny(unused_must_use)]
mod tracing {
    macro_rules! info { ($($text:tt)*) => { println!($($text)*) } }
    pub(crate) use info;
}
async fn main_of<C: migrate_postgres::Target>(database_url: String, client: C) -> Result<(), Box<dyn std::error::Error>> {
";

fn page(tool: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrate-postgres/docs");
    fs::read_to_string(docs.join(format!("coming-from-{tool}.md"))).unwrap()
}

/// The lines of Rust that the page adds.
fn added(page: &str) -> Vec<&str> {
    let (_, rest) = page.split_once("```diff\n").unwrap();
    let lines = rest.split_once("```").unwrap().0.lines().filter_map(|line| line.strip_prefix('+'));
    lines.filter(|line| !line.starts_with("migrate-postgres = ")).collect()
}

/// Copies a folder recursively.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path() {
            path if path.is_dir() => copy(&path, &to),
            path => fs::copy(path, to).map(drop).unwrap(),
        }
    }
}

#[test]
fn the_lines_of_every_page_compile() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tools");
    for tool in fs::read_dir(&tools).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let page = page(&tool);
        let lines = added(&page);
        let program = format!("{BEFORE}{}\nOk(())\n}}\n", lines.join("\n"));
        let folder = folder_of(&[("main.rs", &program)]);
        let named = program.split_once("migrate!(\"").and_then(|(_, rest)| rest.split('"').next());
        copy(&tools.join(&tool), &folder.path().join(named.unwrap_or("migrations")));
        let compiled = rustc::compile(folder.path());
        assert!(compiled.succeeded, "{tool}: {}\n{program}", compiled.errors);
    }
}
