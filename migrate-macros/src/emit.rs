//! The output: the set of a directory as constants.

use crate::args::Setting;
use migrate_core::directory::Directory;
use migrate_core::set::embedded::Packing;
use migrate_core::{DigestChain, Migration as _, SqlMigration, VersionOrder};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use std::path::Path;

/// Emits an expression that consists of literals. The texts are `include_str!`, so that Cargo and the
/// compiler track each file.
pub(crate) fn set(
    krate: &TokenStream,
    name: &str,
    chosen: &[Setting],
    folder: &Path,
    directory: &Directory,
) -> TokenStream {
    let path = |file: &str| folder.join(file).to_str().expect("checked before").to_owned();
    let settings = directory.settings.iter().map(|file| path(file));
    let migrations: Vec<&SqlMigration> = directory.migrations.iter().chain(&directory.replaced).collect();
    let count = migrations.len();
    let packing = Packing::of(migrations.into_iter());
    let files = packing.files.iter().map(|file| path(file));
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
        static LITERALS: #krate::__private::Literals = #krate::__private::Literals {
            order: #krate::__private::VersionOrder::#order,
            files: &[#(I!(#files)),*],
            packed: #packed,
        };
        static MADE: [#krate::__private::LazyMigration; #count] = [#krate::__private::LAZY_MIGRATION; #count];
        #krate::__private::finish(#krate::__private::Set::from_static(
            #name,
            &LITERALS,
            &MADE,
            #digests,
            if ::core::cfg!(debug_assertions) { #folder } else { "" },
            const { &[#(::std::borrow::Cow::Borrowed(#placeholders)),*] },
            const { &[#(::std::borrow::Cow::Borrowed(#notices)),*] },
        ), #krate::__private::SetSettings {
            #(#keys: #values,)*
            #program
            ..#krate::__private::SetSettings::DEFAULT
        })
    } }
}

fn order(order: VersionOrder) -> TokenStream {
    match order {
        VersionOrder::Numeric => quote!(Numeric),
        VersionOrder::Text => quote!(Text),
        other => unreachable!("an order without an emitted form: {other:?}"),
    }
}
