//! `cargo build` of a library crate with many embedded files.
//!
//! A library, since a program's link would time the linker at work on each tool's dependencies.

use crate::corpus::{Corpus, Layout, Scratch, file_name};
use crate::report::{Criterion, Section, Table};
use crate::stage::Stage;
use crate::times::{Times, ratio, shown};
use crate::{Problem, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The macro that embeds the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Embedder {
    IncludeStr,
    Ours,
    /// With the two crates that read the scripts built with optimization.
    OursOptimized,
    Sqlx,
    Refinery,
    Diesel,
}

const ALL: [Embedder; 6] = [
    Embedder::IncludeStr,
    Embedder::Ours,
    Embedder::OursOptimized,
    Embedder::Sqlx,
    Embedder::Refinery,
    Embedder::Diesel,
];

/// The profile that the README recommends for large folders.
const OPTIMIZED: &str = "\n[profile.dev.package]\nsha2.opt-level = 3\nmigrate-core.opt-level = 3\n";

/// Rebuilds the crate when a file is added.
const BUILD_RS: &str = "fn main() {\n    println!(\"cargo::rerun-if-changed=migrations\");\n}\n";

impl Embedder {
    fn name(self) -> &'static str {
        match self {
            Embedder::IncludeStr => "`include_str!`",
            Embedder::Ours => "**`migrate!`**",
            Embedder::OursOptimized => "`migrate!`, `sha2` and `migrate-core` at `opt-level = 3`",
            Embedder::Sqlx => "`sqlx::migrate!`",
            Embedder::Refinery => "`refinery::embed_migrations!`",
            Embedder::Diesel => "`diesel_migrations::embed_migrations!`",
        }
    }

    fn layout(self) -> Layout {
        match self {
            Embedder::Refinery => Layout::Refinery,
            Embedder::Diesel => Layout::Folders,
            _ => Layout::Flat,
        }
    }

    fn package(self) -> String {
        format!("embeds-{self:?}").to_lowercase()
    }

    fn dependency(self) -> String {
        match self {
            Embedder::IncludeStr => String::new(),
            Embedder::Ours | Embedder::OursOptimized => {
                format!("migrate-postgres = {{ path = {:?} }}", concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            }
            Embedder::Sqlx => "sqlx = { version = \"=0.9.0\", default-features = false, features = [\"macros\", \
                               \"migrate\", \"postgres\", \"runtime-tokio\"] }"
                .to_owned(),
            Embedder::Refinery => {
                "refinery = { version = \"=0.10.0\", default-features = false, features = [\"tokio-postgres\"] }"
                    .to_owned()
            }
            Embedder::Diesel => "diesel = { version = \"=2.3.14\", default-features = false, features = [\"postgres\"] }\n\
                                 diesel_migrations = { version = \"=2.3.2\", features = [\"postgres\"] }"
                .to_owned(),
        }
    }

    /// The crate's source, when there are `count` files.
    fn source(self, count: usize) -> String {
        match self {
            Embedder::IncludeStr => {
                let mut text = "pub static MIGRATIONS: &[&str] = &[\n".to_owned();
                for number in 1..=count {
                    let file = file_name(number, self.layout());
                    let _ = writeln!(text, "    include_str!(\"../migrations/{file}\"),");
                }
                text + "];\n"
            }
            Embedder::Ours | Embedder::OursOptimized => {
                "pub static MIGRATIONS: migrate_postgres::Migrator = \
                               migrate_postgres::migrate!(\"migrations\");\n"
                    .to_owned()
            }
            Embedder::Sqlx => {
                "pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!(\"./migrations\");\n"
                    .to_owned()
            }
            Embedder::Refinery => "refinery::embed_migrations!(\"migrations\");\n".to_owned(),
            Embedder::Diesel => "pub static MIGRATIONS: diesel_migrations::EmbeddedMigrations = \
                                 diesel_migrations::embed_migrations!(\"migrations\");\n"
                .to_owned(),
        }
    }
}

/// A crate that embeds the corpus.
struct Crate {
    embedder: Embedder,
    folder: PathBuf,
    target: PathBuf,
    files: usize,
    /// First, after an edit of a file, after one more file.
    times: [Times; 3],
}

pub(crate) async fn run(stage: &Stage) -> Result<Section> {
    let corpus = Corpus::large(stage.options.size(1000), 5000);
    let scratch = Scratch::new()?;
    let mut crates = Vec::new();
    for embedder in ALL {
        eprintln!("building what {} needs …", embedder.name());
        crates.push(Crate::new(embedder, &corpus, scratch.path())?);
    }
    for _ in 0..stage.options.runs {
        for embeds in &mut crates {
            embeds.turn()?;
        }
    }
    let mut table = Table::new(["", "first", "×", "one file edited", "×", "one file added", "×"]);
    let base = crates[0].medians();
    for embeds in &crates {
        let [first, edited, added] = embeds.medians();
        let times = |at: usize, time: Duration| format!("{:.1}", ratio(time, base[at]));
        let cells = [
            embeds.embedder.name().to_owned(),
            shown(first),
            times(0, first),
            shown(edited),
            times(1, edited),
            shown(added),
            times(2, added),
        ];
        table.push(cells);
    }
    let mut section = Section::new(
        "`cargo build` of a crate with embedded files",
        format!(
            "A library crate with {} files of {} bytes in all, in the `dev` profile, its dependencies built before. The \
             macros' crates have a `build.rs` that watches the folder; the `include_str!`s stand in the source.",
            corpus.scripts.len(),
            corpus.bytes(),
        ),
    );
    section.tables.push(table);
    for (at, what) in
        ["first build", "build after an edit", "build after one more file"].into_iter().enumerate()
    {
        let ours = crates[1].medians()[at];
        section.criteria.push(Criterion::at_most(
            format!("{what}, as against `include_str!`"),
            ratio(ours, base[at]),
            1.5,
        ));
        let peer = crates[3..].iter().map(|peer| peer.medians()[at]).min().unwrap_or_default();
        section.criteria.push(Criterion::at_most(
            format!("{what}, as against the fastest peer"),
            ratio(ours, peer),
            1.0,
        ));
    }
    Ok(section)
}

impl Crate {
    /// Writes the crate, and builds all that it needs.
    fn new(embedder: Embedder, corpus: &Corpus, scratch: &Path) -> Result<Crate> {
        let folder = scratch.join(embedder.package());
        fs::create_dir_all(folder.join("src"))?;
        corpus.write(&folder.join("migrations"), embedder.layout())?;
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            embedder.package(),
            embedder.dependency(),
        );
        let profile = if embedder == Embedder::OursOptimized { OPTIMIZED } else { "" };
        fs::write(folder.join("Cargo.toml"), manifest + profile)?;
        // The same versions as the bench is built with.
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"), folder.join("Cargo.lock"))?;
        if embedder != Embedder::IncludeStr {
            fs::write(folder.join("build.rs"), BUILD_RS)?;
        }
        let target = scratch.join("target");
        let files = corpus.scripts.len();
        let embeds = Crate { embedder, folder, target, files, times: Default::default() };
        embeds.write_source()?;
        embeds.build()?;
        Ok(embeds)
    }

    fn write_source(&self) -> Result<()> {
        Ok(fs::write(self.folder.join("src/lib.rs"), self.embedder.source(self.files))?)
    }

    fn turn(&mut self) -> Result<()> {
        self.cargo(&["clean", "--quiet", "--package", &self.embedder.package()])?;
        self.times[0].push(self.build()?);
        let edited = self.folder.join("migrations").join(file_name(self.files / 2, self.embedder.layout()));
        let text = fs::read_to_string(&edited)? + "-- edited\n";
        fs::write(edited, text)?;
        self.times[1].push(self.build()?);
        self.files += 1;
        let added = self.folder.join("migrations").join(file_name(self.files, self.embedder.layout()));
        fs::create_dir_all(added.parent().unwrap_or(&self.folder))?;
        fs::write(added, format!("CREATE TABLE added_{} (id bigint);\n", self.files))?;
        if self.embedder == Embedder::IncludeStr {
            self.write_source()?;
        }
        self.times[2].push(self.build()?);
        Ok(())
    }

    fn build(&self) -> Result<Duration> {
        let start = Instant::now();
        self.cargo(&["build", "--quiet", "--offline"])?;
        Ok(start.elapsed())
    }

    fn cargo(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("cargo")
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "1")
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Problem::from(format!("cargo {}: {error}", arguments.join(" "))))
    }

    fn medians(&self) -> [Duration; 3] {
        [0, 1, 2].map(|at: usize| self.times[at].median())
    }
}
