//! The canonical form of code: what rustfmt changes changes nothing.

use crate::rust::RustSource;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn canonical(text: &str) -> String {
    RustSource::read(text).map_err(|(at, fault)| format!("{at}: {fault}")).unwrap().canonical()
}

/// The text as rustfmt writes it; `None` where it is not installed, which is said.
fn formatted(text: &str, config: &str) -> Option<String> {
    let arguments = ["--edition", "2024", "--config", config];
    let spawned =
        Command::new("rustfmt").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        eprintln!("not tested: rustfmt is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn assert_stable(text: &str, config: &str) {
    let Some(formatted) = formatted(text, config) else { return };
    let (before, after) = (canonical(text), canonical(&formatted));
    let differs = before.lines().zip(after.lines()).position(|(before, after)| before != after);
    let near = |text: &str| -> Vec<String> {
        let at = differs.unwrap_or_default().saturating_sub(8);
        text.lines().skip(at).take(20).map(str::to_owned).collect()
    };
    assert!(before == after, "{config}:\n{:?}\n{:?}", near(&before), near(&after));
}

/// All that rustfmt changes about tokens, in the order of the table above.
const UNFORMATTED: &str = r#"
    mod zebra; mod ant;
    use std::{io::{Write as _, self,}, collections::HashMap}; use crate::{a}; use self::b as b;
    #[cfg(test)] pub(crate) use z::{y,x}; use a::*;
    #[derive(Debug)] #[derive(Clone, Copy,)] struct Point<T,> where T: Copy, { x: T, y: T }
    struct Pair<A, B>(A, B) where A: Copy;
    pub async fn up<'a, T>(context: &mut Context<'_>, list: Vec<T,>,) -> Result<(), BoxError,> where T: Copy {
        use b::c; use a::d;
        let (one, two) = ((1), ((2)));
        let tuple = (1,); let call = f(1,);; let borrowed = & &tuple;
        for row in context.query("SELECT", &[],).await? {
            match (row, one) {
                | (A { a, .. }, 1) | (B, 2) => { go(a, ) },
                (C, _) if a || b => { return Err(x) }
                (D, [x, y,]) => match x { _ => {} }
                (E, _) => { let y = 1; y }
                _ => continue
            }
            let add = |a, b| { a + b }; let none = | | { none() };
            let long = rows.iter().filter(|row| { row.is_interesting_enough_for_a_long_line() && row.is_new() }).map(|row| row.get(0));
            if let Some(x) = vec!(1, 2,).pop() { break }
            loop { if done { continue } else { break 'outer } }
        }
        let text = "a,
            } b"; let Some(x) = y else { return Ok(()) };
        unsafe { x(1, |y| z) }; let s = S { a, b: (1, 2,), ..c };
        async move { a.await }; move || { b };
        Ok(())
    }
"#;

#[test]
fn a_form_is_stable_under_rustfmt() {
    for config in CONFIGS {
        assert_stable(UNFORMATTED, config);
    }
}

/// They break other lines than the default, and so have other commas and blocks.
const CONFIGS: [&str; 3] =
    ["max_width=100", "max_width=50,use_small_heuristics=Off", "max_width=180,use_small_heuristics=Max"];

/// Files of this crate and the fixtures of code.
fn real() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src/rust", "src/directory", "src/set", "src/engine", "../tests/fixtures/code"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

#[test]
fn the_form_of_real_sources_is_stable_under_rustfmt() {
    let files = real();
    assert!(files.len() > 30, "{}", files.len());
    for (index, file) in files.iter().step_by(3).enumerate() {
        assert_stable(&std::fs::read_to_string(file).unwrap(), CONFIGS[1 + index % 2]);
    }
}

#[test]
fn comments_and_formatting_do_not_count() {
    let short = "pub async fn up(c: &mut Context<'_>) -> Result<()> { f(a, b); Ok(()) }";
    let long = "//! What it does.\n\n/// More.\npub async fn up(\n    c: &mut Context<'_>, // why\n) -> Result<()> {\n    \
                f(\n        a,\n        /* b */ b,\n    );\n    Ok(())\n}\n";
    assert_eq!(canonical(short), canonical(long));
    for (before, after) in [
        ("f(a,)", "f(a)"),
        ("v![a, b,]", "v![a,b]"),
        ("S { a: (b, c,), }", "S { a: (b, c) }"),
        ("use b; use a::{d, c};", "use a::c; use a::d; use b;"),
        ("match a { b => { c }, d => e, }", "match a { b => c, d => { e } }"),
        ("fn f<A,>() where A: B, {}", "fn f<A>() where A: B {}"),
    ] {
        assert_eq!(canonical(before), canonical(after), "{before}");
    }
}

#[test]
fn what_changes_the_meaning_counts() {
    for (before, after) in [
        ("f(1)", "f(2)"),
        ("\"a b\"", "\"a  b\""),
        ("return (a,)", "return (a)"),
        ("let x = (a,);", "let x = (a);"),
        ("f((a, b))", "f(a, b)"),
        ("f(())", "f()"),
        ("a && b", "a & &b"),
        ("a b", "ab"),
        ("'a", "a"),
        ("\"// a\"", "\"// b\""),
        ("use a::b;", "use a::c;"),
        ("{ a; }", "{ a }"),
        ("|x| { a; b }", "|x| { b }"),
        ("match a { b => c, d => e }", "match a { b => e, d => c }"),
    ] {
        assert_ne!(canonical(before), canonical(after), "{before}");
    }
}

#[test]
fn brackets_of_any_depth_are_read() {
    let deep = |inner: &str| format!("{}{inner}{}", "(".repeat(3000), ")".repeat(3000));
    assert_ne!(canonical(&deep("a")), canonical(&deep("b")));
}
