//! The option `after=` of a migration that waits for a backfill, where the backfill gets another version.

use super::name::same_version;

/// Puts another version into the option `after=` of a script's headers. Returns true if one names the old
/// version.
pub(super) fn wait_for(bytes: &mut Vec<u8>, old: &str, new: &str) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let changed: String = text.split_inclusive('\n').map(|line| in_line(line, old, new)).collect();
    let is_changed = changed != text;
    *bytes = changed.into_bytes();
    is_changed
}

fn in_line(line: &str, old: &str, new: &str) -> String {
    // In a script a header begins with `--`, in a file of Rust with `//`.
    let is_comment = ["--", "//"].iter().any(|start| line.trim_start().starts_with(start));
    if !is_comment || !line.contains("migrate:") {
        return line.to_owned();
    }
    let word = |word: &str| match word.trim_end().strip_prefix("after=") {
        Some(version) if same_version(version, old) => word.replacen(version, new, 1),
        _ => word.to_owned(),
    };
    line.split_inclusive(char::is_whitespace).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::wait_for;

    #[track_caller]
    fn assert_becomes(text: &str, expected: &str) {
        let mut bytes = text.as_bytes().to_vec();
        assert_eq!(wait_for(&mut bytes, "0003", "0007"), text != expected);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn only_the_option_of_that_version_changes() {
        assert_becomes("-- migrate: after=0003 phase=expand\n", "-- migrate: after=0007 phase=expand\n");
        assert_becomes("-- migrate: phase=expand after=3", "-- migrate: phase=expand after=0007");
        assert_becomes("// migrate: after=0003\n", "// migrate: after=0007\n");
        for unchanged in ["-- migrate: after=00031\n", "-- after=0003\n", "SELECT 'migrate: after=0003 ';\n"]
        {
            assert_becomes(unchanged, unchanged);
        }
    }
}
