//! Events of a run in progress.

#[path = "watch/limits.rs"]
mod limits;

use migrate_postgres::testing::{self, Database, Server};
use migrate_postgres::{Activity, Error, Event, LockKind, Migrator, Set, Target};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::proxy::Proxy;
use migrate_tests::sets::folder_of;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// A session that keeps a table locked.
async fn keeper(database: &Database) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'keeper'; BEGIN; LOCK TABLE t").await.unwrap();
    client
}

/// The parts of an event that the tests check.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Started(String, usize),
    Done(String, usize),
    Slow { at: String, pid: Option<i32>, blockers: Vec<String> },
    Applied(String),
    Ended(&'static str),
}

fn heard(event: &Event<'_>) -> Option<Heard> {
    Some(match event {
        Event::StatementStarted { statement, .. } => {
            Heard::Started(statement.name.to_owned(), statement.number)
        }
        Event::StatementDone { name, number, .. } => Heard::Done((*name).to_owned(), *number),
        Event::Slow { work, blockers, .. } => Heard::Slow {
            at: work.to_string(),
            pid: if let Activity::Statement(running) = work { running.pid } else { None },
            blockers: blockers.iter().filter_map(|blocker| blocker.application.clone()).collect(),
        },
        Event::StepDone { step, .. } => Heard::Applied(step.name.clone()),
        Event::Failed { .. } => Heard::Ended("failed"),
        Event::Stopped { .. } => Heard::Ended("stopped"),
        Event::Finished { .. } => Heard::Ended("finished"),
        _ => return None,
    })
}

fn listening(migrator: Migrator) -> (Migrator, UnboundedReceiver<Heard>) {
    let (sender, receiver): (UnboundedSender<Heard>, _) = unbounded_channel();
    let migrator = migrator.on_event(move |event| {
        if let Some(heard) = heard(event) {
            sender.send(heard).unwrap();
        }
    });
    (migrator, receiver)
}

/// Receives events until one matches.
async fn until(events: &mut UnboundedReceiver<Heard>, is_it: impl Fn(&Heard) -> bool) -> Vec<Heard> {
    let mut all = Vec::new();
    loop {
        // A failing test must not wait forever.
        let next = tokio::time::timeout(Duration::from_secs(60), events.recv()).await;
        all.push(next.ok().flatten().unwrap_or_else(|| panic!("it was never told of: {all:?}")));
        if is_it(&all[all.len() - 1]) {
            return all;
        }
    }
}

/// The process of the session that waits for the table's holder.
async fn waiting(database: &Database) -> i32 {
    let query = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
    database.connect().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
}

const SOON: Duration = Duration::from_millis(300);

/// Two migrations. The second has a statement in its middle that waits, and all are sent in one message.
const BATCH: &[(&str, &str)] = &[
    ("1_a.sql", "CREATE TABLE a ();"),
    ("2_t.sql", "CREATE TABLE b ();\nALTER TABLE t\n  ADD c int;\nCREATE TABLE c ();"),
    ("3_d.sql", "CREATE TABLE d ();"),
];

async fn a_statement_that_waits_is_told_of_while_it_does<T: Target + ?Sized>(
    database: &Database,
    target: &T,
    can_look: bool,
) {
    let keeper = keeper(database).await;
    let (migrator, mut events) = listening(migrator(BATCH).slow_after(SOON).lock_timeout(None));
    let run = migrator.run(target);
    let watch = async {
        let before = until(&mut events, |heard| matches!(heard, Heard::Slow { .. })).await;
        let pid = waiting(database).await;
        keeper.batch_execute("COMMIT").await.unwrap();
        (before, pid)
    };
    let (outcome, (mut before, waiting)) = tokio::join!(run, watch);
    assert_eq!(outcome.unwrap().steps.len(), 3);

    let name = || "2_t".to_owned();
    let slow = Heard::Slow {
        at: "2_t: statement 2 of 3 at 2_t.sql:2, ALTER TABLE t".to_owned(),
        pid: Some(waiting),
        blockers: if can_look { vec!["keeper".to_owned()] } else { Vec::new() },
    };
    assert_eq!(before.pop(), Some(slow));
    // Everything done before is reported before, even though it was sent in the same message.
    let (first, one) = (|number| Heard::Started(name(), number), "1_a".to_owned());
    let expected = [
        Heard::Started(one.clone(), 1),
        Heard::Done(one.clone(), 1),
        Heard::Applied(one),
        first(1),
        Heard::Done(name(), 1),
        first(2),
    ];
    assert_eq!(before, expected);
    let after = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    let after: Vec<&Heard> = after.iter().filter(|heard| !matches!(heard, Heard::Slow { .. })).collect();
    assert_eq!(after[..2], [&Heard::Done(name(), 2), &first(3)]);
    assert_eq!(after.last(), Some(&&Heard::Ended("finished")));
}

