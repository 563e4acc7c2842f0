//! The splitter: divides a script into statements.

use super::boundary::Statement;
use super::control::{self, Control};
use super::fault::{Fault, FaultKind};
use super::invisible::{Invisible, InvisibleFinder};
use super::lexer::{Tokens, tokens};
use super::position::newlines;
use super::reading::Reading;
use super::refusal::Refusal;
use super::setting::{sets_limit, sets_locally};
use super::statement::{ParsedStatement, StatementTokens};
use super::token::{Construct, Token, TokenKind};

/// A split script: its statements and all its faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The statements, in the script's order. Empty statements, as between `;;`, are left out.
    pub statements: Vec<Statement>,
    /// The faults, in the script's order. If there are any, the statements are a best effort and must not be
    /// run.
    pub faults: Vec<Fault>,
    /// The comments, plus the first token that is not a comment and the first one that is not a semicolon
    /// either.
    pub(crate) outline: Vec<Token>,
    /// Invisible characters outside of quotes and comments.
    pub(crate) invisible: Vec<Invisible>,
    /// The `SET LOCAL` statements.
    pub(crate) local_settings: Vec<LocalSetting>,
}

/// A `SET LOCAL` statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalSetting {
    /// Its index in the script.
    pub(crate) statement: usize,
    /// True if it sets a limit, memory or logging, and nothing on which a statement's effect depends.
    pub(crate) is_limit: bool,
}

/// Splits a script into statements at the same points as the server.
///
/// A semicolon ends a statement, except in quotes, in a comment, between `BEGIN ATOMIC` and `END` in the body
/// of a `CREATE FUNCTION` or `CREATE PROCEDURE`, and between the parentheses of a `CREATE RULE`: the server's
/// grammar allows it nowhere else (gram.y: `stmtmulti`, `routine_body_stmt_list`, `RuleActionMulti`).
///
/// goose's `-- +goose StatementEnd` ends a statement, too: goose sends the text above it, and many files have
/// no semicolon there.
///
/// All faults are reported, not only the first. After a fault that leaves the rest readable, reading
/// continues where psql's would: after the line of a meta-command, after the rows of a `COPY … FROM STDIN`.
///
/// The server decides whether a statement follows the grammar; it is split off in any case.
/// `standard_conforming_strings` is assumed to be on: a script that turns it off may not contain a backslash
/// in a plain string after that. psql's variables (`:name`) are not supported.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{Refusal, split};
///
/// let script = "\
/// CREATE TABLE users (id bigint PRIMARY KEY, name text);
///
/// -- Looked up by name; of course.
/// CREATE INDEX CONCURRENTLY ON users (name);
/// ";
/// let split = split(script);
///
/// assert!(split.faults.is_empty());
/// let index = split.statements[1];
/// assert_eq!(index.text(script), "CREATE INDEX CONCURRENTLY ON users (name)");
/// assert_eq!(index.line(), 4);
/// assert_eq!(index.refuses(), Some(Refusal::CreateIndexConcurrently));
/// ```
pub fn split(text: &str) -> Split {
    if u32::try_from(text.len()).is_err() {
        let fault = Fault { kind: FaultKind::TooLarge, offset: u32::MAX as usize };
        return Split { faults: vec![fault], ..Split::default() };
    }
    let Some(nul) = text.find('\0') else {
        return Splitter::new(text).split();
    };
    // A construct cut off by this byte might well end after it, so it is not reported.
    let mut split = Splitter::new(&text[..nul]).split();
    split.faults.retain(|fault| !fault.kind.comes_of_an_early_end());
    split.faults.push(Fault { kind: FaultKind::NulByte, offset: nul });
    split
}

impl FaultKind {
    /// Returns true if more text could fix it.
    fn comes_of_an_early_end(&self) -> bool {
        matches!(
            self,
            Self::UnterminatedString
                | Self::UnterminatedBitString
                | Self::UnterminatedIdentifier
                | Self::UnterminatedDollarQuote { .. }
                | Self::UnterminatedComment
                | Self::UnterminatedBody
                | Self::UnbalancedParenthesis { parenthesis: '(' }
        )
    }
}

