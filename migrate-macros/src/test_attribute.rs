//! `#[migrate_postgres::test]`: turns an async function into a test with its own database.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{LitBool, LitStr, Token};

/// `#[test(migrations = "dir", set = path, schema, seeds = true, crate = path)]`; every part is optional.
#[derive(Default)]
struct Args {
    migrations: Option<LitStr>,
    set: Option<TokenStream>,
    schema: bool,
    seeds: Option<Seeds>,
    krate: Option<TokenStream>,
}

/// The value of `seeds`.
enum Seeds {
    /// `false`
    No,
    /// `true`
    Common,
    /// The name of an environment.
    Environment(LitStr),
}

/// An async function as written. Its types are passed on unchanged, so no type parser is needed.
struct Function {
    attributes: TokenStream,
    should_panic: bool,
    visibility: TokenStream,
    name: Ident,
    /// Each argument's tokens.
    arguments: Vec<TokenStream>,
    /// The parentheses and their contents.
    inputs: Group,
    output: TokenStream,
    body: Group,
}

/// Expands the attribute. The output always contains the function, so that an error does not cause further
/// ones.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    match (Args::parse.parse2(args), Function::parse.parse2(item)) {
        (Ok(args), Ok(function)) => emit(&args, &function),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            error.into_compile_error()
        }
        (Err(error), _) | (_, Err(error)) => error.into_compile_error(),
    }
}

