//! The packed form of migrations: bytes for everything except the texts of the files.

use super::Literals;
use crate::set::checksum::Checksum;
use crate::set::code::{Code, CodeMigration};
use crate::set::file_migration::FileMigration;
use crate::set::migration::{Migration as _, SqlMigration};
use crate::set::options::Options;
use crate::set::placeholder::Placeholder;
use crate::set::script::Script;
use crate::set::version::Version;

const HAS_DOWN: u8 = 1;
const HAS_VERIFY: u8 = 1 << 1;
const IS_CODE: u8 = 1 << 2;
const CODE_HAS_DOWN: u8 = 1 << 3;
const CODE_HAS_VERIFY: u8 = 1 << 4;

/// The number of bytes of each index entry, the offset of a migration.
const PLACE: usize = 4;

/// The number of bytes of a checksum.
const CHECKSUM: usize = 32;

/// Migrations as bytes.
#[derive(Clone, Debug, Default)]
pub struct Packing<'m> {
    /// The paths of the script files, in the order in which the bytes refer to them.
    pub files: Vec<&'m str>,
    /// The code of the migrations in Rust, in order.
    pub code: Vec<&'m Code>,
    /// Everything else: the index of offsets, then the migrations.
    pub bytes: Vec<u8>,
}

impl<'m> Packing<'m> {
    /// Packs migrations that were read from files.
    pub fn of(migrations: impl ExactSizeIterator<Item = &'m FileMigration>) -> Packing<'m> {
        let mut packing =
            Packing { files: Vec::new(), code: Vec::new(), bytes: vec![0; PLACE * migrations.len()] };
        for (index, migration) in migrations.enumerate() {
            let place = u32::try_from(packing.bytes.len()).expect("what is not text is short");
            packing.bytes[PLACE * index..][..PLACE].copy_from_slice(&place.to_le_bytes());
            packing.migration(migration);
        }
        packing
    }

    fn migration(&mut self, migration: &'m FileMigration) {
        let (down, verify) = (migration.down_script(), migration.verify_script());
        let mut has = down.map_or(0, |_| HAS_DOWN) | verify.map_or(0, |_| HAS_VERIFY);
        if let FileMigration::Code(migration) = migration {
            let code = migration.code();
            has |= IS_CODE;
            has |= if code.has_down() { CODE_HAS_DOWN } else { 0 };
            has |= if code.has_verify() { CODE_HAS_VERIFY } else { 0 };
        }
        self.text(migration.version().as_written());
        self.text(migration.name());
        self.bytes.extend(migration.checksum().bytes());
        self.bytes.push(has);
        match migration {
            FileMigration::Sql(migration) => self.script(migration.up_script()),
            FileMigration::Code(migration) => self.code(migration.code()),
        }
        [down, verify].into_iter().flatten().for_each(|script| self.script(script));
    }

    fn code(&mut self, code: &'m Code) {
        self.number(self.code.len());
        self.code.push(code);
        self.text(code.path());
        self.options(code.options());
    }

    fn options(&mut self, options: &Options) {
        let is_plain = *options == Options::NONE;
        self.text(&if is_plain { String::new() } else { options.to_string() });
    }

    fn script(&mut self, script: &'m Script) {
        // Two halves of one file follow each other.
        if self.files.last() != Some(&script.path()) {
            self.files.push(script.path());
        }
        self.number(self.files.len() - 1);
        self.text(script.path());
        let (start, line) = script.part().unwrap_or((0, 0));
        self.number(line as usize);
        if line > 0 {
            self.number(start);
            self.number(start + script.text().len());
        }
        self.options(script.options());
        self.number(script.placeholders().len());
        for placeholder in script.placeholders() {
            self.number(placeholder.range().start);
            self.number(placeholder.range().end);
            self.text(placeholder.name());
            self.bytes.push(u8::from(placeholder.in_body()));
        }
        let statements = script.statements().pack();
        self.number(statements.len());
        self.bytes.extend(statements);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes.extend(text.bytes());
    }

    /// Writes seven bits per byte, lowest first; the highest bit says that more follow.
    fn number(&mut self, mut number: usize) {
        while number > 0x7f {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// Unpacks one migration.
pub(super) fn unpack(literals: &Literals, index: usize) -> FileMigration {
    let place = literals.packed.as_chunks().0.get(index).copied().expect("each migration has a place");
    let bytes = &literals.packed[u32::from_le_bytes(place) as usize..];
    let mut unpacking = Unpacking { literals, bytes };
    let version = Version::new(unpacking.text(), literals.order);
    let name = unpacking.text();
    let checksum = *unpacking.take(CHECKSUM).first_chunk().expect("all of it was taken");
    let has = unpacking.byte();
    if has & IS_CODE > 0 {
        let code = unpacking.code().with(has & CODE_HAS_DOWN > 0, has & CODE_HAS_VERIFY > 0);
        let mut other = |bit| (has & bit > 0).then(|| unpacking.script());
        let migration = CodeMigration::new(version, name, Checksum::RustTokens(checksum), code);
        return FileMigration::Code(migration.with_scripts(other(HAS_DOWN), other(HAS_VERIFY)));
    }
    let up = unpacking.script();
    let mut other = |bit| (has & bit > 0).then(|| unpacking.script());
    let (down, verify) = (other(HAS_DOWN), other(HAS_VERIFY));
    FileMigration::Sql(SqlMigration::from_static(version, name, checksum, up, down, verify))
}

/// The bytes of a migration that are still to be read.
struct Unpacking<'l> {
    literals: &'l Literals,
    bytes: &'static [u8],
}

impl Unpacking<'_> {
    fn code(&mut self) -> Code {
        let functions = self.literals.code.get(self.number()).copied();
        Code::new(self.text(), self.options()).compiled(functions)
    }

    fn options(&mut self) -> Options {
        match self.text() {
            "" => Options::NONE,
            words => Options::of_words(words),
        }
    }

    fn script(&mut self) -> Script {
        let file = self.literals.files[self.number()];
        let path = self.text();
        let part = match self.number() {
            0 => None,
            line => Some((self.number()..self.number(), line as u32)),
        };
        let options = self.options();
        let placeholders = (0..self.number()).map(|_| self.placeholder()).collect();
        let statements = self.number();
        Script::from_static(path, file, part, self.take(statements), options, placeholders)
    }

    fn placeholder(&mut self) -> Placeholder {
        let (start, end, name) = (self.number(), self.number(), self.text());
        Placeholder::from_static(start..end, name, self.byte() == 1)
    }

    fn take(&mut self, length: usize) -> &'static [u8] {
        let (taken, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn text(&mut self) -> &'static str {
        let length = self.number();
        std::str::from_utf8(self.take(length)).expect("a text was packed")
    }

    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::source::SourceFile;
    use crate::directory::{Directory, Reading};
    use std::borrow::Cow;

    /// All fields of a migration, as text.
    fn shown(migration: &FileMigration) -> String {
        let scripts = [migration.up_script(), migration.down_script(), migration.verify_script()];
        let more = scripts.map(|script| {
            script.map(|script| (script.text().to_owned(), script.part(), script.placeholders().to_vec()))
        });
        format!("{migration:#?} {:?} {more:#?}", migration.checksum())
    }

    #[track_caller]
    fn comes_back(reading: &Reading, files: &[(&str, &str)]) {
        let source =
            |(path, text): &(&str, &str)| SourceFile::new(*path, Cow::Owned(text.as_bytes().to_vec()));
        let directory: Directory = reading.read(files.iter().map(source).collect()).unwrap();
        let migrations: Vec<&FileMigration> =
            directory.migrations.iter().chain(&directory.replaced).collect();
        let packing = Packing::of(migrations.iter().copied());
        let text = |path: &&str| files.iter().find(|(other, _)| other == path).unwrap().1.to_owned();
        let texts: Vec<&'static str> =
            packing.files.iter().map(text).map(|text| &*String::leak(text)).collect();
        let order = directory.layout.order();
        let literals = Literals {
            order,
            files: texts.leak(),
            packed: packing.bytes.leak(),
            code: &[],
            assertions: &[],
            seeds: &[],
        };
        assert!(!migrations.is_empty());
        for (index, migration) in migrations.iter().enumerate() {
            assert_eq!(shown(&unpack(&literals, index)), shown(migration));
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        let long = format!("SELECT '{}';\nVACUUM;\n", "é".repeat(40_000));
        let flat = [
            (
                "1_a.up.sql",
                "-- migrate: lock_timeout=5s phase=expand allow=drop_table,rename\nSELECT 1;\nSELECT 2",
            ),
            ("1_a.down.sql", "-- migrate: transaction=none\nVACUUM"),
            ("1_a.verify.sql", "SELECT true"),
            (
                "2_b.up.sql",
                "CREATE INDEX CONCURRENTLY ON ${table} (a);\nDO $$ BEGIN PERFORM ${table}; END $$;",
            ),
            ("3_c.up.sql", &long),
            ("3_c.verify.sql", "SELECT 1 WHERE false;;"),
            ("4_d.up.sql", "-- migrate: replaces=1..2\nSELECT 3"),
        ];
        comes_back(&Reading::default().placeholders(["table".to_owned()]), &flat);
        let up = "pub async fn up() {}";
        let code = [
            ("1_a.rs", format!("// migrate: transaction=none statement_timeout=5s\n{up}")),
            ("2_b.rs", format!("{up} pub async fn down() {{}} pub async fn verify() {{}}")),
            ("3_c.rs", up.to_owned()),
            ("3_c.down.sql", "SELECT 1".to_owned()),
            ("3_c.verify.sql", "SELECT true".to_owned()),
            ("4_d.sql", "SELECT 4".to_owned()),
        ];
        comes_back(&Reading::default(), &code.each_ref().map(|(path, text)| (*path, text.as_str())));
        let halves = "-- migrate:up transaction:false\nVACUUM;\n\n-- migrate:down\nDROP TABLE t;\n";
        let dbmate = [("1_a.sql", halves), ("2_b.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n")];
        comes_back(&Reading::default(), &dbmate);
        let prisma =
            [("20260101_a/migration.sql", "SELECT 1"), ("migration_lock.toml", "provider = \"postgresql\"")];
        comes_back(&Reading::default(), &prisma);
    }
}
