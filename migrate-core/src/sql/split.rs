//! Splitting a script into statements.

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

/// A script, split: its statements and everything that is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The statements, in the script's order. Empty ones, as between `;;`, are none.
    pub statements: Vec<Statement>,
    /// What is wrong, in the script's order. If this is not empty, the statements are a best effort and not
    /// to be run.
    pub faults: Vec<Fault>,
    /// The comments; and among them the first token that is no comment, and the first that is no semicolon either.
    pub(crate) outline: Vec<Token>,
    /// Characters outside of quotes and comments that are not seen.
    pub(crate) invisible: Vec<Invisible>,
    /// The statements that are a `SET LOCAL`.
    pub(crate) local_settings: Vec<LocalSetting>,
}

/// A statement that is a `SET LOCAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalSetting {
    /// Its index in the script.
    pub(crate) statement: usize,
    /// Whether it sets a limit, memory or what is logged, and nothing that a statement's work depends on.
    pub(crate) is_limit: bool,
}

/// Splits a script into statements where the server would.
///
/// A semicolon ends a statement unless it stands in quotes or in a comment, in the body of a `CREATE FUNCTION` or
/// `CREATE PROCEDURE` between `BEGIN ATOMIC` and `END`, or between the parentheses of a `CREATE RULE`: the
/// server's grammar has it nowhere else (gram.y: `stmtmulti`, `routine_body_stmt_list`, `RuleActionMulti`).
///
/// So does goose's `-- +goose StatementEnd`: goose sends what stands above it, and many files have no semicolon there.
///
/// All faults are reported, not only the first. After one that leaves the rest readable the reading goes on
/// where psql's would: behind the line of a meta-command, behind the rows of a `COPY … FROM STDIN`.
///
/// Whether a statement follows the grammar is for the server to say; it is split off in any case.
/// `standard_conforming_strings` is taken to be on: a script that turns it off may hold no backslash in a plain string behind that. psql's variables (`:name`) are not known.
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
    // What the byte cuts off in the middle might end well behind it, so that is not worth a word.
    let mut split = Splitter::new(&text[..nul]).split();
    split.faults.retain(|fault| !fault.kind.comes_of_an_early_end());
    split.faults.push(Fault { kind: FaultKind::NulByte, offset: nul });
    split
}

impl FaultKind {
    /// Whether more text could mend it.
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

/// What the first words of a statement say about semicolons further on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Nothing read yet.
    Start,
    /// `CREATE`
    Create,
    /// `CREATE OR`
    CreateOr,
    /// `CREATE OR REPLACE`
    CreateOrReplace,
    /// `CREATE FUNCTION` or `CREATE PROCEDURE`: a `BEGIN ATOMIC` may follow.
    Routine,
    /// The same with a `BEGIN` as its last token, at this offset.
    Begin(usize),
    /// `CREATE RULE`: semicolons may stand between parentheses.
    Rule,
    /// Any other statement.
    Other,
}

impl Head {
    /// The head with one more token, except for what opens or closes a body.
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

/// The statement that is being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    end: usize,
    /// Of the statement, or of the innermost one in a body.
    head: Head,
    /// How many bodies are open. The grammar lets a body hold a `CREATE FUNCTION` with a body.
    bodies: usize,
    /// Where the outermost of them begins.
    body_at: usize,
    /// How many parentheses are open.
    depth: usize,
    /// Where the outermost of them stands.
    parenthesis_at: usize,
}

impl Open {
    fn at(start: usize) -> Self {
        Self { start, end: start, head: Head::Start, bodies: 0, body_at: 0, depth: 0, parenthesis_at: 0 }
    }
}

/// Whether a semicolon stands in what is between two statements.
pub(crate) fn has_semicolon(between: &str) -> bool {
    between.starts_with(';') || tokens(between).any(|token| token.kind == TokenKind::Semicolon)
}

/// Whether a comment is goose's mark below a statement.
fn is_statement_end(comment: &str) -> bool {
    let annotation = comment.trim_start_matches('-').trim_start().strip_prefix("+goose");
    annotation.is_some_and(|annotation| annotation.trim().eq_ignore_ascii_case("StatementEnd"))
}

struct Splitter<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    open: Option<Open>,
    /// The tokens of the open statement: what it is parsed from.
    kept: StatementTokens,
    split: Split,
    /// The line of the byte at `counted`.
    line: usize,
    counted: usize,
    /// Cleared when no `\.` stands further on, so that it is not sought again and again.
    may_hold_rows: bool,
    /// How the server would read what follows, where the script can change that.
    reading: Option<Reading>,
    /// Where the text can have characters that are not seen.
    invisible: Option<InvisibleFinder>,
    /// Whether a token was read that is no comment, and one that is no semicolon either.
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
            // How rows are read may depend on the statements before them.
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

    /// Keeps of a token what others have to know.
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

    /// One more token of the statement.
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
                // No statement begins with END but the one that ends a transaction, which a body can't hold.
                // So this END is the body's, and that of a CASE never stands here.
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

    /// goose sends what stands above its mark, with a semicolon or without.
    fn marked_end(&mut self) {
        self.close_parentheses();
        if let Some(open) = self.open.filter(|open| open.bodies > 0) {
            self.fault(FaultKind::UnterminatedBody, open.body_at);
        }
        self.finish();
    }

    /// Reports a parenthesis that is open where none can be, and goes on as if it were closed.
    fn close_parentheses(&mut self) {
        if let Some(open) = &mut self.open
            && open.depth > 0
        {
            open.depth = 0;
            let offset = open.parenthesis_at;
            self.fault(FaultKind::UnbalancedParenthesis { parenthesis: '(' }, offset);
        }
    }

    /// The statement has been read.
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

    /// What does not end takes the rest of the text with it.
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
        // Whatever else is open might be closed in there.
        if let Some(open) = &mut self.open {
            (open.bodies, open.depth) = (0, 0);
        }
    }

    /// A backslash. The server takes none outside quotes; psql takes it and the rest of the line for a command.
    fn meta_command(&mut self, backslash: Token) {
        let line_end = self.line_end(backslash.end);
        let line = &self.text[backslash.start..line_end];
        let name = line[1..].find(|c: char| c.is_whitespace() || c == '\\').map_or(line, |end| &line[..=end]);
        // `\\` separates commands, and `\;` may have something right behind it.
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

    /// Skips the rows of a `COPY … FROM STDIN`: the lines behind the statement's up to one that is `\.`, if there is one.
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

    /// The end of the line that `at` stands in, its CR or LF excluded.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |found| at + found)
    }
}
