//! Releases with different formats of the history.

use super::*;

/// A history as the first release wrote it, with two unfinished sets: each failed at a statement, and one of
/// them was told by hand where to resume.
async fn first_format() -> (Database, [Migrator; 2]) {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    admin.batch_execute(include_str!("../fixtures/history/format-1.sql")).await.unwrap();
    let tables = "CREATE TABLE public.users (id int PRIMARY KEY, email text); CREATE INDEX i ON public.users (id); \
                  CREATE TABLE public.jobs (id int)";
    admin.batch_execute(tables).await.unwrap();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/history");
    let migrator = |name: &str| {
        Migrator::new(Set::from_folder(format!("{fixtures}/{name}")).unwrap().named(name.to_owned()))
    };
    (database, ["default", "jobs"].map(migrator))
}

async fn format(database: &Database) -> Option<String> {
    let sql = "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d JOIN pg_attribute a ON attrelid = adrelid AND attnum = adnum \
               WHERE adrelid = 'public.migrate_history'::regclass AND attname = 'format'";
    database.connect().await.unwrap().query_opt(sql, &[]).await.unwrap().map(|row| row.get(0))
}

#[tokio::test]
async fn a_history_of_the_first_format_is_upgraded_by_the_run_that_writes_and_reads_the_same() {
    let (database, migrators) = first_format().await;
    let [default, jobs] = &migrators;
    let read = async || {
        let mut said = Vec::new();
        for migrator in &migrators {
            said.push(migrator.status(database.url()).await.unwrap().to_string());
            for attempt in migrator.history(database.url()).await.unwrap() {
                said.push(format!("{attempt:?}"));
            }
        }
        said
    };
    let before = read().await;
    assert_eq!(before.len(), 2 + 7 + 6);
    assert_eq!(
        [&before[0], &before[8]].map(|status| status.lines().last().unwrap().to_owned()),
        ["0004_indexes  interrupted after 1 statement", "0003_more   interrupted after 1 statement"]
    );
    // A boot with nothing to do leaves it unchanged, and so does a plan.
    assert!(
        Migrator::new(Set::new("nothing", Vec::new()).unwrap()).run(database.url()).await.unwrap().is_noop()
    );
    assert_eq!(jobs.plan(database.url()).await.unwrap().steps.len(), 1);
    assert_eq!(format(&database).await, None);
    // A run of any set upgrades the table for all sets.
    let other = Migrator::new(set("other", [Scripts::up(1, "CREATE TABLE other ()")]));
    other.run(database.url()).await.unwrap();
    assert_eq!(format(&database).await.as_deref(), Some("2"));
    assert_eq!(read().await, before);
    // Interrupted migrations resume.
    let admin = database.connect().await.unwrap();
    admin.batch_execute("CREATE TABLE nowhere (id int)").await.unwrap();
    for migrator in [default, jobs] {
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
    let formats = "SELECT string_agg(format || '×' || n, ' ' ORDER BY format) FROM \
                   (SELECT format, count(*) AS n FROM migrate_history GROUP BY format) f";
    let formats: String = admin.query_one(formats, &[]).await.unwrap().get(0);
    assert!(formats.starts_with("1×13 2×"), "{formats}");
    assert_eq!(fault(&admin).await, None);
}

/// The server describes an upgraded table exactly like a new one.
#[tokio::test]
async fn an_upgraded_history_is_the_table_that_a_first_run_makes() {
    let described = async |database: &Database| -> Vec<String> {
        let sql = "SELECT a.attname || ' ' || format_type(atttypid, NULL) || ' ' || attnotnull || ' ' || \
                     coalesce(pg_get_expr(adbin, adrelid), '') FROM pg_attribute a \
                     LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
                     WHERE attrelid = 'public.migrate_history'::regclass AND attnum > 0 \
                   UNION SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
                     WHERE conrelid = 'public.migrate_history'::regclass \
                   UNION SELECT indexdef FROM pg_indexes WHERE tablename = 'migrate_history' \
                   UNION SELECT obj_description('public.migrate_history'::regclass, 'pg_class') ORDER BY 1";
        let rows = database.connect().await.unwrap().query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let (upgraded, _) = first_format().await;
    let made = database().await;
    for database in [&upgraded, &made] {
        let other = Migrator::new(set("other", [Scripts::up(1, "CREATE TABLE other ()")]));
        other.run(database.url()).await.unwrap();
    }
    assert_eq!(described(&upgraded).await, described(&made).await);
}

#[tokio::test]
async fn a_role_that_does_not_own_the_history_is_told_who_upgrades_it() {
    let (database, _) = first_format().await;
    let admin = database.connect().await.unwrap();
    let role = format!("writes_to_{}", database.name());
    let grant = format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; \
         GRANT ALL ON migrate_history, migrate_history_head TO {role}"
    );
    admin.batch_execute(&grant).await.unwrap();
    let mut config = database.config();
    config.user(&role);
    let other = Migrator::new(set("other", [Scripts::up(1, "CREATE TABLE other ()")]));
    let error = other.run(&config).await.unwrap_err();
    assert!(matches!(error, Error::Privilege { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("upgrade the history's table") && error.contains("OWNER TO"), "{error}");
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// A dump locks the history for as long as it takes.
#[tokio::test]
async fn an_upgrade_waits_no_longer_than_a_lock_timeout_for_who_reads_the_history() {
    let (database, _) = first_format().await;
    let mut reader = database.connect().await.unwrap();
    let transaction = reader.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE migrate_history IN ACCESS SHARE MODE").await.unwrap();
    for up in ["CREATE TABLE other ()", "CREATE TABLE other (); VACUUM other"] {
        let other = Migrator::new(set("other", [Scripts::up(1, up)]))
            .lock_timeout(Duration::from_millis(50))
            .retry_for(Duration::from_millis(200));
        match other.run(database.url()).await.unwrap_err() {
            Error::Failed(failure) => assert_eq!(failure.code.as_deref(), Some("55P03"), "{failure}"),
            error => panic!("{error}"),
        }
    }
    transaction.rollback().await.unwrap();
    assert_eq!(format(&database).await, None);
}

/// The next release, built from the same source with one more column in its history.
struct NextRelease {
    migrations: [Folder; 5],
}

impl NextRelease {
    fn new() -> NextRelease {
        let file = |n: usize| (format!("{n:04}_t.up.sql"), format!("CREATE TABLE t{n} ();"));
        let files: Vec<(String, String)> = (1..5).map(file).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        NextRelease { migrations: std::array::from_fn(|count| folder_of(&files[..count])) }
    }

    /// A folder with this many of the first migrations.
    fn migrations(&self, count: usize) -> &Path {
        self.migrations[count].path()
    }

    fn this(&self, count: usize) -> Migrator {
        Migrator::new(Set::from_folder(self.migrations(count)).unwrap())
    }

    /// The number of steps that the other build takes.
    fn run(&self, count: usize, database: &Database) -> String {
        self.outcome(count, database).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The output of the other build, or its error.
    fn outcome(&self, count: usize, database: &Database) -> Result<String, String> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/next-format/Cargo.toml");
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--manifest-path", root, "--"])
            .args([database.url(), self.migrations(count).to_str().unwrap()])
            .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/../next-format"))
            .env("MIGRATE_TEST_NEXT_FORMAT", "1")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// With the other release's history, this release boots with one query, reads, and refuses to write.
    async fn assert_read_and_not_written(&self, applied: usize, database: &Database) {
        let this = self.this(applied);
        assert_eq!(boot(&this, &database.config()).await, (1, 0));
        let status = this.status(database.url()).await.unwrap();
        assert_eq!((status.rows.len(), status.pending().count()), (applied, 0));
        assert_eq!(this.history(database.url()).await.unwrap().len(), applied);
        let more = self.this(applied + 1);
        assert_eq!(more.plan(database.url()).await.unwrap().steps.len(), 1);
        for refused in [
            more.run(database.url()).await,
            more.run(&database.connect().await.unwrap()).await,
            more.resolve(
                database.url(),
                &format!("{}", applied + 1),
                migrate_postgres::Resolution::Applied,
                "a try",
            )
            .await,
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::NewerFormat { found: 3, known: 2, .. }), "{error:?}");
            assert!(error.to_string().contains("next: deploy the newer release"), "{error}");
        }
        assert_eq!(this.history(database.url()).await.unwrap().len(), applied);
    }
}

#[tokio::test]
async fn an_older_release_reads_the_history_of_a_newer_format_and_refuses_to_write_it() {
    let (database, next) = (database().await, NextRelease::new());
    assert_eq!(next.run(2, &database), "2 steps\n");
    next.assert_read_and_not_written(2, &database).await;
    assert_eq!(next.run(3, &database), "1 steps\n");
    next.assert_read_and_not_written(3, &database).await;
    // The number is also in the table's comment, in case the column's default is lost.
    let admin = database.connect().await.unwrap();
    admin.batch_execute("ALTER TABLE migrate_history ALTER COLUMN format DROP DEFAULT").await.unwrap();
    next.assert_read_and_not_written(3, &database).await;
}

#[tokio::test]
async fn a_newer_release_upgrades_the_history_of_an_older_one_when_it_writes() {
    let (database, next) = (database().await, NextRelease::new());
    assert_eq!(next.this(2).run(database.url()).await.unwrap().steps.len(), 2);
    assert_eq!(next.run(2, &database), "0 steps\n");
    assert_eq!(format(&database).await.as_deref(), Some("2"));
    assert_eq!(next.run(3, &database), "1 steps\n");
    assert_eq!(format(&database).await.as_deref(), Some("3"));
    next.assert_read_and_not_written(3, &database).await;
}

/// The other build lacks the feature `histories`: its `main.rs` does not compile with it.
#[tokio::test]
async fn a_build_without_the_feature_histories_refuses_too() {
    let (database, build) = (database().await, NextRelease::new());
    let admin = database.connect().await.unwrap();
    let sqlx = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
                  installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, \
                  execution_time bigint NOT NULL); \
                INSERT INTO _sqlx_migrations SELECT n, 't', now(), true, sha384(convert_to(format('CREATE TABLE t%s ();', n), 'UTF8')), 0 \
                  FROM generate_series(1, 2) n; \
                CREATE TABLE t1 (); CREATE TABLE t2 ()";
    admin.batch_execute(sqlx).await.unwrap();
    let error = build.outcome(3, &database).unwrap_err();
    for part in ["public._sqlx_migrations", "lists 2 of this set's 3 migrations", "`ignore_foreign_history`"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    let made = "SELECT coalesce(to_regclass('migrate_history'), to_regclass('t3'))::text";
    assert_eq!(admin.query_one(made, &[]).await.unwrap().get::<_, Option<String>>(0), None);
    // If the table lists no migration of the set, the same build boots.
    admin.batch_execute("TRUNCATE _sqlx_migrations; DROP TABLE t1, t2").await.unwrap();
    assert_eq!(build.run(3, &database), "3 steps\n");
}
