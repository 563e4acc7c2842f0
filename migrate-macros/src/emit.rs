//! The set of a directory as constants.

use migrate_core::layout::Directory;
use migrate_core::sql::Refusal;
use migrate_core::sql::packed::Packed;
use migrate_core::{
    Checksum, DigestChain, Migration as _, Options, Phase, Replaces, Script, SqlMigration, TransactionMode,
    VersionOrder,
};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use std::path::Path;

/// An expression of constants only. The texts are `include_str!`, so that Cargo and the compiler track each file.
///
/// Names are short because a set may have thousands of files, and tokens are what a macro's output costs.
pub(crate) fn set(krate: &TokenStream, name: &str, folder: &Path, directory: &Directory) -> TokenStream {
    let path = |file: &str| folder.join(file).to_str().expect("checked before").to_owned();
    let settings = directory.settings.iter().map(|file| path(file));
    let mut statements = Packed::default();
    let migrations: Vec<TokenStream> =
        directory.migrations.iter().map(|m| migration(m, &path, &mut statements)).collect();
    // As constants of their own: one expression with all of them is checked in a time that grows faster than their number.
    let names: Vec<_> = (1..=migrations.len()).map(|number| quote::format_ident!("M{number}")).collect();
    let replaced: Vec<TokenStream> =
        directory.replaced.iter().map(|m| migration(m, &path, &mut statements)).collect();
    let (count, packed) = (statements.count, Literal::byte_string(&statements.bytes));
    let refusals = statements.refusals.iter().map(refusal);
    let digests = DigestChain::of(directory.migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = Literal::byte_string(digests.as_bytes());
    let order = order(directory.layout.order());
    let placeholders = &directory.placeholders;
    let folder = folder.to_str().expect("checked before");
    quote! { {
        #[allow(unused_imports)]
        use #krate::__private::{
            None as N, Options as O, Phase as P, Refusal as R, Script as S, Some as Y, SqlMigration as M, Statement as T,
            Placeholder as H, TransactionMode as B, Version as V, VersionOrder as D, part as K, u8 as U,
        };
        #(const _: &[U] = ::core::include_bytes!(#settings);)*
        static STATEMENTS: [T; #count] = #krate::__private::unpack(#packed, &[#(#refusals),*]);
        #(const #names: M = #migrations;)*
        static MIGRATIONS: &[M] = &[#(#names),*];
        static REPLACED: &[M] = &[#(#replaced),*];
        #krate::__private::finish(#krate::__private::Set::from_static(
            #name,
            #order,
            MIGRATIONS,
            REPLACED,
            #digests,
            if ::core::cfg!(debug_assertions) { #folder } else { "" },
            const { &[#(::std::borrow::Cow::Borrowed(#placeholders)),*] },
        ), ::core::concat!(::core::env!("CARGO_PKG_NAME"), " ", ::core::env!("CARGO_PKG_VERSION")))
    } }
}

fn order(order: VersionOrder) -> TokenStream {
    match order {
        VersionOrder::Numeric => quote!(D::Numeric),
        VersionOrder::Text => quote!(D::Text),
        other => unreachable!("an order without an emitted form: {other:?}"),
    }
}

fn migration(
    migration: &SqlMigration,
    path: &dyn Fn(&str) -> String,
    statements: &mut Packed,
) -> TokenStream {
    let version = migration.version().as_written();
    let order = order(migration.version().order());
    let name = migration.name();
    let Checksum::Sha256(checksum) = migration.checksum() else {
        unreachable!("what is read is checked by SHA-256")
    };
    let checksum = Literal::byte_string(&checksum);
    let up = script(migration.up_script(), path, statements);
    let mut optional = |other: Option<&Script>| match other {
        Some(other) => {
            let script = script(other, path, statements);
            quote!(Y(#script))
        }
        None => quote!(N),
    };
    let (down, verify) = (optional(migration.down_script()), optional(migration.verify_script()));
    quote!(M::from_static(V::from_static(#version, #order), #name, *#checksum, #up, #down, #verify))
}

fn script(script: &Script, path: &dyn Fn(&str) -> String, statements: &mut Packed) -> TokenStream {
    let (name, file) = (script.path(), path(script.path()));
    let (first, count) = (statements.push(script.statements()), script.statements().len());
    let statements = quote!(K(&STATEMENTS, #first, #count));
    let options = options(script.options());
    let text = quote!(::core::include_str!(#file));
    if script.part().is_none() && script.placeholders().is_empty() {
        return quote!(S::from_static(#name, #text, #statements, #options));
    }
    let part = match script.part() {
        None => quote!(N),
        Some((start, line)) => {
            let (start, end) = (start, start + script.text().len());
            quote!(Y((#start, #end, #line)))
        }
    };
    let placeholders = script.placeholders().iter().map(|placeholder| {
        let (start, end) = (placeholder.range().start, placeholder.range().end);
        let (name, in_body) = (placeholder.name(), placeholder.in_body());
        quote!(H::from_static(#start, #end, #name, #in_body))
    });
    quote!(S::from_static_part(#name, #text, #part, #statements, #options, const { &[#(#placeholders),*] }))
}

/// A statement that refuses a transaction, by its place in the set.
fn refusal((place, refusal): &(usize, Refusal)) -> TokenStream {
    let name = proc_macro2::Ident::new(refusal.variant_name(), proc_macro2::Span::call_site());
    quote!((#place, R::#name))
}

fn options(options: &Options) -> TokenStream {
    if *options == Options::NONE {
        return quote!(O::NONE);
    }
    let millis = |timeout: Option<std::time::Duration>| match timeout {
        Some(timeout) => {
            let millis = u64::try_from(timeout.as_millis()).expect("timeouts have a limit");
            quote!(Y(#millis))
        }
        None => quote!(N),
    };
    let (lock, statement) = (millis(options.lock_timeout), millis(options.statement_timeout));
    let transaction = match options.transaction {
        None => quote!(N),
        Some(TransactionMode::Block) => quote!(Y(B::Block)),
        Some(TransactionMode::None) => quote!(Y(B::None)),
        Some(other) => unreachable!("a mode without an emitted form: {other:?}"),
    };
    let phase = match options.phase {
        None => quote!(N),
        Some(Phase::Expand) => quote!(Y(P::Expand)),
        Some(Phase::Contract) => quote!(Y(P::Contract)),
        Some(other) => unreachable!("a phase without an emitted form: {other:?}"),
    };
    let allow = options.allow.iter().map(AsRef::as_ref);
    let replaces = match &options.replaces {
        Some(Replaces { first, last }) => quote!(Y((#first, #last))),
        None => quote!(N),
    };
    quote!(O::from_static(#lock, #statement, #transaction, #phase, const { &[#(::std::borrow::Cow::Borrowed(#allow)),*] }, #replaces))
}
