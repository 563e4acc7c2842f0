//! The way to fix each kind of problem.

use super::fault::{BatchFault, CodeFault, CompanionFault, MarkFault, PlaceholderFault};
use super::kind::ProblemKind;
use crate::set::Role;

impl MarkFault {
    pub(super) fn help(&self) -> String {
        match self {
            MarkFault::Indented => "remove the white space before it".into(),
            MarkFault::Again { .. } => {
                "keep one of them, and move what belongs to neither half to a migration of its own".into()
            }
            MarkFault::Unknown { known } => format!("write {known}; a comment that is not a mark must not look like one"),
            MarkFault::BadOption { known, .. } => format!("write {known}, or remove it"),
            MarkFault::NoUp { expected } => format!("write `{expected}` on a line of its own above the up script"),
            MarkFault::UpBehindDown => "put the up script first".into(),
            MarkFault::StatementBefore => "move the mark to the top of the file, or the statement below it".into(),
            MarkFault::NotClosed => "write `-- +goose StatementEnd` below the statement, or remove the mark".into(),
            MarkFault::NotOpen => "remove it, or write `-- +goose StatementBegin` above the statement".into(),
            MarkFault::Substitution => {
                "declare a placeholder, `migrate!(…, placeholders = [\"name\"])`, and remove the mark".into()
            }
            MarkFault::Template => {
                "write the text that it produces, or declare a placeholder, `migrate!(…, placeholders = [\"name\"])`, \
                 for a value; an array of arrays can be written `ARRAY[[…], […]]`"
                    .into()
            }
        }
    }
}

impl PlaceholderFault {
    pub(super) fn help(&self) -> String {
        match self {
            PlaceholderFault::Unknown { declared } if declared.is_empty() => {
                "declare it: `migrate!(…, placeholders = [\"name\"])`".into()
            }
            PlaceholderFault::Unknown { declared } => {
                format!("the set declares {}; write other text as `'$' || '{{…}}'`", crate::set::placeholder::list(declared))
            }
            PlaceholderFault::Malformed => "write `${name}`: letters, digits, `_`, `.`, `:` and `-`, a letter or `_` first".into(),
            PlaceholderFault::Quoted => {
                "write it without the quotes, because its value has its own; join a part of a string with `||`".into()
            }
            PlaceholderFault::Glued => {
                "write a space between, or let the value be the whole name: `${name}` is replaced by an identifier or a \
                 literal with its quotes"
                    .into()
            }
        }
    }
}

impl BatchFault {
    pub(super) fn help(&self) -> String {
        match self {
            BatchFault::NoPlaceholder => {
                "write it as a condition: `UPDATE users SET slug = lower(name) WHERE slug IS NULL AND ${batch}`".into()
            }
            BatchFault::NotRequested => {
                "name the table and its key at the top of the file, `-- migrate: batch=users(id)`, or remove it".into()
            }
            BatchFault::SeveralStatements { .. } => "move the others to a migration of their own, before or after it".into(),
            BatchFault::OtherStatement { .. } => "write an UPDATE, a DELETE or an INSERT … SELECT; or remove `batch=`".into(),
            BatchFault::NoTable { .. } => "give the table whose rows `${batch}` selects, by the name that the statement uses".into(),
            BatchFault::ChangesKey { .. } => {
                "divide the table by a key that keeps its values: a row whose key changes could be skipped, or changed twice".into()
            }
            BatchFault::WithoutTransaction => "remove `transaction=none`".into(),
            BatchFault::WithoutBatch { .. } => "add `batch=`, or remove it".into(),
            BatchFault::Repeatable { .. } => "move the statement to a versioned migration".into(),
            BatchFault::AfterUnknown { .. } => "give the version of an earlier migration with `batch=`".into(),
            BatchFault::AfterLater { .. } => "give this migration a later version, or remove `after`".into(),
            BatchFault::AfterOther { .. } => "remove `after`: migrations are applied in order".into(),
        }
    }
}

impl CodeFault {
    pub(super) fn help(&self) -> String {
        match self {
            CodeFault::NoUp => {
                "write `pub async fn up(context: &mut Context<'_>) -> Result<()>`, or move the file out of the directory".into()
            }
            CodeFault::Private { function } => format!("write `pub async fn {function}`, so that the program can call it"),
            CodeFault::NotAsync { function } => format!("write `pub async fn {function}`"),
            CodeFault::Repeatable => "give it a version, or write it in SQL".into(),
            CodeFault::Syntax(_) => "correct it; the compiler says more".into(),
            CodeFault::OptionOfScripts { .. } => "remove it: the code divides its work itself".into(),
        }
    }
}

impl CompanionFault {
    pub(super) fn help(&self) -> String {
        match self {
            CompanionFault::NotSql { .. } => "rename it to end in `.sql`, or move it out of the folder".into(),
            CompanionFault::Deep { role: Role::Seed } => {
                "move its files up: seeds are in `seeds/`, and those of an environment in `seeds/<environment>/`".into()
            }
            CompanionFault::Deep { .. } => "move its files up".into(),
            CompanionFault::NamedLikeMigration { .. } => {
                "move it to the migrations, or give it a name that says what it is about".into()
            }
            CompanionFault::NotAQuery { .. } => {
                "write a SELECT, VALUES or TABLE that returns the rows that are wrong, or a single true".into()
            }
            CompanionFault::Control { .. } => "remove it: the run begins and commits the transaction".into(),
            CompanionFault::RefusesBlock { .. } => "move it to a migration".into(),
            CompanionFault::Unreadable { .. } => "let this program read it, or move it elsewhere".into(),
            CompanionFault::UnknownVersion { .. } => "name a migration of the set by its version".into(),
        }
    }
}

