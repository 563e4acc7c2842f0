use migrate_postgres::migrate;

pub fn main() {
    let _ = migrate!("migrations", deny = "risky");
    let _ = migrate!("migrations", deny = DENY);
    let _ = migrate!("migrations", deny = "careful", deny = "dangerous");
    let _ = migrate!("migrations", since = "0001");
    let _ = migrate!("migrations", facts = "facts.json");
    let _ = migrate!("migrations", deny = "dangerous", since = "0009");
    let _ = migrate!("migrations", deny = "dangerous", facts = "none.json");
    let _ = migrate!("migrations", deny = "dangerous", facts = "facts.json");
}
