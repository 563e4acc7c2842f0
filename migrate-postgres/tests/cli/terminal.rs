//! The display on a terminal of 100 columns: borders, colors, and the lines of a run in progress.

use crate::snapshot::{assert_snapshot, line_without_times};
use crate::stage::{Stage, TABLES, strange_variables, words};
use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use vt100::{Color, Parser};

const ROWS: u16 = 50;
const COLUMNS: u16 = 100;

/// Three lines are redrawn every 200 ms each, so that at least a third of that is free of drawing somewhere.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(50);

/// The program on a pseudo-terminal.
struct Terminal {
    keyboard: Arc<Pty>,
    parser: Parser,
    output: Receiver<Vec<u8>>,
    child: Child,
}

impl Terminal {
    fn run(stage: &Stage, line: &str) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(ROWS, COLUMNS)).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        let command = command.args(words(line)).current_dir(stage.path()).env("TERM", "xterm-256color");
        let command = strange_variables().fold(command, Command::env_remove);
        let child = command.envs(stage.variables()).spawn(pts).unwrap();
        let keyboard = Arc::new(pty);
        let output = reader(keyboard.clone());
        Terminal { keyboard, parser: Parser::new(size(ROWS), size(COLUMNS), 0), output, child }
    }

    /// Waits until the screen shows a text and is completely drawn.
    fn until(&mut self, text: &str) {
        let last = Instant::now() + Duration::from_secs(60);
        // On a busy machine, drawing may pause in the middle, after the previous lines are cleared.
        while !self.parser.screen().contents().contains(text) {
            let bytes = self.output.recv_timeout(last.saturating_duration_since(Instant::now()));
            let bytes =
                bytes.unwrap_or_else(|end| panic!("{text}: {end}: {}", self.parser.screen().contents()));
            self.parser.process(&bytes);
            while let Ok(bytes) = self.output.recv_timeout(BETWEEN_DRAWINGS) {
                self.parser.process(&bytes);
            }
        }
    }

    /// Types a line.
    fn type_line(&mut self, line: &str) {
        (&*self.keyboard).write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// Waits until the program has ended; returns its exit code.
    fn end(&mut self) -> i32 {
        self.output.iter().for_each(|bytes| self.parser.process(&bytes));
        self.child.wait().unwrap().code().unwrap()
    }

    /// The screen with its colors, without the parts that vary between runs; borders are reduced to one
    /// character.
    fn screen(&self, stage: &Stage) -> String {
        let lines = (0..ROWS).map(|row| cut(&self.line(row))).fold(Vec::new(), with_rows_joined);
        let lines = stage.without_names(lines.join("\n").trim_end());
        lines.lines().map(|line| without_attempts(&line_without_times(line)) + "\n").collect()
    }

    fn line(&self, row: u16) -> String {
        let (mut line, mut style) = (String::new(), "");
        for column in 0..COLUMNS {
            let cell = self.parser.screen().cell(row, column).unwrap();
            let now = style_of(cell);
            // A space has no visible color.
            if now != style && cell.contents() != " " && !cell.contents().is_empty() {
                line += if style.is_empty() { "" } else { " } " };
                line += now;
                style = now;
            }
            line += if cell.contents().is_empty() { " " } else { cell.contents() };
        }
        let end = if style.is_empty() { "" } else { " }" };
        format!("{}{end}", line.trim_end())
    }
}

fn size(characters: u16) -> NonZero<u16> {
    NonZero::new(characters).unwrap()
}

/// Reads a terminal to its end, which is an error (EIO) once the program has closed it.
fn reader(pty: Arc<Pty>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = (&*pty).read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn style_of(cell: &vt100::Cell) -> &'static str {
    match (cell.fgcolor(), cell.bold(), cell.dim()) {
        (Color::Idx(1 | 9), ..) => "red{ ",
        (Color::Idx(2 | 10), ..) => "green{ ",
        (Color::Idx(3 | 11), ..) => "yellow{ ",
        (_, true, _) => "bold{ ",
        (_, _, true) => "dim{ ",
        _ => "",
    }
}

/// Line breaks in cells depend on the length of the contents: a table row becomes one line again.
fn with_rows_joined(mut lines: Vec<String>, line: String) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('│').split('┆').map(|cell| cell.trim().to_owned()).collect()
    };
    match lines.last_mut() {
        Some(above) if line.starts_with('│') && cells(&line)[0].is_empty() => {
            let joined =
                cells(above).into_iter().zip(cells(&line)).map(|(above, below)| above + " " + &below);
            *above = format!("│ {} │", joined.collect::<Vec<_>>().join(" ┆ "));
        }
        _ => lines.push(line),
    }
    lines
}

/// The number of attempts until the test reads the screen varies, too.
fn without_attempts(line: &str) -> String {
    let words = line.replace("tried once", "tried 1 times");
    let mut words: Vec<&str> = words.split(' ').collect();
    for index in 1..words.len() {
        if words[index].starts_with("times") {
            words[index - 1] = "…";
        }
    }
    words.join(" ")
}

/// The length of a border varies with its contents.
fn cut(line: &str) -> String {
    let mut cut = String::new();
    for character in line.chars() {
        let is_border = "─═━".contains(character);
        if !(is_border && cut.ends_with(character)) {
            // The spinner's characters are Braille patterns.
            cut.push(if ('\u{2800}'..='\u{28ff}').contains(&character) { '⠿' } else { character });
        }
    }
    cut
}