impl ProblemKind {
    /// How to fix it.
    pub fn help(&self) -> String {
        use ProblemKind as K;
        match self {
            K::NoMigrations { .. } => "add `0001_name.sql`, `V1__name.sql`, `<version>_name/up.sql` or `<name>/migration.sql`; \
                a directory that is empty on purpose needs a `.gitkeep` or a `README.md`"
                .into(),
            K::MixedLayouts { .. } => {
                "keep one layout in a directory: rename the files of the other, or move them to a directory (and a \
                 set) of their own"
                    .into()
            }
            K::MissingVersion { example } => {
                format!("name it like `{example}`: digits, an underscore, what it does; or move it out of the directory")
            }
            K::MissingName { example } => format!("add what it does: `{example}`"),
            K::OddVersion { example, .. } => format!("name it like `{example}`"),
            K::LongVersion { .. } => "shorten it: a date with the time of day has 14 digits".into(),
            K::OddCharacter { .. } => "rename it with letters, digits, `_` and `-`".into(),
            K::UnknownEnding { .. } => {
                "end it in `.sql` or `.up.sql`, `.down.sql`, `.verify.sql`; the name itself must not have a dot before a letter".into()
            }
            K::UnknownFile { names: "", .. } => "move it out of the directory".into(),
            K::UnknownFile { names, .. } => format!("rename it to {names} if it is meant to be one, or move it out of the directory"),
            K::InFolder { .. } => "move it up, beside the other migrations, or out of the directory".into(),
            K::FolderWithoutUp { expected } => format!("add `{expected}`, or delete the folder"),
            K::WithoutUp { expected, .. } => format!("add `{expected}`, or delete this file"),
            K::DuplicateVersion { .. } => "give the newer of the two another version".into(),
            K::DuplicateScript { .. } => "keep one of the two".into(),
            K::SameButForCase { .. } => "rename one of them: Windows and macOS treat both as one file".into(),
            K::OtherTool { mend, .. } => mend.clone(),
            K::BadMark { fault, .. } => fault.help(),
            K::OrderByName { .. } => "give all versions the same number of digits; a date with the time of day has 14".into(),
            K::WithoutScript { .. } => "rename it after its script, or delete it".into(),
            K::Empty => {
                "write its statements, or delete the file".into()
            }
            K::Unwritten => {
                "write its statements, or delete the file; if there is nothing to do, say so in a comment of your own"
                    .into()
            }
            K::TooLarge { .. } => "split it into several migrations, or load the data in another way".into(),
            K::NotUtf8 { .. } => "save the file as UTF-8".into(),
            K::Sql(kind) => kind.help().into_owned(),
            K::Code(fault) => fault.help(),
            K::UnknownOption { .. } => {
                "the options are `lock_timeout`, `statement_timeout`, `transaction`, `phase`, `allow`, `reason`, `replaces`, `batch`, `rows`, `pause` and `after`".into()
            }
            K::NotAnOption { .. } => {
                "write `option=value` without spaces, and separate several with a space; a comment that is \
                 not an option must not begin with `migrate:`"
                    .into()
            }
            K::BadValue { option, expected, .. } => format!("`{option}` takes {expected}"),
            K::DuplicateOption { .. } => "keep one of the two".into(),
            K::OptionNotHere { role: Role::Verify, .. } => {
                "a verify script takes only `lock_timeout` and `statement_timeout`".into()
            }
            K::OptionNotHere { role: Role::Seed, .. } => {
                "a seed takes only `lock_timeout` and `statement_timeout`".into()
            }
            K::OptionNotHere { role: Role::Assertion, .. } => {
                "an assertion takes `since`, `until`, `key`, `lock_timeout` and `statement_timeout`".into()
            }
            K::OptionNotHere { option: "since" | "until" | "key", .. } => {
                "only an assertion takes it".into()
            }
            K::OptionNotHere { option, .. } => format!("give `{option}` in the up script"),
            K::BadPlaceholder { fault, .. } => fault.help(),
            K::Batch(fault) => fault.help(),
            K::BadRange { .. } => {
                "name one version, or the first and the last of several, in this order; all must come before its own".into()
            }
            K::LateOptions => {
                "move the line to the top of the file, above the first statement; only `allow` may also be on a line of its own directly above the statement that it is for".into()
            },
            K::OptionsInBlockComment => "write them after `-- migrate:` on a line of their own".into(),
            K::RefusesBlock { .. } => {
                "remove `transaction`, and the script runs statement by statement; or move the statement to a migration of its own".into()
            }
            K::LocalSetting { .. } => {
                "remove `LOCAL`: a `SET` lasts for the rest of the script, and is undone after it".into()
            }
            K::RefusesOwnBlock { .. } => "end the block with a COMMIT above the statement".into(),
            K::UnendedBlock => "end the block with a COMMIT".into(),
            K::VerifyControl { .. } => {
                "remove it: a verify script runs in the migration's transaction, or in a read-only one of its own".into()
            }
            K::ContradictsMetadata { .. } => "set it in one place only".into(),
            K::UnknownSetting { expected, .. } => format!("the file may hold comments and {expected}"),
            K::DuplicateSetting { .. } => "keep one of the two".into(),
            K::MissingSetting { expected, .. } => format!("write {expected}, or delete the file"),
            K::OtherProvider { .. } => "the provider must be `postgresql`".into(),
            K::Companion { fault } => fault.help(),
        }
    }
}
