//! The statements that refuse a transaction block.

use std::fmt;

use super::cursor::{Cursor, ListedOption};
use super::token::TokenKind;

/// One list for the variants, their names in Rust and their names in PostgreSQL's messages.
macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident => $command:literal,)*) => {
        /// A statement that PostgreSQL refuses to run inside a transaction block, and therefore also in one
        /// message with other statements (error 25001, "… cannot run inside a transaction block").
        ///
        /// The list is that of the calls of `PreventInTransactionBlock` in the server's source, versions 12 to
        /// 18. Some statements refuse only when they meet something in the database, or in the procedure
        /// that they call, and [`Refusal::of`] can't know that:
        ///
        /// - `CLUSTER t` and `REINDEX TABLE t` or `REINDEX INDEX i` when `t` or `i` is partitioned: not in the list;
        /// - `CALL p()` and `DO …` when the code in them commits or rolls back (error 2D000): not in the list;
        /// - `DROP SUBSCRIPTION s` when `s` has a replication slot, and `ALTER SUBSCRIPTION s …`: in the list, as if
        ///   it had one. Outside a transaction they run in either case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// Every refusal there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// PostgreSQL's name for the statement: how its message begins.
            pub const fn command(self) -> &'static str {
                match self {
                    $(Self::$variant => $command,)*
                }
            }

            /// The variant's own name, for code that writes code: `Refusal::Vacuum.variant_name()` is `"Vacuum"`.
            pub const fn variant_name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }
        }
    };
}

refusals! {
    /// `CREATE DATABASE`
    CreateDatabase => "CREATE DATABASE",
    /// `DROP DATABASE`
    DropDatabase => "DROP DATABASE",
    /// `ALTER DATABASE … SET TABLESPACE`
    AlterDatabaseTablespace => "ALTER DATABASE SET TABLESPACE",
    /// `CREATE TABLESPACE`
    CreateTablespace => "CREATE TABLESPACE",
    /// `DROP TABLESPACE`
    DropTablespace => "DROP TABLESPACE",
    /// `ALTER SYSTEM`
    AlterSystem => "ALTER SYSTEM",
    /// `VACUUM`, in every form
    Vacuum => "VACUUM",
    /// `CREATE INDEX CONCURRENTLY`
    CreateIndexConcurrently => "CREATE INDEX CONCURRENTLY",
    /// `DROP INDEX CONCURRENTLY`
    DropIndexConcurrently => "DROP INDEX CONCURRENTLY",
    /// `REINDEX … CONCURRENTLY`, of whatever
    ReindexConcurrently => "REINDEX CONCURRENTLY",
    /// `REINDEX SCHEMA`
    ReindexSchema => "REINDEX SCHEMA",
    /// `REINDEX DATABASE`
    ReindexDatabase => "REINDEX DATABASE",
    /// `REINDEX SYSTEM`
    ReindexSystem => "REINDEX SYSTEM",
    /// `CLUSTER` without a table
    ClusterAll => "CLUSTER",
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`. (`… FINALIZE` takes a transaction.)
    DetachPartitionConcurrently => "ALTER TABLE ... DETACH CONCURRENTLY",
    /// `DISCARD ALL`
    DiscardAll => "DISCARD ALL",
    /// `CREATE SUBSCRIPTION` that makes a replication slot
    CreateSubscription => "CREATE SUBSCRIPTION ... WITH (create_slot = true)",
    /// `DROP SUBSCRIPTION`
    DropSubscription => "DROP SUBSCRIPTION",
    /// `ALTER SUBSCRIPTION … REFRESH PUBLICATION`
    AlterSubscriptionRefresh => "ALTER SUBSCRIPTION ... REFRESH",
    /// `ALTER SUBSCRIPTION … SET`, `ADD` or `DROP PUBLICATION` without `refresh = false`
    AlterSubscriptionPublication => "ALTER SUBSCRIPTION with refresh",
    /// `ALTER SUBSCRIPTION … SET (failover)`, since PostgreSQL 17
    AlterSubscriptionFailover => "ALTER SUBSCRIPTION ... SET (failover)",
    /// `ALTER SUBSCRIPTION … SET (two_phase = false)`, since PostgreSQL 18
    AlterSubscriptionTwoPhase => "ALTER SUBSCRIPTION ... SET (two_phase)",
    /// `COMMIT PREPARED`
    CommitPrepared => "COMMIT PREPARED",
    /// `ROLLBACK PREPARED`
    RollbackPrepared => "ROLLBACK PREPARED",
}

impl Refusal {
    /// Why a transaction block would refuse this one statement, or `None` if it would not.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::sql::Refusal;
    ///
    /// let refusal = Refusal::of("CREATE UNIQUE INDEX /* online */ CONCURRENTLY i ON t (a)");
    /// assert_eq!(refusal, Some(Refusal::CreateIndexConcurrently));
    /// assert_eq!(refusal.unwrap().to_string(), "CREATE INDEX CONCURRENTLY");
    ///
    /// assert_eq!(Refusal::of("CREATE INDEX \"concurrently\" ON t (a)"), None);
    /// ```
    pub fn of(statement: &str) -> Option<Self> {
        let mut cursor = Cursor::new(statement);
        let cursor = &mut cursor;
        if cursor.word("CREATE") {
            create(cursor)
        } else if cursor.word("ALTER") {
            alter(cursor)
        } else if cursor.word("DROP") {
            drop(cursor)
        } else if cursor.word("REINDEX") {
            reindex(cursor)
        } else if cursor.word("CLUSTER") {
            cluster(cursor)
        } else if cursor.word("VACUUM") {
            Some(Self::Vacuum)
        } else if cursor.words(&["DISCARD", "ALL"]) {
            Some(Self::DiscardAll)
        } else if cursor.words(&["COMMIT", "PREPARED"]) {
            Some(Self::CommitPrepared)
        } else if cursor.words(&["ROLLBACK", "PREPARED"]) {
            Some(Self::RollbackPrepared)
        } else {
            None
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())
    }
}

