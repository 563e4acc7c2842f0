use migrate_postgres::migrate;

const DIRECTORY: &str = "migrations";

pub fn main() {
    let _ = migrate!(DIRECTORY);
    let _ = migrate!(concat!("mig", "rations"));
    let _ = migrate!("migrations", sets = "billing");
    let _ = migrate!("migrations", set = billing);
    let _ = migrate!("migrations", set = "");
    let _ = migrate!("migrations", set = "a", set = "b");
    let _ = migrate!("migrations", "more");
    let _ = migrate!("migrations" set = "a");
    let _ = migrate!("migrations", history_schema = "");
    let _ = migrate!("migrations", history_table = TABLE);
    let _ = migrate!("migrations", lock_timeout = "soon");
    let _ = migrate!("migrations", statement_timeout = 5);
    let _ = migrate!("migrations", allow_missing = "yes");
    let _ = migrate!("migrations", program = "a", program = "b");
}
