pub static SET: migrate_postgres::Migrator = migrate_postgres::migrate!();

pub fn main() {}
