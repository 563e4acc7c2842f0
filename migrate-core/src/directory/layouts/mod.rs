//! The layouts: one file for each directory convention.

#[cfg(test)]
pub(crate) mod accepted;
pub(crate) mod dbmate;
pub(crate) mod detect;
pub(crate) mod flat;
pub(crate) mod flyway;
pub(crate) mod folders;
pub(crate) mod goose;
pub(crate) mod halves;
pub(crate) mod marks;
pub(crate) mod prisma;
pub(crate) mod refinery;
pub(crate) mod rules;
pub(crate) mod tern;
