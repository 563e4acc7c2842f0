//! Options at the top of a script.
//!
//! ```sql
//! -- migrate: lock_timeout=5s statement_timeout=10min transaction=none
//! -- migrate: phase=contract allow=drop-table reason="no release has used it since 2.0"
//! DROP TABLE legacy;
//! ```
//!
//! | option | value | in |
//! |---|---|---|
//! | `lock_timeout`, `statement_timeout` | a time as PostgreSQL writes it: `5s`, `10min`, `250` (milliseconds), `0` (no limit) | every script |
//! | `transaction` | `block` or `none` | up, down |
//! | `phase` | `expand` or `contract` | up |
//! | `allow` | comma-separated ids of lint rules: `drop-table,drop-column`; `_` is read as `-` | up, down |
//! | `reason` | after `allow` in the same line: why the author accepts it, in double quotes | up, down |
//! | `replaces` | the replaced version, `0001`, or the first and the last of a range, `0001..0042` | up |
//!
//! The header is everything before the first statement. Comments from `--` to the end of the line hold
//! options if they begin with `migrate:`; block comments hold none. sqlx's `-- no-transaction` means
//! `transaction=none`. Each script has its own header.
//!
//! `allow` in the header is for the whole script. In a comment directly above a later statement it is for
//! that statement.

use crate::set::Role;
use crate::set::approval::{self, Approval, ApprovedAbove};
use crate::set::problem::ProblemKind;
use crate::sql::{self, Statements, Token, TokenKind, TransactionMode};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The options in a script's header; `None` for each one that the header does not set.
///
/// [`Display`](fmt::Display) writes them in the syntax of the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The lock timeout of each statement; zero means no limit.
    pub lock_timeout: Option<Duration>,
    /// The timeout of each statement; zero means no limit.
    pub statement_timeout: Option<Duration>,
    /// The requested transaction mode; if absent, the statements decide.
    pub transaction: Option<TransactionMode>,
    /// The phase of a rolling deployment in which the script may run. Lint reads it: `contract` may remove what
    /// the running release uses, `expand` may not. A run applies every phase.
    pub phase: Option<Phase>,
    /// The lint rules whose findings the author has accepted for the whole script. Those for one statement
    /// are in [`Script::approvals`](crate::Script::approvals).
    pub allow: Cow<'static, [Approval]>,
    /// The range of versions that the migration replaces.
    pub replaces: Option<Replaces>,
}

/// A range of versions, as written in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The first version.
    pub first: Cow<'static, str>,
    /// The last version, inclusive.
    pub last: Cow<'static, str>,
}

impl Options {
    /// No options.
    pub const NONE: Options = Options {
        lock_timeout: None,
        statement_timeout: None,
        transaction: None,
        phase: None,
        allow: Cow::Borrowed(&[]),
        replaces: None,
    };

    /// Parses options from their `Display` form.
    pub(crate) fn of_words(words: &str) -> Options {
        let text = format!("-- migrate: {words}");
        let comment = Token { kind: TokenKind::LineComment, start: 0, end: text.len() };
        let header = header_of(&text, std::iter::once(comment), Role::Up);
        debug_assert!(header.faults.is_empty(), "{words}: {:?}", header.faults);
        header.options
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.lock_timeout.map(|timeout| format!("lock_timeout={}", duration_text(timeout))));
        words.extend(
            self.statement_timeout.map(|timeout| format!("statement_timeout={}", duration_text(timeout))),
        );
        words.extend(self.transaction.map(|mode| format!("transaction={}", transaction_word(mode))));
        words.extend(self.phase.map(|phase| match phase {
            Phase::Expand => "phase=expand".to_owned(),
            Phase::Contract => "phase=contract".to_owned(),
        }));
        if !self.allow.is_empty() {
            words.push(approval::words(&self.allow));
        }
        if let Some(Replaces { first, last }) = &self.replaces {
            words.push(format!("replaces={}", range_text(first, last)));
        }
        f.write_str(&words.join(" "))
    }
}

