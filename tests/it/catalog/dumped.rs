//! A dumped and restored object reads the same: definitions do not depend on how it was created.

use crate::catalog::Sample;
use crate::catalog::schema::OBJECTS;
use migrate_postgres::testing;
use std::process::{Command, Stdio};

const MORE: &str = "
    CREATE EXTENSION hstore;
    CREATE TABLE items (id int PRIMARY KEY, tags hstore DEFAULT 'a=>1') PARTITION BY RANGE (id);
    CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (1) TO (10);
    CREATE TABLE refers (item int REFERENCES items, name text COLLATE \"C\" NOT NULL) PARTITION BY LIST (item);
    CREATE TABLE refers_1 PARTITION OF refers DEFAULT;
    CREATE TABLE gone (a int, b int DEFAULT 2, c varchar(7));
    ALTER TABLE gone DROP a, ALTER c SET STATISTICS 5, ALTER c SET STORAGE EXTERNAL, SET (fillfactor = 50);
    CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER seen AFTER INSERT ON refers FOR EACH ROW EXECUTE FUNCTION seen();
    CREATE TRIGGER quiet AFTER INSERT ON gone FOR EACH ROW EXECUTE FUNCTION seen();
    ALTER TABLE gone DISABLE TRIGGER quiet;
    ALTER TABLE refers ADD CONSTRAINT is_short CHECK (length(name) < 9) NOT VALID;
    GRANT SELECT (b), UPDATE (c) ON gone TO PUBLIC;
    REVOKE EXECUTE ON FUNCTION seen() FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
    COMMENT ON INDEX items_pkey IS 'key';
    CREATE PUBLICATION changes FOR TABLE gone;
";

#[tokio::test]
async fn what_is_dumped_and_restored_reads_the_same() {
    let (original, restored) = (Sample::new().await, Sample::new().await);
    let programs = testing::server().unwrap().bin_dir().map(|bin| (bin.join("pg_dump"), bin.join("psql")));
    let Some((dump, psql)) = programs.filter(|(dump, psql)| dump.exists() && psql.exists()) else {
        // This happens with the servers of `tests/with-postgres`.
        return eprintln!("no pg_dump beside the server: nothing was tested");
    };
    original.run(OBJECTS).await;
    original.run(MORE).await;
    original.run("CREATE SCHEMA other; SET search_path = other, public").await;
    original.run(OBJECTS).await;

    let mut dumping = Command::new(dump).arg(original.database.url()).stdout(Stdio::piped()).spawn().unwrap();
    let text = dumping.stdout.take().unwrap();
    let restoring = Command::new(psql)
        .args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", restored.database.url()])
        .stdin(text)
        .output()
        .unwrap();
    assert!(dumping.wait().unwrap().success());
    assert!(restoring.status.success(), "{}", String::from_utf8_lossy(&restoring.stderr));

    let (before, after) = (original.catalog().await, restored.catalog().await);
    assert!(before.objects().len() > 120, "{}", before.objects().len());
    assert_eq!(before.differences(&after).to_string(), "");
    assert_eq!(before.fingerprint(), after.fingerprint());
}