#[tokio::test]
async fn a_statement_in_the_middle_of_a_batch_is_told_of_with_who_is_in_its_way() {
    let database = database().await;
    database.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    a_statement_that_waits_is_told_of_while_it_does(&database, database.url(), true).await;
}

#[tokio::test]
async fn over_a_single_client_it_is_told_of_without_them() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    a_statement_that_waits_is_told_of_while_it_does(&database, &client, false).await;
}

/// A pooler invents process numbers for its clients; the reported ones are the server's.
#[tokio::test]
async fn through_a_pooler_it_is_told_of_with_the_servers_own_process() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let Some(bouncer) = PgBouncer::start(&server, 5).await else { return };
    database.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    let url = bouncer.url(database.name());
    a_statement_that_waits_is_told_of_while_it_does(&database, url.as_str(), true).await;
}

#[tokio::test]
async fn of_a_script_that_runs_statement_by_statement_the_same_is_told() {
    for waits in ["ALTER TABLE t ADD c int", "CREATE INDEX CONCURRENTLY i ON t ((1))"] {
        let database = database().await;
        database.connect().await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
        let keeper = keeper(&database).await;
        let script = format!("CREATE TABLE a ();\n{waits};\nVACUUM a;");
        let (migrator, mut events) = listening(migrator(&[("1_t.sql", &script)]).slow_after(SOON));
        let watch = async {
            let before = until(&mut events, |heard| matches!(heard, Heard::Slow { .. })).await;
            let pid = waiting(&database).await;
            keeper.batch_execute("COMMIT").await.unwrap();
            (before, pid)
        };
        let (outcome, (before, waiting)) = tokio::join!(migrator.run(database.url()), watch);
        assert_eq!(outcome.unwrap().steps.len(), 1, "{waits}");
        let Some(Heard::Slow { at, pid, blockers }) = before.last() else { unreachable!() };
        assert!(at.starts_with("1_t: statement 2 of 3 at 1_t.sql:2, "), "{at}");
        assert_eq!((*pid, blockers.as_slice()), (Some(waiting), &["keeper".to_owned()][..]), "{waits}");
        let name = || "1_t".to_owned();
        let expected = [Heard::Started(name(), 1), Heard::Done(name(), 1), Heard::Started(name(), 2)];
        assert_eq!(before[..3], expected);
    }
}

#[tokio::test]
async fn a_statement_is_told_of_again_when_its_age_has_doubled_and_no_oftener() {
    let database = database().await;
    let ages = Arc::new(Mutex::new(Vec::new()));
    let seen = ages.clone();
    let script = "SELECT pg_sleep(2);";
    let migrator = migrator(&[("1_a.sql", script)]).slow_after(Duration::from_millis(200));
    let migrator = migrator.on_event(move |event| {
        if let Event::Slow { age, .. } = event {
            seen.lock().unwrap().push(*age);
        }
    });
    migrator.run(database.url()).await.unwrap();
    let ages = ages.lock().unwrap();
    assert!((2..=4).contains(&ages.len()), "{ages:?}");
    assert!(ages.windows(2).all(|pair| pair[1] > pair[0]), "{ages:?}");
}

#[tokio::test]
async fn nothing_is_slow_where_that_is_turned_off() {
    let database = database().await;
    let (migrator, mut events) = listening(migrator(&[("1_a.sql", "SELECT pg_sleep(1);")]).slow_after(None));
    migrator.run(database.url()).await.unwrap();
    let all = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    assert!(!all.iter().any(|heard| matches!(heard, Heard::Slow { .. })), "{all:?}");
}

