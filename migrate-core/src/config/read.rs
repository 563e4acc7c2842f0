//! Reading the configuration: each fault has its line and column, and unknown keys are faults.

use super::{Config, ConfigError, DevConfig, LintConfig, Since};
use crate::lint::{ConfiguredApproval, LintError, OptIn, Risk, rule};
use crate::sql::line_column;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The major versions that lint knows.
const VERSIONS: std::ops::RangeInclusive<u32> = 14..=18;

type SpannedValue<'t> = Spanned<DeValue<'t>>;

impl Config {
    /// Reads the text of a configuration. `path` names the file in errors.
    ///
    /// # Errors
    ///
    /// The first fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::config::Config;
    /// use migrate_core::lint::Risk;
    ///
    /// let config = Config::read("[lint]\ndeny = \"dangerous\"", "migrate.toml")?;
    /// assert_eq!(config.lint.deny, Some(Risk::Dangerous));
    /// let error = Config::read("[lint]\n  denny = \"dangerous\"", "migrate.toml").unwrap_err();
    /// assert!(error.to_string().starts_with("migrate.toml:2:3: unknown key `denny`"), "{error}");
    /// # Ok::<(), migrate_core::config::ConfigError>(())
    /// ```
    pub fn read(text: &str, path: &str) -> Result<Config, ConfigError> {
        read(text).map_err(|Fault { span, message }| ConfigError {
            path: path.to_owned(),
            place: line_column(text, span.start),
            message,
        })
    }
}

/// A fault, with the bytes that it is about.
struct Fault {
    span: Range<usize>,
    message: String,
}

impl Fault {
    fn new(span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { span, message: message.into() }
    }

    fn expected(value: &SpannedValue<'_>, expected: &str) -> Fault {
        Fault::new(value.span(), format!("expected {expected}"))
    }
}

fn read(text: &str) -> Result<Config, Fault> {
    let parsed = DeTable::parse(text);
    let table = parsed
        .map_err(|error| Fault::new(error.span().unwrap_or_default(), error.message().replace('\n', ", ")))?;
    let mut config = Config::default();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "lint" => config.lint = lint(members(value, "a table `[lint]`")?)?,
            "dev" => config.dev = dev(members(value, "a table `[dev]`")?)?,
            _ => return Err(unknown(key, "the tables are `lint` and `dev`")),
        }
    }
    Ok(config)
}

fn lint(table: &DeTable<'_>) -> Result<LintConfig, Fault> {
    let mut lint = LintConfig::default();
    // An unknown id may belong to one of the project's own rules, which are registered later.
    if let Some(own) = table.iter().find(|(key, _)| key.get_ref() == "own_rules") {
        lint.own_rules = own_rules(own.1)?;
    }
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "deny" => lint.deny = Some(risk(value)?),
            "since" => lint.since = since(value)?,
            "facts" => lint.facts = Some(string(value, "the path of a file")?.into()),
            "pg" => lint.pg = Some(major(value)?),
            "opt_in" => lint.opt_in = opt_in(value, &lint.own_rules)?,
            "allow" => lint.allow = approvals(value, &lint.own_rules)?,
            "own_rules" => {}
            _ => {
                let keys = "the keys are `deny`, `since`, `facts`, `pg`, `opt_in`, `own_rules` and `allow`";
                return Err(unknown(key, keys));
            }
        }
    }
    Ok(lint)
}

fn dev(table: &DeTable<'_>) -> Result<DevConfig, Fault> {
    let mut dev = DevConfig::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "branch" => dev.branch = Some(string(value, "the name of a branch")?),
            _ => return Err(unknown(key, "the only one is `branch`")),
        }
    }
    Ok(dev)
}

fn unknown(key: &Spanned<std::borrow::Cow<'_, str>>, keys: &str) -> Fault {
    Fault::new(key.span(), format!("unknown key `{}`: {keys}", key.get_ref()))
}

fn members<'v, 't>(value: &'v SpannedValue<'t>, expected: &str) -> Result<&'v DeTable<'t>, Fault> {
    value.get_ref().as_table().ok_or_else(|| Fault::expected(value, expected))
}

fn string(value: &SpannedValue<'_>, expected: &str) -> Result<String, Fault> {
    let text = value.get_ref().as_str().filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| Fault::expected(value, &format!("{expected}, in quotes")))
}

