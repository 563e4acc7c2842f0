//! Names, numbers and times for display.

use maud::{Markup, html};
pub(in crate::report) use migrate_core::display::printable::printable as shown;
use std::time::SystemTime;

/// A name, isolated so that it can't change the text direction around it.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (shown(text)) } }
}

/// `1 migration`, `2 migrations`.
pub(in crate::report) fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A time, to the second.
pub(super) fn time(at: SystemTime) -> Markup {
    let exact = rfc3339(at);
    html! { time datetime=(exact) { (exact[..10]) " " (exact[11..19]) " UTC" } }
}

/// A time without its date, under a heading with the date.
pub(super) fn time_of_day(at: SystemTime) -> Markup {
    let exact = rfc3339(at);
    html! { time datetime=(exact) { (exact[11..19]) } }
}

/// A time as `2026-11-21T10:19:31Z`. If a damaged row has a time before 1970 or after 9999, the nearest
/// representable time is shown.
pub(super) fn rfc3339(at: SystemTime) -> String {
    let last = 253_402_300_799;
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()).min(last);
    let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_can_not_be_seen_is_shown() {
        assert_eq!(shown("a\u{202e}b\u{0}\r\n"), "a\\u{202e}b\\u{0}\n");
        assert_eq!(shown("größer שלום 👩\u{200d}🚀"), "größer שלום 👩\u{200d}🚀");
    }

    #[test]
    fn every_time_has_a_text() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let after = SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000);
        assert_eq!(rfc3339(before), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(after), "9999-12-31T23:59:59Z");
    }
}