#[tokio::test]
async fn who_waits_for_the_migration_lock_hears_who_has_it() {
    let database = database().await;
    let files = [("1_a.sql", "SELECT pg_sleep(2);")];
    let (first, mut begun) = listening(migrator(&files));
    let (second, mut events) = listening(migrator(&files).slow_after(SOON).lock(LockKind::Transaction));
    let late = async {
        until(&mut begun, |heard| matches!(heard, Heard::Started(..))).await;
        second.run(database.url()).await.unwrap()
    };
    let (winner, loser) = tokio::join!(first.run(database.url()), late);
    assert_eq!((winner.unwrap().steps.len(), loser.is_noop()), (1, true));
    let slow = until(&mut events, |heard| matches!(heard, Heard::Slow { .. })).await.pop();
    let Some(Heard::Slow { at, blockers, .. }) = slow else { unreachable!() };
    assert_eq!((at.as_str(), blockers.len()), ("waiting for the migration lock", 1));
}

#[tokio::test]
async fn a_verify_script_that_takes_long_is_told_of() {
    let database = database().await;
    let files = [
        ("1_a.up.sql", "CREATE TABLE a ();"),
        ("1_a.verify.sql", "SELECT true FROM pg_sleep(1);"),
        ("2_b.up.sql", "CREATE TABLE b (); VACUUM b;"),
        ("2_b.verify.sql", "SELECT true FROM pg_sleep(1);"),
    ];
    let (migrator, mut events) = listening(migrator(&files).slow_after(SOON));
    migrator.run(database.url()).await.unwrap();
    let all = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    for name in ["1_a", "2_b"] {
        let around = format!("{name}: the statements that the run adds to its script");
        assert!(all.iter().any(|heard| matches!(heard, Heard::Slow { at, .. } if *at == around)), "{all:?}");
    }
}

#[tokio::test]
async fn a_run_that_ends_with_an_error_says_so_whatever_it_is() {
    let database = database().await;
    let (failing, mut events) = listening(migrator(&[("1_a.sql", "SELECT 1/0;")]));
    assert!(matches!(failing.run(database.url()).await, Err(Error::Failed(_))));
    assert_eq!(
        until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await.pop(),
        Some(Heard::Ended("failed"))
    );

    let (edited, mut events) = listening(migrator(&[("1_a.sql", "SELECT 2;")]));
    migrator(&[("1_a.sql", "SELECT 1;")]).run(database.url()).await.unwrap();
    assert!(matches!(edited.run(database.url()).await, Err(Error::Refused(_))));
    assert_eq!(
        until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await.pop(),
        Some(Heard::Ended("stopped"))
    );
}

#[tokio::test]
async fn a_large_batch_has_all_its_statements_told_of_in_order() {
    let database = database().await;
    let scripts: Vec<(String, String)> = (1..=40)
        .map(|number| {
            (format!("{number:02}_m.sql"), format!("CREATE TABLE a{number} (); CREATE TABLE b{number} ();"))
        })
        .collect();
    let files: Vec<(&str, &str)> =
        scripts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (migrator, mut events) = listening(migrator(&files));
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 40);
    let all = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    let expected: Vec<Heard> = (1..=40)
        .flat_map(|number| {
            let name = || format!("{number:02}_m");
            let started = |place| Heard::Started(name(), place);
            let done = |place| Heard::Done(name(), place);
            [started(1), done(1), started(2), done(2), Heard::Applied(name())]
        })
        .chain([Heard::Ended("finished")])
        .collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn to_be_followed_costs_no_round_trip() {
    let mut round_trips = Vec::new();
    for is_observed in [false, true] {
        let database = database().await;
        let proxy = Proxy::start(&database.config()).await;
        let mut migrator = migrator(BATCH).up_to("1_a");
        if is_observed {
            migrator = migrator.on_event(|_| {});
        }
        migrator.run(proxy.url().as_str()).await.unwrap();
        let connections = proxy.connections();
        round_trips.push(connections.iter().map(|connection| connection.round_trips).collect::<Vec<_>>());
    }
    assert_eq!(round_trips, [[3, 1], [3, 1]]);
}