fn create(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    if cursor.word("DATABASE") {
        Some(Refusal::CreateDatabase)
    } else if cursor.word("TABLESPACE") {
        Some(Refusal::CreateTablespace)
    } else if cursor.word("SUBSCRIPTION") {
        create_subscription(cursor)
    } else {
        cursor.word("UNIQUE");
        // CONCURRENTLY can't be an index's name unless it is quoted (manual, appendix C).
        cursor.words(&["INDEX", "CONCURRENTLY"]).then_some(Refusal::CreateIndexConcurrently)
    }
}

/// The statement refuses if it makes a slot, which is the default. `connect = false` turns that default around,
/// and `slot_name = NONE` is refused for another reason while `create_slot` is true
/// (`parse_subscription_options` in subscriptioncmds.c).
fn create_subscription(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    let makes_no_slot = |option: &ListedOption| match option.name.as_str() {
        "connect" | "create_slot" => !option.is_on(),
        "slot_name" => option.value.as_deref() == Some("none"),
        _ => false,
    };
    let options = trailing_options(cursor);
    (!options.iter().any(makes_no_slot)).then_some(Refusal::CreateSubscription)
}

/// The options of the `WITH (…)` that ends a statement on subscriptions.
fn trailing_options(cursor: &mut Cursor<'_>) -> Vec<ListedOption> {
    while !cursor.at_end() {
        if cursor.word("WITH") {
            return cursor.options().unwrap_or_default();
        }
        cursor.take();
    }
    Vec::new()
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    if cursor.word("DATABASE") {
        Some(Refusal::DropDatabase)
    } else if cursor.word("TABLESPACE") {
        Some(Refusal::DropTablespace)
    } else if cursor.word("SUBSCRIPTION") {
        Some(Refusal::DropSubscription)
    } else {
        cursor.words(&["INDEX", "CONCURRENTLY"]).then_some(Refusal::DropIndexConcurrently)
    }
}

