//! Reading SQL as PostgreSQL reads it.
#![allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    start: u32,
    end: u32,
    line: u32,
    refuses: Option<Refusal>,
}
impl Statement {
    pub const fn new(start: u32, end: u32, line: u32, refuses: Option<Refusal>) -> Self {
        Self { start, end, line, refuses }
    }
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
    pub fn line(&self) -> u32 {
        self.line
    }
    pub fn refuses(&self) -> Option<Refusal> {
        self.refuses
    }
    pub fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.range()]
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    CreateIndexConcurrently,
    Vacuum,
}
impl Refusal {
    pub const fn variant_name(self) -> &'static str {
        match self {
            Refusal::CreateIndexConcurrently => "CreateIndexConcurrently",
            Refusal::Vacuum => "Vacuum",
        }
    }
}
#[derive(Debug)]
pub struct Split {
    pub statements: Vec<Statement>,
    pub faults: Vec<Fault>,
}
#[derive(Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub offset: usize,
}
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    #[error("unterminated")]
    UnterminatedString,
}
impl FaultKind {
    pub fn help(&self) -> String {
        String::new()
    }
}
/// Placeholder until the lexer lands on this branch.
pub fn split(text: &str) -> Split {
    let mut statements = Vec::new();
    let mut at = 0;
    for part in text.split_inclusive(';') {
        let body = part.trim_end_matches(';');
        let trimmed = body.trim();
        if !trimmed.is_empty() {
            let start = at + (body.len() - body.trim_start().len());
            let line = text[..start].matches('\n').count() as u32 + 1;
            statements.push(Statement::new(start as u32, (start + trimmed.len()) as u32, line, None));
        }
        at += part.len();
    }
    Split { statements, faults: vec![] }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}
pub fn line_column(text: &str, offset: usize) -> LineColumn {
    let before = &text[..offset];
    LineColumn {
        line: before.matches('\n').count() as u32 + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1,
    }
}
pub fn char_to_byte(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(i, _)| i)
}
pub fn same_but_for_comments(a: &str, b: &str) -> bool {
    let lines = |text: &str| {
        text.lines().filter(|line| !line.starts_with("--")).map(str::to_owned).collect::<Vec<_>>()
    };
    lines(a) == lines(b)
}
pub fn redact(statement: &str) -> std::borrow::Cow<'_, str> {
    statement.into()
}
pub fn is_session_setting(statement: &str) -> bool {
    statement.starts_with("SET ")
}