/// The queries between the statements of a followed script do not affect the script.
#[tokio::test]
async fn a_script_that_is_followed_may_do_what_any_script_may() {
    let database = database().await;
    let files = [
        (
            "1_all.sql",
            "\u{feff}-- ä\nCREATE TABLE t (id int); SET search_path = ''; SET ROLE pg_monitor; RESET ROLE;\n\
             SAVEPOINT s; INSERT INTO public.t VALUES (1); ROLLBACK TO s;\n\
             DECLARE c CURSOR FOR SELECT 1; FETCH c; PREPARE p AS SELECT 2; EXECUTE p;\n\
             SELECT repeat('x', 20000); DO $$BEGIN RAISE NOTICE 'a notice'; END$$; LOCK public.t;\n\
             CREATE RULE r AS ON INSERT TO public.t DO ALSO (SELECT 1; SELECT 2);\n\
             INSERT INTO public.t VALUES (2); -- the end",
        ),
        ("2_after.sql", "INSERT INTO t VALUES (3)"),
    ];
    let (migrator, mut events) = listening(migrator(&files));
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 2);
    let all = until(&mut events, |heard| matches!(heard, Heard::Ended(_))).await;
    let done: Vec<&Heard> = all.iter().filter(|heard| matches!(heard, Heard::Done(..))).collect();
    assert_eq!(done.len(), 17, "{done:?}");
    let client = database.connect().await.unwrap();
    let ids: Vec<i32> = client
        .query("SELECT id FROM t ORDER BY id", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ids, [2, 3]);
}

#[tokio::test]
async fn a_failure_has_the_same_place_whether_anybody_listens_or_not() {
    for text in [
        "SELECT 'ä';\n  SELECT 'ö', nowhere;\nSELECT 3;",
        "SELECT 'ä';\n  SELEKT 'ö';\nSELECT 3;",
        "SELECT 'ä'; SELECT 'ö' FROM",
        "SELECT 'ä';\nSELECT 1/0;",
    ] {
        let mut failures = Vec::new();
        for is_observed in [false, true] {
            let database = database().await;
            let mut migrator = migrator(&[("1_a.sql", "CREATE TABLE a ();"), ("2_b.sql", text)]);
            if is_observed {
                migrator = migrator.on_event(|_| {});
            }
            let Error::Failed(failure) = migrator.run(database.url()).await.unwrap_err() else {
                panic!("not a failure")
            };
            failures.push((failure.place, failure.code, failure.left, failure.report.steps.len()));
        }
        assert_eq!(failures[0], failures[1], "{text}");
    }
}

#[test]
fn the_page_has_every_event() {
    let source = include_str!("../migrate-core/src/engine/event.rs");
    let events = source.split("pub enum Event<'a> {").nth(1).unwrap().split("\n}").next().unwrap();
    let names: Vec<&str> = events
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"))
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert!(names.contains(&"Slow") && names.len() > 10, "{names:?}");
    let page = include_str!("../migrate-postgres/docs/observability.md");
    for name in names {
        assert!(page.contains(&format!("\n| `{name}` | ")), "{name} is not on the page");
    }
}

/// A server message is an event at its statement, even if many statements are in one message.
#[tokio::test]
async fn a_notice_is_heard_at_its_statement_and_a_warning_is_in_the_report() {
    let database = database().await;
    let raise = |what: &str, how: &str| {
        format!("DO $$ BEGIN RAISE {how} '{what}'; RAISE NOTICE '{what}, too'; END $$;")
    };
    let first = format!("SELECT 1; {} SELECT 2; {}", raise("a", "NOTICE"), raise("b", "INFO"));
    let second =
        format!("CREATE TABLE t (id int); {} CREATE TABLE IF NOT EXISTS t ();", raise("lossy", "WARNING"));
    let deferred = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'late'; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();
        INSERT INTO t VALUES (1);";
    let bare = format!(
        "-- migrate: transaction=none\nSELECT 1;\n{} VACUUM t; {}",
        raise("c", "NOTICE"),
        raise("d", "LOG")
    );
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let files = [("1_a.sql", &*first), ("2_b.sql", &*second), ("3_c.sql", deferred), ("4_d.sql", &*bare)];
    let migrator = migrator(&files).on_event(move |event| {
        if let Event::ServerSaid { message, name, statement, .. } = event {
            let number = statement.as_ref().map(|statement| statement.number);
            let said = format!("{name} {number:?} {} {}", message.severity.word(), message.message);
            told.lock().unwrap().push(said);
        }
    });
    let report = migrator.run(database.url()).await.unwrap();
    let expected = [
        "1_a Some(2) NOTICE a",
        "1_a Some(2) NOTICE a, too",
        "1_a Some(4) INFO b",
        "1_a Some(4) NOTICE b, too",
        "2_b Some(2) WARNING lossy",
        "2_b Some(2) NOTICE lossy, too",
        "2_b Some(3) NOTICE relation \"t\" already exists, skipping",
        "3_c None NOTICE late",
        "4_d Some(2) NOTICE c",
        "4_d Some(2) NOTICE c, too",
        "4_d Some(4) NOTICE d, too",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["2_b: WARNING: lossy"]);
    let counts: Vec<_> = report.steps.iter().map(|step| (step.notices, step.warnings)).collect();
    assert_eq!(counts, [(4, 0), (2, 1), (1, 0), (3, 0)]);
}

