//! `Debug` of errors: the text of `Display`.

/// Gives error types their text as `Debug`, line by line: `fn main() -> Result<(), Box<dyn Error>>`, `unwrap` and `expect` print it.
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
