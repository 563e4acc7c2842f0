//! The scorecard in the guide: the score of each level of knowledge, and that of squawk.

use crate::shapes::{CLASSES, CORPORA, Corpus, Score, TIERS, Tier, score};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/docs/scorecard.md");

/// The text before the first table, which is written by hand.
const MARK: &str = "<!-- The rest is written by a test from the judged statements. -->\n";

/// The scores of squawk, as `tests/scorecard` has recorded them.
const SQUAWK: &str = include_str!("../../../tests/it/shapes/squawk.txt");

#[test]
fn the_guide_shows_the_scores_as_they_are() {
    let written = std::fs::read_to_string(PATH).unwrap();
    let (introduction, _) = written.split_once(MARK).expect("the mark is there");
    let expected = format!("{introduction}{MARK}{}", tables());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(PATH, &expected).unwrap();
    } else {
        assert!(written == expected, "{PATH} differs (tests/scorecard rewrites it)");
    }
}

fn tables() -> String {
    let mut text = String::new();
    for corpus in &CORPORA {
        table(&mut text, corpus);
    }
    text
}

fn table(text: &mut String, corpus: &Corpus) {
    let scores = TIERS.map(|tier| CLASSES.map(|class| score(corpus.shapes, class, tier)));
    let all = scores[0].each_ref().map(|score| score.all);
    let [blocks, loses, breaks, harmless] = all;
    writeln!(text, "\n## {}\n", corpus.title).unwrap();
    writeln!(
        text,
        "| judged by | blocks ({blocks}) | loses data ({loses}) | breaks code ({breaks}) | false alarms ({harmless}) |"
    )
    .unwrap();
    writeln!(text, "|---|---|---|---|---|").unwrap();
    for (tier, scores) in TIERS.iter().zip(&scores) {
        let cells = scores.each_ref().map(|score| score.flagged.to_string());
        writeln!(text, "| {} | {} |", knowledge(*tier), cells.join(" | ")).unwrap();
    }
    writeln!(text, "| {} |", squawk(corpus, all)).unwrap();
    for (tier, scores) in TIERS.iter().zip(&scores) {
        exceptions(text, *tier, scores);
    }
}

fn knowledge(tier: Tier) -> &'static str {
    match tier {
        Tier::Text => "the text alone",
        Tier::History => "the migrations before it",
        Tier::Facts => "facts about the database",
    }
}

/// The recorded row, if it is about as many statements.
fn squawk(corpus: &Corpus, all: [usize; 4]) -> String {
    let row = SQUAWK.lines().find_map(|line| line.strip_prefix(corpus.file)?.strip_prefix(": "));
    let mut cells = row.expect("squawk has judged it").split(" | ");
    let name = cells.next().unwrap();
    let counts = cells.zip(all).map(|(cell, all)| {
        let (count, of) = cell.split_once(" of ").unwrap();
        assert_eq!(of, all.to_string(), "tests/scorecard judges the statements of {} again", corpus.file);
        count
    });
    format!("{name} | {}", counts.collect::<Vec<_>>().join(" | "))
}

/// The statements that are judged otherwise than they behave.
fn exceptions(text: &mut String, tier: Tier, scores: &[Score; 4]) {
    let wrong = |scores: &[Score]| -> Vec<String> {
        let wrong = scores.iter().flat_map(|score| &score.wrong);
        wrong.map(|(statement, _)| format!("`{}`", statement.replace('|', "\\|"))).collect()
    };
    let [found @ .., harmless] = scores;
    for (what, statements) in
        [("not found", wrong(found)), ("false alarms", wrong(std::slice::from_ref(harmless)))]
    {
        if !statements.is_empty() {
            writeln!(text, "\nBy {}, {what}: {}.", knowledge(tier), statements.join("; ")).unwrap();
        }
    }
}
