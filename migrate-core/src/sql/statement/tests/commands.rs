//! Rows, settings, transactions, and every other command.

use super::*;

#[test]
fn rows_are_changed_with_a_condition_or_without() {
    let text = "UPDATE ONLY app.t AS x SET a = f(1, 2), (b, c) = (SELECT 1, 2), d[1] = 2 FROM u WHERE x.id = u.id RETURNING *";
    parsed_as!(Update, text, |update: Box<UpdateRows<'_>>| {
        assert_eq!((update.table.name.folded(), update.table.only), ("app.t".into(), true));
        assert_eq!(names(&update.columns), ["a", "b", "c", "d"]);
        assert_eq!((update.from.unwrap().text(), update.condition.unwrap().text()), ("u", "x.id = u.id"));
        assert!(update.returning);
    });
    parsed_as!(Update, "UPDATE t SET a = (SELECT 1 FROM u WHERE v)", |update: Box<UpdateRows<'_>>| {
        assert!(update.condition.is_none() && update.from.is_none());
    });
    parsed_as!(Delete, "DELETE FROM t USING u WHERE t.a = u.a", |delete: Box<DeleteRows<'_>>| {
        assert_eq!((delete.using.unwrap().text(), delete.condition.unwrap().text()), ("u", "t.a = u.a"));
    });
    parsed_as!(Delete, "DELETE FROM t", |delete: Box<DeleteRows<'_>>| assert_eq!(delete.condition, None));
    let text = "INSERT INTO app.t AS x (a, b[1]) OVERRIDING SYSTEM VALUE VALUES (1, 2), (3, 4) ON CONFLICT (a) DO UPDATE SET b = 1 WHERE c RETURNING a";
    parsed_as!(Insert, text, |insert: Box<InsertRows<'_>>| {
        assert_eq!(
            (insert.table.folded(), names(&insert.columns)),
            ("app.t".into(), vec!["a".into(), "b".into()])
        );
        assert_eq!(insert.source, InsertSource::Values);
    });
    parsed_as!(Insert, "INSERT INTO t (SELECT 1)", |insert: Box<InsertRows<'_>>| {
        assert!(matches!(insert.source, InsertSource::Query(query) if query.text() == "(SELECT 1)"));
        assert_eq!(insert.columns.len(), 0);
    });
    parsed_as!(Merge, "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", |merge: Box<
        MergeRows<'_>,
    >| {
        assert_eq!((merge.source.text(), merge.condition.text()), ("s", "t.a = s.a"));
    });
    parsed_as!(
        Truncate,
        "TRUNCATE TABLE ONLY a, b * RESTART IDENTITY CASCADE",
        |truncate: TruncateTables<'_>| {
            assert_eq!((truncate.tables.len(), truncate.restart_identity, truncate.cascade), (2, true, true));
        }
    );
    let text = "WITH RECURSIVE gone (a) AS MATERIALIZED (DELETE FROM t RETURNING a), b AS (SELECT 1) INSERT INTO u SELECT * FROM gone";
    parsed(text, |statement| {
        assert!(matches!(statement.kind, StatementKind::Insert(_)));
        assert!(matches!(statement.with[0].query.statement().kind, StatementKind::Delete(_)));
        assert_eq!((statement.verb(), statement.with.len()), ("WITH", 2));
    });
    let text = "WITH RECURSIVE a (b) AS (SELECT 1) SEARCH DEPTH FIRST BY b, c SET d CYCLE b, c SET e TO 1 DEFAULT 0 USING f, g AS (SELECT 2) SELECT * FROM a";
    parsed(text, |statement| {
        assert!(matches!(statement.kind, StatementKind::Query(_)));
        assert_eq!(statement.with.len(), 2);
    });
    parsed_as!(Copy, "COPY t (a, b) FROM STDIN WITH (FORMAT csv) WHERE a > 0", |copy: Box<CopyData<'_>>| {
        assert!(copy.is_from && copy.endpoint == CopyEndpoint::Client && copy.condition.is_some());
    });
    parsed_as!(Copy, "COPY (SELECT 1) TO PROGRAM 'gzip'", |copy: Box<CopyData<'_>>| {
        assert!(!copy.is_from && matches!(copy.endpoint, CopyEndpoint::Program(_)));
    });
}

