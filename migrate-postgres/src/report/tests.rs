//! The page of generated reports.

use super::*;
use crate::assertion::{AssertionOutcome, AssertionResult};
use crate::operate::{
    ExplainedLock, ExplainedLoss, ExplainedStatement, ExplainedStep, HeldLock, RelationSize,
};
use crate::schema::catalog::{Catalog, Kind, Object};
use crate::{Action, MigrationStatus, StatusRow, Version};
use migrate_core::history::Notice;
use migrate_core::lint::{Finding, LintOptions, lint};
use migrate_core::sql::TransactionMode;
use migrate_core::sql::{LockMode, LossKind, TableScan};
use migrate_core::{Migration, Script, Set, SqlMigration};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn broken(text: &str) -> AssertionOutcome {
    AssertionOutcome::Error { line: 1, column: 2, sqlstate: Some(text.to_owned()), message: text.to_owned() }
}

/// A report with this text in every text field, its attempts spread over this many runs.
fn report(text: &str, runs: usize) -> DatabaseReport {
    let at = |seconds: usize| {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + 40_000 * seconds as u64)
    };
    let version = || Version::numeric("1");
    let failed = AttemptOutcome::Failed {
        sqlstate: Some(text.to_owned()),
        cause: None,
        message: format!("{text} is wrong"),
        detail: Some(text.to_owned()),
        hint: Some(text.to_owned()),
        statement: Some(2),
        line: Some(3),
        statements_done: Some(1),
    };
    let outcomes = [
        AttemptOutcome::Done,
        failed.clone(),
        AttemptOutcome::Unfinished { statements_done: 1, statements: 3 },
    ];
    let attempt = |number: usize| Attempt {
        number: number as i64 + 1,
        version: version(),
        name: text.to_owned(),
        action: if number % 5 == 4 { Action::Revert } else { Action::Apply },
        outcome: outcomes[if number % 7 == 6 { 1 + number % 2 } else { 0 }].clone(),
        live: true,
        started_at: at(number),
        took: (number % 4 != 3).then(|| Duration::from_millis(number as u64 * 17)),
        run: format!("{}{text}", number / 3),
        program: text.to_owned(),
        by: text.to_owned(),
        application: text.to_owned(),
        address: Some(text.to_owned()),
        reason: (number % 3 == 1).then(|| text.to_owned()),
        continues: None,
        statements_done: None,
        notices: None,
        warnings: None,
        pid: None,
        age: None,
    };
    let row =
        |name: &str, state: MigrationStatus| StatusRow { version: version(), name: name.to_owned(), state };
    let applied = MigrationStatus::Applied {
        at: at(1),
        took: Duration::ZERO,
        by: text.to_owned(),
        edited: true,
        unknown: false,
    };
    let differences = Catalog::of([Object::new(Kind::Table, text, text)])
        .differences(&Catalog::of([Object::new(Kind::Index, text, format!("{text}\nx"))]));
    DatabaseReport {
        assertions: Assertions::new(vec![
            AssertionResult::new(text, text, broken(text), Duration::from_millis(3)),
            AssertionResult::new("passed", "assertions/passed.sql", AssertionOutcome::Passed, Duration::ZERO),
        ]),
        url: format!("postgres://{text}@localhost/{text}"),
        database: text.to_owned(),
        bytes: 12_345_678,
        server_version: text.to_owned(),
        made_at: at(2),
        status: Status {
            notices: Vec::new(),
            set: text.to_owned(),
            rows: vec![row(text, applied), row(text, MigrationStatus::Pending { last: Some(failed) })],
        },
        attempts: (0..runs * 3).map(attempt).collect(),
        accepted: vec![AcceptedRule {
            migration: text.to_owned(),
            statement: Some(1),
            rule: "drop-table".to_owned(),
            reason: Some(text.to_owned()),
        }],
        pending: Ok(explanation(text)),
        drift: Some(Drift {
            differences,
            applied: 1,
            interrupted: Some(text.to_owned()),
            notices: Vec::new(),
        }),
        drift_unknown: None,
        diagram: diagram(text),
    }
}

