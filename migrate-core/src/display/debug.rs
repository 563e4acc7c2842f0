//! `Debug` of errors: the text of `Display`.

/// Implements `Debug` as `Display`, line by line, because `fn main() -> Result<(), Box<dyn Error>>`, `unwrap`
/// and `expect` print the `Debug` form of an error.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_display {
    ($($error:ty),+ $(,)?) => {
        $(impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        })+
    };
}
