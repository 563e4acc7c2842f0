//! A test with an argument type that no database provides, or with migrations that do not exist.

#[migrate_postgres::test]
async fn given_a_number(_number: u32) {}

#[migrate_postgres::test]
async fn given_a_database_of_its_own(_url: String, _database: migrate_postgres::testing::Database) {}

#[migrate_postgres::test(migrations = "no_such_folder")]
async fn of_no_folder() {}