/// The findings in a script that drops a table of this name.
fn findings(text: &str) -> Vec<Finding> {
    // A quote of the name would be doubled, and the page longer.
    let drop = format!("SELECT 1; DROP TABLE \"{}\";", text.replace('"', "&"));
    let Ok(script) = Script::of_up_text("1_a.sql", drop) else { return Vec::new() };
    let migration = Arc::new(SqlMigration::new(Version::numeric("1"), "1_a", script)) as Arc<dyn Migration>;
    let set = Set::new("app", vec![migration]).unwrap();
    lint(&set, &LintOptions::new()).unwrap().findings
}

fn explanation(text: &str) -> Explanation {
    let size = RelationSize { name: text.to_owned(), oid: 1, bytes: 8192, rows: Some(3) };
    let lock = |mode, scan| ExplainedLock {
        relation: text.to_owned(),
        mode,
        scan,
        otherwise: Some(TableScan::Catalog),
        note: Some(text.to_owned().into()),
        size: Some(size.clone()),
        lookup: None,
    };
    let statement = |number: usize, locks| ExplainedStatement {
        number,
        line: 1,
        column: 1,
        text: text.to_owned(),
        refuses: None,
        locks,
        held: vec![HeldLock {
            relation: text.to_owned(),
            mode: LockMode::AccessExclusive,
            line: 1,
            is_defeating: true,
            size: None,
        }],
    };
    let locks =
        vec![lock(LockMode::AccessExclusive, TableScan::Rewrite), lock(LockMode::Share, TableScan::Build)];
    Explanation {
        set: text.to_owned(),
        steps: vec![ExplainedStep {
            action: Action::Apply,
            version: Version::numeric("1"),
            name: text.to_owned(),
            path: Some(text.to_owned()),
            is_code: false,
            transaction: Some(TransactionMode::Block),
            statements: vec![statement(1, None), statement(2, Some(locks)), statement(3, Some(Vec::new()))],
            statements_done: 0,
            is_resumed: false,
            backfill: None,
        }],
        notices: vec![Notice::Missing { name: text.to_owned() }],
        findings: findings(text),
        approved: Vec::new(),
        losses: vec![ExplainedLoss {
            kind: LossKind::Table,
            name: text.to_owned(),
            goes_along: true,
            size: Some(size.clone()),
            migration: text.to_owned(),
            line: 1,
            lookup: None,
        }],
        running: None,
        probes: Vec::new(),
    }
}

fn diagram(text: &str) -> Diagram {
    let column = |index: usize| DiagramColumn {
        name: text.to_owned(),
        type_name: text.to_owned(),
        is_primary: index == 0,
        refers: index == 1,
        ..DiagramColumn::default()
    };
    let table = |index: usize| DiagramTable {
        name: text.to_owned(),
        columns: (0..20 * index).map(column).collect(),
        partitions: index,
    };
    let names = || vec![text.to_owned()];
    let key = |from, to| DiagramForeignKey { from, columns: names(), to, referenced: names() };
    Diagram { tables: (0..4).map(table).collect(), foreign_keys: vec![key(1, 2), key(2, 1), key(1, 1)] }
}

/// Characters with a meaning in HTML, and some that change the appearance of text.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<", ">", "&", "\"", "'", "</style>", "</title>", "<script>", "<!--", "-->", "]]>", "&lt;", "=", " ",
        "\n", "\u{202e}", "\u{0}", "\u{7f}", "\u{2028}", "א", "数", "a", "onload=",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A page without special characters and without their escapes.