fn strings<'v, 't>(value: &'v SpannedValue<'t>, expected: &str) -> Result<Vec<&'v SpannedValue<'t>>, Fault> {
    let array = value.get_ref().as_array().ok_or_else(|| Fault::expected(value, expected))?;
    array.iter().map(|item| string(item, "the id of a rule").map(|_| item)).collect()
}

fn risk(value: &SpannedValue<'_>) -> Result<Risk, Fault> {
    let risk = value.get_ref().as_str().and_then(Risk::of_word).filter(|risk| *risk != Risk::Safe);
    risk.ok_or_else(|| Fault::expected(value, "\"careful\", \"dangerous\" or \"very-risky\""))
}

fn since(value: &SpannedValue<'_>) -> Result<Since, Fault> {
    const EXPECTED: &str = "the version of a migration";
    match value.get_ref() {
        DeValue::Table(sets) => {
            let of = |(set, value): (&Spanned<_>, _)| {
                let set: &std::borrow::Cow<'_, str> = set.get_ref();
                Ok((set.clone().into_owned(), string(value, EXPECTED)?))
            };
            sets.iter().map(of).collect::<Result<BTreeMap<_, _>, Fault>>().map(Since::Sets)
        }
        _ => string(value, EXPECTED).map(Since::Every),
    }
}

fn major(value: &SpannedValue<'_>) -> Result<u32, Fault> {
    let number = value.get_ref().as_integer().and_then(|number| {
        u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|major| VERSIONS.contains(major))
    });
    number.ok_or_else(|| {
        let (first, last) = VERSIONS.into_inner();
        Fault::expected(value, &format!("a major version of PostgreSQL from {first} to {last}"))
    })
}

fn own_rules(value: &SpannedValue<'_>) -> Result<Vec<String>, Fault> {
    let ids = strings(value, "an array of ids")?;
    Ok(ids.into_iter().filter_map(|id| id.get_ref().as_str()).map(|id| id.replace('_', "-")).collect())
}

fn opt_in(value: &SpannedValue<'_>, own: &[String]) -> Result<OptIn, Fault> {
    if value.get_ref().as_str() == Some("all") {
        return Ok(OptIn::All);
    }
    let ids = strings(value, "an array of ids of rules, or \"all\"")?;
    let ids = ids.into_iter().map(|id| known(id, own));
    ids.collect::<Result<Vec<String>, Fault>>().map(OptIn::rules)
}

/// The id of a rule that exists.
fn known(value: &SpannedValue<'_>, own: &[String]) -> Result<String, Fault> {
    let id = string(value, "the id of a rule")?.replace('_', "-");
    if rule(&id).is_some() || own.contains(&id) {
        return Ok(id);
    }
    Err(Fault::new(value.span(), LintError::unknown_rule(&id).to_string()))
}

fn approvals(
    value: &SpannedValue<'_>,
    own: &[String],
) -> Result<Vec<(Option<String>, ConfiguredApproval)>, Fault> {
    let expected = "tables `[[lint.allow]]`";
    let array = value.get_ref().as_array().ok_or_else(|| Fault::expected(value, expected))?;
    array.iter().map(|entry| approval(entry, members(entry, expected)?, own)).collect()
}

