use migrate_postgres::migrate;

pub fn main() {
    let _ = migrate!("migrations");
}
