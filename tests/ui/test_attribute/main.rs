//! Invalid uses of the test attribute.

#[migrate_postgres::test]
fn not_async() {}

#[migrate_postgres::test]
async fn generic<T>() {}

#[migrate_postgres::test]
async fn method(&self) {}

#[migrate_postgres::test(directory = "migrations")]
async fn unknown_key() {}

#[migrate_postgres::test("migrations")]
async fn no_key() {}

#[migrate_postgres::test(schema, schema)]
async fn twice() {}

#[migrate_postgres::test(set = crate::SET, migrations = "migrations")]
async fn both() {}

#[migrate_postgres::test]
struct NoFunction;
