//! Findings as compile errors.

use crate::args::LintArgs;
use migrate_core::Set;
use migrate_core::config::{FILE_NAME, LintConfig, Since};
use migrate_core::directory::Directory;
use migrate_core::lint::ConfiguredApproval;
use migrate_core::render::Rendered;
use std::path::{Path, PathBuf};

/// A set that has no denied finding.
pub(crate) struct Judged {
    /// The files that were read beside the scripts, which the compiler has to track.
    pub(crate) files: Vec<PathBuf>,
    /// The approvals of the configuration.
    pub(crate) approvals: Vec<ConfiguredApproval>,
}

/// The set to judge, and where it comes from.
pub(crate) struct Call<'a> {
    pub(crate) set: &'a str,
    pub(crate) args: &'a LintArgs,
    pub(crate) manifest_dir: &'a Path,
    /// The folder as the call names it.
    pub(crate) relative: &'a str,
}

impl Call<'_> {
    /// Judges a set if the call or the configuration denies a risk; each finding of it becomes a message.
    pub(crate) fn judge(&self, directory: &Directory) -> Result<Judged, Vec<String>> {
        let mut files = Vec::new();
        let configured = configuration(self.manifest_dir).map_err(|error| vec![error])?;
        if configured.is_some() {
            files.push(self.manifest_dir.join(FILE_NAME));
        }
        let config = self.overridden(configured.unwrap_or_default()).map_err(|error| vec![error])?;
        files.extend(config.facts.clone());
        let approvals = config.approvals(self.set).cloned().collect();
        if let Some(deny) = config.deny {
            let set = Set::from(directory.clone()).named(self.set.to_owned());
            let judgement = config.judge(&set).map_err(|error| vec![error.to_string()])?;
            let denied = judgement.at_least(deny);
            let messages = denied.map(|finding| Rendered::new(finding, &set, self.relative).to_string());
            let messages: Vec<String> = messages.collect();
            if !messages.is_empty() {
                return Err(messages);
            }
        }
        Ok(Judged { files, approvals })
    }

    /// The configuration with the arguments of the call.
    fn overridden(&self, mut config: LintConfig) -> Result<LintConfig, String> {
        let LintArgs { deny, since, facts } = self.args;
        config.deny = deny.or(config.deny);
        if let Some(since) = since {
            config.since = Since::Every(since.clone());
        }
        if let Some(facts) = facts {
            has_feature(cfg!(feature = "lint"), "`facts`")?;
            config.facts = Some(self.manifest_dir.join(facts));
        }
        let unused = [("since", since.is_some()), ("facts", facts.is_some())];
        match unused.into_iter().find(|(_, is_given)| *is_given && config.deny.is_none()) {
            Some((name, _)) => Err(format!(
                "`{name}` has no effect without `deny`\n    help: add `deny = \"dangerous\"`, or remove `{name}`"
            )),
            None => Ok(config),
        }
    }
}

/// The configuration beside `Cargo.toml`, if there is one.
fn configuration(manifest_dir: &Path) -> Result<Option<LintConfig>, String> {
    #[cfg(feature = "lint")]
    {
        let config = migrate_core::config::source::of_folder(manifest_dir);
        config.map(|config| config.map(|config| config.lint)).map_err(|error| error.to_string())
    }
    #[cfg(not(feature = "lint"))]
    {
        let is_there = manifest_dir.join(FILE_NAME).exists();
        if is_there {
            has_feature(false, "`migrate.toml`")?;
        }
        Ok(None)
    }
}

fn has_feature(has_feature: bool, what: &str) -> Result<(), String> {
    if has_feature {
        return Ok(());
    }
    Err(format!(
        "{what} needs the feature `lint` of `migrate-postgres`\n    help: `migrate-postgres = {{ version = \"…\", features = \
         [\"lint\"] }}` in `Cargo.toml`"
    ))
}

#[cfg(test)]
mod tests {
    use super::has_feature;

    #[test]
    fn what_needs_the_feature_names_it() {
        assert_eq!(has_feature(true, "`facts`"), Ok(()));
        let error = has_feature(false, "`facts`").unwrap_err();
        assert!(error.starts_with("`facts` needs the feature `lint` of `migrate-postgres`\n"), "{error}");
    }
}
