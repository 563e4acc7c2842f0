//! The text form of details, line by line.

/// Lines of a definition.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// A line of these parts.
    pub(crate) fn line(&mut self, parts: &[&str]) -> &mut Lines {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        parts.iter().for_each(|part| self.0.push_str(part));
        self
    }

    /// A line with a value, if there is one.
    pub(crate) fn optional(&mut self, before: &str, value: &Option<String>) -> &mut Lines {
        match value {
            Some(value) => self.line(&[before, value]),
            None => self,
        }
    }

    /// A line, if it holds.
    pub(crate) fn flag(&mut self, text: &str, holds: bool) -> &mut Lines {
        if holds { self.line(&[text]) } else { self }
    }

    /// A line with all values in parentheses, if there are some: `WITH (a, b)`.
    pub(crate) fn list(&mut self, word: &str, values: &[String]) -> &mut Lines {
        if values.is_empty() { self } else { self.line(&[word, " (", &values.join(", "), ")"]) }
    }

    /// A line for each value.
    pub(crate) fn each(&mut self, before: &str, values: &[String]) -> &mut Lines {
        values.iter().fold(self, |lines, value| lines.line(&[before, value]))
    }

    pub(crate) fn owner(&mut self, owner: &Option<String>) -> &mut Lines {
        self.optional("OWNER ", owner)
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