const PENDING: [(&str, &str); 2] = [
    ("0003_wider.up.sql", "ALTER TABLE users ALTER id TYPE numeric;\nALTER TABLE users ADD email text;"),
    ("0004_index.up.sql", "CREATE INDEX CONCURRENTLY by_email ON users (email);"),
];

async fn stage() -> Stage {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    for (name, text) in PENDING {
        stage.write(&format!("migrations/{name}"), text);
    }
    stage
}

/// A session that is idle in a transaction on a table.
async fn reporting(stage: &Stage) -> tokio_postgres::Client {
    let client = stage.database.connect().await.unwrap();
    for sql in ["SET application_name = 'report'", "BEGIN", "SELECT FROM users"] {
        client.batch_execute(sql).await.unwrap();
    }
    client
}

/// The screen after a command, with its exit code.
fn shown(stage: &Stage, line: &str) -> String {
    let mut terminal = Terminal::run(stage, line);
    let code = terminal.end();
    format!("$ migrate {line}\n{}--- exit code {code}\n\n", terminal.screen(stage))
}

#[tokio::test]
async fn status_plan_and_preflight_fit_a_terminal_and_have_its_colours() {
    let stage = stage().await;
    let _reporting = reporting(&stage).await;
    let lines = ["status", "plan", "preflight"].map(|line| shown(&stage, line));
    assert_snapshot("terminal.txt", &lines.concat());
}

#[tokio::test]
async fn a_run_that_waits_for_a_table_shows_what_it_is_at_and_who_is_in_the_way() {
    let stage = stage().await;
    let client = reporting(&stage).await;
    let mut terminal = Terminal::run(&stage, "up --lock-timeout 500ms --retry-for 10min");
    terminal.until("SELECT FROM users");
    let mut told = format!("$ migrate up\n{}--- and when it is let through\n", terminal.screen(&stage));
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(terminal.end(), 0);
    told += &terminal.screen(&stage);
    assert_snapshot("terminal_waiting.txt", &told);
}

#[tokio::test]
async fn a_run_that_waits_for_another_one_says_so() {
    let stage = Stage::new(&[("0001_slow.sql", "SELECT pg_sleep(600);")]).await;
    let mut other = stage.spawn("up");
    stage.until_asleep().await;
    let mut terminal = Terminal::run(&stage, "up");
    terminal.until("waiting for the migration lock, held by pid");
    assert_snapshot("terminal_lock.txt", &terminal.screen(&stage));
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    stage.end_all().await;
    other.wait().unwrap();
}

#[tokio::test]
async fn what_is_tried_on_a_scratch_database_is_shown_while_it_is_tried() {
    let files = [("0001_a.sql", "CREATE TABLE a ();"), ("0002_slow.sql", "SELECT pg_sleep(2); VACUUM;")];
    let stage = Stage::new(&files).await;
    stage.done("up");
    for line in ["drift", "test --allow-irreversible 1 --allow-irreversible 2"] {
        let mut terminal = Terminal::run(&stage, line);
        terminal.until("on a scratch database: 2 of 2: 0002_slow");
        assert_eq!(terminal.end(), 0, "{}", terminal.screen(&stage));
    }
}

#[tokio::test]
async fn a_backup_shows_how_far_it_is() {
    let stage = stage().await;
    // Replacements for PostgreSQL's programs; the first waits for a signal to continue.
    let program = |name: &str, wait: &str| {
        let version = format!("[ \"$1\" != --version ] || {{ echo '{name} (PostgreSQL) 99.0'; exit; }}");
        stage.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{version}\n{wait}\nexec {name} \"$@\"\n"));
        let path = stage.path().join("bin").join(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    program("pg_dump", "until [ -e go ]; do sleep 0.05; done");
    program("pg_restore", "");
    let mut terminal = Terminal::run(&stage, "up --backup . --pg-bin bin");
    terminal.until("backing up: ");
    assert_snapshot("terminal_backup.txt", &terminal.screen(&stage));
    stage.write("go", "");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.parser.screen().contents().contains("to restore it into a new database:"));
}

#[tokio::test]
async fn a_revert_is_asked_for_and_only_yes_is_yes() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    for (line, answer, code) in [
        ("down", "", 5),
        ("down 2", "no", 5),
        ("redo", "n", 5),
        ("down --all", "later", 5),
        ("redo", "y", 0),
        ("down", "yes", 0),
    ] {
        let mut terminal = Terminal::run(&stage, line);
        terminal.until("Continue? [y/N]");
        if answer.is_empty() {
            let question = stage.without_names(&terminal.parser.screen().contents());
            for part in [
                "This reverts 1 migration in the database $DATABASE (",
                "  0002_posts",
                "is lost, including rows",
            ] {
                assert!(question.contains(part), "{part}: {question}");
            }
        }
        terminal.type_line(answer);
        assert_eq!(terminal.end(), code, "{line}: {answer}: {}", terminal.parser.screen().contents());
        let posts = stage.value("to_regclass('posts')").await;
        assert_eq!(posts, if (line, answer) == ("down", "yes") { "" } else { "posts" });
    }
}

#[tokio::test]
async fn a_revert_that_is_not_what_was_shown_is_none() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let mut terminal = Terminal::run(&stage, "down");
    terminal.until("Continue? [y/N]");
    stage.done("down --yes");
    terminal.type_line("y");
    assert_eq!(terminal.end(), 5);
    assert_eq!(stage.value("to_regclass('users')").await, "users");
}
