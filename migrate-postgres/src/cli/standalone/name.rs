//! The names of migrations in the paths of their files, taken apart at the version.

use migrate_core::Layout;

/// The name of a migration in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'p> {
    /// The folder of the file, with its slash; empty at the top.
    pub(super) folder: &'p str,
    /// `V` or `U` in the layouts of Flyway and refinery.
    pub(super) prefix: &'p str,
    /// The version, as written.
    pub(super) version: &'p str,
    /// The separator and the description.
    pub(super) rest: &'p str,
}

impl<'p> Name<'p> {
    /// Splits the path of a file into the name of its migration and what follows it: an ending, or the path in the
    /// migration's folder. `None` if the name has no version that can be counted on.
    pub(super) fn of(path: &'p str, layout: Layout) -> Option<(Name<'p>, &'p str)> {
        if has_folders(layout) {
            let (name, behind) = path.split_at(path.find('/').unwrap_or(path.len()));
            return Some((Name::of_migration(name, layout)?, behind));
        }
        let (folder, file) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let script = file.strip_suffix(".conf").unwrap_or(file);
        let ending = endings(layout).iter().find(|ending| script.ends_with(**ending));
        let (name, behind) = file.split_at(ending.map_or(file.len(), |ending| script.len() - ending.len()));
        Some((Name { folder, ..Name::of_migration(name, layout)? }, behind))
    }

    /// Takes the name of a migration apart.
    pub(super) fn of_migration(name: &'p str, layout: Layout) -> Option<Name<'p>> {
        let prefix = match layout {
            Layout::Flyway | Layout::Refinery => {
                name.get(..1).filter(|prefix| ["V", "U"].contains(prefix))?
            }
            _ => "",
        };
        let behind = &name[prefix.len()..];
        let end = match layout {
            Layout::Flyway | Layout::Refinery => behind.find("__"),
            // diesel's and Prisma's versions may be dates with dashes.
            Layout::Folders | Layout::Prisma => behind.find(|c: char| !c.is_ascii_digit() && c != '-'),
            // dbmate's names need nothing after their digits.
            _ => behind.find(|c: char| !c.is_ascii_digit()),
        };
        let version = behind[..end.unwrap_or(behind.len())].trim_end_matches('-');
        let is_counted = version.starts_with(|c: char| c.is_ascii_digit());
        let name = Name { folder: "", prefix, version, rest: &behind[version.len()..] };
        is_counted.then_some(name)
    }

    /// The name as a history stores it: the file of a Flyway undo script belongs to the migration with the prefix
    /// `V`.
    pub(super) fn whole(&self, layout: Layout) -> String {
        let prefix = if layout == Layout::Flyway { "V" } else { self.prefix };
        format!("{prefix}{}{}", self.version, self.rest)
    }

    /// The description behind the version.
    pub(super) fn description(&self) -> &'p str {
        self.rest.trim_start_matches('_')
    }

    /// The path, up to the name's end, with another version.
    pub(super) fn with_version(&self, version: &str) -> String {
        self.with(version, self.rest)
    }

    /// The path, up to the name's end, with another version and description.
    pub(super) fn with(&self, version: &str, rest: &str) -> String {
        format!("{}{}{version}{rest}", self.folder, self.prefix)
    }

    /// The description with a word behind it.
    pub(super) fn rest_and(&self, word: &str) -> String {
        match self.rest.trim_end_matches('_') {
            "" if self.prefix.is_empty() => format!("_{word}"),
            "" => format!("__{word}"),
            rest => format!("{rest}_{word}"),
        }
    }
}

/// True if each migration has a folder.
pub(super) fn has_folders(layout: Layout) -> bool {
    matches!(layout, Layout::Folders | Layout::Prisma)
}

/// The endings of scripts. Longer ones first: `.sql` alone is an up script.
fn endings(layout: Layout) -> &'static [&'static str] {
    match layout {
        Layout::Flat => &[".up.sql", ".down.sql", ".verify.sql", ".sql", ".rs"],
        _ => &[".verify.sql", ".sql", ".rs"],
    }
}

/// Leading zeros do not count.
pub(super) fn same_version(a: &str, b: &str) -> bool {
    a.trim_start_matches('0') == b.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_put_together_in_every_layout() {
        for (layout, path, expected, behind) in [
            (Layout::Flat, "0003_add_tags.up.sql", "0007_add_tags", ".up.sql"),
            (Layout::Flat, "3_to_v1.2.sql", "0007_to_v1.2", ".sql"),
            (Layout::Flat, "0003_.sql", "0007_", ".sql"),
            (Layout::Flat, "0003_slugs.rs", "0007_slugs", ".rs"),
            (Layout::Flyway, "V3__slugs.rs", "V0007__slugs", ".rs"),
            (Layout::Goose, "00003_a.up.sql", "0007_a.up", ".sql"),
            (Layout::Dbmate, "20250101-02_a.sql", "0007-02_a", ".sql"),
            (Layout::Dbmate, "20250101a.sql", "0007a", ".sql"),
            (Layout::Flyway, "V1_2__tags.verify.sql", "V0007__tags", ".verify.sql"),
            (Layout::Flyway, "U3__tags.sql", "U0007__tags", ".sql"),
            (Layout::Flyway, "2024/q1/V3.1__a.sql.conf", "2024/q1/V0007__a", ".sql.conf"),
            (Layout::Flyway, "V3.sql", "V0007", ".sql"),
            (Layout::Folders, "2026-01-01-000000_tags/up.sql", "0007_tags", "/up.sql"),
            (Layout::Folders, "20260101/up.sql", "0007", "/up.sql"),
            (Layout::Prisma, "20260101000000_tags", "0007_tags", ""),
        ] {
            let (name, rest) = Name::of(path, layout).unwrap();
            assert_eq!((name.with_version("0007").as_str(), rest), (expected, behind), "{path}");
        }
        for (layout, path) in [
            (Layout::Flyway, "R__views.sql"),
            (Layout::Flyway, "0003_a.sql"),
            (Layout::Flat, "README.md"),
            (Layout::Folders, "v1_a/up.sql"),
        ] {
            assert_eq!(Name::of(path, layout), None, "{path}");
        }
    }

    #[test]
    fn a_word_goes_behind_the_description() {
        let rest = |name: &'static str, layout| Name::of_migration(name, layout).unwrap().rest_and("then");
        assert_eq!(rest("0001_a", Layout::Flat), "_a_then");
        assert_eq!(rest("0001_", Layout::Flat), "_then");
        assert_eq!(rest("20250101", Layout::Folders), "_then");
        assert_eq!(rest("V1__a", Layout::Flyway), "__a_then");
        assert_eq!(rest("V1", Layout::Flyway), "__then");
    }
}
