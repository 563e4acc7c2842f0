//! Renames that plain SQL declares beside an object: `-- migrate: renamed_from=mail`.

/// The name of the option, with the word that begins all of them.
const OPTION: &str = "migrate: renamed_from=";

/// The renames that comments declare: the identity before and after, as far as the text qualifies it. A comment
/// goes behind the first line of its object, or above it.
pub(super) fn renames(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut table, mut waiting) = (None, Vec::new());
    for line in text.lines() {
        let (code, comment) = line.split_once("--").unwrap_or((line, ""));
        let old = comment
            .trim_start()
            .strip_prefix(OPTION)
            .map(|rest| name(rest.split(' ').next().unwrap_or(rest)));
        waiting.extend(old);
        let code = code.trim();
        if code.is_empty() {
            continue;
        }
        let declared = match created(code) {
            Some((is_table, object)) => {
                table = is_table.then(|| object.clone());
                Some((None, object))
            }
            None => code.split([' ', ',']).next().map(|column| (table.clone(), name(column))),
        };
        for old in waiting.drain(..) {
            match &declared {
                Some((Some(table), column)) => {
                    found.push((format!("{table}.{old}"), format!("{table}.{column}")));
                }
                Some((None, object)) => found.push((beside(object, &old), object.clone())),
                None => {}
            }
        }
    }
    found
}

/// The object that a line begins to create, and true if it is a table.
fn created(code: &str) -> Option<(bool, String)> {
    let words: Vec<&str> = code.split([' ', '(']).filter(|word| !word.is_empty()).collect();
    let is = |word: &str, keyword: &str| word.eq_ignore_ascii_case(keyword);
    words.first().filter(|word| is(word, "CREATE"))?;
    let kinds = ["TABLE", "TYPE", "DOMAIN", "SEQUENCE", "SCHEMA", "VIEW", "INDEX"];
    let kind = words.iter().position(|word| kinds.iter().any(|kind| is(word, kind)))?;
    let rest = &words[kind + 1..];
    let skipped = ["IF", "NOT", "EXISTS", "CONCURRENTLY"];
    let object = rest.iter().find(|word| !skipped.iter().any(|keyword| is(word, keyword)))?;
    Some((is(words[kind], "TABLE"), object.split('.').map(name).collect::<Vec<_>>().join(".")))
}

/// A name of the same schema.
fn beside(object: &str, old: &str) -> String {
    match object.rsplit_once('.') {
        Some((schema, _)) if !old.contains('.') => format!("{schema}.{old}"),
        _ => old.to_owned(),
    }
}

/// A name as the server reads it: in lower case unless it is quoted.
fn name(text: &str) -> String {
    let text = text.trim_end_matches([',', ';', ')']);
    if text.starts_with('"') { text.to_owned() } else { text.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_beside_an_object_or_above_it_is_a_rename() {
        let text = "\
            -- migrate: renamed_from=people\n\
            CREATE TABLE app.Users (\n  \
              id bigint, -- the key\n  \
              email text, -- migrate: renamed_from=mail\n  \
              -- migrate: renamed_from=\"Full\"\n  \
              name text\n\
            );\n\
            CREATE TYPE mood AS ENUM ('a'); -- migrate: renamed_from=feeling\n\
            CREATE TABLE t (id int); -- renamed_from=nothing\n";
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            renames(text),
            [
                pair("app.people", "app.users"),
                pair("app.users.mail", "app.users.email"),
                pair("app.users.\"Full\"", "app.users.name"),
                pair("feeling", "mood"),
            ]
        );
    }
}
