//! The set of a directory as constants.

use migrate_core::layout::Directory;
use migrate_core::sql::Statement;
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
    let migrations = directory.migrations.iter().map(|m| migration(m, &path));
    let replaced = directory.replaced.iter().map(|m| migration(m, &path));
    let digests = DigestChain::of(directory.migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = Literal::byte_string(digests.as_bytes());
    let order = order(directory.layout.order());
    let placeholders = &directory.placeholders;
    let folder = folder.to_str().expect("checked before");
    quote! { {
        #[allow(unused_imports)]
        use #krate::__private::{
            None as N, Options as O, Phase as P, Refusal as R, Script as S, Some as Y, SqlMigration as M, Statement as T,
            Placeholder as H, TransactionMode as B, Version as V, VersionOrder as D, u8 as U,
        };
        #(const _: &[U] = ::core::include_bytes!(#settings);)*
        static MIGRATIONS: &[M] = &[#(#migrations),*];
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

fn migration(migration: &SqlMigration, path: &dyn Fn(&str) -> String) -> TokenStream {
    let version = migration.version().as_written();
    let order = order(migration.version().order());
    let name = migration.name();
    let Checksum::Sha256(checksum) = migration.checksum() else {
        unreachable!("what is read is checked by SHA-256")
    };
    let checksum = Literal::byte_string(&checksum);
    let up = script(migration.up_script(), path);
    let optional = |other: Option<&Script>| match other {
        Some(other) => {
            let script = script(other, path);
            quote!(Y(#script))
        }
        None => quote!(N),
    };
    let (down, verify) = (optional(migration.down_script()), optional(migration.verify_script()));
    quote!(M::from_static(V::from_static(#version, #order), #name, *#checksum, #up, #down, #verify))
}

fn script(script: &Script, path: &dyn Fn(&str) -> String) -> TokenStream {
    let (name, file) = (script.path(), path(script.path()));
    let statements = script.statements().iter().map(statement);
    let options = options(script.options());
    let (text, statements) = (quote!(::core::include_str!(#file)), quote!(const { &[#(#statements),*] }));
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

fn statement(statement: &Statement) -> TokenStream {
    let number = |number: usize| Literal::usize_unsuffixed(number);
    let (start, end) = (number(statement.range().start), number(statement.range().end));
    let line = Literal::u32_unsuffixed(statement.line());
    let refuses = match statement.refuses() {
        Some(refusal) => {
            let name = proc_macro2::Ident::new(refusal.variant_name(), proc_macro2::Span::call_site());
            quote!(Y(R::#name))
        }
        None => quote!(N),
    };
    quote!(T::new(#start, #end, #line, #refuses))
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