/// The first words of a statement, as far as they affect later semicolons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Nothing has been read yet.
    Start,
    /// `CREATE`
    Create,
    /// `CREATE OR`
    CreateOr,
    /// `CREATE OR REPLACE`
    CreateOrReplace,
    /// `CREATE FUNCTION` or `CREATE PROCEDURE`: a `BEGIN ATOMIC` may follow.
    Routine,
    /// A routine whose last token is a `BEGIN`, at this offset.
    Begin(usize),
    /// `CREATE RULE`: semicolons may appear between parentheses.
    Rule,
    /// Any other statement.
    Other,
}

impl Head {
    /// The head after one more token, unless that opens or closes a body.
    fn with(self, word: Option<&str>, offset: usize) -> Self {
        let is = |keyword: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        match self {
            Self::Start if is("CREATE") => Self::Create,
            Self::Create if is("OR") => Self::CreateOr,
            Self::CreateOr if is("REPLACE") => Self::CreateOrReplace,
            Self::Create | Self::CreateOrReplace if is("FUNCTION") || is("PROCEDURE") => Self::Routine,
            Self::Create | Self::CreateOrReplace if is("RULE") => Self::Rule,
            Self::Routine | Self::Begin(_) if is("BEGIN") => Self::Begin(offset),
            Self::Routine | Self::Begin(_) => Self::Routine,
            Self::Rule => Self::Rule,
            _ => Self::Other,
        }
    }
}

/// The statement being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    end: usize,
    /// The head of the statement, or of the innermost one in a body.
    head: Head,
    /// The number of open bodies. The grammar allows a body to contain a `CREATE FUNCTION` with a body.
    bodies: usize,
    /// The offset of the outermost body.
    body_at: usize,
    /// The number of open parentheses.
    depth: usize,
    /// The offset of the outermost parenthesis.
    parenthesis_at: usize,
}

impl Open {
    fn at(start: usize) -> Self {
        Self { start, end: start, head: Head::Start, bodies: 0, body_at: 0, depth: 0, parenthesis_at: 0 }
    }
}

/// Returns true if the text between two statements contains a semicolon.
pub(crate) fn has_semicolon(between: &str) -> bool {
    between.starts_with(';') || tokens(between).any(|token| token.kind == TokenKind::Semicolon)
}

/// Returns true if a comment is goose's mark after a statement.
fn is_statement_end(comment: &str) -> bool {
    let annotation = comment.trim_start_matches('-').trim_start().strip_prefix("+goose");
    annotation.is_some_and(|annotation| annotation.trim().eq_ignore_ascii_case("StatementEnd"))
}

