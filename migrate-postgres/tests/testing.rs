//! The test server itself, as its users meet it.

use migrate_postgres::testing;

#[tokio::test]
async fn each_test_gets_an_empty_database() {
    let server = testing::server().unwrap();
    let first = server.database().await.unwrap();
    let second = server.database().await.unwrap();
    assert_ne!(first.name(), second.name());
    first.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    second.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
}