/// Formats the value of `replaces=`.
pub(crate) fn range_text(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first}..{last}") }
}

/// Formats a duration in the largest unit that divides it evenly.
fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    match UNITS
        .iter()
        .rev()
        .find(|(_, micros)| *micros >= 1000 && millis > 0 && millis.is_multiple_of(micros / 1000))
    {
        Some((unit, micros)) => format!("{}{unit}", millis / (micros / 1000)),
        None => "0".to_owned(),
    }
}

/// Formats the value of `transaction=`.
pub(crate) fn transaction_word(mode: TransactionMode) -> &'static str {
    match mode {
        TransactionMode::Block => "block",
        TransactionMode::None => "none",
        TransactionMode::Own => "own",
    }
}

/// The phase of a rolling deployment in which a migration may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before the new release: changes that the old release tolerates.
    Expand,
    /// After the last instance of the old release is gone: changes that would break the old release.
    Contract,
}

/// PostgreSQL's time units in microseconds, as `SET lock_timeout` accepts them.
const UNITS: [(&str, u128); 6] = [
    ("us", 1),
    ("ms", 1000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// The parsed header of a script.
pub(crate) struct Header {
    pub(crate) options: Options,
    /// The byte offset of the `replaces` option; 0 if absent.
    pub(crate) replaces_at: usize,
    /// The byte offset of the transaction mode; 0 if absent.
    pub(crate) transaction_at: usize,
    /// The approvals of `allow`, each with the byte range of its rule's id.
    approvals: Vec<(Range<usize>, Approval)>,
    /// The approvals in comments below the header.
    above: Vec<ApprovedAbove>,
    /// The faults, each with its byte offset.
    pub(crate) faults: Vec<(usize, ProblemKind)>,
}

impl Header {
    /// The offsets of the comments below the header that approve nothing, because no statement is directly
    /// below them.
    pub(crate) fn misplaced(&self, text: &str, statements: Statements<'_>) -> Vec<usize> {
        let is_misplaced = |above: &&ApprovedAbove| above.statement(text, statements).is_none();
        self.above.iter().filter(is_misplaced).map(|above| above.comment.start).collect()
    }
}

/// Reads the approvals of a script: those in its header, and those below it.
pub(crate) fn allow_above(text: &str) -> (Vec<(Range<usize>, Approval)>, Vec<ApprovedAbove>) {
    let header = read_header(text, Role::Up);
    (header.approvals, header.above)
}

/// Reads the comments at the top of a script, and checks the rest for options that are too late.
pub(crate) fn read_header(text: &str, role: Role) -> Header {
    header_of(text, sql::tokens(text), role)
}

/// Does the same with the tokens of a text. All tokens but the first may be left out unless they are
/// comments.
pub(crate) fn header_of(text: &str, tokens: impl Iterator<Item = Token>, role: Role) -> Header {
    let mut reader = HeaderReader::new(text, role);
    let mut is_header = true;
    // A text without any option has none in the wrong place, either. Searching for one character is much
    // faster than searching for a word.
    let is_to_be_read = text.match_indices(':').any(|(colon, _)| text[..colon].ends_with("migrate"));
    for token in tokens {
        if !is_header && !is_to_be_read {
            break;
        }
        let comment = token.text(text);
        match token.kind {
            TokenKind::LineComment if is_header => reader.comment(token.start, comment),
            TokenKind::LineComment if words(comment).is_some() => reader.late(token.start, comment),
            TokenKind::BlockComment => {
                if comment.trim_start_matches(['/', '*']).trim_start().starts_with("migrate:") {
                    reader.fault(token.start, ProblemKind::OptionsInBlockComment);
                }
            }
            _ => is_header &= token.is_trivia(),
        }
    }
    reader.finish()
}

/// The text after `-- migrate:` in a comment, unless the comment is one of dbmate's marks.
fn words(comment: &str) -> Option<&str> {
    let words = comment.strip_prefix("--")?.trim_start().strip_prefix("migrate:")?;
    let is_mark = |mark| {
        words
            .strip_prefix(mark)
            .is_some_and(|rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    (!is_mark("up") && !is_mark("down")).then_some(words)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OptionName {
    LockTimeout,
    StatementTimeout,
    Transaction,
    Phase,
    Allow,
    Reason,
    Replaces,
}

impl OptionName {
    const ALL: [OptionName; 7] = [
        OptionName::LockTimeout,
        OptionName::StatementTimeout,
        OptionName::Transaction,
        OptionName::Phase,
        OptionName::Allow,
        OptionName::Reason,
        OptionName::Replaces,
    ];

    fn of(word: &str) -> Option<OptionName> {
        OptionName::ALL.into_iter().find(|name| name.text() == word)
    }

    fn text(self) -> &'static str {
        match self {
            OptionName::LockTimeout => "lock_timeout",
            OptionName::StatementTimeout => "statement_timeout",
            OptionName::Transaction => "transaction",
            OptionName::Phase => "phase",
            OptionName::Allow => "allow",
            OptionName::Reason => "reason",
            OptionName::Replaces => "replaces",
        }
    }

    /// The phase belongs to the migration as a whole, and a verify script changes nothing.
    fn belongs_in(self, role: Role) -> bool {
        match self {
            OptionName::LockTimeout | OptionName::StatementTimeout => true,
            OptionName::Transaction | OptionName::Allow | OptionName::Reason => role != Role::Verify,
            OptionName::Phase | OptionName::Replaces => role == Role::Up,
        }
    }

    fn expects(self) -> &'static str {
        match self {
            OptionName::LockTimeout | OptionName::StatementTimeout => {
                "a whole number with `ms`, `s`, `min`, `h` or `d`, or 0 for no limit, up to 2147483647 ms"
            }
            OptionName::Transaction => "`block` or `none`",
            OptionName::Phase => "`expand` or `contract`",
            OptionName::Allow => {
                "ids of lint rules in lower case, with commas and no spaces between: `drop-table,drop-column`"
            }
            OptionName::Reason => "a text in double quotes, in the same line as the `allow=` before it",
            OptionName::Replaces => {
                "the version that the migration replaces, `0001`, or the first and the last of several, `0001..0042`"
            }
        }
    }

    /// Sets the option; `None` if the value is invalid.
    fn set(self, options: &mut Options, value: &str) -> Option<()> {
        match self {
            OptionName::LockTimeout => options.lock_timeout = Some(duration(value)?),
            OptionName::StatementTimeout => options.statement_timeout = Some(duration(value)?),
            OptionName::Transaction => {
                options.transaction = Some(match value {
                    "block" => TransactionMode::Block,
                    "none" => TransactionMode::None,
                    _ => return None,
                });
            }
            OptionName::Phase => {
                options.phase = Some(match value {
                    "expand" => Phase::Expand,
                    "contract" => Phase::Contract,
                    _ => return None,
                });
            }
            // The header reader keeps them, with their places.
            OptionName::Allow | OptionName::Reason => {}
            OptionName::Replaces => {
                let (first, last) = value.split_once("..").unwrap_or((value, value));
                if first.is_empty() || last.is_empty() || last.starts_with('=') {
                    return None;
                }
                let version = |text: &str| Cow::Owned(text.to_owned());
                options.replaces = Some(Replaces { first: version(first), last: version(last) });
            }
        }
        Some(())
    }
}

/// Returns true if a word has the form of a lint rule's id: lowercase letters and digits, separated by
/// hyphens.
pub(crate) fn is_rule_id(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.starts_with(|c: char| c.is_ascii_lowercase()) && id.split('-').all(is_word)
}

/// Parses a duration as PostgreSQL does for `lock_timeout`: milliseconds if there is no unit. Rejects values
/// that PostgreSQL would round down to 0, because 0 means no limit.
///
/// ```
/// use migrate_core::set::options::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration("2s"), Some(Duration::from_secs(2)));
/// assert_eq!(duration("soon"), None);
/// ```
pub fn duration(value: &str) -> Option<Duration> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u128 = value[..value.len() - unit.len()].parse().ok()?;
    let unit = if unit.is_empty() { "ms" } else { unit };
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = (number.checked_mul(*micros)?.checked_add(500)?) / 1000;
    if millis == 0 && number > 0 || millis > i32::MAX as u128 {
        return None;
    }
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}

struct HeaderReader<'a> {
    text: &'a str,
    role: Role,
    given: Vec<(OptionName, usize)>,
    /// The index of the first approval of the last `allow=` in the same comment.
    allowed: Option<usize>,
    header: Header,
}

impl<'a> HeaderReader<'a> {
    fn new(text: &'a str, role: Role) -> HeaderReader<'a> {
        let header = Header {
            options: Options::NONE,
            replaces_at: 0,
            transaction_at: 0,
            approvals: Vec::new(),
            above: Vec::new(),
            faults: Vec::new(),
        };
        HeaderReader { text, role, given: Vec::new(), allowed: None, header }
    }

    fn finish(mut self) -> Header {
        self.header.options.allow =
            self.header.approvals.iter().map(|(_, approval)| approval.clone()).collect();
        self.header
    }

    /// A comment with options below the header, which may only approve findings of the statement below it.
    fn late(&mut self, at: usize, line: &str) {
        let mut reader = HeaderReader::new(self.text, self.role);
        reader.comment(at, line);
        let is_of_allow =
            |(name, _): &(OptionName, usize)| matches!(name, OptionName::Allow | OptionName::Reason);
        if reader.given.is_empty() || !reader.given.iter().all(is_of_allow) {
            self.fault(at, ProblemKind::LateOptions);
            return;
        }
        self.header.faults.append(&mut reader.header.faults);
        let approvals = std::mem::take(&mut reader.header.approvals);
        self.header.above.push(ApprovedAbove { comment: at..at + line.len(), approvals });
    }

    /// A comment from `--` to the end of its line.
    fn comment(&mut self, at: usize, line: &str) {
        self.allowed = None;
        if let Some(words) = words(line).filter(|words| !words.contains('=')) {
            // Most likely prose: report one problem, not one for each word.
            let word = words.trim();
            if !word.is_empty() {
                let start = at + line.len() - words.trim_start().len();
                self.fault(start, ProblemKind::NotAnOption { word: word.to_owned() });
            }
        } else if let Some(words) = words(line) {
            let start = at + line.len() - words.len();
            for (offset, word) in divided(words) {
                self.word(start + offset, word);
            }
        } else if is_no_transaction(line) {
            self.option(at, OptionName::Transaction, "none");
        }
    }

    fn word(&mut self, at: usize, word: &str) {
        match word.split_once('=') {
            None => self.fault(at, ProblemKind::NotAnOption { word: word.to_owned() }),
            Some((name, value)) => match OptionName::of(name) {
                None => self.fault(at, ProblemKind::UnknownOption { name: name.to_owned() }),
                Some(option) => self.option(at, option, value),
            },
        }
    }

    fn option(&mut self, at: usize, name: OptionName, value: &str) {
        let option = name.text();
        let is_repeatable = matches!(name, OptionName::Allow | OptionName::Reason);
        let first = self.given.iter().find(|(given, _)| *given == name && !is_repeatable);
        if let Some((_, first)) = first {
            let first_line = sql::line_column(self.text, *first).line;
            self.fault(at, ProblemKind::DuplicateOption { option, first_line });
            return;
        }
        self.given.push((name, at));
        if !name.belongs_in(self.role) {
            self.fault(at, ProblemKind::OptionNotHere { option, role: self.role });
        } else if self.set(name, at, value).is_none() {
            let kind = ProblemKind::BadValue { option, value: value.to_owned(), expected: name.expects() };
            self.fault(at, kind);
        } else if name == OptionName::Transaction {
            self.header.transaction_at = at;
        } else if name == OptionName::Replaces {
            self.header.replaces_at = at;
        }
    }

    /// Sets an option whose name is at this offset; `None` if the value is invalid.
    fn set(&mut self, name: OptionName, at: usize, value: &str) -> Option<()> {
        match name {
            OptionName::Allow => {
                let mut start = at + name.text().len() + 1;
                let first = self.header.approvals.len();
                for id in value.split(',') {
                    let rule = Some(id.replace('_', "-")).filter(|rule| is_rule_id(rule))?;
                    let approval = Approval { rule: rule.into(), reason: None };
                    self.header.approvals.push((start..start + id.len(), approval));
                    start += id.len() + 1;
                }
                self.allowed = Some(first);
            }
            OptionName::Reason => {
                let first = self.allowed.take()?;
                let reason = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'))?;
                let reason =
                    Some(reason.trim()).filter(|reason| !reason.is_empty() && !reason.contains('"'))?;
                for (_, approval) in &mut self.header.approvals[first..] {
                    approval.reason = Some(reason.to_owned().into());
                }
            }
            _ => name.set(&mut self.header.options, value)?,
        }
        Some(())
    }

    fn fault(&mut self, at: usize, kind: ProblemKind) {
        self.header.faults.push((at, kind));
    }
}

/// Divides options at white space outside of double quotes, each with its offset.
fn divided(words: &str) -> Vec<(usize, &str)> {
    let (mut divided, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, character) in words.char_indices() {
        is_quoted ^= character == '"';
        if character.is_whitespace() && !is_quoted {
            divided.push((start, &words[start..at]));
            start = at + character.len_utf8();
        }
    }
    divided.push((start, &words[start..]));
    divided.retain(|(_, word)| !word.is_empty());
    divided
}

/// Returns true if a comment holds options or sqlx's `-- no-transaction`.
pub(crate) fn is_directive(comment: &str) -> bool {
    words(comment).is_some() || is_no_transaction(comment)
}

/// sqlx looks for `-- no-transaction` at the beginning of a file and ignores what follows it.
fn is_no_transaction(line: &str) -> bool {
    let comment = line.trim_start_matches("--").trim_start();
    let rest = comment.strip_prefix("no-transaction");
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(text: &str) -> Options {
        let header = read_header(text, Role::Up);
        assert_eq!(header.faults, [], "{text}");
        header.options
    }

    #[test]
    fn options_may_stand_in_several_lines_among_other_comments() {
        let options = header(
            "\u{feff}-- Drops the old table.\r\n\n  --migrate:lock_timeout=5s\r\n/* a /* nested */ comment */\n\
             -- migrate:  transaction=none\tphase=contract \n--\n-- migrate: allow=drop-table,drop_column\nDROP TABLE t;",
        );
        assert_eq!(
            options.to_string(),
            "lock_timeout=5s transaction=none phase=contract allow=drop-table,drop-column"
        );
    }

    #[test]
    fn times_are_read_as_postgresql_reads_them() {
        for (text, millis) in [
            ("250", 250),
            ("0", 0),
            ("0min", 0),
            ("1ms", 1),
            ("1500us", 2),
            ("500us", 1),
            ("5s", 5000),
            ("10min", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("2147483647", 2_147_483_647),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "5 s",
            "5S",
            "5m",
            "5sec",
            "-1",
            "+1",
            "1.5s",
            "499us",
            "2147483648",
            "25d",
            "99999999999999999999999999999999999999999d",
            "\u{663}s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sqlxs_no_transaction_is_honoured_and_words_like_it_are_not() {
        for (text, mode) in [
            ("-- no-transaction", Some(TransactionMode::None)),
            ("-- a comment\n--no-transaction: an index\nSELECT 1", Some(TransactionMode::None)),
            ("-- no-transactions", None),
            ("-- no-transaction-log", None),
            ("SELECT 1;\n-- no-transaction", None),
        ] {
            assert_eq!(header(text).transaction, mode, "{text}");
        }
    }

    #[test]
    fn dbmates_marks_are_no_options_and_words_that_begin_like_them_are() {
        for mark in ["-- migrate:up", "-- migrate:down", "--migrate:up transaction:false", "-- migrate:down;"]
        {
            assert_eq!(words(mark), None, "{mark}");
        }
        for options in ["-- migrate:upper=1", "-- migrate:up_to=1", "-- migrate:up2=1", "-- migrate:downs=1"]
        {
            assert!(words(options).is_some(), "{options}");
        }
    }

    #[test]
    fn one_version_is_replaced_as_a_range_of_one() {
        let options = header("-- migrate: replaces=0004\nSELECT 1;");
        let one = Replaces { first: "0004".into(), last: "0004".into() };
        assert_eq!((options.replaces.as_ref(), options.to_string().as_str()), (Some(&one), "replaces=0004"));
        assert_eq!(header("-- migrate: replaces=0004..0004\nSELECT 1;"), options);
    }

    #[test]
    fn a_phase_is_one_of_two_and_a_rule_has_the_shape_of_an_id() {
        for text in [
            "phase=soon",
            "phase=Expand",
            "phase=",
            "allow=",
            "allow=Drop-table",
            "allow=drop--table",
            "allow=-drop",
            "allow=drop-",
            "allow=drop-table,",
            "allow=3d",
            "allow=drop.table",
            "reason=\"first\"",
        ] {
            let faults = read_header(&format!("-- migrate: {text}\nSELECT 1;"), Role::Up).faults;
            assert!(matches!(faults[..], [(12, ProblemKind::BadValue { .. })]), "{text}: {faults:?}");
        }
        assert_eq!(header("-- migrate: allow=drop_column\nSELECT 1;").to_string(), "allow=drop-column");
    }

    #[test]
    fn strings_and_bodies_hold_no_options() {
        header(
            "SELECT '\n-- migrate: lock_timeout=5s\n';\nDO $$\n-- migrate: lock_timeout=5s\nBEGIN END $$;",
        );
    }

    fn options() -> impl Strategy<Value = Options> {
        let timeout = || proptest::option::of((0..=2_147_483_647u64).prop_map(Duration::from_millis));
        let mode = prop_oneof![Just(TransactionMode::Block), Just(TransactionMode::None)];
        let phase = prop_oneof![Just(Phase::Expand), Just(Phase::Contract)];
        let reason = proptest::option::of("[a-z\u{e9},=-][ a-z\u{e9}',=-]{0,8}[.!]");
        let approval = ("[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}", reason);
        let approval = approval
            .prop_map(|(rule, reason)| Approval { rule: rule.into(), reason: reason.map(Into::into) });
        let allow = proptest::collection::vec(approval, 0..4);
        let replaces = ("[0-9._a-z]{0,5}[0-9]", "[0-9_]{1,6}")
            .prop_map(|(first, last)| Replaces { first: first.into(), last: last.into() });
        let replaces = proptest::option::of(
            replaces.prop_filter("dots", |r| !r.first.contains("..") && !r.last.starts_with('=')),
        );
        (timeout(), timeout(), proptest::option::of(mode), proptest::option::of(phase), allow, replaces)
            .prop_map(|(lock_timeout, statement_timeout, transaction, phase, allow, replaces)| Options {
                lock_timeout,
                statement_timeout,
                transaction,
                phase,
                allow: allow.into(),
                replaces,
            })
    }

    proptest! {
        #[test]
        fn what_is_displayed_reads_back(options in options()) {
            prop_assert_eq!(header(&format!("-- migrate: {options}\nSELECT 1;")), options);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(-- ?migrate:|[ -~\u{a0}\u{e9}\n]|/\\*|\\*/|=|--|phase=|lock_timeout=1s){0,40}") {
            for role in [Role::Up, Role::Down, Role::Verify] {
                for (offset, _) in read_header(&text, role).faults {
                    prop_assert!(text.is_char_boundary(offset));
                }
            }
        }
    }
}
