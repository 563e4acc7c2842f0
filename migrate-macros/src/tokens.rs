//! The lexer of Rust that `migrate-core` has of its own is compared with the compiler's tokens.

use migrate_core::rust::{RustTokenKind, rust_tokens};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The tokens of a text as `migrate-core` divides it, without comments.
fn ours(text: &str) -> Vec<String> {
    let tokens = rust_tokens(text).unwrap_or_else(|(at, fault)| panic!("{at}: {fault}"));
    let counts = |kind| !matches!(kind, RustTokenKind::LineComment | RustTokenKind::BlockComment);
    tokens.into_iter().filter(|token| counts(token.kind)).map(|token| text[token.range].to_owned()).collect()
}

/// The compiler's tokens, in the same form: `&&` and `||` are one, a lifetime is one, doc comments are none.
fn compilers(stream: TokenStream, found: &mut Vec<String>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                found.push(open.to_owned());
                compilers(group.stream(), found);
                found.push(close.to_owned());
            }
            TokenTree::Punct(punct) => {
                let character = punct.as_char();
                let joins = punct.spacing() == Spacing::Joint;
                match trees.peek() {
                    Some(TokenTree::Ident(name)) if character == '\'' => {
                        found.push(format!("'{name}"));
                        trees.next();
                    }
                    Some(TokenTree::Punct(next))
                        if joins && "&|".contains(character) && next.as_char() == character =>
                    {
                        found.push(format!("{character}{character}"));
                        trees.next();
                    }
                    _ => found.push(character.to_string()),
                }
            }
            TokenTree::Ident(name) => found.push(name.to_string()),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
        }
    }
}

/// Files of this repository.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text without doc comments, which are attributes to the compiler.
fn without_docs(text: &str) -> String {
    let tokens = rust_tokens(text).unwrap();
    let mut bare = text.to_owned();
    for token in tokens.iter().rev().filter(|token| token.is_comment()) {
        bare.replace_range(token.range.clone(), " ");
    }
    bare
}

#[test]
fn tokens_are_those_of_the_compiler() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "../migrate-core/src", "../migrate-postgres/src", "../tests/it"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 300, "{}", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let stream: TokenStream =
            without_docs(&text).parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut expected = Vec::new();
        compilers(stream, &mut expected);
        assert_eq!(ours(&text), expected, "{}", file.display());
    }
}

#[test]
fn what_is_hard_to_divide_is_divided_as_the_compiler_does() {
    let hard = r####"let x = 1..2; 1.5e-3f64; x.0.1; 0xE+1; 1.max(2); r#"a"b"#; br##"#"##; b'\''; '\''; c"x"; 'a: loop { break 'a; }
        a && b & &c || d | |x| y; Vec<Vec<u8>>; x >>= 2; ..=3; r#match; "\"//"; '"'; &&&x; -1; 1_000u64; '\u{1F600}'; b"\\";"####;
    let mut expected = Vec::new();
    compilers(hard.parse().unwrap(), &mut expected);
    assert_eq!(ours(hard), expected);
}
