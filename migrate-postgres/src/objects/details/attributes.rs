//! Attributes: pairs of a name and a value, as the query of a catalog returns them for an object.

use std::borrow::Cow;

/// The attributes of one object, in the order of the query. A list is a name that occurs several times; a value
/// that is null is absent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(&'a [(&'a str, &'a str)]);

impl<'a> Attributes<'a> {
    pub(crate) fn new(pairs: &'a [(&'a str, &'a str)]) -> Attributes<'a> {
        Attributes(pairs)
    }

    /// The values with this name.
    fn all(self, name: &str) -> impl Iterator<Item = String> {
        self.0.iter().filter(move |(other, _)| *other == name).map(|(_, value)| unix(value).into_owned())
    }

    /// The parts that begin with this name and end before the next one, each the attributes of one member.
    fn groups(self, name: &str) -> impl Iterator<Item = Attributes<'a>> {
        let starts = self.0.iter().enumerate().filter(move |(_, (other, _))| *other == name);
        let starts: Vec<usize> = starts.map(|(index, _)| index).collect();
        let ends = starts.iter().copied().skip(1).chain([self.0.len()]).collect::<Vec<_>>();
        starts.into_iter().zip(ends).map(move |(start, end)| Attributes(&self.0[start..end]))
    }
}

/// Line endings do not count, even in function bodies and constants: CR LF and CR become LF.
pub(crate) fn unix(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

/// A value that is read from the attribute of its name, or from several ones.
pub(crate) trait Value {
    fn read(attributes: Attributes<'_>, name: &str) -> Self;
}

impl Value for Option<String> {
    fn read(attributes: Attributes<'_>, name: &str) -> Option<String> {
        attributes.all(name).next()
    }
}

impl Value for String {
    fn read(attributes: Attributes<'_>, name: &str) -> String {
        attributes.all(name).next().unwrap_or_default()
    }
}

impl Value for bool {
    fn read(attributes: Attributes<'_>, name: &str) -> bool {
        attributes.all(name).next().as_deref() == Some("t")
    }
}

impl Value for Vec<String> {
    fn read(attributes: Attributes<'_>, name: &str) -> Vec<String> {
        attributes.all(name).collect()
    }
}

/// A member of a list whose attributes begin with one of a fixed name.
pub(crate) trait Member: Sized {
    /// The name of its first attribute.
    const FIRST: &'static str;

    fn of(attributes: Attributes<'_>) -> Self;
}

impl<M: Member> Value for Vec<M> {
    fn read(attributes: Attributes<'_>, _: &str) -> Vec<M> {
        attributes.groups(M::FIRST).map(M::of).collect()
    }
}

/// Defines the details of a kind of object: each field is read from the attribute of its name.
macro_rules! details {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $type,)* }

        impl $name {
            pub(crate) fn of(attributes: $crate::objects::details::attributes::Attributes<'_>) -> $name {
                $name { $($field: $crate::objects::details::attributes::Value::read(attributes, stringify!($field)),)* }
            }
        }
    )+};
}
pub(crate) use details;
