//! The migrations that all tools get: the same SQL, in directories of each tool's own layout.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io};

/// Migrations, numbered from 1.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    pub(crate) scripts: Vec<String>,
}

/// The layout of the files that a tool reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `0001_account.sql`: ours and sqlx's.
    Flat,
    /// `V1__account.sql`: refinery's.
    Refinery,
    /// `00001_account/up.sql`: diesel's.
    Folders,
}

impl Corpus {
    /// Migrations that make a table of eight columns with two indexes each: about half a kilobyte.
    pub(crate) fn tables(count: usize) -> Corpus {
        Corpus { scripts: (1..=count).map(table).collect() }
    }

    /// Migrations that take next to no time on the server, for what is not about running them.
    pub(crate) fn light(count: usize) -> Corpus {
        let script =
            |n| format!("-- Says how far this schema is.\nCOMMENT ON SCHEMA public IS 'version {n}';\n");
        Corpus { scripts: (1..=count).map(script).collect() }
    }

    /// Migrations of about `bytes` each: several tables with comments.
    pub(crate) fn large(count: usize, bytes: usize) -> Corpus {
        let script = |n: usize| {
            let mut text = String::new();
            for part in 0.. {
                text.push_str(&table(n * 1000 + part));
                if text.len() >= bytes {
                    break;
                }
            }
            text
        };
        Corpus { scripts: (1..=count).map(script).collect() }
    }

    /// Migrations of about `bytes` each that take next to no time on the server.
    pub(crate) fn wordy(count: usize, bytes: usize) -> Corpus {
        let words = "and so on ".repeat(bytes / 10);
        let script = |n| format!("COMMENT ON SCHEMA public IS 'version {n} {words}';\n");
        Corpus { scripts: (1..=count).map(script).collect() }
    }

    /// The first `count`.
    pub(crate) fn first(&self, count: usize) -> Corpus {
        Corpus { scripts: self.scripts[..count].to_vec() }
    }

    /// All of it as one script.
    pub(crate) fn all(&self) -> String {
        self.scripts.concat()
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.scripts.iter().map(String::len).sum()
    }

    /// Writes it into a folder.
    pub(crate) fn write(&self, folder: &Path, layout: Layout) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (index, script) in self.scripts.iter().enumerate() {
            let path = folder.join(file_name(index + 1, layout));
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, script)?;
        }
        Ok(())
    }
}

/// Returns the path of the script with a number.
pub(crate) fn file_name(number: usize, layout: Layout) -> String {
    match layout {
        Layout::Flat => format!("{number:05}_account.sql"),
        Layout::Refinery => format!("V{number}__account.sql"),
        Layout::Folders => format!("{number:05}_account/up.sql"),
    }
}

fn table(n: usize) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "-- Accounts of region {n}: one row for each customer.\n\
         CREATE TABLE account_{n} (\n\
         \x20   id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n\
         \x20   tenant_id bigint NOT NULL,\n\
         \x20   email text NOT NULL,\n\
         \x20   status text NOT NULL DEFAULT 'new',\n\
         \x20   balance numeric(12, 2) NOT NULL DEFAULT 0,\n\
         \x20   details jsonb NOT NULL DEFAULT '{{}}',\n\
         \x20   created_at timestamptz NOT NULL DEFAULT now(),\n\
         \x20   updated_at timestamptz\n\
         );\n\
         CREATE INDEX account_{n}_tenant ON account_{n} (tenant_id, created_at);\n"
    );
    text
}

/// A folder in the temporary folder, removed with the value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> io::Result<Scratch> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("migrate-benches-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
