//! The refusal of a transaction is determined from the text. `tests/regress/refusals.py` tries this table on
//! a server.

use migrate_core::sql::Refusal;

#[test]
fn these_statements_refuse_a_transaction() {
    use Refusal as R;
    let cases = [
        ("CREATE DATABASE d", R::CreateDatabase),
        ("create /* a */ database d", R::CreateDatabase),
        ("-- a\nDROP DATABASE IF EXISTS d", R::DropDatabase),
        ("ALTER DATABASE d SET TABLESPACE t", R::AlterDatabaseTablespace),
        ("ALTER DATABASE \"d\" WITH TABLESPACE = t", R::AlterDatabaseTablespace),
        ("ALTER DATABASE U&\"d!0061\" UESCAPE '!' TABLESPACE t", R::AlterDatabaseTablespace),
        ("CREATE TABLESPACE t LOCATION '/x'", R::CreateTablespace),
        ("DROP TABLESPACE t", R::DropTablespace),
        ("ALTER SYSTEM SET work_mem = '4MB'", R::AlterSystem),
        ("ALTER SYSTEM RESET ALL", R::AlterSystem),
        ("VACUUM", R::Vacuum),
        ("VACUUM (FULL, ANALYZE) t", R::Vacuum),
        ("VACUUM ANALYZE t", R::Vacuum),
        ("CREATE INDEX CONCURRENTLY ON t (a)", R::CreateIndexConcurrently),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", R::CreateIndexConcurrently),
        ("create\tunique\nindex--\nconcurrently i on t (a)", R::CreateIndexConcurrently),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", R::DropIndexConcurrently),
        ("REINDEX INDEX CONCURRENTLY i", R::ReindexConcurrently),
        ("REINDEX (CONCURRENTLY) TABLE t", R::ReindexConcurrently),
        ("REINDEX (VERBOSE, CONCURRENTLY ON) TABLE t", R::ReindexConcurrently),
        ("REINDEX (CONCURRENTLY OFF, \"concurrently\" 'true') TABLE t", R::ReindexConcurrently),
        ("REINDEX (CONCURRENTLY OFF) TABLE CONCURRENTLY t", R::ReindexConcurrently),
        ("REINDEX SCHEMA CONCURRENTLY s", R::ReindexConcurrently),
        ("REINDEX SCHEMA s", R::ReindexSchema),
        ("REINDEX (VERBOSE) DATABASE d", R::ReindexDatabase),
        ("REINDEX SYSTEM d", R::ReindexSystem),
        ("CLUSTER", R::ClusterAll),
        ("CLUSTER VERBOSE", R::ClusterAll),
        ("CLUSTER (VERBOSE)", R::ClusterAll),
        ("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", R::DetachPartitionConcurrently),
        ("ALTER TABLE IF EXISTS s.\"p\" DETACH PARTITION s.c CONCURRENTLY", R::DetachPartitionConcurrently),
        ("ALTER TABLE ONLY (s.p) DETACH PARTITION c CONCURRENTLY", R::DetachPartitionConcurrently),
        ("ALTER TABLE p * DETACH PARTITION c CONCURRENTLY", R::DetachPartitionConcurrently),
        ("DISCARD ALL", R::DiscardAll),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", R::CreateSubscription),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (enabled = false)", R::CreateSubscription),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot, connect = 'on')",
            R::CreateSubscription,
        ),
        ("DROP SUBSCRIPTION IF EXISTS s", R::DropSubscription),
        ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", R::AlterSubscriptionRefresh),
        ("ALTER SUBSCRIPTION s SET PUBLICATION p, q", R::AlterSubscriptionPublication),
        ("ALTER SUBSCRIPTION s ADD PUBLICATION q WITH (copy_data = false)", R::AlterSubscriptionPublication),
        ("ALTER SUBSCRIPTION s DROP PUBLICATION p WITH (refresh = true)", R::AlterSubscriptionPublication),
        ("ALTER SUBSCRIPTION s SET (failover = true)", R::AlterSubscriptionFailover),
        ("ALTER SUBSCRIPTION s SET (binary, two_phase = off)", R::AlterSubscriptionTwoPhase),
        ("COMMIT PREPARED 'x'", R::CommitPrepared),
        ("ROLLBACK PREPARED 'x'", R::RollbackPrepared),
    ];
    for (statement, refusal) in cases {
        assert_eq!(Refusal::of(statement), Some(refusal), "{statement}");
        assert_eq!(Refusal::of(&format!("{statement};")), Some(refusal), "{statement};");
    }
}

#[test]
fn these_statements_take_a_transaction() {
    let cases = [
        "",
        ";",
        "SELECT 'VACUUM'",
        "ANALYZE t",
        "CHECKPOINT",
        "TRUNCATE t",
        "CREATE ROLE r",
        "CREATE EXTENSION e",
        "CREATE INDEX i ON t (a)",
        "CREATE INDEX \"concurrently\" ON t (a)",
        "CREATE TABLE database (concurrently int)",
        "DROP INDEX i",
        "DROP INDEX \"concurrently\"",
        "DROP TABLE database",
        "REINDEX TABLE t",
        "REINDEX INDEX i",
        "REINDEX (CONCURRENTLY FALSE) TABLE t",
        "REINDEX (CONCURRENTLY, CONCURRENTLY 0) TABLE t",
        "REINDEX (TABLESPACE concurrently) TABLE t",
        "CLUSTER t",
        "CLUSTER t USING i",
        "CLUSTER (VERBOSE) t",
        "CLUSTER VERBOSE t",
        "ALTER DATABASE d SET work_mem = '4MB'",
        "ALTER DATABASE d RENAME TO tablespace",
        "ALTER DATABASE tablespace OWNER TO o",
        "ALTER TABLE p DETACH PARTITION c",
        "ALTER TABLE p DETACH PARTITION c FINALIZE",
        "ALTER TABLE p DETACH PARTITION \"concurrently\"",
        "ALTER TABLE detach RENAME partition TO c",
        "ALTER TYPE e ADD VALUE 'x'",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "DISCARD PLANS",
        "DISCARD TEMP",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false)",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = off)",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (enabled = 0, \"create_slot\" = 'FALSE', slot_name = NONE)",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
        "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
        "ALTER SUBSCRIPTION s SET (two_phase = on)",
        "ALTER SUBSCRIPTION s DISABLE",
        "ALTER SUBSCRIPTION s CONNECTION 'x'",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "COMMIT",
        "ROLLBACK TO prepared",
    ];
    for statement in cases {
        assert_eq!(Refusal::of(statement), None, "{statement}");
    }
}

#[test]
fn a_refusal_has_the_name_of_its_variant() {
    for refusal in Refusal::ALL {
        assert_eq!(format!("{refusal:?}"), refusal.variant_name());
        assert_eq!(refusal.to_string(), refusal.command());
    }
}
