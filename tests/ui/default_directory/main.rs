pub const SET: migrate_postgres::Set = migrate_postgres::migrate!();

pub fn main() {}
