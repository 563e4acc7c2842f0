//! The arguments of `migrate!`.

use migrate_core::lint::Risk;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitBool, LitStr, Token};

/// `migrate!("dir", set = "name", placeholders = ["name", …], deny = "dangerous", history_schema = "ops", …)`; every part is
/// optional.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) directory: Option<LitStr>,
    pub(crate) set: Option<LitStr>,
    pub(crate) placeholders: Option<Vec<LitStr>>,
    pub(crate) lint: LintArgs,
    pub(crate) settings: Vec<Setting>,
}

/// The arguments about lint.
#[derive(Default)]
pub(crate) struct LintArgs {
    /// The risk from which on a finding is an error.
    pub(crate) deny: Option<Risk>,
    /// The last migration that is not judged.
    pub(crate) since: Option<String>,
    /// The file with facts, relative to the crate's `Cargo.toml`.
    pub(crate) facts: Option<String>,
}

/// A setting of the set, with its value as an expression in the output.
pub(crate) struct Setting {
    pub(crate) key: Ident,
    pub(crate) value: TokenStream,
}

/// The keys, for the error about an unknown one.
const KEYS: &str = "the keys are `set`, `placeholders`, `deny`, `since`, `facts`, `history_schema`, `history_table`, `program`, `lock_timeout`, \
                    `statement_timeout`, `allow_out_of_order`, `allow_ahead`, `allow_missing` and `ignore_foreign_history`";

/// The crate whose paths the output names, and the arguments after it.
pub(crate) struct Call {
    pub(crate) krate: TokenStream,
    pub(crate) args: Args,
}

impl Parse for Call {
    fn parse(input: ParseStream<'_>) -> syn::Result<Call> {
        let krate = input.step(|cursor| match cursor.token_tree() {
            Some((tree, rest)) => Ok((TokenStream::from(tree), rest)),
            None => Err(cursor.error("expected a crate; call `migrate!` of `migrate_postgres`")),
        })?;
        input.parse::<Token![,]>()?;
        Ok(Call { krate, args: input.parse()? })
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Args> {
        let mut args = Args::default();
        let mut is_first = true;
        while !input.is_empty() {
            if is_first && !(input.peek(Ident) && input.peek2(Token![=])) {
                args.directory = Some(text(input, "the directory")?);
            } else {
                args.option(input)?;
            }
            is_first = false;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

impl Args {
    /// Parses `key = value`.
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let Ok(key) = input.parse::<Ident>() else {
            return Err(
                input.error("expected `key = value`, as in `migrate!(\"migrations\", set = \"billing\")`")
            );
        };
        let is_given = match key.to_string().as_str() {
            "set" => self.set.is_some(),
            "placeholders" => self.placeholders.is_some(),
            "deny" => self.lint.deny.is_some(),
            "since" => self.lint.since.is_some(),
            "facts" => self.lint.facts.is_some(),
            _ => self.settings.iter().any(|setting| setting.key == key),
        };
        if is_given {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        input.parse::<Token![=]>()?;
        match key.to_string().as_str() {
            "placeholders" => self.placeholders = Some(names(input)?),
            "set" => self.set = Some(name(input, "the name of the set")?),
            "deny" => self.lint.deny = Some(risk(input)?),
            "since" => self.lint.since = Some(name(input, "the version of a migration")?.value()),
            "facts" => self.lint.facts = Some(name(input, "the file with facts")?.value()),
            _ => {
                let value = setting(&key, input)?;
                self.settings.push(Setting { key, value });
            }
        }
        Ok(())
    }
}

/// Parses the value of a setting.
fn setting(key: &Ident, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    Ok(match key.to_string().as_str() {
        "history_schema" => {
            let schema = name(input, "the schema of the history")?;
            quote!(::core::option::Option::Some(#schema))
        }
        "history_table" => {
            let table = name(input, "the name of the history's table")?;
            quote!(#table)
        }
        "program" => {
            let program = name(input, "the name of the program")?;
            quote!(#program)
        }
        "lock_timeout" | "statement_timeout" => timeout(input)?,
        "allow_out_of_order" | "allow_ahead" | "allow_missing" | "ignore_foreign_history" => {
            let span = input.span();
            let value: LitBool =
                input.parse().map_err(|_| syn::Error::new(span, "expected `true` or `false`"))?;
            quote!(#value)
        }
        _ => return Err(syn::Error::new(key.span(), format!("unknown key `{key}`: {KEYS}"))),
    })
}

/// Parses the lowest risk that is an error.
fn risk(input: ParseStream<'_>) -> syn::Result<Risk> {
    let span = input.span();
    let text = input.parse::<LitStr>().ok().map(|text| text.value());
    let risk = text.and_then(|text| Risk::of_word(&text)).filter(|risk| *risk != Risk::Safe);
    risk.ok_or_else(|| syn::Error::new(span, "expected \"careful\", \"dangerous\" or \"very-risky\""))
}

/// Parses a timeout as in scripts: `"500ms"`, `"2s"` or `"5min"`; `"off"` means no timeout.
fn timeout(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let span = input.span();
    let expected = "expected a time such as \"500ms\", \"2s\" or \"5min\", or \"off\"";
    let text: LitStr = input.parse().map_err(|_| syn::Error::new(span, expected))?;
    if text.value() == "off" {
        return Ok(quote!(::core::option::Option::None));
    }
    let duration = migrate_core::set::options::duration(&text.value());
    let duration = duration.ok_or_else(|| syn::Error::new(text.span(), expected))?;
    let millis = u64::try_from(duration.as_millis()).expect("a timeout of PostgreSQL's fits");
    Ok(quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis))))
}

/// Parses a name, which needs at least one visible character.
fn name(input: ParseStream<'_>, what: &str) -> syn::Result<LitStr> {
    let name = text(input, what)?;
    if name.value().trim().is_empty() {
        return Err(syn::Error::new(name.span(), format!("{what} is empty")));
    }
    Ok(name)
}

/// Parses `["name", …]`: valid placeholder names without duplicates.
fn names(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let expected = "expected the names of placeholders, as in `placeholders = [\"schema\"]`";
    let content;
    syn::bracketed!(content in input);
    let mut names: Vec<LitStr> = Vec::new();
    while !content.is_empty() {
        let span = content.span();
        let name: LitStr = content.parse().map_err(|_| syn::Error::new(span, expected))?;
        if !migrate_core::set::placeholder::is_name(&name.value()) {
            let message =
                "a placeholder's name has letters, digits, `_`, `.`, `:` and `-`, a letter or `_` first";
            return Err(syn::Error::new(name.span(), message));
        }
        if names.iter().any(|other| other.value() == name.value()) {
            return Err(syn::Error::new(name.span(), format!("`{}` is named twice", name.value())));
        }
        names.push(name);
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(names)
}

fn text(input: ParseStream<'_>, what: &str) -> syn::Result<LitStr> {
    let span = input.span();
    input.parse().map_err(|_| syn::Error::new(span, format!("expected {what} as a string literal")))
}
