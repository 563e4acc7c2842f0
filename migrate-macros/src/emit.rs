//! The output: the set of a directory as constants.

use crate::args::Setting;
use crate::lint::Judged;
use migrate_core::directory::Directory;
use migrate_core::directory::source::folder::place;
use migrate_core::set::companion::CompanionFile;
use migrate_core::set::embedded::Packing;
use migrate_core::{Code, DigestChain, FileMigration, Migration as _, VersionOrder};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};
use std::path::{Path, PathBuf};

/// Emits an expression that consists of literals. The texts are `include_str!`, so that Cargo and the
/// compiler track each file.
pub(crate) fn set(
    krate: &TokenStream,
    name: &str,
    chosen: &[Setting],
    folder: &Path,
    directory: &Directory,
    tracked: &[PathBuf],
) -> TokenStream {
    let path = |file: &str| place(folder, file).to_str().expect("checked before").to_owned();
    let [assertions, seeds] = [&directory.assertions, &directory.seeds].map(|files| {
        let file = |file: &CompanionFile| {
            let (shown, path) = (file.path(), path(file.path()));
            match file.faults() {
                Some(faults) => quote!(#krate::__private::CompanionFile::faulty_from_static(#shown, #faults)),
                None => quote!(#krate::__private::CompanionFile::from_static(#shown, I!(#path))),
            }
        };
        files.iter().map(file).collect::<Vec<_>>()
    });
    let tracked = tracked.iter().map(|file| file.to_string_lossy().into_owned());
    let companions = directory.assertions.iter().chain(&directory.seeds);
    let faulty = companions.filter(|file| file.faults().is_some() && file.is_readable());
    let tracked = tracked.chain(faulty.map(|file| path(file.path())));
    let settings = directory.settings.iter().map(|file| path(file)).chain(tracked);
    let migrations: Vec<&FileMigration> = directory.migrations.iter().chain(&directory.replaced).collect();
    let count = migrations.len();
    let packing = Packing::of(migrations.into_iter());
    let files = packing.files.iter().map(|file| path(file));
    let modules =
        packing.code.iter().enumerate().map(|(index, code)| module(krate, index, code, &path(code.path())));
    let functions = (0..packing.code.len()).map(|index| format_ident!("CODE_{index}"));
    let packed = Literal::byte_string(&packing.bytes);
    let digests = DigestChain::of(directory.migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = Literal::byte_string(digests.as_bytes());
    let order = order(directory.layout.order());
    let placeholders = &directory.placeholders;
    let notices = directory.notices();
    let folder = folder.to_str().expect("checked before");
    let (keys, values) =
        (chosen.iter().map(|setting| &setting.key), chosen.iter().map(|setting| &setting.value));
    let program = (!chosen.iter().any(|setting| setting.key == "program")).then(|| {
        quote!(program: ::core::concat!(::core::env!("CARGO_PKG_NAME"), " ", ::core::env!("CARGO_PKG_VERSION")),)
    });
    quote! { {
        #[allow(unused_imports)]
        use ::core::include_str as I;
        #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#settings);)*
        #(#modules)*
        static LITERALS: #krate::__private::Literals = #krate::__private::Literals {
            order: #krate::__private::VersionOrder::#order,
            files: &[#(I!(#files)),*],
            packed: #packed,
            code: &[#(#krate::__private::CodeFunctions::new(&#functions)),*],
            assertions: &[#(#assertions),*],
            seeds: &[#(#seeds),*],
        };
        static MADE: [#krate::__private::LazyMigration; #count] = [#krate::__private::LAZY_MIGRATION; #count];
        // With every argument given, nothing is left for the default.
        #[allow(clippy::needless_update)]
        const SETTINGS: #krate::__private::SetSettings = #krate::__private::SetSettings {
            #(#keys: #values,)*
            #program
            ..#krate::__private::SetSettings::DEFAULT
        };
        #krate::__private::finish(#krate::__private::Set::from_static(
            #name,
            &LITERALS,
            &MADE,
            #digests,
            if ::core::cfg!(debug_assertions) { #folder } else { "" },
            const { &[#(::std::borrow::Cow::Borrowed(#placeholders)),*] },
            const { &[#(::std::borrow::Cow::Borrowed(#notices)),*] },
        ), SETTINGS)
    } }
}

/// Emits the module of a migration in Rust, and its functions as a constant.
fn module(krate: &TokenStream, index: usize, code: &Code, path: &str) -> TokenStream {
    let (module, constant) = (format_ident!("code_{index}"), format_ident!("CODE_{index}"));
    let functions = [("up", true), ("down", code.has_down()), ("verify", code.has_verify())];
    let functions = functions.map(|(name, is_there)| {
        let name = format_ident!("{name}");
        is_there.then(|| {
            quote! { {
                fn #name<'c>(context: &'c mut #krate::__private::Context<'_>) -> #krate::__private::CodeFuture<'c> {
                    #krate::__private::boxed(#module::#name(context))
                }
                #name
            } }
        })
    });
    let [up, down, verify] = functions;
    let optional = |function: Option<TokenStream>| match function {
        Some(function) => quote!(::core::option::Option::Some(#function)),
        None => quote!(::core::option::Option::None),
    };
    let (down, verify) = (optional(down), optional(verify));
    quote! {
        // Nothing else is public about it than what is called here.
        #[path = #path]
        #[allow(unreachable_pub)]
        mod #module;
        const #constant: #krate::__private::Functions =
            #krate::__private::Functions { up: #up, down: #down, verify: #verify };
    }
}

/// The approvals of the configuration as a setting, if there are any.
pub(crate) fn approvals(judged: &Judged) -> Option<Setting> {
    let approvals = judged.approvals.iter().map(|of| {
        let (migration, rule) = (&of.migration, &of.approval.rule);
        let reason = of.approval.reason.as_deref().unwrap_or_default();
        quote!((#migration, #rule, #reason))
    });
    let approvals: Vec<TokenStream> = approvals.collect();
    let key = Ident::new("approvals", Span::call_site());
    (!approvals.is_empty()).then(|| Setting { key, value: quote!(&[#(#approvals),*]) })
}

fn order(order: VersionOrder) -> TokenStream {
    match order {
        VersionOrder::Numeric => quote!(Numeric),
        VersionOrder::Text => quote!(Text),
        other => unreachable!("an order without an emitted form: {other:?}"),
    }
}
