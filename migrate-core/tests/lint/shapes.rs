//! The score on the shapes that were measured on servers, at each level of knowledge without one.

use crate::support::{found, judged, set};
use migrate_core::lint::{Finding, LintOptions, Risk};
use migrate_core::sql::facts::Facts;
use migrate_core::sql::split;

const FRESH: &str = include_str!("../../../tests/it/shapes/fresh.tsv");
const FIXTURE: &str = include_str!("../../../tests/it/shapes/fixture.sql");
const FURTHER: &str = include_str!("../../../tests/it/shapes/more.tsv");
const SHAPES: &str = include_str!("../../../tests/it/shapes/shapes.tsv");

/// Statements with their classes.
pub(crate) struct Corpus {
    /// The name of the file.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) shapes: &'static str,
}

pub(crate) const CORPORA: [Corpus; 3] = [
    Corpus { file: "shapes.tsv", title: "Common statements", shapes: SHAPES },
    Corpus { file: "more.tsv", title: "Less common statements", shapes: FURTHER },
    Corpus { file: "fresh.tsv", title: "Statements as teams write them", shapes: FRESH },
];

/// The classes that are scored; a finding in a statement of the last one is a false alarm.
pub(crate) const CLASSES: [&str; 4] = ["heavy", "loss", "breaks", "light"];

/// The levels of knowledge, in increasing order.
pub(crate) const TIERS: [Tier; 3] = [Tier::Text, Tier::History, Tier::Facts];

/// The knowledge beyond a statement's text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tier {
    Text,
    History,
    Facts,
}

impl Tier {
    fn findings(self, statement: &str) -> Vec<Finding> {
        match self {
            Tier::Text => found(&[statement]),
            Tier::History => found(&[FIXTURE, statement]),
            Tier::Facts => judged(&set(&[statement]), &LintOptions::new().facts(facts())).findings,
        }
    }
}

/// The facts that a catalog would give.
fn facts() -> Facts {
    let mut facts = Facts::none();
    facts.search_path = vec!["public".to_owned()];
    split(FIXTURE).statements.iter().for_each(|statement| facts.apply(statement.text(FIXTURE)));
    facts.is_complete = true;
    facts.is_utc = Some(true);
    for relation in facts.relations.values_mut() {
        relation.access_method = Some("heap".to_owned());
        relation.tablespace = Some("pg_default".to_owned());
    }
    facts
}

/// Class and statement of each shape.
fn shapes(corpus: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    corpus.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0], fields[2])
    })
}

/// The shapes of a class with a finding that is dangerous or worse.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) flagged: usize,
    pub(crate) all: usize,
    /// The statements that are judged wrongly, with their findings.
    pub(crate) wrong: Vec<(&'static str, String)>,
}

pub(crate) fn score(corpus: &'static str, class: &str, tier: Tier) -> Score {
    let mut score = Score::default();
    for (_, statement) in shapes(corpus).filter(|(of, _)| *of == class) {
        let findings = tier.findings(statement);
        let worst: Vec<String> = findings
            .iter()
            .filter(|finding| finding.risk >= Risk::Dangerous)
            .map(ToString::to_string)
            .collect();
        score.all += 1;
        score.flagged += usize::from(!worst.is_empty());
        if worst.is_empty() == (class != "light") {
            score.wrong.push((statement, worst.join("; ")));
        }
    }
    score
}

/// Panics unless at least this percentage of the heavy shapes is found, at most this one of the light shapes,
/// and everything that loses data or breaks code.
fn assert_scores(corpus: &'static str, tier: Tier, heavy: usize, light: usize) {
    for (class, least, most) in
        [("heavy", heavy, 100), ("loss", 100, 100), ("breaks", 100, 100), ("light", 0, light)]
    {
        let score = score(corpus, class, tier);
        let shown =
            format!("{tier:?}, {class}: {} of {}; wrong: {:#?}", score.flagged, score.all, score.wrong);
        assert!(
            score.flagged * 100 >= score.all * least && score.flagged * 100 <= score.all * most,
            "{shown}"
        );
    }
}

#[test]
fn the_text_alone_shows_most_dangers_and_few_that_are_none() {
    // A domain with a CHECK and a shorter varchar are said to be what it depends on; a valid CHECK and an equal type are not known.
    assert_scores(SHAPES, Tier::Text, 87, 6);
}

#[test]
fn the_history_of_the_set_shows_nearly_all_dangers() {
    assert_scores(SHAPES, Tier::History, 96, 2);
}

#[test]
fn with_facts_all_dangers_are_shown_and_nothing_else() {
    assert_scores(SHAPES, Tier::Facts, 100, 0);
}

#[test]
fn less_common_statements_are_judged_as_well() {
    assert_scores(FURTHER, Tier::Text, 70, 20);
    assert_scores(FURTHER, Tier::History, 96, 5);
    assert_scores(FURTHER, Tier::Facts, 100, 0);
}

#[test]
fn statements_as_teams_write_them_are_judged_as_well() {
    assert_scores(FRESH, Tier::Text, 87, 6);
    assert_scores(FRESH, Tier::History, 96, 2);
    assert_scores(FRESH, Tier::Facts, 100, 0);
}
