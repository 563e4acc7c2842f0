//! Values that the program passes to migrations in Rust.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

/// The values, one of each type.
#[derive(Clone, Default)]
pub(crate) struct CodeValues(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl CodeValues {
    /// No value.
    pub(crate) const NONE: CodeValues = CodeValues(Vec::new());

    /// Sets the value of a type, in place of an earlier one.
    pub(crate) fn set<T: Any + Send + Sync>(&mut self, value: T) {
        self.0.retain(|(of, _)| *of != TypeId::of::<T>());
        self.0.push((TypeId::of::<T>(), Arc::new(value)));
    }

    /// The identity of these values: each value of each process is another one.
    #[cfg(feature = "testing")]
    pub(crate) fn identity(&self) -> impl std::hash::Hash {
        let addresses: Vec<usize> =
            self.0.iter().map(|(_, value)| Arc::as_ptr(value).cast::<()>().addr()).collect();
        (!addresses.is_empty()).then(|| (std::process::id(), addresses))
    }

    /// The value of a type.
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.iter().find(|(of, _)| *of == TypeId::of::<T>())?.1.downcast_ref()
    }
}

/// Shows how many there are: they may be secrets.
impl fmt::Debug for CodeValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}
