//! Layout detection from the files of a directory.

use crate::directory::LAYOUTS;
use crate::directory::layouts::rules::{FileMatch, Rules};
use crate::directory::source::SourceFile;
use crate::set::problem::{Problem, ProblemKind, Problems};

/// Detects the layout of the files.
pub(in crate::directory) fn layout(files: &[SourceFile]) -> Result<&'static Rules, Problems> {
    let looks: Vec<FileMatch<'_>> =
        files.iter().map(FileMatch::at).filter(|look| !look.place.is_known()).collect();
    match shown(&looks).as_slice() {
        [(rules, _)] => {
            return rules.settle.map_or(Ok(rules), |settle| settle(&looks).map_err(|p| Problems::of([p])));
        }
        [] => {}
        [first, others @ ..] => return Err(Problems::of(others.iter().map(|other| mixed(first, other)))),
    }
    let hinted = |rules: &&Rules| looks.iter().any(|look| (rules.hints)(look.place));
    if let Some(rules) = LAYOUTS.iter().find(hinted) {
        return Ok(rules);
    }
    let is_meant_to_be_empty = looks.is_empty() && !files.is_empty();
    if is_meant_to_be_empty || looks.iter().any(|look| look.place.folder.is_none() && look.place.is_sql()) {
        return Ok(&LAYOUTS[0]);
    }
    let name = |look: &FileMatch<'_>| {
        look.place.folder.map_or(look.place.file.to_owned(), |folder| format!("{folder}/"))
    };
    let mut found: Vec<String> = looks.iter().map(name).collect();
    found.dedup();
    found.truncate(5);
    Err(Problems::of([Problem::of_file("", ProblemKind::NoMigrations { found })]))
}

/// A layout and the files that identify it.
type LayoutEvidence<'a> = (&'static Rules, Vec<FileMatch<'a>>);

/// Each layout that a file identifies, with all such files. A layout is left out if another detected layout
/// accepts all of its files.
fn shown<'a>(looks: &[FileMatch<'a>]) -> Vec<LayoutEvidence<'a>> {
    let of = |rules: &'static Rules| {
        looks.iter().copied().filter(move |look| (rules.shows)(*look)).collect::<Vec<_>>()
    };
    let all: Vec<_> =
        LAYOUTS.iter().map(|rules| (rules, of(rules))).filter(|(_, of)| !of.is_empty()).collect();
    let has_room = |(rules, own): &LayoutEvidence<'_>| {
        let mut rooms = all.iter().filter(|(other, _)| other.layout != rules.layout);
        rooms.any(|(other, others)| {
            let takes = |look: &&FileMatch<'_>| (other.takes)(**look);
            own.iter().all(|look| takes(&look)) || {
                let is_clear = own.iter().filter(|look| !takes(look)).count() < others.len()
                    || others.iter().any(|look| (other.proves)(look.place));
                is_clear && own.iter().all(|look| takes(&look) || (other.ignores)(*look))
            }
        })
    };
    all.iter().filter(|candidate| !has_room(candidate)).cloned().collect()
}

fn mixed((first, firsts): &LayoutEvidence<'_>, (second, seconds): &LayoutEvidence<'_>) -> Problem {
    let kind = ProblemKind::MixedLayouts {
        first: first.layout,
        first_path: firsts[0].path.to_owned(),
        first_more: firsts.len() - 1,
        second: second.layout,
        second_path: seconds[0].path.to_owned(),
        second_more: seconds.len() - 1,
    };
    Problem::of_file(seconds[0].path, kind)
}