#[test]
fn the_rest_is_known_by_kind() {
    let text = "CREATE OR REPLACE FUNCTION app.f(a int, b text DEFAULT 'x') RETURNS TABLE (c int) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path TO app AS $$BEGIN END$$";
    parsed_as!(CreateRoutine, text, |routine: Box<CreateRoutine<'_>>| {
        assert_eq!((routine.name.folded(), routine.language.as_deref()), ("app.f".into(), Some("plpgsql")));
        assert_eq!((routine.volatility, routine.is_security_definer), (Some(Volatility::Stable), true));
        let Some(RoutineBody::Text(body)) = routine.body else { panic!("{routine:?}") };
        assert_eq!(body.text(), "$$BEGIN END$$");
    });
    let text = "CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END";
    parsed_as!(CreateRoutine, text, |routine: Box<CreateRoutine<'_>>| {
        let Some(RoutineBody::Atomic(body)) = routine.body else { panic!("{routine:?}") };
        assert_eq!(body.text(), "SELECT CASE WHEN a THEN 1 END; SELECT 2;");
    });
    let text = "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OF a, b ON app.t FROM u DEFERRABLE FOR EACH ROW WHEN (a) EXECUTE FUNCTION app.f()";
    parsed_as!(CreateTrigger, text, |trigger: Box<CreateTrigger<'_>>| {
        assert_eq!(
            (trigger.table.folded(), trigger.function.unwrap().folded()),
            ("app.t".into(), "app.f".into())
        );
        assert!(trigger.is_constraint && trigger.for_each_row && trigger.from.is_some());
    });
    parsed_as!(
        CreateView,
        "CREATE OR REPLACE TEMP VIEW v (a) WITH (security_barrier) AS SELECT 1 WITH CHECK OPTION",
        |view: Box<CreateView<'_>>| {
            assert!(view.or_replace && !view.is_materialized);
            assert_eq!(view.query.text(), "SELECT 1");
        }
    );
    parsed_as!(CreateView, "CREATE MATERIALIZED VIEW v AS TABLE t WITH NO DATA", |view: Box<
        CreateView<'_>,
    >| {
        assert!(view.is_materialized && view.with_no_data);
    });
    parsed_as!(CreateType, "CREATE TYPE m AS ENUM ('a', 'b')", |kind: CreateType<'_>| {
        assert!(matches!(kind.definition, TypeDefinition::Enum(labels) if labels.len() == 2));
    });
    parsed_as!(
        CreateDomain,
        "CREATE DOMAIN d AS text COLLATE \"C\" DEFAULT 'x' CONSTRAINT k CHECK (VALUE <> '') NOT NULL",
        |domain: Box<CreateDomain<'_>>| {
            assert_eq!((domain.type_name.base().as_ref(), domain.constraints.len()), ("text", 2));
            assert_eq!(domain.default.unwrap().expression.text(), "'x'");
        }
    );
    parsed_as!(CreateSequence, "CREATE SEQUENCE IF NOT EXISTS s AS int OWNED BY t.c", |sequence: Box<
        CreateSequence<'_>,
    >| {
        assert_eq!(sequence.options.data_type.unwrap().base(), "int4");
    });
    parsed_as!(CreateSchema, "CREATE SCHEMA AUTHORIZATION app", |schema: CreateSchema<'_>| assert!(
        schema.name.is_none()
    ));
    parsed_as!(
        CreateExtension,
        "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA s CASCADE",
        |extension: CreateExtension<'_>| {
            assert!(extension.cascade && extension.schema.is_some());
        }
    );
    parsed_as!(
        CreateOnTable,
        "CREATE RULE r AS ON INSERT TO app.t DO (SELECT 1; SELECT 2)",
        |rule: CreateOnTable<'_>| {
            assert_eq!((rule.kind, rule.table.folded()), (ObjectKind::Rule, "app.t".into()));
        }
    );
    parsed_as!(CreateOnTable, "CREATE POLICY p ON t TO app USING (true)", |policy: CreateOnTable<'_>| {
        assert_eq!((policy.kind, policy.table.folded()), (ObjectKind::Policy, "t".into()));
    });
    parsed_as!(CreateObject, "CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", |object: CreateObject<
        '_,
    >| {
        assert_eq!(object.kind, ObjectKind::TextSearchConfiguration);
    });
    parsed_as!(
        Reindex,
        "REINDEX (CONCURRENTLY OFF) TABLE CONCURRENTLY app.t",
        |reindex: Reindex<'_>| assert!(reindex.concurrently)
    );
    parsed_as!(Reindex, "REINDEX (CONCURRENTLY false) TABLE t", |reindex: Reindex<'_>| assert!(
        !reindex.concurrently
    ));
    parsed_as!(Vacuum, "VACUUM (FULL, ANALYZE) a (b), c", |vacuum: Vacuum<'_>| {
        assert_eq!((vacuum.is_full, vacuum.tables.len()), (true, 2));
    });
    parsed_as!(Cluster, "CLUSTER VERBOSE t USING i", |cluster: ClusterTable<'_>| assert!(
        cluster.table.is_some() && cluster.index.is_some()
    ));
    parsed_as!(
        Refresh,
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v WITH DATA",
        |refresh: RefreshView<'_>| assert!(refresh.concurrently.is_some())
    );
    parsed_as!(Lock, "LOCK TABLE a, ONLY b IN SHARE ROW EXCLUSIVE MODE NOWAIT", |lock: LockTables<'_>| {
        assert_eq!((lock.mode, lock.tables.len(), lock.no_wait), (LockMode::ShareRowExclusive, 2, true));
    });
    parsed_as!(Comment, "COMMENT ON COLUMN app.t.c IS 'x'", |comment: CommentOn<'_>| {
        assert_eq!(comment.name.unwrap().qualifier().unwrap().folded(), "app.t");
    });
    parsed_as!(
        Privileges,
        "GRANT SELECT (a, b), UPDATE ON app.t, u TO GROUP x, \"Y\" WITH GRANT OPTION",
        |grant: ChangePrivileges<'_>| {
            let on = grant.on.unwrap();
            assert_eq!(
                (on.kind, qualified(&on.names)),
                (ObjectKind::Table, vec!["app.t".into(), "u".into()])
            );
            assert_eq!(grant.grantees.text(), "GROUP x, \"Y\"");
        }
    );
    parsed_as!(Privileges, "REVOKE ADMIN OPTION FOR a FROM b", |grant: ChangePrivileges<'_>| assert!(
        grant.on.is_none() && !grant.is_grant
    ));
    parsed_as!(Explain, "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", |explain: Wrapped<'_>| {
        assert!(explain.runs && matches!(explain.statement.statement().kind, StatementKind::Update(_)));
    });
    parsed_as!(
        Query,
        "SELECT pg_catalog.set_config('search_path', '', false) AS a, set_config(is_local => true, setting_name => 'b')",
        |query: Query<'_>| {
            assert_eq!(query.set_config.iter().map(|call| call.is_local).collect::<Vec<_>>(), [false, true]);
            assert_eq!(query.set_config[1].setting.unwrap().text(), "'b'");
        }
    );
    parsed_as!(Query, "SELECT a INTO TEMP app.t FROM u", |query: Query<'_>| assert_eq!(
        query.into.unwrap().folded(),
        "app.t"
    ));
    for text in [
        "SHOW ALL",
        "LISTEN a",
        "NOTIFY a, 'b'",
        "UNLISTEN *",
        "CHECKPOINT",
        "DISCARD ALL",
        "DO LANGUAGE plpgsql $$ $$",
        "CALL app.p(1, 2)",
        "EXECUTE p(1)",
        "RESET ALL",
        "ALTER SYSTEM RESET ALL",
    ] {
        parsed(text, |_| ());
    }
}

