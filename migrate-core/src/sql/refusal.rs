//! Statements that refuse a transaction block.

use std::fmt;

use super::statement::{
    AlterActionKind, LexedStatement, ListedOption, ObjectKind, ParsedStatement, Reindex, StatementKind,
    SubscriptionChange, TransactionControl,
};

/// One list for the variants, their Rust names and their names in PostgreSQL's messages.
macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident => $command:literal,)*) => {
        /// A statement that PostgreSQL refuses to run inside a transaction block, and therefore also in one
        /// message with other statements (error 25001, "… cannot run inside a transaction block").
        ///
        /// The list follows the calls of `PreventInTransactionBlock` in the server's source, versions 12 to
        /// 18. Some statements refuse only depending on objects in the database, or on the code of the
        ///     procedure that they call, which [`Refusal::of`] can't know:
        ///
        /// - `CLUSTER t` and `REINDEX TABLE t` or `REINDEX INDEX i` when `t` or `i` is partitioned: not in
        ///   the list;
        /// - `CALL p()` and `DO …` when the code in them commits or rolls back (error 2D000): not in the
        ///   list;
        /// - `DROP SUBSCRIPTION s` when `s` has a replication slot, and `ALTER SUBSCRIPTION s …`: in the
        ///   list, as if it had one. Outside a transaction they run in either case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// All refusals.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// PostgreSQL's name for the statement, as at the beginning of its message.
            pub const fn command(self) -> &'static str {
                match self {
                    $(Self::$variant => $command,)*
                }
            }

            /// The variant's name, for code generators: `Refusal::Vacuum.variant_name()` is `"Vacuum"`.
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
    /// `REINDEX … CONCURRENTLY`, of any object
    ReindexConcurrently => "REINDEX CONCURRENTLY",
    /// `REINDEX SCHEMA`
    ReindexSchema => "REINDEX SCHEMA",
    /// `REINDEX DATABASE`
    ReindexDatabase => "REINDEX DATABASE",
    /// `REINDEX SYSTEM`
    ReindexSystem => "REINDEX SYSTEM",
    /// `CLUSTER` without a table
    ClusterAll => "CLUSTER",
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`. (`… FINALIZE` accepts a transaction.)
    DetachPartitionConcurrently => "ALTER TABLE ... DETACH CONCURRENTLY",
    /// `DISCARD ALL`
    DiscardAll => "DISCARD ALL",
    /// `CREATE SUBSCRIPTION` that creates a replication slot
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
    /// The reason why a transaction block refuses a single statement, or `None` if it does not.
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
        Self::of_parsed(&LexedStatement::new(statement).parse())
    }

    /// Does the same for a parsed statement.
    pub fn of_parsed(statement: &ParsedStatement<'_>) -> Option<Self> {
        use StatementKind as Kind;
        match &statement.kind {
            Kind::CreateDatabase(_) => Some(Self::CreateDatabase),
            Kind::CreateTablespace(_) => Some(Self::CreateTablespace),
            Kind::CreateSubscription(create) => {
                makes_slot(&create.options).then_some(Self::CreateSubscription)
            }
            Kind::CreateIndex(create) => create.concurrently.map(|_| Self::CreateIndexConcurrently),
            Kind::AlterSystem(_) => Some(Self::AlterSystem),
            Kind::AlterDatabase(alter) => alter.sets_tablespace.then_some(Self::AlterDatabaseTablespace),
            Kind::AlterSubscription(alter) => of_subscription_change(&alter.change),
            Kind::AlterRelation(alter) => alter.actions.first().and_then(|action| of_action(&action.kind)),
            Kind::Drop(drop) => match drop.kind {
                ObjectKind::Database => Some(Self::DropDatabase),
                ObjectKind::Tablespace => Some(Self::DropTablespace),
                ObjectKind::Subscription => Some(Self::DropSubscription),
                _ => drop.concurrently.map(|_| Self::DropIndexConcurrently),
            },
            Kind::Reindex(reindex) => of_reindex(reindex),
            Kind::Cluster(cluster) => {
                (cluster.table.is_none() && statement.unread.is_none()).then_some(Self::ClusterAll)
            }
            Kind::Vacuum(_) => Some(Self::Vacuum),
            Kind::Discard { all: true } => Some(Self::DiscardAll),
            Kind::Transaction(TransactionControl::CommitPrepared(_)) => Some(Self::CommitPrepared),
            Kind::Transaction(TransactionControl::RollbackPrepared(_)) => Some(Self::RollbackPrepared),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())
    }
}

/// The statement refuses if it creates a slot, which is the default. `connect = false` inverts that default,
/// and `slot_name = NONE` is rejected for another reason while `create_slot` is true
/// (`parse_subscription_options` in subscriptioncmds.c).
fn makes_slot(options: &[ListedOption<'_>]) -> bool {
    let makes_none = |option: &ListedOption<'_>| match option.name.as_str() {
        "connect" | "create_slot" => !option.is_on(),
        "slot_name" => option.value_text().as_deref() == Some("none"),
        _ => false,
    };
    !options.iter().any(makes_none)
}

fn of_subscription_change(change: &SubscriptionChange<'_>) -> Option<Refusal> {
    match change {
        SubscriptionChange::Refresh => Some(Refusal::AlterSubscriptionRefresh),
        SubscriptionChange::Publications(options) => {
            let stays = |option: &ListedOption<'_>| option.name == "refresh" && !option.is_on();
            (!options.iter().any(stays)).then_some(Refusal::AlterSubscriptionPublication)
        }
        // A change of the slot refuses; turning two_phase on does not (`CheckAlterSubOption`, since 18).
        SubscriptionChange::SetOptions(options) => {
            if options.iter().any(|option| option.name == "two_phase" && !option.is_on()) {
                return Some(Refusal::AlterSubscriptionTwoPhase);
            }
            let failover = options.iter().any(|option| option.name == "failover");
            failover.then_some(Refusal::AlterSubscriptionFailover)
        }
        SubscriptionChange::Connection(_) | SubscriptionChange::Object(_) => None,
    }
}

/// DETACH PARTITION can't be part of a list of actions (gram.y, AlterTableStmt).
fn of_action(action: &AlterActionKind<'_>) -> Option<Refusal> {
    let detaches = matches!(action, AlterActionKind::DetachPartition { concurrently: Some(_), .. });
    detaches.then_some(Refusal::DetachPartitionConcurrently)
}

fn of_reindex(reindex: &Reindex<'_>) -> Option<Refusal> {
    if reindex.concurrently {
        return Some(Refusal::ReindexConcurrently);
    }
    match reindex.kind {
        ObjectKind::Schema => Some(Refusal::ReindexSchema),
        ObjectKind::Database => Some(Refusal::ReindexDatabase),
        ObjectKind::System => Some(Refusal::ReindexSystem),
        _ => None,
    }
}
