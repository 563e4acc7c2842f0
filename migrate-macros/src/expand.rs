//! Expansion of `migrate!`.

use crate::args::Call;
use crate::emit;
use crate::lint;
use migrate_core::directory::source::folder;
use migrate_core::directory::{Directory, Reading};
use migrate_core::{DEFAULT_SET, FolderError};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use std::path::{Path, PathBuf};

const DEFAULT_DIRECTORY: &str = "migrations";

/// Expands `embed!`. The output is always an expression, so that an error does not cause a second one.
pub(crate) fn embed(input: TokenStream, manifest_dir: &Path) -> TokenStream {
    let call: Call = match syn::parse2(input) {
        Ok(call) => call,
        Err(error) => return error.into_compile_error(),
    };
    let relative = call.args.directory.as_ref().map_or(DEFAULT_DIRECTORY.to_owned(), syn::LitStr::value);
    let span = call.args.directory.as_ref().map_or_else(Span::call_site, syn::LitStr::span);
    // Drops `.` components and trailing slashes.
    let folder: PathBuf = manifest_dir.join(&relative).components().collect();
    let reading = call.args.placeholders.as_ref().map_or(Reading::default(), |names| {
        Reading::default().placeholders(names.iter().map(syn::LitStr::value))
    });
    let set = call.args.set.as_ref().map_or(DEFAULT_SET.to_owned(), syn::LitStr::value);
    let judged = |directory: &Directory| {
        let (args, relative) = (&call.args.lint, relative.as_str());
        lint::Call { set: &set, args, manifest_dir, relative }.judge(directory)
    };
    let read = read(&folder, &relative, &reading).and_then(|read| Ok((judged(&read)?, read)));
    match read {
        Ok((judged, read)) => {
            let settings = call.args.settings.into_iter().chain(emit::approvals(&judged)).collect::<Vec<_>>();
            emit::set(&call.krate, &set, &settings, &folder, &read, &judged.files)
        }
        Err(messages) => errors(span, &messages),
    }
}

/// Reads the migrations of a folder; each problem becomes a separate message.
fn read(folder: &Path, relative: &str, reading: &Reading) -> Result<Directory, Vec<String>> {
    if folder.to_str().is_none() {
        return Err(vec![format!("the path `{}` is not UTF-8", folder.display())]);
    }
    let files = folder::collect(folder).map_err(|error| vec![describe(&error)])?;
    // Use the path as given in the call, which is relative to the manifest, so that a click on it opens the
    // file.
    reading.read(files).map_err(|problems| problems.under(relative).iter().map(ToString::to_string).collect())
}

fn describe(error: &FolderError) -> String {
    match error {
        FolderError::NotFound { path } => {
            format!(
                "there is no folder `{}`\n    help: make it, or name another one: the path is relative to the folder of \
                 the crate's `Cargo.toml`",
                path.display()
            )
        }
        FolderError::Io { path, source } => format!("can't read `{}`: {source}", path.display()),
        error => error.to_string(),
    }
}

/// Emits each message as a separate error, all in one build.
fn errors(span: Span, messages: &[String]) -> TokenStream {
    let (last, others) = messages.split_last().expect("a refusal has a reason");
    quote_spanned! { span => {
        #(::core::compile_error!(#others);)*
        ::core::compile_error!(#last)
    } }
}
