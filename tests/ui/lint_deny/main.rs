use migrate_postgres::migrate;

pub fn main() {
    let _ = migrate!("migrations", deny = "dangerous", since = "0001");
    let _ = migrate!("migrations", deny = "very-risky", since = "0002_index");
}
