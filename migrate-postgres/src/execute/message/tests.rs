//! The places of a message.

use super::*;
use migrate_core::{Options, Script};

fn script(text: &str) -> Script {
    Script::new("s.sql", text.to_owned(), sql::split(text).statements, Options::NONE)
}

fn push_script(message: &mut Message, step: usize, script: &Script) {
    message.push_followed(step, script, 0..script.statements().len(), &mut 0, None);
}

fn two_steps() -> Message {
    let mut message = Message::default();
    for (step, text) in ["SELECT 'ä'; SELECT 2 -- end", "\u{feff}SELECT 3"].into_iter().enumerate() {
        message.push(step, Purpose::Begin, &["BEGIN"]);
        push_script(&mut message, step, &script(text));
        message.push(step, Purpose::Commit, &["COMMIT"]);
    }
    message
}

#[test]
fn every_statement_belongs_to_its_part() {
    let message = two_steps();
    let purposes: Vec<(usize, Purpose, usize)> = (0..7)
        .map(|number| {
            message.statement(number).map(|(part, place)| (part.step, part.purpose, place)).unwrap()
        })
        .collect();
    let expected = [
        (0, Purpose::Begin, 0),
        (0, Purpose::Script, 0),
        (0, Purpose::Script, 1),
        (0, Purpose::Commit, 0),
        (1, Purpose::Begin, 0),
        (1, Purpose::Script, 0),
        (1, Purpose::Commit, 0),
    ];
    assert_eq!(purposes, expected);
    assert_eq!(message.statement(7), None);
}

#[test]
fn a_followed_script_is_told_of_statement_by_statement_as_far_as_the_flushes_go() {
    let text = "\u{feff}-- a comment\nSELECT 'ä'; SELECT 'two' -- no end\n; SELECT 'three'";
    let script = script(text);
    for flushes in 0..6 {
        let mut message = Message::default();
        let mut left = flushes;
        message.push_followed(0, &script, 0..3, &mut left, None);
        let parts: Vec<(MessagePart, usize)> = (0..).map_while(|number| message.statement(number)).collect();
        let flushed = parts.iter().filter(|(part, _)| part.purpose == Purpose::Flush).count();
        assert_eq!((flushes - left, flushed), (flushes.min(4), flushes.min(4)));
        let run = parts.iter().filter(|(part, _)| part.purpose == Purpose::Script);
        assert_eq!(run.map(|(_, place)| *place).collect::<Vec<_>>(), [0, 1, 2]);
        // The places in the script are the same, however it is cut.
        for needle in ["'ä'", "'two'", "'three'"] {
            let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
            let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
            assert_eq!(spot.offset, text.find(needle), "{needle} with {flushes}");
        }
    }
}

#[test]
fn a_unit_is_sent_as_the_script_has_it_and_its_statements_keep_their_places() {
    let text = "\u{feff}CREATE TABLE ä (); BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1 -- one\n; COMMIT AND CHAIN; SELECT 2; END; SELECT 3";
    let script = script(text);
    let mut message = Message::default();
    for unit in script.units() {
        message.push_opening(0, &script, &unit);
        for range in unit.body() {
            message.push_statements(0, &script, range);
        }
        message.push_ending(0, &script, &unit);
    }
    let sent = sql::split(message.text()).statements;
    let sent: Vec<(&str, Purpose, usize)> = (0..)
        .map_while(|number| {
            let (part, place) = message.statement(number)?;
            Some((sent[number].text(message.text()), part.purpose, place))
        })
        .collect();
    let expected = [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", Purpose::Open, 1),
        ("CREATE TABLE ä ()", Purpose::Script, 0),
        ("SELECT 1", Purpose::Script, 2),
        ("COMMIT", Purpose::Commit, 0),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", Purpose::Open, 1),
        ("SELECT 2", Purpose::Script, 4),
        ("END", Purpose::Close, 5),
        ("SELECT 3", Purpose::Script, 6),
        ("COMMIT", Purpose::Commit, 0),
    ];
    assert_eq!(sent, expected);
    for needle in ["SELECT 1", "SELECT 2", "END", "SELECT 3"] {
        let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
        let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
        assert_eq!(spot.offset, text.find(needle), "{needle}");
    }
}

