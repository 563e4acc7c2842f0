fn main() {
    migrate_postgres::migrate!();
}
