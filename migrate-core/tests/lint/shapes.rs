//! The score on the shapes that were measured on servers, at each level of knowledge without one.

use crate::support::found;
use migrate_core::lint::{Finding, Risk};

const FIXTURE: &str = include_str!("../../../tests/it/shapes/fixture.sql");
const SHAPES: &str = include_str!("../../../tests/it/shapes/shapes.tsv");

/// Class and statement of each shape.
fn shapes() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHAPES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0], fields[2])
    })
}

/// How many shapes of a class have a finding that is dangerous or worse, of how many, and the statements that are judged wrongly.
fn score(class: &str, before: &[&str]) -> (usize, usize, Vec<String>) {
    let (mut flagged, mut all, mut wrong) = (0, 0, Vec::new());
    for (_, statement) in shapes().filter(|(of, _)| *of == class) {
        let findings = found(&[before, &[statement]].concat());
        let worst: Vec<&Finding> =
            findings.iter().filter(|finding| finding.risk >= Risk::Dangerous).collect();
        all += 1;
        flagged += usize::from(!worst.is_empty());
        if worst.is_empty() == (class != "light") {
            wrong.push(format!("{statement}: {}", worst.iter().map(ToString::to_string).collect::<String>()));
        }
    }
    (flagged, all, wrong)
}

/// Panics unless these are the scores of the classes, with what is judged wrongly.
fn assert_scores(before: &[&str], expected: [(&str, usize, usize); 4]) {
    let (mut scores, mut all_wrong) = (Vec::new(), Vec::new());
    for (class, ..) in expected {
        let (flagged, all, wrong) = score(class, before);
        scores.push((class, flagged, all));
        all_wrong.extend(wrong);
    }
    assert_eq!(scores, expected, "wrong: {all_wrong:#?}");
}

#[test]
fn the_text_alone_shows_most_dangers_and_few_that_are_none() {
    // A domain with a CHECK and a shorter varchar are said to be what it depends on; a valid CHECK and an equal type are not known.
    assert_scores(&[], [("heavy", 32, 34), ("loss", 10, 10), ("breaks", 5, 5), ("light", 2, 39)]);
}

#[test]
fn the_history_of_the_set_shows_nearly_all_dangers() {
    assert_scores(&[FIXTURE], [("heavy", 34, 34), ("loss", 10, 10), ("breaks", 5, 5), ("light", 0, 39)]);
}
