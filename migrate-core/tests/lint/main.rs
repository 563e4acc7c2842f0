//! The findings of the rules: in the measured shapes, rule by rule, and in any text.

mod allowed;
mod docs;
mod down;
#[cfg(feature = "facts")]
mod facts;
mod fixes;
mod knowledge;
mod properties;
mod rules;
mod scorecard;
mod shapes;
mod support;
