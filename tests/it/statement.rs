//! The parsed form of statements, compared with a server.

use migrate_core::sql::statement::LexedStatement;
use migrate_postgres::testing;
use tokio_postgres::{SimpleColumn, SimpleQueryMessage};

#[tokio::test]
async fn names_are_read_as_the_server_reads_them() {
    let long = ["ä".repeat(40), format!("a{}", "ä".repeat(40)), "😀".repeat(20), "x".repeat(64)];
    let quoted = long.iter().map(|name| format!("\"{name}\""));
    let written: Vec<String> = [
        "Users",
        "uSER_1$a",
        "ÄPFEL",
        "Größe",
        "名前",
        "\"Users\"",
        "\"a\"\"b\"\"\"",
        "\" \"",
        "\"a.b\"",
        "U&\"d\\0061t\\+000061\"",
        "u&\"\\00C4\\\\\"\"x\"",
        "U&\"d!0061!!\" UESCAPE '!'",
        "U&\"\\D83D\\DE00\"",
        "U&\"ABC\"",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(long.iter().filter(|name| !name.starts_with('😀')).cloned())
    .chain(quoted)
    .collect();
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    let columns: Vec<String> = written.iter().map(|name| format!("1 AS {name}")).collect();
    let answer = client.simple_query(&format!("SELECT {}", columns.join(", "))).await.unwrap();
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let read: Vec<&str> = row.unwrap().columns().iter().map(SimpleColumn::name).collect();
    let folded: Vec<String> = written
        .iter()
        .map(|name| {
            let statement = format!("DROP TABLE {name}");
            LexedStatement::new(&statement).parse().target().unwrap().folded()
        })
        .collect();
    assert_eq!(folded, read);
}
