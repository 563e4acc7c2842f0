//! Sets, plans, histories and runs, through what the crate makes public.

mod accept;
#[cfg(feature = "histories")]
mod adopt;
mod backfills;
mod deployments;
mod embedded;
mod engine;
mod events;
mod folder;
#[cfg(feature = "histories")]
mod foreign;
mod grouping;
mod placeholders;
mod plans;
mod repeatable;
mod reports;
mod resolve;
mod resume;
mod states;
mod stopped;
mod support;
mod values;
