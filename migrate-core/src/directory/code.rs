//! The reading of a migration in Rust: its functions, its header, its checksum.

use super::script::{Scripts, problem, sized_text};
use crate::directory::source::SourceFile;
use crate::rust::{FunctionFault, RustSource, RustToken, RustTokenKind};
use crate::set::Role;
use crate::set::checksum::{Checksum, normalized};
use crate::set::code::Code;
use crate::set::options::{Header, OptionName, header_of};
use crate::set::problem::{CodeFault, ProblemKind};
use crate::sql::{Statements, Token, TokenKind};

/// Returns true for the name of a file of Rust code.
pub(super) fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// Returns true for Rust code that is no migration, whatever its name: it has no function `up`, and none of refinery's.
pub(super) fn is_helper(file: &SourceFile) -> bool {
    let source = std::str::from_utf8(&file.bytes).ok().and_then(|text| RustSource::read(text).ok());
    let has =
        |source: &RustSource<'_>| ["up", "migration"].iter().any(|name| source.function(name).is_some());
    is_rust(&file.path) && source.is_some_and(|source| !has(&source))
}

impl Scripts<'_> {
    /// Reads a file of Rust code; `None` if it has a problem.
    pub(super) fn read_code(&mut self, file: &SourceFile) -> Option<(Code, Checksum)> {
        let text = sized_text(file, self.problems)?;
        let text = &*normalized(text);
        let mut report = |offset: usize, kind| self.problems.push(problem(&file.path, text, offset, kind));
        let source = match RustSource::read(text) {
            Ok(source) => source,
            Err((offset, fault)) => {
                report(offset, ProblemKind::Code(CodeFault::Syntax(fault)));
                return None;
            }
        };
        let mut faults: Vec<(usize, ProblemKind)> = Vec::new();
        let up = source.function("up");
        if up.is_none() {
            faults.push(match source.function("migration") {
                Some(of_refinery) => (of_refinery.at, refinerys()),
                None => (0, ProblemKind::Code(CodeFault::NoUp)),
            });
        }
        let [down, verify] = ["down", "verify"].map(|name| source.function(name));
        for (function, found) in [("up", up), ("down", down), ("verify", verify)] {
            let Some((at, fault)) = found.and_then(|found| Some((found.at, found.fault?))) else { continue };
            let fault = match fault {
                FunctionFault::Private => CodeFault::Private { function },
                FunctionFault::NotAsync => CodeFault::NotAsync { function },
            };
            faults.push((at, ProblemKind::Code(fault)));
        }
        let header = header(text, &source);
        let misplaced = header.misplaced(text, Statements::of(&[]));
        faults.extend(misplaced.into_iter().map(|offset| (offset, ProblemKind::LateOptions)));
        let options = &header.options;
        let of_scripts = [
            (OptionName::Batch, options.batch.is_some()),
            (OptionName::Rows, options.rows.is_some()),
            (OptionName::Pause, options.pause.is_some()),
        ];
        for (option, _) in of_scripts.into_iter().filter(|(_, is_set)| *is_set) {
            let fault = CodeFault::OptionOfScripts { option: option.text() };
            faults.push((header.at(option), ProblemKind::Code(fault)));
        }
        faults.extend(header.faults);
        if !faults.is_empty() {
            faults.into_iter().for_each(|(offset, kind)| report(offset, kind));
            return None;
        }
        let code = Code::new(file.path.clone(), header.options).with(down.is_some(), verify.is_some());
        Some((code, Checksum::of_tokens(&source)))
    }
}

/// The problem of a migration that refinery would call for the text of its SQL.
fn refinerys() -> ProblemKind {
    ProblemKind::OtherTool {
        tool: "refinery",
        what: "a function `migration` that returns SQL".into(),
        mend: "write what it returns as an SQL script of the same name, or `pub async fn up(context: &mut Context<'_>)`, which \
               runs its statements"
            .into(),
    }
}

/// The options in the comments at the top: `// migrate: …` means what `-- migrate: …` does in SQL.
fn header(text: &str, source: &RustSource<'_>) -> Header {
    let mut as_sql = text.to_owned();
    let is_plain = |token: &&RustToken| {
        let comment = &text[token.range.clone()];
        token.kind == RustTokenKind::LineComment && !comment.starts_with("///") && !comment.starts_with("//!")
    };
    for token in source.tokens().iter().filter(is_plain) {
        let start = token.range.start;
        as_sql.replace_range(start..start + 2, "--");
    }
    let tokens = source.tokens().iter().map(|token| Token {
        kind: match token.kind {
            RustTokenKind::LineComment => TokenKind::LineComment,
            RustTokenKind::BlockComment => TokenKind::BlockComment,
            _ => TokenKind::Word,
        },
        start: token.range.start,
        end: token.range.end,
    });
    header_of(&as_sql, tokens, Role::Up)
}
