use migrate_postgres::migrate;

pub fn main() {
    let _ = migrate!("prisma/migrations", set = "app");
}
