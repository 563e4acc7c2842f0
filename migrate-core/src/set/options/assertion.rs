//! The options of an assertion.

use super::OptionName;

/// The options of an assertion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssertionOptions {
    /// The version from which on it is checked, as written.
    pub since: Option<String>,
    /// The version from which on it is no longer checked, as written.
    pub until: Option<String>,
    /// The columns of its result whose values may be shown.
    pub key: Vec<String>,
}

impl AssertionOptions {
    /// Sets an option; `None` if the value is invalid.
    pub(super) fn set(&mut self, option: OptionName, value: &str) -> Option<()> {
        let is_name = |name: &str| !name.is_empty() && !name.contains('"');
        match option {
            OptionName::Since if is_name(value) => self.since = Some(value.to_owned()),
            OptionName::Until if is_name(value) => self.until = Some(value.to_owned()),
            OptionName::Key if value.split(',').all(is_name) => {
                self.key = value.split(',').map(str::to_owned).collect();
            }
            _ => return None,
        }
        Some(())
    }

    /// The options in the syntax of a header.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        let since = self.since.as_ref().map(|version| format!("since={version}"));
        let until = self.until.as_ref().map(|version| format!("until={version}"));
        let key = (!self.key.is_empty()).then(|| format!("key={}", self.key.join(",")));
        [since, until, key].into_iter().flatten()
    }
}
