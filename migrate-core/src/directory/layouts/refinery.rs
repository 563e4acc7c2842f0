//! refinery: `V<version>__<name>.sql`, and `U<version>__<name>.sql` for migrations that may come late.
//!
//! A `V` file means the same to Flyway, and a directory with only such files is read by [Flyway's
//! rules](crate::directory::layouts::flyway). A `U` file differs: Flyway's undoes the `V` of its version,
//! while refinery's is a separate migration ("unversioned", not strictly in order). A `V` file with the same
//! version tells them apart.

use crate::directory::layouts::flyway::{self, Kind, Name};
use crate::directory::layouts::rules::{FileKind, FileMatch, PLAIN, Rules};
use crate::set::problem::{Problem, ProblemKind};
use crate::set::{Layout, Role};
use std::collections::BTreeSet;

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Refinery,
    classify: |place| match flyway::classify(place) {
        // refinery has no repeatable migrations, so a down script is a `U` file.
        FileKind::Script(version, name, Role::Down) => FileKind::Script(version, name, Role::Up),
        other => other,
    },
    ..PLAIN
};

/// Chooses between Flyway's rules and refinery's by looking at all files.
pub(in crate::directory) fn settle(looks: &[FileMatch<'_>]) -> Result<&'static Rules, Problem> {
    let named = |look: &FileMatch<'_>| {
        Name::of(look.place.file).ok().flatten().map(|name| (look.path.to_owned(), name))
    };
    let names: Vec<(String, Name)> = looks.iter().filter_map(named).collect();
    let of = |kind| names.iter().filter(move |(_, name)| name.kind == kind);
    let versions: BTreeSet<_> = of(Kind::Versioned).map(|(_, name)| name.version()).collect();
    let (undoing, refinerys): (Vec<_>, Vec<_>) =
        of(Kind::Undo).partition(|(_, name)| versions.contains(&name.version()));
    let dotted = of(Kind::Versioned).filter(|(_, name)| name.number.contains('.'));
    let flyways: Vec<_> = undoing.into_iter().chain(of(Kind::Repeatable)).chain(dotted).collect();
    match (refinerys.as_slice(), flyways.as_slice()) {
        ([], _) => Ok(&flyway::RULES),
        (_, []) => Ok(&RULES),
        ([(refinery, _), ..], [(flyway, _), ..]) => Err(Problem::of_file(
            refinery.clone(),
            ProblemKind::MixedLayouts {
                first: Layout::Flyway,
                first_path: flyway.clone(),
                first_more: flyways.len() - 1,
                second: Layout::Refinery,
                second_path: refinery.clone(),
                second_more: refinerys.len() - 1,
            },
        )),
    }
}
