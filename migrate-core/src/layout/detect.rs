//! Which layout a directory follows.

use super::LAYOUTS;
use super::place::Place;
use super::rules::Rules;
use crate::problem::{Problem, ProblemKind, Problems};
use crate::source::SourceFile;

/// The layout that the files show.
pub(super) fn layout(files: &[SourceFile]) -> Result<&'static Rules, Problems> {
    let unknown = || files.iter().map(|file| Place::of(&file.path)).filter(|place| !place.is_known());
    let shown: Vec<(&Rules, &SourceFile)> = LAYOUTS
        .iter()
        .filter_map(|rules| {
            let is_shown = |file: &&SourceFile| {
                let place = Place::of(&file.path);
                !place.is_known() && (rules.shows)(place)
            };
            files.iter().find(is_shown).map(|file| (rules, file))
        })
        .collect();
    match *shown {
        [(rules, _)] => return Ok(rules),
        [] => {}
        [(first, first_file), ..] => {
            let mixed = |(second, second_file): &(&Rules, &SourceFile)| {
                Problem::of_file(
                    second_file.path.clone(),
                    ProblemKind::MixedLayouts {
                        first: first.layout,
                        first_path: first_file.path.clone(),
                        second: second.layout,
                        second_path: second_file.path.clone(),
                    },
                )
            };
            return Err(Problems::of(shown[1..].iter().map(mixed)));
        }
    }
    if let Some(rules) = LAYOUTS.iter().find(|rules| unknown().any(rules.hints)) {
        return Ok(rules);
    }
    let is_meant_to_be_empty = unknown().next().is_none() && !files.is_empty();
    if is_meant_to_be_empty || unknown().any(|place| place.folder.is_none() && place.is_sql()) {
        return Ok(&LAYOUTS[0]);
    }
    let mut found: Vec<String> = unknown()
        .map(|place| place.folder.map_or(place.file.to_owned(), |folder| format!("{folder}/")))
        .collect();
    found.dedup();
    found.truncate(5);
    Err(Problems::of([Problem::of_file("", ProblemKind::NoMigrations { found })]))
}
