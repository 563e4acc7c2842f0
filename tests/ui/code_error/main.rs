static MIGRATIONS: migrate_postgres::Migrator = migrate_postgres::migrate!();

fn main() {
    println!("{:?}", MIGRATIONS);
}