fn disarmed(page: &str) -> String {
    let page = ["&lt;", "&gt;", "&quot;", "&amp;"]
        .iter()
        .fold(page.to_owned(), |page, entity| page.replace(entity, "x"));
    page.replace('\'', "x")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_becomes_a_part_of_the_page(text in hostile()) {
        // With harmless text of the same length, the page is the same except for the text.
        let harmless = text.replace(['<', '>', '&', '"', '\''], "x");
        prop_assert_eq!(disarmed(&report(&text, 3).to_html()), disarmed(&report(&harmless, 3).to_html()));
    }

    #[test]
    fn nothing_on_the_page_is_invisible_or_turns_around_what_stands_by_it(text in hostile()) {
        let page = report(&text, 1).to_html();
        let wrong = page.chars().find(|sign| (sign.is_control() && *sign != '\n') || matches!(sign, '\u{2028}'..='\u{202e}'));
        prop_assert_eq!(wrong, None);
    }
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = report("a", 3).to_html();
    for forbidden in ["<script", "javascript:", "<link", "<iframe", "url(http", "src=", "@import", "style=\""]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"), "and forbids it");
}

#[test]
fn old_runs_are_folded_by_month_and_every_attempt_is_on_the_page() {
    let report = report("m", 340);
    let page = report.to_html();
    assert_eq!(page.matches("<tbody>").count(), 340);
    assert_eq!(page.matches("<th scope=\"row\">").count(), report.attempts.len());
    assert!(page.matches("class=\"month\"").count() > 10, "months");
}

#[test]
fn the_health_is_the_worst_of_all() {
    let mut report = report("x", 0);
    assert_eq!(report.health(), DatabaseHealth::Failed);
    report.status.rows.push(StatusRow {
        version: Version::numeric("9"),
        name: "9_i".to_owned(),
        state: MigrationStatus::Interrupted { statements_done: 1, last: None, reverting: false },
    });
    let page = report.to_html();
    assert!(page.contains("<bdi>9_i</bdi> is in doubt"), "{page}");
    assert!(
        page.contains("1 statement is done and committed; statement 2 may or may not have been done."),
        "{page}"
    );
    report.status.rows.pop();
    report.status.rows.push(StatusRow {
        version: Version::numeric("9"),
        name: "9_i".to_owned(),
        state: MigrationStatus::Interrupted { statements_done: 1, last: None, reverting: true },
    });
    let page = report.to_html();
    let state =
        "1 statement of its down script is done and committed; statement 2 may or may not have been done.";
    assert!(page.contains(state), "{page}");
    assert!(
        page.contains("Next: revert again; it finds out what the statement did, and continues."),
        "{page}"
    );
    report.status.rows.truncate(1);
    assert_eq!(report.health(), DatabaseHealth::UpToDate);
    report.pending = Err(Refused::UnknownRun { run: "r".to_owned(), last: None });
    assert_eq!((report.health(), report.applied()), (DatabaseHealth::Refused, 1));
}

/// The relative luminance of a color (section 1.4.3 of the Web Content Accessibility Guidelines).
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn texts_stand_out_from_their_grounds_by_day_and_by_night() {
    let style = include_str!("html/style.css");
    let (day, night) = style.split_once("prefers-color-scheme: dark").unwrap();
    let pairs = ["good", "warning", "bad", "plain"].map(|tone| (tone.to_owned(), format!("{tone}-ground")));
    let rest =
        [("text", "page"), ("text", "surface"), ("aside", "page"), ("aside", "surface"), ("aside", "sunken")];
    let more = [("accent", "page"), ("accent", "surface"), ("warning", "surface"), ("text", "plain-ground")];
    let rest = rest.iter().chain(&more).map(|(text, ground)| ((*text).to_owned(), (*ground).to_owned()));
    for (text, ground) in pairs.into_iter().chain(rest) {
        for part in [day, night] {
            let colour = |name: &str| {
                let (_, value) = part.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("{name}"));
                luminance(&value[..7])
            };
            let (a, b) = (colour(&text), colour(&ground));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
    }
}