fn alter(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    if cursor.word("SYSTEM") {
        Some(Refusal::AlterSystem)
    } else if cursor.word("DATABASE") {
        // `WITH TABLESPACE x` and `TABLESPACE x` are the older ways to say it (gram.y, AlterDatabaseStmt).
        let named = cursor.name();
        let _either = cursor.word("SET") || cursor.word("WITH");
        (named && cursor.word("TABLESPACE")).then_some(Refusal::AlterDatabaseTablespace)
    } else if cursor.word("SUBSCRIPTION") {
        alter_subscription(cursor)
    } else if cursor.word("TABLE") {
        detaches_concurrently(cursor).then_some(Refusal::DetachPartitionConcurrently)
    } else {
        None
    }
}

fn alter_subscription(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    cursor.name();
    if cursor.word("REFRESH") {
        return Some(Refusal::AlterSubscriptionRefresh);
    }
    if ["SET", "ADD", "DROP"].iter().any(|verb| cursor.words(&[verb, "PUBLICATION"])) {
        let stays = |option: &ListedOption| option.name == "refresh" && !option.is_on();
        return (!trailing_options(cursor).iter().any(stays))
            .then_some(Refusal::AlterSubscriptionPublication);
    }
    if cursor.word("SET") {
        // What changes the slot refuses; turning two_phase on does not (`CheckAlterSubOption`, since 18).
        let options = cursor.options().unwrap_or_default();
        if options.iter().any(|option| option.name == "two_phase" && !option.is_on()) {
            return Some(Refusal::AlterSubscriptionTwoPhase);
        }
        let failover = options.iter().any(|option| option.name == "failover");
        return failover.then_some(Refusal::AlterSubscriptionFailover);
    }
    None
}

/// `ALTER TABLE` has been taken. DETACH PARTITION can't stand in a list of other changes (gram.y, AlterTableStmt).
fn detaches_concurrently(cursor: &mut Cursor<'_>) -> bool {
    cursor.words(&["IF", "EXISTS"]);
    let only = cursor.word("ONLY") && cursor.kind(TokenKind::LeftParenthesis);
    cursor.qualified_name();
    if only {
        cursor.kind(TokenKind::RightParenthesis);
    }
    cursor.sign("*");
    cursor.words(&["DETACH", "PARTITION"]) && cursor.qualified_name() && cursor.word("CONCURRENTLY")
}

/// CONCURRENTLY is looked at before the kind of thing that is reindexed (`ExecReindex` in indexcmds.c), and
/// the word behind the kind counts after the options in parentheses (gram.y, ReindexStmt).
fn reindex(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    let options = cursor.options().unwrap_or_default();
    let concurrently = options.iter().rfind(|option| option.name == "concurrently");
    let kinds = [
        ("INDEX", None),
        ("TABLE", None),
        ("SCHEMA", Some(Refusal::ReindexSchema)),
        ("DATABASE", Some(Refusal::ReindexDatabase)),
        ("SYSTEM", Some(Refusal::ReindexSystem)),
    ];
    let (_, refusal) = kinds.into_iter().find(|(kind, _)| cursor.word(kind))?;
    if cursor.word("CONCURRENTLY") || concurrently.is_some_and(ListedOption::is_on) {
        return Some(Refusal::ReindexConcurrently);
    }
    refusal
}

/// VERBOSE can't be a table's name unless it is quoted; in parentheses it takes no table since PostgreSQL 17.
fn cluster(cursor: &mut Cursor<'_>) -> Option<Refusal> {
    if cursor.options().is_none() {
        cursor.word("VERBOSE");
    }
    cursor.at_end().then_some(Refusal::ClusterAll)
}
