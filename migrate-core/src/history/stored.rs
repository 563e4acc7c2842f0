//! Stored scripts: the form in which a history keeps them, without secrets.

use crate::set::Role;
use crate::set::checksum::{Checksum, normalized};
use crate::set::options;
use crate::set::script::Script;
use crate::sql::{self, TokenKind};

/// The substitute for a secret. It is ASCII, which every database encoding can represent.
const PLACE: &str = "'[redacted]'";

/// The stored form of a script's text: LF for CRLF, no byte order mark, and `'[redacted]'` for each secret
/// that [`sql::redact`] finds. A person who can read the history, or a dump of it, must not find passwords
/// there.
///
/// # Examples
///
/// ```
/// use migrate_core::history::stored;
///
/// assert_eq!(stored::text("ALTER ROLE app PASSWORD 'hunter2';\r\n"), "ALTER ROLE app PASSWORD '[redacted]';\n");
/// ```
pub fn text(script: &str) -> String {
    sql::redact_in_ascii(&normalized(script)).into_owned()
}

/// The stored form of a down script: its [`text`], which has to run by itself some day. A transaction mode
/// that is not part of it, but of the other half of its file or of a settings file, is written above it.
pub fn down(script: &Script) -> String {
    let text = text(script.source());
    let said = options::read_header(&text, Role::Down).options.transaction;
    match script.options().transaction.filter(|mode| said != Some(*mode)) {
        Some(mode) => format!("-- migrate: transaction={}\n{text}", options::transaction_word(mode)),
        None => text,
    }
}

/// Returns true if a stored text can run because nothing was redacted.
pub fn is_whole(kept: &str) -> bool {
    !sql::tokens(kept).any(|token| {
        let text = token.text(kept);
        match token.kind {
            TokenKind::DollarString => text.contains(PLACE),
            _ => text == PLACE,
        }
    })
}

/// Restores the secrets of a stored text from `now`, the current script. Returns `None` if they have changed,
/// which the checksum shows.
///
/// An older release may have redacted less than this one would; the rest of the stored text stays as it is.
pub(crate) fn restored(kept: &str, now: &str, checksum: Checksum) -> Option<String> {
    let kept_shown = sql::redact_in_ascii(kept);
    let now_shown = sql::redact_in_ascii(now);
    let secrets = secrets(now, &now_shown)?.into_iter();
    let mut secrets = self::secrets(kept, &kept_shown)?.into_iter().zip(secrets);
    let mut restored = String::new();
    for (index, part) in kept_shown.split(PLACE).enumerate() {
        if index > 0 {
            let (kept, now) = secrets.next()?;
            restored.push_str(if kept == PLACE { now } else { kept });
        }
        restored.push_str(part);
    }
    (Checksum::of(&restored) == checksum).then_some(restored)
}

/// The secrets of a text, in the order in which `shown` omits them.
fn secrets<'a>(text: &'a str, shown: &str) -> Option<Vec<&'a str>> {
    let mut secrets = Vec::new();
    let mut parts = shown.split(PLACE);
    let mut rest = text.strip_prefix(parts.next()?)?;
    for part in parts {
        let end = if part.is_empty() { rest.len() } else { rest.find(part)? };
        secrets.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    Some(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_restored_where_its_secrets_are_still_the_same() {
        let applied = "-- Who.\nCREATE ROLE a PASSWORD 'x''y';\nCREATE ROLE b PASSWORD '';\n";
        let now = "CREATE ROLE a\n  PASSWORD 'x''y'; CREATE ROLE b PASSWORD '';";
        let restored = |now| restored(&text(applied), now, Checksum::of(applied));
        assert_eq!(restored(now).as_deref(), Some(applied));
        assert_eq!(restored("CREATE ROLE a PASSWORD 'z'; CREATE ROLE b PASSWORD '';"), None);
        assert_eq!(restored("CREATE ROLE a PASSWORD 'x''y';"), None);
        assert_eq!(restored(""), None);
    }

    #[test]
    fn a_text_of_which_an_older_release_kept_more_is_restored() {
        let applied = "INSERT INTO u (name, password) VALUES ('a', 'x');\nALTER ROLE a PASSWORD 'y';\n";
        let kept = "INSERT INTO u (name, password) VALUES ('a', 'x');\nALTER ROLE a PASSWORD '[redacted]';\n";
        let now = "-- Who.\nINSERT INTO u (name, password) VALUES ('a', 'x');\nALTER ROLE a PASSWORD 'y';\n";
        assert_eq!(restored(kept, now, Checksum::of(applied)).as_deref(), Some(applied));
        let edited = now.replace("'y'", "'z'");
        assert_eq!(restored(kept, &edited, Checksum::of(applied)), None);
    }

    #[test]
    fn a_down_script_is_kept_with_the_transaction_mode_that_stands_elsewhere() {
        use crate::directory::{self, source::SourceFile};
        let kept = |files: &[(&str, &str)]| {
            let source =
                |(path, text): &(&str, &str)| SourceFile::new((*path).to_owned(), text.as_bytes().to_vec());
            let read = directory::read(files.iter().map(source).collect()).unwrap();
            let script = read.migrations[0].down_script().unwrap();
            let kept = down(script);
            let again = Script::of_text("kept", kept.clone()).unwrap();
            assert_eq!(again.transaction(), script.transaction(), "{kept}");
            kept
        };
        let two = |down: &str| kept(&[("1_a.up.sql", "SELECT 1;"), ("1_a.down.sql", down)]);
        assert_eq!(two("SELECT 2;\r\n"), "SELECT 2;\n");
        let header = "-- migrate: transaction=none lock_timeout=1s\nSELECT 2;";
        assert_eq!(two(header), header);
        let halves = "-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\nSELECT 2;";
        assert_eq!(
            kept(&[("1_a.sql", halves)]),
            "-- migrate: transaction=none\n-- migrate:down transaction:false\nSELECT 2;"
        );
    }

    #[test]
    fn a_text_without_secrets_is_whole() {
        assert!(is_whole("-- and so on … '…'\nSELECT 'a … b', \"…\";"));
        for script in [
            "ALTER ROLE a PASSWORD 'b'",
            "SET app.token = b",
            "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''b'''; END $$",
        ] {
            assert!(!is_whole(&text(script)), "{}", text(script));
        }
    }
}
