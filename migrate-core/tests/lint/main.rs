//! What the rules find: in the measured shapes, rule by rule, and in any text.

mod allowed;
mod knowledge;
mod properties;
mod rules;
mod shapes;
mod support;
