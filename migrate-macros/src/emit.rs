//! The set of a directory as constants.

use migrate_core::embedded::Tables;
use migrate_core::layout::Directory;
use migrate_core::{DigestChain, Migration as _, Options, Script, VersionOrder};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use std::path::Path;

/// An expression of literals only. The texts are `include_str!`, so that Cargo and the compiler track each file.
///
/// Names are short because a set may have thousands of files, and tokens are what a macro's output costs.
pub(crate) fn set(krate: &TokenStream, name: &str, folder: &Path, directory: &Directory) -> TokenStream {
    let path = |file: &str| folder.join(file).to_str().expect("checked before").to_owned();
    let settings = directory.settings.iter().map(|file| path(file));
    let tables = Tables::of(directory.migrations.iter().chain(&directory.replaced));
    let count = tables.migrations.len();
    let migrations =
        tables.migrations.iter().map(|(version, name, script, has)| quote!((#version, #name, #script, #has)));
    let checksums = Literal::byte_string(&tables.checksums);
    let scripts = tables.scripts.iter().map(|script| script_row(script, &path));
    let digests = DigestChain::of(directory.migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = Literal::byte_string(digests.as_bytes());
    let order = order(directory.layout.order());
    let placeholders = &directory.placeholders;
    let folder = folder.to_str().expect("checked before");
    quote! { {
        #[allow(unused_imports)]
        use ::core::include_str as I;
        #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#settings);)*
        static LITERALS: #krate::__private::Literals = #krate::__private::Literals {
            order: #krate::__private::VersionOrder::#order,
            migrations: &[#(#migrations),*],
            checksums: #checksums,
            scripts: &[#(#scripts),*],
        };
        static MADE: [#krate::__private::Made; #count] = [#krate::__private::UNMADE; #count];
        #krate::__private::finish(#krate::__private::Set::from_static(
            #name,
            &LITERALS,
            &MADE,
            #digests,
            if ::core::cfg!(debug_assertions) { #folder } else { "" },
            const { &[#(::std::borrow::Cow::Borrowed(#placeholders)),*] },
        ), ::core::concat!(::core::env!("CARGO_PKG_NAME"), " ", ::core::env!("CARGO_PKG_VERSION")))
    } }
}

fn order(order: VersionOrder) -> TokenStream {
    match order {
        VersionOrder::Numeric => quote!(Numeric),
        VersionOrder::Text => quote!(Text),
        other => unreachable!("an order without an emitted form: {other:?}"),
    }
}

fn script_row(script: &Script, path: &dyn Fn(&str) -> String) -> TokenStream {
    let (name, file) = (script.path(), path(script.path()));
    let statements = Literal::byte_string(&script.statements().pack());
    let (start, line) = script.part().unwrap_or((0, 0));
    let end = if line == 0 { 0 } else { start + script.text().len() };
    let options =
        if *script.options() == Options::NONE { String::new() } else { script.options().to_string() };
    let placeholders = script.placeholders().iter().map(|placeholder| {
        let (start, end) = (placeholder.range().start, placeholder.range().end);
        let (name, in_body) = (placeholder.name(), placeholder.in_body());
        quote!((#start, #end, #name, #in_body))
    });
    quote!((#name, I!(#file), #statements, #start, #end, #line, #options, &[#(#placeholders),*]))
}