/// Each attempt's row has the number of server messages: for success and failure, in a batch and statement by
/// statement. Without a listener the number is unknown.
#[tokio::test]
async fn the_history_has_the_numbers_of_messages() {
    let raise = "DO $$ BEGIN RAISE WARNING 'w'; RAISE NOTICE 'n'; RAISE NOTICE 'm'; END $$;";
    let bare = format!("-- migrate: transaction=none\nSELECT 1; {raise} VACUUM;");
    let bare_fails = format!("-- migrate: transaction=none\nSELECT 1; {raise} SELECT 1/0;");
    let fails = format!("{raise} SELECT 1/0;");
    let files = [("1_a.sql", raise), ("2_b.sql", "SELECT 1;"), ("3_c.sql", &*bare), ("4_d.sql", raise)];
    for last in [&*fails, &*bare_fails] {
        let all: Vec<(&str, &str)> = files.into_iter().chain([("5_e.sql", last)]).collect();
        let (heard, unheard) = (database().await, database().await);
        let client = unheard.connect().await.unwrap();
        migrator(&all).run(heard.url()).await.unwrap_err();
        migrator(&all).run(&client).await.unwrap_err();
        let counts = async |database: &Database| {
            let attempts = migrator(&all).history(database.url()).await.unwrap();
            attempts.iter().map(|attempt| (attempt.notices, attempt.warnings)).collect::<Vec<_>>()
        };
        let raised = (Some(2), Some(1));
        assert_eq!(counts(&heard).await, [raised, (Some(0), Some(0)), raised, raised, raised], "{last}");
        assert_eq!(counts(&unheard).await, [(None, None); 5]);
    }
}

/// A thousand notices of each of a hundred migrations are received, none lost or assigned to another
/// migration; and a run that is dropped at one leaves nothing waiting.
#[tokio::test]
async fn many_notices_are_all_heard_and_hold_nothing_up() {
    let database = database().await;
    let text = "DO $$ BEGIN FOR i IN 1..100 LOOP RAISE NOTICE '%', i; END LOOP; END $$;";
    let names: Vec<String> = (1..=50).map(|number| format!("{number}_n.sql")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, text)).collect();
    let report = migrator(&files).run(database.url()).await.unwrap();
    assert!(report.steps.iter().all(|step| step.notices == 100 && step.warnings == 0), "{report:?}");
}

/// A password in a script's notice is removed.
#[tokio::test]
async fn a_notice_shows_no_secret_and_nothing_that_a_terminal_obeys() {
    let database = database().await;
    let text = "DO $$ DECLARE v_password text := 'hunter2'; BEGIN RAISE WARNING E'it is % \\u001b[2J', v_password; END $$;";
    let heard = Arc::new(Mutex::new(String::new()));
    let told = heard.clone();
    let migrator = migrator(&[("1_a.sql", text)])
        .on_event(move |event| told.lock().unwrap().push_str(&format!("{event}\n")));
    let report = migrator.run(database.url()).await.unwrap();
    let shown = format!("{}{report}", heard.lock().unwrap());
    assert!(shown.contains("WARNING: it is … \\u{1b}[2J") && !shown.contains("hunter2"), "{shown:?}");
    assert!(!shown.chars().any(migrate_core::display::printable::is_obeyed), "{shown:?}");
}
