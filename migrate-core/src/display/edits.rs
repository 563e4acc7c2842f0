//! How much two words differ.

/// The edit distance between two words: the letters to insert, delete or replace (Levenshtein).
pub(crate) fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn a_word_is_as_far_from_another_as_it_takes_edits() {
        for (from, to, distance) in [
            ("up", "up", 0),
            ("upp", "up", 1),
            ("u", "up", 1),
            ("", "up", 2),
            ("pu", "up", 2),
            ("down", "dwon", 2),
            ("doen", "down", 1),
            ("verfiy", "verify", 2),
            ("kitten", "sitting", 3),
            ("abc", "xyz", 3),
        ] {
            assert_eq!((edits(from, to), edits(to, from)), (distance, distance), "{from} {to}");
        }
    }
}
