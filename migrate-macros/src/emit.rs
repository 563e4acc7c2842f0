//! The set of a directory as constants.

use migrate_core::layout::Directory;
use migrate_core::packed::PackedMigrations;
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
    let (mut packed, mut left_out) = (PackedMigrations::default(), Vec::new());
    for (place, each) in directory.migrations.iter().enumerate() {
        if !packed.push(place, each) {
            let each = migration(each, &path);
            left_out.push(quote!(W(&mut all, #place, #each);));
        }
    }
    let replaced: Vec<TokenStream> = directory.replaced.iter().map(|m| migration(m, &path)).collect();
    let rows = packed.rows.iter().map(|(place, version, name, has)| quote!((#place, #version, #name, #has)));
    let checksums = Literal::byte_string(&packed.checksums);
    let scripts = packed.scripts.iter().map(|script| script_row(script, &path));
    let migrations = directory.migrations.len();
    let digests = DigestChain::of(directory.migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = Literal::byte_string(digests.as_bytes());
    let order = order(directory.layout.order());
    let placeholders = &directory.placeholders;
    let folder = folder.to_str().expect("checked before");
    quote! { {
        #[allow(unused_imports)]
        use #krate::__private::{
            None as N, Options as O, Phase as P, Script as S, Some as Y, SqlMigration as M, Placeholder as H,
            TransactionMode as B, Version as V, VersionOrder as D, put as W, u8 as U,
        };
        #[allow(unused_imports)]
        use ::core::include_str as I;
        #(const _: &[U] = ::core::include_bytes!(#settings);)*
        static MIGRATIONS: &[M] = &{
            #[allow(unused_mut)]
            let mut all: [M; #migrations] = #krate::__private::unpack(#krate::__private::Literals {
                order: #order,
                rows: &[#(#rows),*],
                checksums: #checksums,
                scripts: &[#(#scripts),*],
            });
            #(#left_out)*
            all
        };
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

/// A script that is literals only.
fn script_row(script: &Script, path: &dyn Fn(&str) -> String) -> TokenStream {
    let (name, file, statements) = (script.path(), path(script.path()), statements(script));
    let (start, line) = script.part().unwrap_or((0, 0));
    let end = if line == 0 { 0 } else { start + script.text().len() };
    quote!((#name, I!(#file), #statements, #start, #end, #line))
}

fn statements(script: &Script) -> Literal {
    Literal::byte_string(&script.statements().pack())
}

fn script(script: &Script, path: &dyn Fn(&str) -> String) -> TokenStream {
    let (name, file, statements) = (script.path(), path(script.path()), statements(script));
    let options = options(script.options());
    let part = match script.part() {
        None => quote!(N),
        Some((start, line)) => {
            let end = start + script.text().len();
            quote!(Y((#start, #end, #line)))
        }
    };
    let placeholders = script.placeholders().iter().map(|placeholder| {
        let (start, end) = (placeholder.range().start, placeholder.range().end);
        let (name, in_body) = (placeholder.name(), placeholder.in_body());
        quote!(H::from_static(#start, #end, #name, #in_body))
    });
    quote!(S::from_packed(#name, I!(#file), #part, #statements, #options, const { &[#(#placeholders),*] }))
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
