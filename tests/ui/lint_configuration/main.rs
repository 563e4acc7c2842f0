use migrate_postgres::migrate;

pub fn main() {
    let _ = migrate!("migrations");
    let _ = migrate!("migrations", deny = "careful", since = "0003");
}
