//! The arguments of `migrate!`.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

/// `migrate!("dir", set = "name", placeholders = ["name", …])`, each part of it optional.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) directory: Option<LitStr>,
    pub(crate) set: Option<LitStr>,
    pub(crate) placeholders: Option<Vec<LitStr>>,
}

/// What stands before the arguments: the crate whose paths the output names.
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
    /// `key = value`.
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let Ok(key) = input.parse::<Ident>() else {
            return Err(
                input.error("expected `key = value`, as in `migrate!(\"migrations\", set = \"billing\")`")
            );
        };
        let is_given = match key.to_string().as_str() {
            "set" => self.set.is_some(),
            "placeholders" => self.placeholders.is_some(),
            _ => {
                let message = format!("unknown key `{key}`: the keys are `set` and `placeholders`");
                return Err(syn::Error::new(key.span(), message));
            }
        };
        if is_given {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        input.parse::<Token![=]>()?;
        if key == "placeholders" {
            self.placeholders = Some(names(input)?);
            return Ok(());
        }
        let set = text(input, "the name of the set")?;
        if set.value().trim().is_empty() {
            return Err(syn::Error::new(set.span(), "the name of the set is empty"));
        }
        self.set = Some(set);
        Ok(())
    }
}

/// `["name", …]`, each a name for a placeholder, and each once.
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
