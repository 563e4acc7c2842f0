//! Text search objects and collations.

use super::Written;
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, literal, one};
use crate::objects::details::text_search::{Collation, TextSearchConfiguration, TextSearchDictionary};
use crate::objects::object::Object;

impl Written for Collation {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let property = |name: &str| {
            let values = self.properties.iter().filter_map(|property| property.split_once(' '));
            values.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
        };
        let provider = match property("provider") {
            Some("i") => "icu",
            Some("b") => "builtin",
            _ => "libc",
        };
        let mut options = vec![format!("PROVIDER = {provider}")];
        let quoted = |text: &str| literal(text).trim_start().to_owned();
        match (property("collate"), property("ctype")) {
            (Some(collate), Some(ctype)) if collate != ctype => {
                options.extend([
                    format!("LC_COLLATE = {}", quoted(collate)),
                    format!("LC_CTYPE = {}", quoted(ctype)),
                ]);
            }
            (collate, _) => {
                let locale = property("locale").or(property("iculocale")).or(collate)?;
                options.push(format!("LOCALE = {}", quoted(locale)));
            }
        }
        if property("isdeterministic") == Some("false") {
            options.push("DETERMINISTIC = false".to_owned());
        }
        options.extend(property("icurules").map(|rules| format!("RULES = {}", quoted(rules))));
        one(format!("CREATE COLLATION {} ({})", object.identity(), options.join(", ")))
    }

    fn alter(&self, _: &Collation, _: &Object, _: &Context<'_>) -> Statements {
        None
    }
}

impl Written for TextSearchConfiguration {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let sql =
            format!("CREATE TEXT SEARCH CONFIGURATION {} (PARSER = {})", object.identity(), self.parser);
        let empty = TextSearchConfiguration { parser: self.parser.clone(), mappings: Vec::new() };
        Some([sql].into_iter().chain(empty.changes(self, object)).map(Statement::from).collect())
    }

    fn alter(&self, new: &TextSearchConfiguration, object: &Object, _: &Context<'_>) -> Statements {
        let is_same = self.parser == new.parser;
        is_same.then(|| self.changes(new, object).into_iter().map(Statement::from).collect())
    }
}

impl TextSearchConfiguration {
    fn changes(&self, new: &TextSearchConfiguration, object: &Object) -> Vec<String> {
        let alter = format!("ALTER TEXT SEARCH CONFIGURATION {}", object.identity());
        let (old, new) = (self.dictionaries(), new.dictionaries());
        let gone: Vec<&str> = old
            .iter()
            .map(|(token, _)| *token)
            .filter(|token| !new.iter().any(|(other, _)| other == token))
            .collect();
        let mut changes = Vec::new();
        if !gone.is_empty() {
            changes.push(format!("{alter} DROP MAPPING FOR {}", gone.join(", ")));
        }
        let mut groups: Vec<(&str, String, Vec<&str>)> = Vec::new();
        for (token, dictionaries) in &new {
            let act = match old.iter().find(|(other, _)| other == token) {
                Some((_, before)) if before == dictionaries => continue,
                Some(_) => "ALTER",
                None => "ADD",
            };
            let list = dictionaries.join(", ");
            match groups.iter_mut().find(|(other, text, _)| *other == act && *text == list) {
                Some((_, _, tokens)) => tokens.push(token),
                None => groups.push((act, list, vec![token])),
            }
        }
        changes.extend(groups.into_iter().map(|(act, dictionaries, tokens)| {
            format!("{alter} {act} MAPPING FOR {} WITH {dictionaries}", tokens.join(", "))
        }));
        changes
    }

    /// The dictionaries of each kind of token.
    fn dictionaries(&self) -> Vec<(&str, Vec<&str>)> {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for (token, dictionary) in self.mappings.iter().filter_map(|mapping| mapping.split_once(' ')) {
            match found.iter_mut().find(|(other, _)| *other == token) {
                Some((_, dictionaries)) => dictionaries.push(dictionary),
                None => found.push((token, vec![dictionary])),
            }
        }
        found
    }
}

impl Written for TextSearchDictionary {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let options = self.options.as_ref().map(|options| format!(", {options}")).unwrap_or_default();
        one(format!(
            "CREATE TEXT SEARCH DICTIONARY {} (TEMPLATE = {}{options})",
            object.identity(),
            self.template
        ))
    }

    fn alter(&self, new: &TextSearchDictionary, object: &Object, _: &Context<'_>) -> Statements {
        let options =
            new.options.as_ref().filter(|_| self.template == new.template && self.options.is_none())?;
        one(format!("ALTER TEXT SEARCH DICTIONARY {} ({options})", object.identity()))
    }
}