#[test]
fn transactions_and_settings_are_known() {
    use TransactionControl as T;
    for (text, is) in [
        ("BEGIN WORK", "Begin"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "Begin"),
        ("COMMIT AND CHAIN", "Commit { chain: true }"),
        ("END AND NO CHAIN", "Commit { chain: false }"),
        ("ROLLBACK TO SAVEPOINT a", "RollbackTo(a)"),
        ("ABORT", "Rollback { chain: false }"),
        ("SAVEPOINT \"A\"", "Savepoint(\"A\")"),
        ("RELEASE a", "Release(a)"),
        ("PREPARE TRANSACTION 'x'", "Prepare("),
        ("COMMIT PREPARED 'x'", "CommitPrepared("),
        ("ROLLBACK PREPARED 'x'", "RollbackPrepared("),
    ] {
        parsed_as!(Transaction, text, |control: T<'_>| {
            assert!(format!("{control:?}").starts_with(is), "{text}: {control:?}");
        });
    }
    for (text, scope, is, value) in [
        ("SET search_path TO app, public", SettingScope::Session, "Parameter(search_path)", "app, public"),
        ("SET LOCAL app.user = 'x'", SettingScope::Local, "Parameter(app.user)", "'x'"),
        ("SET SESSION TIME ZONE 'UTC'", SettingScope::Session, "TimeZone", "'UTC'"),
        ("SET ROLE app", SettingScope::Session, "Role", "app"),
        ("SET role TO app", SettingScope::Session, "Parameter(role)", "app"),
        ("SET SESSION AUTHORIZATION DEFAULT", SettingScope::Session, "SessionAuthorization", "DEFAULT"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            SettingScope::Session,
            "SessionCharacteristics",
            "",
        ),
        ("SET TRANSACTION READ WRITE", SettingScope::Session, "Transaction", ""),
        ("SET CONSTRAINTS ALL DEFERRED", SettingScope::Session, "Constraints", "ALL DEFERRED"),
        ("SET NAMES 'UTF8'", SettingScope::Session, "Names", "'UTF8'"),
        ("SET a FROM CURRENT", SettingScope::Session, "Parameter(a)", ""),
    ] {
        parsed_as!(Set, text, |set: SetParameter<'_>| {
            assert!(format!("{:?}", set.target).starts_with(is), "{text}: {set:?}");
            assert_eq!((set.scope, set.value.text()), (scope, value), "{text}");
        });
    }
}

#[test]
fn what_an_expression_calls_is_known() {
    let text = "ALTER TABLE t ADD c text DEFAULT app.f(1) || \"G\"(now()) || CAST(1 AS numeric(1)) || 'x'::varchar(3) || CASE WHEN (a) IN (1) THEN coalesce(b, 'c') END";
    let lexed = LexedStatement::new(text);
    let StatementKind::AlterRelation(alter) = lexed.parse().kind else { panic!() };
    let AlterActionKind::AddColumn { column, .. } = &alter.actions[0].kind else { panic!() };
    let calls = column.default.as_ref().unwrap().expression.calls();
    assert_eq!(
        calls.iter().map(QualifiedName::to_string).collect::<Vec<_>>(),
        ["app.f", "\"G\"", "now", "coalesce"]
    );
}
