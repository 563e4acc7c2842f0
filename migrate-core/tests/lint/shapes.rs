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

/// The scores of the classes, with what is wrong printed.
fn scores(level: &str, before: &[&str]) -> [(usize, usize); 4] {
    ["heavy", "loss", "breaks", "light"].map(|class| {
        let (flagged, all, wrong) = score(class, before);
        println!("{level}, {class}: {flagged} of {all} flagged; wrong: {wrong:#?}");
        (flagged, all)
    })
}

#[test]
fn the_text_alone_shows_most_dangers_and_few_that_are_none() {
    // A domain with a CHECK and a shorter varchar are said to be what it depends on; a valid CHECK and an equal type are not known.
    assert_eq!(scores("text", &[]), [(32, 34), (10, 10), (5, 5), (2, 39)]);
}

#[test]
fn the_history_of_the_set_shows_nearly_all_dangers() {
    assert_eq!(scores("history", &[FIXTURE]), [(34, 34), (10, 10), (5, 5), (0, 39)]);
}
