//! Comparing texts with snapshot files.

use serde_json::Value;
use std::path::Path;
use std::{env, fs};

/// Compares a text with its snapshot.
#[track_caller]
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots").join(name);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{}\n--- expected\n{expected}--- found\n{text}", path.display());
}

/// A text without the parts that vary between runs: times, ages, processes, runs, versions, sizes and names
/// of dumps; and without the spaces that align columns.
pub(crate) fn normalized(text: &str) -> String {
    if let Ok(mut document) = serde_json::from_str::<Value>(text) {
        normalize(&mut document);
        return format!("{document:#}\n");
    }
    text.lines().map(|line| line_without_times(line) + "\n").collect()
}

fn normalize(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "at" | "kept_at" | "started_at" | "run" | "address" | "pid" if !value.is_null() => {
                        *value = "…".into();
                    }
                    "bytes" if *value != 0 => *value = "…".into(),
                    name if name.ends_with("_seconds") && !value.is_null() => *value = 0.into(),
                    _ => normalize(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalize),
        Value::String(text) => {
            *text = text.lines().map(line_without_times).collect::<Vec<_>>().join("\n");
        }
        _ => {}
    }
}

pub(crate) fn line_without_times(line: &str) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut words: Vec<String> = line.split_whitespace().map(word).collect();
    for index in 1..words.len() {
        if words[index - 1] == "pid" {
            words[index] = "…".to_owned();
        }
        if words[index - 1] == "PostgreSQL" && words[index].starts_with(|c: char| c.is_ascii_digit()) {
            words[index] = "…,".to_owned();
        }
        let is_size = ["bytes", "kB", "MB"].contains(&words[index].trim_end_matches([',', ';', ':']));
        if is_size && words[index - 1] != "0" {
            words[index - 1] = "…".to_owned();
        }
    }
    indent.to_owned() + &words.join(" ")
}

fn word(word: &str) -> String {
    if let Some((before, behind)) = word.split_once("pg_terminate_backend(") {
        let rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
        return format!("{before}pg_terminate_backend(…{rest}");
    }
    if let Some((path, rest)) = word.split_once(".dump") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        return format!("{folder}/….dump{rest}");
    }
    let bare = word.trim_end_matches([',', ':', ';']);
    let rest = &word[bare.len()..];
    let number = bare.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = &bare[number.len()..];
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_time = matches!(bare.len(), 17 | 20) && bare.ends_with('Z') && bare.contains('T');
    // A run's id, or the beginning of one.
    let is_run = (bare.len() == 8 || bare.len() >= 30) && bare.chars().all(|c| c.is_ascii_hexdigit());
    let is_duration = is_number && ["s", "ms", "µs", "ns"].contains(&unit);
    if is_time || is_run || is_duration { format!("…{rest}") } else { word.to_owned() }
}