#[test]
fn a_statement_that_ends_without_a_semicolon_is_one_of_its_own_however_the_script_is_cut() {
    let text = "SELECT 1\nSELECT 2; SELECT 3\nSELECT 4;";
    let starts = [0, 9, 19, 28];
    let statements = starts.map(|start| migrate_core::sql::Statement::new(start, start + 8, 1, None));
    let script = Script::new("s.sql", text, statements.to_vec(), Options::NONE);
    for mut flushes in 0..7 {
        let mut message = Message::default();
        message.push_followed(0, &script, 0..4, &mut flushes, None);
        let sent = sql::split(message.text()).statements;
        assert_eq!(sent.len(), message.statements, "{}", message.text());
        let of_script = (0..).map_while(|number| message.statement(number).map(|found| (number, found)));
        let of_script = of_script.filter(|(_, (part, _))| part.purpose == Purpose::Script);
        let found: Vec<&str> = of_script.map(|(number, _)| sent[number].text(message.text())).collect();
        assert_eq!(found, ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"]);
    }
}

#[test]
fn the_statement_under_way_is_known_between_two_flushes_and_nowhere_else() {
    let mut message = Message::default();
    message.push(0, Purpose::Begin, &["BEGIN", "SELECT 1"]);
    message.push_followed(0, &script("SELECT 1; SELECT 2; SELECT 3"), 0..3, &mut 2, None);
    message.push(0, Purpose::Commit, &["COMMIT"]);
    let at = |number| message.underway(number).map(|(_, at)| at);
    // BEGIN, SELECT, flush, the first statement, the others, flush, COMMIT.
    let expected = [
        At::Around,
        At::Around,
        At::Somewhere,
        At::Somewhere,
        At::Somewhere,
        At::Statement(3),
        At::Around,
        At::Around,
    ];
    let found: Vec<At> = (0..8).map_while(at).collect();
    assert_eq!(found, expected);
    let mut message = Message::default();
    message.push_followed(0, &script("SELECT 1; SELECT 2"), 0..2, &mut 3, None);
    assert_eq!(message.underway(0), Some((message.statement(1).unwrap().0, At::Statement(1))));
    assert_eq!(message.underway(2).unwrap().1, At::Statement(2));
}

#[test]
fn a_position_in_characters_is_a_byte_of_its_script() {
    let message = two_steps();
    for (needle, step, offset) in [("SELECT 2", 0, 13), ("SELECT 3", 1, 3)] {
        let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
        let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
        assert_eq!((spot.part.step, spot.offset), (step, Some(offset)), "{needle}");
    }
    let commit = message.locate(u32::try_from(message.text().chars().count()).unwrap()).unwrap();
    assert_eq!((commit.part.purpose, commit.offset), (Purpose::Commit, None));
}

#[test]
fn a_statement_that_a_mark_ends_gets_its_semicolon_and_keeps_its_number() {
    let text =
        "\u{feff}SELECT 1\n-- +goose StatementEnd\nSELECT 2;\nSELECT 'ä'\n-- +goose StatementEnd\nSELECT 4";
    let mut message = Message::default();
    message.push(0, Purpose::Begin, &["BEGIN"]);
    push_script(&mut message, 0, &script(text));
    message.push(0, Purpose::Commit, &["COMMIT"]);
    assert_eq!(sql::split(message.text()).statements.len(), 6);
    for number in 1..5 {
        let (part, place) = message.statement(number).unwrap();
        assert_eq!((part.purpose, place), (Purpose::Script, number - 1));
    }
    for statement in script(text).statements().iter() {
        let sought = statement.text(text);
        let chars = message.text()[..message.text().find(sought).unwrap()].chars().count();
        let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
        assert_eq!(spot.offset, Some(statement.range().start), "{sought}");
    }
}
