//! Reading of directories: valid ones, and the problems of others.

mod companions;
mod layouts;
mod problems;
mod properties;
mod scripts;
mod wrong;

use super::*;
use crate::set::migration::Migration;
use crate::set::script::Script;

type Files<'a> = &'a [(&'a str, &'a str)];

fn sources(files: Files<'_>) -> Vec<SourceFile> {
    files.iter().map(|(path, text)| SourceFile::new(*path, text.as_bytes().to_vec())).collect()
}

fn directory(files: Files<'_>) -> Directory {
    super::read(sources(files)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(files: Files<'_>) -> Vec<String> {
    super::read(sources(files)).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Each migration as `version name: up down verify`.
fn summary(directory: &Directory) -> Vec<String> {
    let describe = |m: &FileMigration| {
        let scripts = [m.up_script(), m.down_script(), m.verify_script()];
        let paths: Vec<_> = scripts.into_iter().flatten().map(Script::path).collect();
        format!("{} {}: {}", m.version(), m.name(), paths.join(" "))
    };
    directory.migrations.iter().map(describe).collect()
}

const UP: &str = "CREATE TABLE t ();";