fn approval(
    entry: &SpannedValue<'_>,
    table: &DeTable<'_>,
    own: &[String],
) -> Result<(Option<String>, ConfiguredApproval), Fault> {
    let (mut set, mut migration, mut id, mut reason) = (None, None, None, None);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "set" => set = Some(string(value, "the name of a set")?),
            "migration" => migration = Some(string(value, "the version or the name of a migration")?),
            "rule" => id = Some(known(value, own)?),
            "reason" => reason = Some(string(value, "the reason")?),
            _ => return Err(unknown(key, "the keys are `set`, `migration`, `rule` and `reason`")),
        }
    }
    let missing = |key: &str| Fault::new(entry.span(), format!("this entry lacks `{key}`"));
    let (migration, id) =
        (migration.ok_or_else(|| missing("migration"))?, id.ok_or_else(|| missing("rule"))?);
    let reason = reason.ok_or_else(|| missing("reason"))?;
    Ok((set, ConfiguredApproval::new(migration, id, Some(reason))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Set;

    fn error(text: &str) -> String {
        Config::read(text, "migrate.toml").unwrap_err().to_string()
    }

    #[test]
    fn every_key_is_read() {
        let text = "[lint]\ndeny = 'very-risky'\nsince = '0042'\nfacts = 'db/facts.json'\npg = 0x10\n\
                    opt_in = ['drop_table', 'no-triggers']\nown_rules = ['no_triggers']\n\
                    [[lint.allow]]\nmigration = '0007_a'\nrule = 'drop_table'\nreason = 'it was empty'\n\
                    [[lint.allow]]\nset = 'billing'\nmigration = '0001'\nrule = 'no-triggers'\nreason = 'old'\n\
                    [dev]\nbranch = 'trunk'\n";
        let Config { lint, dev } = Config::read(text, "migrate.toml").unwrap();
        assert_eq!(
            (lint.deny, lint.pg, lint.facts.as_deref().and_then(std::path::Path::to_str)),
            (Some(Risk::VeryRisky), Some(16), Some("db/facts.json"))
        );
        assert_eq!(
            (lint.since.of("app"), lint.opt_in.clone()),
            (Some("0042"), OptIn::rules(["drop-table", "no-triggers"]))
        );
        assert_eq!(lint.approvals("app").map(|of| of.migration.as_str()).collect::<Vec<_>>(), ["0007_a"]);
        assert_eq!(lint.approvals("billing").count(), 2);
        assert_eq!(dev.branch.as_deref(), Some("trunk"));
        assert_eq!(Config::read("", "").unwrap(), Config::default());
        let sets = Config::read("lint.since = { app = '1' }\nlint.opt_in = 'all'", "").unwrap().lint;
        assert_eq!((sets.since.of("app"), sets.since.of("b"), sets.opt_in), (Some("1"), None, OptIn::All));
    }

    #[test]
    fn a_fault_has_its_line_and_its_column() {
        for (text, expected) in [
            (
                "[lint]\n\n deny = 'danger'",
                "migrate.toml:3:9: expected \"careful\", \"dangerous\" or \"very-risky\"",
            ),
            ("lint.deny = 'safe'", "migrate.toml:1:13: expected \"careful\""),
            ("[lints]", "migrate.toml:1:2: unknown key `lints`: the tables are `lint` and `dev`"),
            ("dev.branch = ''", "migrate.toml:1:14: expected the name of a branch, in quotes"),
            ("[dev]\nbranches = 'a'", "migrate.toml:2:1: unknown key `branches`: the only one is `branch`"),
            ("lint = 1", "migrate.toml:1:8: expected a table `[lint]`"),
            ("[lint]\nSince = 1", "migrate.toml:2:1: unknown key `Since`: the keys are `deny`"),
            ("[lint]\nsince = 42", "migrate.toml:2:9: expected the version of a migration, in quotes"),
            ("[lint]\nfacts = ''", "migrate.toml:2:9: expected the path of a file, in quotes"),
            ("[lint]\npg = 13", "migrate.toml:2:6: expected a major version of PostgreSQL from 14 to 18"),
            ("[lint]\npg = '17'", "migrate.toml:2:6: expected a major version"),
            (
                "[lint]\nopt_in = ['drop-tabel']",
                "migrate.toml:2:11: there is no lint rule `drop-tabel`: did you mean `drop-table`?",
            ),
            ("[lint]\nopt_in = 'some'", "migrate.toml:2:10: expected an array of ids of rules, or \"all\""),
            ("[[lint.allow]]\nmigration = '1'\nrule = 'x'", "migrate.toml:3:8: there is no lint rule `x`"),
            (
                "[[lint.allow]]\nmigration = '1'\nrule = 'drop-table'",
                "migrate.toml:1:1: this entry lacks `reason`",
            ),
            (
                "[[lint.allow]]\nrule = 'drop-table'\nreason = 'y'",
                "migrate.toml:1:1: this entry lacks `migration`",
            ),
            ("[[lint.allow]]\nbecause = 'y'", "migrate.toml:2:1: unknown key `because`"),
            ("[lint]\nallow = 'drop-table'", "migrate.toml:2:9: expected tables `[[lint.allow]]`"),
            ("[lint]\ndeny = dangerous", "migrate.toml:2:8: "),
            ("[lint]\ndeny = 'careful'\ndeny = 'careful'", "migrate.toml:3:1: duplicate key"),
            ("[lint", "migrate.toml:1:6: "),
        ] {
            let error = error(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let hostile = error("\"a\u{9b}31m\" = 1");
        assert!(!hostile.chars().any(crate::display::printable::is_obeyed), "{hostile:?}");
    }

    #[test]
    fn a_version_that_the_set_lacks_is_an_error() {
        let lint = Config::read("lint.since = '0042'", "").unwrap().lint;
        let error = lint.judge(&Set::new("app", Vec::new()).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "there is no migration `0042` to judge from: the set is empty");
    }
}
