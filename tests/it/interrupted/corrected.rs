//! A corrected script resumes where the wrong one failed.

use super::*;

#[tokio::test]
async fn a_corrected_script_goes_on_where_the_wrong_one_failed() {
    let ok = "CREATE INDEX CONCURRENTLY i ON users (id);";
    for (wrong, right, expected) in [
        // The only statement is edited.
        ("CREATE INDEX CONCURRENTLY i ON user_s (id);".to_owned(), ok.to_owned(), "i"),
        // The second statement is edited. The first one's comments have changed, and it is not run again.
        (
            format!("{ok} CREATE INDEX CONCURRENTLY j ON users (emial);"),
            format!(
                "-- Both.\n{ok}\nCREATE INDEX CONCURRENTLY j ON users (email);\nCREATE INDEX CONCURRENTLY k ON users (id);"
            ),
            "i j k",
        ),
        // The failed statement is removed.
        (format!("{ok} CREATE INDEX CONCURRENTLY j ON users (emial);"), ok.to_owned(), "i"),
        // Nothing was done, so it may run in a transaction now.
        (
            "CREATE INDEX CONCURRENTLY i ON users (ID_);".to_owned(),
            "CREATE INDEX i ON users (id);".to_owned(),
            "i",
        ),
        // An index whose build failed exists, and is INVALID.
        (
            "INSERT INTO users VALUES (1), (1); CREATE UNIQUE INDEX CONCURRENTLY i ON users (id);".to_owned(),
            format!("INSERT INTO users VALUES (1), (1); {ok}"),
            "i",
        ),
    ] {
        let database = database().await;
        let error = second(&wrong).run(database.url()).await.unwrap_err().to_string();
        assert!(
            error.contains("next: ") && error.contains("and run again; the run resumes at this statement"),
            "{error}"
        );
        let right = second(&right);
        assert_eq!(names(&right.run(database.url()).await.unwrap()), ["apply 00002_step"], "{wrong}");
        assert_eq!(indexes(&database).await, expected);
        assert!(right.run(database.url()).await.unwrap().is_noop());
        let outcomes: Vec<String> =
            right.history(database.url()).await.unwrap().iter().map(|row| row.outcome.to_string()).collect();
        assert!(outcomes[1].starts_with("failed") && outcomes[2] == "done", "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_corrected_script_leaves_an_invalid_index_alone_that_no_text_of_it_makes() {
    let database = database().await;
    let wrong = second("CREATE INDEX CONCURRENTLY i ON users (emial);");
    wrong.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute("INSERT INTO users VALUES (1), (1)").await.unwrap();
    admin.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY i ON users (id)").await.unwrap_err();
    wrong.run(database.url()).await.unwrap_err();
    let right = second("CREATE INDEX CONCURRENTLY i ON users (email);");
    match right.run(database.url()).await.unwrap_err() {
        Error::Failed(failure) => assert_eq!(failure.code.as_deref(), Some("42P07"), "{failure}"),
        error => panic!("{error}"),
    }
    assert_eq!(indexes(&database).await, "i!");
}

#[tokio::test]
async fn a_corrected_script_may_fail_again_and_be_corrected_again() {
    let database = database().await;
    let ok = "CREATE INDEX CONCURRENTLY i ON users (id);";
    for wrong in ["emial", "e_mail", "mail"] {
        let script = format!("{ok} CREATE INDEX CONCURRENTLY j ON users ({wrong});");
        match second(&script).run(database.url()).await.unwrap_err() {
            Error::Failed(failure) => assert!(failure.message.contains(wrong), "{failure}"),
            error => panic!("{error}"),
        }
        assert_eq!(indexes(&database).await, "i");
    }
    let script = format!("{ok} CREATE INDEX CONCURRENTLY j ON users (email);");
    second(&script).run(database.url()).await.unwrap();
    assert_eq!(indexes(&database).await, "i j");
}

#[tokio::test]
async fn a_script_that_was_edited_in_what_is_done_does_not_go_on() {
    let database = database().await;
    let done = "CREATE INDEX CONCURRENTLY i ON users (id); ALTER ROLE CURRENT_USER SET app.token = 'one';";
    let wrong = "CREATE INDEX CONCURRENTLY j ON users (emial);";
    second(&format!("{done} {wrong}")).run(database.url()).await.unwrap_err();
    for edited in [
        format!("{} {wrong}", done.replace("(id)", "(email)")),
        // For a secret, equality is unknown.
        format!("{done} CREATE INDEX CONCURRENTLY j ON users (email);"),
        "CREATE INDEX CONCURRENTLY i ON users (id);".to_owned(),
        "CREATE INDEX i ON users (id);".to_owned(),
    ] {
        let refused = second(&edited).run(database.url()).await;
        assert_eq!(refusal(refused), ("00002_step".to_owned(), Interruption::Edited), "{edited}");
    }
    assert_eq!(indexes(&database).await, "i");
}
