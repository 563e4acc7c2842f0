//! The migrations that are released, according to git: those at the merge base with a branch.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The released files of a folder.
pub(super) struct Released {
    /// The branch that counts.
    pub(super) branch: String,
    /// The commit that the working tree and the branch have in common, shortened.
    pub(super) base: String,
    /// Their paths, relative to the folder.
    pub(super) paths: BTreeSet<String>,
}

/// Reads the released files. `branch` is the configured one; without it, the default branch of `origin`, or
/// `main` or `master`, counts.
///
/// # Errors
///
/// The reason why git can't tell.
pub(super) fn released(folder: &Path, branch: Option<&str>) -> Result<Released, String> {
    let git = Git { folder };
    git.run(&["rev-parse", "--git-dir"]).map_err(|why| match why {
        None => "the program git is not there".to_owned(),
        Some(_) => format!("`{}` is in no git repository", folder.display()),
    })?;
    let branch = git.branch(branch)?;
    if git.run(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
        return Ok(Released { branch, base: String::new(), paths: BTreeSet::new() });
    }
    let none = || format!("HEAD and the branch {branch} have no commit in common here");
    let base = git.run(&["merge-base", "HEAD", &branch]).map_err(|_| none())?;
    let base = base.trim();
    let listed = git.run(&["ls-tree", "-r", "-z", "--name-only", base]);
    let listed = listed.map_err(|_| format!("the files of commit {base} can't be listed"))?;
    let paths = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    let base = base.chars().take(12).collect();
    Ok(Released { branch, base, paths })
}

/// The program git, in a folder.
struct Git<'f> {
    folder: &'f Path,
}

impl Git<'_> {
    /// Runs it, and returns its output; otherwise what it says, or nothing if it can't be run.
    fn run(&self, arguments: &[&str]) -> Result<String, Option<String>> {
        let output =
            Command::new("git").arg("-C").arg(self.folder).args(arguments).output().map_err(|_| None)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(Some(text(&output.stderr))) }
    }

    /// The branch as git names it; that of `origin` first, because a local one may have unpublished commits.
    fn branch(&self, configured: Option<&str>) -> Result<String, String> {
        let exists = |name: &str| {
            let commit = format!("{name}^{{commit}}");
            self.run(&["rev-parse", "--verify", "--quiet", &commit]).is_ok()
        };
        let names = match configured {
            Some(name) => vec![name.to_owned()],
            None => {
                let default = self.run(&["symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD"]);
                let default = default.ok().map(|name| name.trim().trim_start_matches("origin/").to_owned());
                default.into_iter().chain(["main".to_owned(), "master".to_owned()]).collect()
            }
        };
        let candidates = names.iter().flat_map(|name| [format!("origin/{name}"), name.clone()]);
        candidates.into_iter().find(|name| exists(name)).ok_or_else(|| match configured {
            Some(name) => format!("the repository has no branch {name}, which migrate.toml names"),
            None => "the repository has no branch main or master; name it in migrate.toml, as `[dev] branch`"
                .to_owned(),
        })
    }
}