struct Splitter<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    open: Option<Open>,
    /// The tokens of the open statement, from which it is parsed.
    kept: StatementTokens,
    split: Split,
    /// The line at the byte offset `counted`.
    line: usize,
    counted: usize,
    /// Cleared once no `\.` follows, so that it is not searched for repeatedly.
    may_hold_rows: bool,
    /// The server's reading of the text that follows, if the script can change it.
    reading: Option<Reading>,
    /// The finder of invisible characters, if the text might contain any.
    invisible: Option<InvisibleFinder>,
    /// True once a token other than a comment was read; `has_statement` excludes semicolons, too.
    has_token: bool,
    has_statement: bool,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str) -> Self {
        let reading = Reading::may_change(text).then(Reading::default);
        Self {
            text,
            tokens: tokens(text),
            open: None,
            // The reading of rows may depend on earlier statements.
            kept: StatementTokens::new(reading.is_some()),
            split: Split::default(),
            line: 1,
            counted: 0,
            may_hold_rows: true,
            reading,
            invisible: InvisibleFinder::of(text),
            has_token: false,
            has_statement: false,
        }
    }

    fn split(mut self) -> Split {
        while let Some(token) = self.tokens.next() {
            self.note(token);
            match token.kind {
                TokenKind::Unterminated(construct) => self.unterminated(construct, token),
                TokenKind::LineComment if is_statement_end(token.text(self.text)) => self.marked_end(),
                _ if token.is_trivia() => {}
                TokenKind::Semicolon => self.semicolon(token),
                TokenKind::Backslash => self.meta_command(token),
                _ => self.extend(token),
            }
        }
        if let Some(open) = self.open {
            if open.bodies > 0 {
                self.fault(FaultKind::UnterminatedBody, open.body_at);
            }
            self.close_parentheses();
            self.finish();
        }
        self.split.faults.sort_by_key(|fault| fault.offset);
        self.split.invisible = self.invisible.map(|finder| finder.found).unwrap_or_default();
        self.split
    }

    /// Records a token for callers that need it.
    fn note(&mut self, token: Token) {
        let is_statement = !token.is_trivia() && token.kind != TokenKind::Semicolon;
        let is_comment = matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment);
        let is_first = !token.is_trivia() && !self.has_token || is_statement && !self.has_statement;
        if is_comment || is_first {
            self.split.outline.push(token);
        }
        self.has_token |= !token.is_trivia();
        self.has_statement |= is_statement;
        if let Some(finder) = &mut self.invisible {
            finder.token(self.text, token);
        }
    }

    fn fault(&mut self, kind: FaultKind, offset: usize) {
        self.split.faults.push(Fault { kind, offset });
    }

    /// Adds a token to the statement.
    fn extend(&mut self, token: Token) {
        let mut open = self.open.unwrap_or_else(|| Open::at(token.start));
        open.end = token.end;
        match token.kind {
            TokenKind::LeftParenthesis => {
                if open.depth == 0 {
                    open.parenthesis_at = token.start;
                }
                open.depth += 1;
            }
            TokenKind::RightParenthesis if open.depth == 0 => {
                self.fault(FaultKind::UnbalancedParenthesis { parenthesis: ')' }, token.start);
            }
            TokenKind::RightParenthesis => open.depth -= 1,
            _ => {}
        }
        if open.depth == 0 && open.head != Head::Other {
            let word = (token.kind == TokenKind::Word).then(|| token.text(self.text));
            let is = |keyword: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(keyword));
            match open.head {
                Head::Begin(at) if is("ATOMIC") => {
                    if open.bodies == 0 {
                        open.body_at = at;
                    }
                    open.bodies += 1;
                    open.head = Head::Start;
                }
                // No statement begins with END except the one that ends a transaction, which a body can't
                // contain. So this END closes the body. The END of a CASE never appears here.
                Head::Start if open.bodies > 0 && is("END") => {
                    open.bodies -= 1;
                    open.head = Head::Other;
                }
                head => open.head = head.with(word, token.start),
            }
        } else if matches!(open.head, Head::Begin(_)) {
            open.head = Head::Routine;
        }
        let wants_more = self.kept.push(self.text, token) || self.invisible.is_some();
        if !wants_more && let Some(end) = self.tokens.skip_plain() {
            open.end = end;
        }
        self.open = Some(open);
    }

    fn semicolon(&mut self, token: Token) {
        if self.open.is_some_and(|open| open.head == Head::Rule && open.depth == 1) {
            return self.extend(token);
        }
        self.close_parentheses();
        match &mut self.open {
            Some(open) if open.bodies > 0 => {
                open.end = token.end;
                open.head = Head::Start;
                self.kept.push(self.text, token);
            }
            _ => self.finish(),
        }
    }

    /// goose sends the text above its mark, with or without a semicolon.
    fn marked_end(&mut self) {
        self.close_parentheses();
        if let Some(open) = self.open.filter(|open| open.bodies > 0) {
            self.fault(FaultKind::UnterminatedBody, open.body_at);
        }
        self.finish();
    }

    /// Reports an open parenthesis where none is allowed, and continues as if it were closed.
    fn close_parentheses(&mut self) {
        if let Some(open) = &mut self.open
            && open.depth > 0
        {
            open.depth = 0;
            let offset = open.parenthesis_at;
            self.fault(FaultKind::UnbalancedParenthesis { parenthesis: '(' }, offset);
        }
    }

    /// Finishes the statement.
    fn finish(&mut self) {
        let Some(Open { start, end, .. }) = self.open.take() else {
            return;
        };
        self.line += newlines(&self.text[self.counted..start]);
        self.counted = start;
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let parsed = ParsedStatement::of_tokens(self.text, &self.kept.tokens);
        let (refuses, line) = (Refusal::of_parsed(&parsed), offset(self.line));
        let statement = Statement::new(offset(start), offset(end), line, refuses);
        let control = Control::of_parsed(&parsed);
        if control.is_none() && sets_locally(&parsed) {
            let index = self.split.statements.len();
            let setting = LocalSetting { statement: index, is_limit: sets_limit(&parsed) };
            self.split.local_settings.push(setting);
        }
        self.split.statements.push(statement.with_control(control));
        let mut faults = Vec::new();
        if let Some(reading) = &mut self.reading {
            faults.extend(reading.fault(&parsed));
            reading.pass(&parsed);
        }
        let misplaced = control::misplaced(&parsed);
        if misplaced == Some(FaultKind::CopyFromStdin) {
            self.skip_rows(end);
        }
        faults.extend(misplaced.map(|fault| (fault, start)));
        self.kept.clear();
        faults.into_iter().for_each(|(kind, at)| self.fault(kind, at));
    }

    /// An unterminated construct extends to the end of the text.
    fn unterminated(&mut self, construct: Construct, token: Token) {
        let kind = match construct {
            Construct::Comment => FaultKind::UnterminatedComment,
            Construct::String => FaultKind::UnterminatedString,
            Construct::BitString => FaultKind::UnterminatedBitString,
            Construct::Identifier => FaultKind::UnterminatedIdentifier,
            Construct::DollarString => {
                let tag = token.text(self.text).split('$').nth(1).unwrap_or_default();
                FaultKind::UnterminatedDollarQuote { tag: tag.to_owned() }
            }
        };
        self.fault(kind, token.start);
        if !token.is_trivia() {
            self.extend(token);
        }
        // Any other open construct might be closed inside it.
        if let Some(open) = &mut self.open {
            (open.bodies, open.depth) = (0, 0);
        }
    }

    /// A backslash. The server accepts none outside of quotes; psql treats it and the rest of the line as a
    /// command.
    fn meta_command(&mut self, backslash: Token) {
        let line_end = self.line_end(backslash.end);
        let line = &self.text[backslash.start..line_end];
        let name = line[1..].find(|c: char| c.is_whitespace() || c == '\\').map_or(line, |end| &line[..=end]);
        // `\\` separates commands, and text may follow `\;` directly.
        let name = match line[1..].chars().next() {
            Some('\\' | ';') => &line[..2],
            _ => name,
        };
        self.fault(FaultKind::PsqlMetaCommand { command: name.to_owned() }, backslash.start);
        self.tokens.skip_to(line_end);
        match name {
            "\\copy" if line.to_ascii_lowercase().contains("stdin") => self.skip_rows(line_end),
            "\\crosstabview" | "\\watch" | "\\;" => self.finish(),
            _ if name.starts_with("\\g") && name != "\\getenv" => self.finish(),
            _ => {}
        }
    }

    /// Skips the rows of a `COPY … FROM STDIN`: the lines after the statement up to a line `\.`, if one
    /// exists.
    fn skip_rows(&mut self, from: usize) {
        if !self.may_hold_rows {
            return;
        }
        let mut at = from;
        while let Some(found) = self.text[at..].find("\n\\.") {
            at += found + "\n\\.".len();
            if self.line_end(at) == at {
                return self.tokens.skip_to(at);
            }
        }
        self.may_hold_rows = false;
    }

    /// The end of the line that contains `at`, without its CR or LF.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |found| at + found)
    }
}