fn emit(args: &Args, function: &Function) -> TokenStream {
    let Function { attributes, visibility, name, arguments, inputs, output, body, .. } = function;
    let krate = args.krate.clone().unwrap_or_else(|| quote!(::migrate_postgres));
    let migrator = match (&args.set, &args.migrations) {
        (Some(path), _) => quote!(#path),
        (None, Some(directory)) => quote!(#krate::migrate!(#directory)),
        (None, None) => quote!(#krate::migrate!()),
    };
    let scope = if args.schema { quote!(Schema) } else { quote!(Database) };
    let seeds = match &args.seeds {
        None | Some(Seeds::No) => quote!(None),
        Some(Seeds::Common) => quote!(Common),
        Some(Seeds::Environment(name)) => quote!(Environment(#name)),
    };
    let keep = !function.should_panic;
    // Use the argument's span, for the error about a type that no database provides.
    let given = arguments.iter().map(|argument| {
        let span = argument.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span());
        quote_spanned!(span=> #krate::testing::__private::given(database).await?)
    });
    // `testing` is a feature of the tests' build only. In every other build `#[test]` removes the function:
    // "These functions are only compiled when in test mode" (the Rust reference, the test attribute).
    quote! {
        #[::core::prelude::v1::test]
        #attributes
        #visibility fn #name() #output {
            async fn test #inputs #output #body
            #krate::testing::__private::run(
                &#migrator,
                &#krate::testing::__private::Test {
                    name: ::core::concat!(::core::env!("CARGO_PKG_NAME"), "::", ::core::module_path!(), "::", ::core::stringify!(#name)),
                    scope: #krate::testing::__private::TestScope::#scope,
                    seeds: #krate::testing::__private::TestSeeds::#seeds,
                    keep: #keep,
                },
                async |database| ::core::result::Result::Ok::<_, #krate::testing::TestingError>(test(#(#given),*).await),
            )
        }
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Args> {
        let mut args = Args::default();
        while !input.is_empty() {
            args.option(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

impl Args {
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        const KEYS: &str = "the keys are `migrations`, `set`, `schema`, `seeds` and `crate`";
        let key = input.call(<Ident as syn::ext::IdentExt>::parse_any).map_err(|error| {
            let example = "`#[migrate_postgres::test(set = crate::MIGRATIONS)]`";
            syn::Error::new(error.span(), format!("expected a key, as in {example}: {KEYS}"))
        })?;
        let twice = || syn::Error::new(key.span(), format!("`{key}` is given twice"));
        let contradiction = || {
            let text = "`set` and `migrations` both name the migrations: give one of them";
            syn::Error::new(key.span(), text)
        };
        match key.to_string().as_str() {
            "schema" if self.schema => return Err(twice()),
            "schema" => self.schema = true,
            "migrations" if self.migrations.is_some() => return Err(twice()),
            "migrations" if self.set.is_some() => return Err(contradiction()),
            "migrations" => {
                input.parse::<Token![=]>()?;
                let span = input.span();
                let directory = input.parse();
                let text = "expected the directory as a string literal";
                self.migrations = Some(directory.map_err(|_| syn::Error::new(span, text))?);
            }
            "set" if self.set.is_some() => return Err(twice()),
            "set" if self.migrations.is_some() => return Err(contradiction()),
            "set" => self.set = Some(value(input, "the path of a `Migrator`")?),
            "seeds" if self.seeds.is_some() => return Err(twice()),
            "seeds" => self.seeds = Some(seeds(input)?),
            "crate" if self.krate.is_some() => return Err(twice()),
            "crate" => self.krate = Some(value(input, "the path of the crate `migrate_postgres`")?),
            _ => return Err(syn::Error::new(key.span(), format!("unknown key `{key}`: {KEYS}"))),
        }
        Ok(())
    }
}

/// Parses `= true`, `= false` or `= "environment"`.
fn seeds(input: ParseStream<'_>) -> syn::Result<Seeds> {
    input.parse::<Token![=]>()?;
    if input.peek(LitStr) {
        return input.parse().map(Seeds::Environment);
    }
    let span = input.span();
    let text = "expected `true`, `false`, or the name of an environment as a string literal";
    let is_seeded: LitBool = input.parse().map_err(|_| syn::Error::new(span, text))?;
    Ok(if is_seeded.value { Seeds::Common } else { Seeds::No })
}

/// Parses `= tokens`, up to the next comma.
fn value(input: ParseStream<'_>, what: &str) -> syn::Result<TokenStream> {
    input.parse::<Token![=]>()?;
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if tokens.is_empty() {
        return Err(input.error(format!("expected {what}")));
    }
    Ok(tokens)
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Function> {
        let (attributes, should_panic) = attributes(input)?;
        let mut visibility = TokenStream::new();
        if input.peek(Token![pub]) {
            visibility.extend([input.parse::<TokenTree>()?]);
            if input.peek(syn::token::Paren) {
                visibility.extend([input.parse::<TokenTree>()?]);
            }
        }
        if !input.peek(Token![async]) {
            return Err(input.error("`#[migrate_postgres::test]` goes on an `async fn`"));
        }
        input.parse::<Token![async]>()?;
        input.parse::<Token![fn]>()?;
        let name = input.parse::<Ident>()?;
        if input.peek(Token![<]) {
            return Err(input.error("a test can't be generic: nobody would say for which type it is run"));
        }
        let inputs = group(input, Delimiter::Parenthesis, "the arguments")?;
        let mut output = TokenStream::new();
        while !input.is_empty() && !input.peek(syn::token::Brace) {
            output.extend([input.parse::<TokenTree>()?]);
        }
        let body = group(input, Delimiter::Brace, "the body")?;
        let arguments = split(inputs.stream());
        for argument in &arguments {
            let is_self = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "self");
            if let Some(word) = argument.clone().into_iter().find(is_self) {
                return Err(syn::Error::new(word.span(), "a test is a function of its own, without `self`"));
            }
        }
        Ok(Function { attributes, should_panic, visibility, name, arguments, inputs, output, body })
    }
}

/// The attributes of a function; true if one of them says that the test should panic.
fn attributes(input: ParseStream<'_>) -> syn::Result<(TokenStream, bool)> {
    let (mut attributes, mut should_panic) = (TokenStream::new(), false);
    while input.peek(Token![#]) {
        let hash = input.parse::<TokenTree>()?;
        let attribute = group(input, Delimiter::Bracket, "an attribute")?;
        let first = attribute.stream().into_iter().next();
        should_panic |= matches!(first, Some(TokenTree::Ident(word)) if word == "should_panic");
        attributes.extend([hash, TokenTree::Group(attribute)]);
    }
    Ok((attributes, should_panic))
}

fn group(input: ParseStream<'_>, delimiter: Delimiter, what: &str) -> syn::Result<Group> {
    let span = input.span();
    match input.parse::<TokenTree>() {
        Ok(TokenTree::Group(group)) if group.delimiter() == delimiter => Ok(group),
        _ => Err(syn::Error::new(span, format!("expected {what}"))),
    }
}

/// Splits arguments at commas outside of `<…>`.
fn split(inputs: TokenStream) -> Vec<TokenStream> {
    let (mut arguments, mut current, mut depth) = (Vec::new(), TokenStream::new(), 0_u32);
    let mut is_arrow = false;
    for token in inputs {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                ',' if depth == 0 => {
                    arguments.push(std::mem::take(&mut current));
                    continue;
                }
                '<' => depth += 1,
                '>' if !is_arrow => depth = depth.saturating_sub(1),
                _ => {}
            }
            is_arrow = punct.as_char() == '-' && punct.spacing() == Spacing::Joint;
        }
        current.extend([token]);
    }
    if !current.is_empty() {
        arguments.push(current);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::{expand, split};

    fn expanded(args: TokenStream, item: TokenStream) -> String {
        expand(args, item).to_string()
    }

    #[test]
    fn a_comma_within_a_type_ends_no_argument() {
        let inputs = quote!(a: HashMap<u8, Vec<u8>>, b: (u8, u8), c: Box<dyn Fn(u8) -> u8>, d: u8,);
        assert_eq!(split(inputs).len(), 4);
        assert_eq!(split(quote!()).len(), 0);
    }

    #[test]
    fn each_argument_is_made_of_the_database() {
        let text = expanded(
            quote!(),
            quote!(
                async fn t(a: Client, b: Config) {}
            ),
        );
        assert_eq!(text.matches(":: given (database)").count(), 2, "{text}");
    }

    #[test]
    fn the_migrations_are_those_that_are_named() {
        let text = |args| {
            expanded(
                args,
                quote!(
                    async fn t() {}
                ),
            )
            .replace(' ', "")
        };
        assert!(text(quote!()).contains("&::migrate_postgres::migrate!()"));
        assert!(text(quote!(migrations = "db")).contains("&::migrate_postgres::migrate!(\"db\")"));
        assert!(text(quote!(set = crate::SET, schema)).contains("&crate::SET,"));
        assert!(text(quote!(crate = other::mp)).contains("&other::mp::migrate!()"));
    }

    #[test]
    fn a_test_that_is_to_panic_keeps_no_database() {
        let text = expanded(
            quote!(),
            quote!(
                #[should_panic(expected = "x")]
                async fn t() {}
            ),
        );
        assert!(text.contains("keep : false") && text.contains("should_panic"), "{text}");
    }

    #[test]
    fn what_is_no_test_is_an_error() {
        for (item, error) in [
            (
                quote!(
                    fn t() {}
                ),
                "goes on an `async fn`",
            ),
            (
                quote!(
                    async fn t<T>() {}
                ),
                "can't be generic",
            ),
            (
                quote!(
                    async fn t(&self) {}
                ),
                "without `self`",
            ),
            (
                quote!(
                    struct T;
                ),
                "goes on an `async fn`",
            ),
        ] {
            let text = expanded(quote!(), item);
            assert!(text.contains("compile_error") && text.contains(error), "{text}");
        }
    }

    #[test]
    fn an_argument_that_says_nothing_or_too_much_is_an_error() {
        for (args, error) in [
            (quote!(dir = "x"), "unknown key `dir`"),
            (quote!("x"), "expected a key"),
            (quote!(schema, schema), "`schema` is given twice"),
            (quote!(set = A, migrations = "x"), "give one of them"),
            (quote!(set =), "expected the path of a `Migrator`"),
            (quote!(migrations = 1), "expected the directory as a string literal"),
            (quote!(seeds = 1), "expected `true`, `false`, or the name of an environment"),
            (quote!(seeds = true, seeds = "a"), "`seeds` is given twice"),
        ] {
            let text = expanded(
                args,
                quote!(
                    async fn t() {}
                ),
            );
            assert!(text.contains("compile_error") && text.contains(error), "{text}");
        }
    }
}
