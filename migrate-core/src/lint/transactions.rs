//! Rules for the statements of one transaction: their effects on each other, and the state after a failure
//! halfway.

use super::rule::{Risk, family};
use super::script::{Found, Statement};
use super::{opt_in, timeouts};
use crate::set::options::Options;
use crate::set::script::Script;
use crate::sql::facts::SizeBucket;
use crate::sql::statement::{
    AlterActionKind as Action, InsertSource, LexedStatement, ObjectKind, QualifiedName, Span,
    StatementKind as Kind, TransactionControl, TypeChange,
};
use crate::sql::{
    Held, HeldLocks, LockMode, RelationLock, TableScan, TokenKind, TransactionMode, changes_all,
};

family! {
    Transactions, default;
    VALIDATE_IN_SAME_TRANSACTION = "validate-in-same-transaction", Dangerous, "all",
        happens: "Blocks all access to the table while every row is checked, although the constraint was added NOT VALID.",
        why: "The lock of ADD CONSTRAINT is held until commit, and so during VALIDATE CONSTRAINT.",
        safe: "Run VALIDATE CONSTRAINT in a later script.",
        silent: "The table is new, or the two statements are committed separately.";
    SLOW_AFTER_LOCK = "slow-after-lock", Dangerous, "all",
        happens: "The table that an earlier statement locked stays blocked until this statement has finished.",
        why: "Locks are held until commit.",
        safe: "Put each statement in its own script, or run the slow statement before the one that takes the lock.",
        silent: "The earlier statement's table is new, or the two statements are committed separately.";
    BACKFILL_IN_TRANSACTION = "backfill-in-transaction", Dangerous, "all",
        happens: "Blocks writes to the existing rows of the table until all of them are written. Replicas fall behind.",
        why: "All rows stay locked until commit, and each leaves a dead row version behind.",
        safe: "Write the rows in batches that are committed separately: `batch=` and `${batch}`.",
        silent: "The table is new, the statement has a condition, or it runs in batches.";
    INSERT_SELECT_LARGE = "insert-select", Careful, "all",
        happens: "Holds back VACUUM and CREATE INDEX CONCURRENTLY in the whole database until the statement has finished.",
        why: "The statement holds a snapshot for as long as it reads.",
        safe: "Copy large numbers of rows in batches that are committed separately: `batch=` and `${batch}`.",
        silent: "The rows are literal, do not come from a table, or are copied in batches.";
    SEVERAL_TABLES_IN_ONE_TRANSACTION = "several-tables-in-one-transaction", Careful, "all",
        happens: "Queries that use both tables may deadlock with the script. All queries on the tables wait for both locks.",
        why: "The first lock is held while the script waits for the second.",
        safe: "Change each table in its own script.",
        silent: "One of the tables is new, or the statements are committed separately.";
    CONCURRENTLY_MIXED = "concurrently-mixed", Careful, "all",
        happens: "If a statement fails, the statements before it stay applied, and the next run resumes at the failed statement.",
        why: "A CONCURRENTLY statement cannot be rolled back, and the other statements of its script do not run in a transaction.",
        safe: "Put the CONCURRENTLY statements in their own script.",
        silent: "All statements are CONCURRENTLY.";
    CONCURRENTLY_IF_NOT_EXISTS = "concurrently-if-not-exists", Careful, "all",
        happens: "An invalid index left by a failed attempt is accepted as valid.",
        why: "IF NOT EXISTS checks only the name.",
        safe: "Omit IF NOT EXISTS. The run drops an invalid index that it left itself, and builds it again.",
        silent: "The statement has no IF NOT EXISTS or no CONCURRENTLY.";
    COMMIT_IN_SCRIPT = "commit-in-script", Careful, "all",
        happens: "Statements before the COMMIT stay applied if a later statement fails.",
        why: "The script ends its transaction itself.",
        safe: "Let the run manage the transaction, and split the script at the point of the commit.",
        silent: "The script has neither COMMIT nor ROLLBACK, or is one transaction from BEGIN to COMMIT.";
    ENUM_VALUE_USED_EARLY = "enum-value-used-early", Dangerous, "all",
        happens: "The statement fails with SQLSTATE 55P04, and the script with it.",
        why: "A new enum value can be used only after commit, unless the type is new, too.",
        safe: "Use the value in a later script.",
        silent: "The type is new, or the statements are committed separately.";
    DYNAMIC_SQL = "dynamic-sql", Careful, "all",
        happens: "The effects of the code are not checked, and the objects that it names are unknown from here on.",
        why: "The code decides at run time what it does.",
        safe: "Write out the statements where possible.",
        silent: "The statement runs no code.";
    SESSION_COMMAND = "session-command", Dangerous, "all",
        happens: "The run loses its transaction or its session state.",
        why: "PREPARE TRANSACTION detaches the transaction from the run. DISCARD, LISTEN and UNLISTEN change the run's session.",
        safe: "Run it outside of migrations.",
        silent: "Never.";
    CREATE_TRIGGER = "create-trigger", Careful, "all",
        happens: "Blocks writes to the table for a moment. The trigger then fires for the running release, too.",
        why: "CREATE TRIGGER takes SHARE ROW EXCLUSIVE.",
        safe: "Put it in its own script, and make sure that the running release works with the trigger.",
        silent: "The table is new.";
    DISABLE_TRIGGER = "disable-trigger", Dangerous, "all",
        happens: "The guarantees of the trigger no longer hold. With ALL, no foreign key is checked.",
        why: "Rows written while the trigger is disabled are never checked.",
        safe: "Enable it again in the same transaction, or SET LOCAL session_replication_role for the one statement that needs it.",
        silent: "The table is new.";
    LOCK_TABLE = "lock-table", Careful, "all",
        happens: "Blocks other sessions until the script is committed.",
        why: "The lock is held until commit.",
        safe: "Keep the statements after it short.",
        silent: "The lock mode does not block writes, or the table is new.";
}

/// Returns the finding about a migration in Rust.
pub(super) fn in_rust() -> Found {
    let message = "the statements that the Rust code sends are not checked, and what it may have changed is unknown from here on";
    let span = Span { start: 0, end: 0 };
    Found { rule: &DYNAMIC_SQL, risk: DYNAMIC_SQL.risk, span, subject: None, message: message.to_owned() }
}

/// The state of a transaction after the statements so far.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// True for a single statement outside of a transaction block.
    is_bare: bool,
    /// True if the script is one transaction.
    is_whole: bool,
    /// The locks that block reads or writes.
    locks: HeldLocks<String>,
    /// Constraints that were added NOT VALID, with their tables.
    unchecked: Vec<(String, String)>,
    /// The added enum values, as written.
    values: Vec<String>,
    /// True once the transaction has a finding about several tables.
    named: bool,
    /// The table that the last statement altered, if another one could have been combined with it.
    altered: Option<String>,
}

impl Transaction {
    pub(super) fn new(is_bare: bool) -> Transaction {
        let locks = HeldLocks::new(!is_bare);
        Transaction {
            is_bare,
            is_whole: false,
            locks,
            unchecked: Vec::new(),
            values: Vec::new(),
            named: false,
            altered: None,
        }
    }

    /// Marks it as the only transaction of its script.
    pub(super) fn whole(self, is_whole: bool) -> Transaction {
        Transaction { is_whole, ..self }
    }

    fn take(&mut self, statement: &Statement<'_>, line: u32) {
        if self.is_bare {
            return;
        }
        self.altered = opt_in::combinable(statement.parsed);
        for lock in statement.locks() {
            self.locks.hold(lock.relation.clone(), lock.mode, line, |one, other| one == other);
        }
        match &statement.parsed.kind {
            Kind::AlterRelation(alter) => {
                for action in &alter.actions {
                    if let Action::AddConstraint(constraint) = &action.kind
                        && let (Some(_), Some(name)) = (constraint.not_valid, constraint.name)
                    {
                        self.unchecked.push((alter.relation.name.folded(), name.folded().into_owned()));
                    }
                }
            }
            Kind::AlterType(alter) if !statement.model.is_made(ObjectKind::Type, &alter.name) => {
                if let TypeChange::AddValue { value, .. } = &alter.change {
                    // `BEFORE` and `AFTER` name an existing value.
                    let value = value.tokens().first().map(|token| value.written(*token).to_owned());
                    self.values.extend(value);
                }
            }
            _ => {}
        }
    }
}

pub(super) fn find(
    statement: &Statement<'_>,
    line: u32,
    transaction: &mut Transaction,
    found: &mut Vec<Found>,
) {
    found.extend(alone(statement).filter(|of| of.rule != &COMMIT_IN_SCRIPT || !transaction.is_whole));
    found.extend(timeouts::find(statement));
    found.extend(opt_in::separate(transaction.altered.as_deref(), statement));
    rows(statement, found);
    enum_values(statement, transaction, found);
    validated(statement, transaction, found);
    slow(statement, transaction, found);
    several(statement, transaction, found);
    transaction.take(statement, line);
}

/// Judges a statement without regard to the statements around it.
fn alone(statement: &Statement<'_>) -> Option<Found> {
    let span = statement.span();
    let model = statement.model;
    match &statement.parsed.kind {
        Kind::CreateIndex(index) if index.concurrently.is_some() && index.if_not_exists.is_some() => {
            let name = index.name.as_ref().map(QualifiedName::written).unwrap_or_default();
            let message = format!("an invalid {name} left by a failed attempt is accepted as valid");
            Some(Found::new(&CONCURRENTLY_IF_NOT_EXISTS, span, name, message))
        }
        Kind::Do(_) => {
            Some(Found::new(&DYNAMIC_SQL, span, "DO", "the effects of the code are not checked".to_owned()))
        }
        Kind::Call(name) => {
            let message = format!("the effects of {} are not checked", name.written());
            Some(Found::new(&DYNAMIC_SQL, span, name.written(), message))
        }
        Kind::Transaction(TransactionControl::Commit { .. }) => Some(Found::new(
            &COMMIT_IN_SCRIPT,
            span,
            "COMMIT",
            "the script ends its transaction itself: what is before stays if a later statement fails"
                .to_owned(),
        )),
        Kind::Transaction(TransactionControl::Rollback { .. }) => Some(Found::new(
            &COMMIT_IN_SCRIPT,
            span,
            "ROLLBACK",
            "the script undoes the statements before".to_owned(),
        )),
        Kind::Transaction(TransactionControl::Prepare(_))
        | Kind::Discard { .. }
        | Kind::Listen
        | Kind::Unlisten => {
            let verb = statement.parsed.verb().to_ascii_uppercase();
            let message = format!("{verb} changes the run's session or transaction");
            Some(Found::new(&SESSION_COMMAND, span, verb, message))
        }
        Kind::CreateTrigger(trigger) if !model.is_new(&trigger.table) => {
            let table = trigger.table.written();
            let message = format!(
                "writes to {table} are blocked for a moment, and {} then fires for every writer",
                trigger.name
            );
            Some(Found::new(&CREATE_TRIGGER, span, table, message))
        }
        Kind::AlterRelation(alter) if !model.is_new(&alter.relation.name) => {
            let disabled = alter.actions.iter().find_map(|action| match &action.kind {
                Action::Trigger { enable: false, name } => Some((action.span, name)),
                _ => None,
            });
            let (span, name) = disabled?;
            let table = alter.relation.name.written();
            let message = format!("the trigger {name} of {table} is disabled: its guarantees no longer hold");
            Some(Found::new(&DISABLE_TRIGGER, span, table, message))
        }
        Kind::Lock(_) => {
            let lock = statement.locks().iter().find(|lock| lock.mode.blocks_writes())?;
            let message = format!("{} is held on {} until commit", lock.mode, lock.relation);
            Some(Found::new(&LOCK_TABLE, span, lock.relation.clone(), message))
        }
        _ => None,
    }
}

/// Finds statements that change all rows at once.
fn rows(statement: &Statement<'_>, found: &mut Vec<Found>) {
    if statement.is_batched {
        return;
    }
    for inner in statement.parsed.with_statements() {
        found.extend(all_rows(statement, &inner.kind));
    }
    if let Kind::Insert(insert) = &statement.parsed.kind {
        let InsertSource::Query(query) = &insert.source else { return };
        if query.has_word("FROM") && !statement.model.is_new(&insert.table) {
            let table = insert.table.written();
            let message = format!("{table} is filled in one statement, whose snapshot holds back VACUUM");
            found.push(Found::new(&INSERT_SELECT_LARGE, statement.span(), table, message));
        }
    }
    found.extend(all_rows(statement, &statement.parsed.kind));
}

/// Finds an `UPDATE` or `DELETE` of all rows.
fn all_rows(statement: &Statement<'_>, changes: &Kind<'_>) -> Option<Found> {
    let table = match changes {
        Kind::Update(update) => &update.table.name,
        Kind::Delete(delete) => &delete.table.name,
        _ => return None,
    };
    if !changes_all(changes, statement.model.relation(table)) || statement.model.is_new(table) {
        return None;
    }
    let size = statement.model.size_of(table);
    let table = table.written();
    let shown = size.map(|size| format!(" ({size})")).unwrap_or_default();
    let message = format!("all rows of {table}{shown} stay locked until commit");
    let rows = Found::new(&BACKFILL_IN_TRANSACTION, statement.span(), table, message);
    Some(if size.is_some_and(SizeBucket::is_small) { rows.at_risk(Risk::Careful) } else { rows })
}

fn enum_values(statement: &Statement<'_>, transaction: &Transaction, found: &mut Vec<Found>) {
    if matches!(statement.parsed.kind, Kind::AlterType(_)) || transaction.values.is_empty() {
        return;
    }
    // The tokens of the parsed form do not include the rows of an INSERT.
    let used = crate::sql::tokens(statement.text).find(|token| {
        token.kind == TokenKind::String
            && transaction.values.iter().any(|value| value == token.text(statement.text))
    });
    if let Some(token) = used {
        let value = token.text(statement.text);
        let message =
            format!("the value {value} can't be used until the transaction that adds it is committed");
        let span = crate::sql::statement::Span { start: token.start, end: token.end };
        found.push(Found::new(&ENUM_VALUE_USED_EARLY, span, value, message));
    }
}

/// Finds a `VALIDATE CONSTRAINT` in the transaction that added the constraint.
fn validated(statement: &Statement<'_>, transaction: &Transaction, found: &mut Vec<Found>) {
    let Kind::AlterRelation(alter) = &statement.parsed.kind else { return };
    let table = alter.relation.name.folded();
    for action in &alter.actions {
        let Action::ValidateConstraint { name } = &action.kind else { continue };
        let is_here = |(of, constraint): &(String, String)| *of == table && *constraint == name.folded();
        if transaction.unchecked.iter().any(is_here) && !statement.model.is_new(&alter.relation.name) {
            let shown = format!("{}.{name}", alter.relation.name);
            let message =
                format!("the lock of the statement that added {shown} is held while every row is checked");
            let is_small = statement.model.size_of(&alter.relation.name).is_some_and(SizeBucket::is_small);
            let of = Found::new(&VALIDATE_IN_SAME_TRANSACTION, action.span, shown, message);
            found.push(if is_small { of.at_risk(Risk::Careful) } else { of });
        }
    }
}

/// Finds slow work while the lock of an earlier statement is held.
fn slow(statement: &Statement<'_>, transaction: &Transaction, found: &mut Vec<Found>) {
    if found.iter().any(|of| of.rule == &VALIDATE_IN_SAME_TRANSACTION) {
        return;
    }
    let Some((work, risk)) = work(statement) else { return };
    let Some(Held { relation, mode, line, .. }) = transaction.locks.iter().max_by_key(|held| held.mode)
    else {
        return;
    };
    let use_of = if mode.blocks_reads() { "read or write" } else { "write" };
    let message = format!(
        "the lock on {relation} of the statement in line {line} is held until {work}: nobody can {use_of} it"
    );
    found.push(Found::new(&SLOW_AFTER_LOCK, statement.span(), relation.clone(), message).at_risk(risk));
}

/// Returns the work of a statement that may take long, and its risk.
fn work(statement: &Statement<'_>) -> Option<(&'static str, Risk)> {
    let is_small = |lock: &RelationLock| statement.model.size(lock).is_some_and(SizeBucket::is_small);
    let of_rows = |table: &QualifiedName<'_>| {
        let all = changes_all(&statement.parsed.kind, statement.model.relation(table))
            && !statement.locks().iter().all(is_small);
        Some(("its rows are written", if all { Risk::Dangerous } else { Risk::Careful }))
    };
    match &statement.parsed.kind {
        Kind::Update(update) if !statement.locks().is_empty() => of_rows(&update.table.name),
        Kind::Delete(delete) if !statement.locks().is_empty() => of_rows(&delete.table.name),
        Kind::Merge(_) => Some(("its rows are written", Risk::Careful)),
        Kind::Insert(insert) => match &insert.source {
            InsertSource::Query(query) if query.has_word("FROM") => {
                Some(("its rows are written", Risk::Careful))
            }
            _ => None,
        },
        _ => {
            let heaviest = statement.locks().iter().max_by_key(|lock| (lock.scan, !is_small(lock)))?;
            let scan = heaviest.scan;
            let work = match scan {
                TableScan::Scan => "the table is read",
                TableScan::Build => "the index is built",
                TableScan::Rewrite => "the table is rewritten",
                _ => return None,
            };
            Some((work, if is_small(heaviest) { Risk::Careful } else { Risk::Dangerous }))
        }
    }
}

fn several(statement: &Statement<'_>, transaction: &mut Transaction, found: &mut Vec<Found>) {
    if transaction.named || transaction.is_bare {
        return;
    }
    let is_strong = |mode: LockMode| mode == LockMode::AccessExclusive;
    let Some(Held { relation: first, line, .. }) = transaction.locks.iter().find(|held| is_strong(held.mode))
    else {
        return;
    };
    let second = statement.locks().iter().find(|lock| {
        is_strong(lock.mode)
            && lock.is_named
            && !transaction.locks.iter().any(|held| held.relation == lock.relation)
    });
    if let Some(second) = second {
        transaction.named = true;
        let message = format!(
            "the lock on {first} of the statement in line {line} is held while the script waits for the lock on {}",
            second.relation
        );
        found.push(Found::new(
            &SEVERAL_TABLES_IN_ONE_TRANSACTION,
            statement.span(),
            second.relation.clone(),
            message,
        ));
    }
}

/// Finds a script whose statements are committed separately although only some of them require it.
pub(super) fn mixed(script: &Script, options: &Options) -> Vec<(usize, Found)> {
    let statements = script.statements();
    if options.transaction == Some(TransactionMode::Block) || statements.len() < 2 {
        return Vec::new();
    }
    let refuses = |index: usize| statements.at(index).refuses().is_some();
    let count = (0..statements.len()).filter(|index| refuses(*index)).count();
    let Some(first) = (0..statements.len()).find(|index| refuses(*index)) else { return Vec::new() };
    let is_setting = |index: usize| crate::sql::is_session_setting(statements.at(index).text(script.text()));
    if (0..statements.len()).all(|index| refuses(index) || is_setting(index)) {
        return Vec::new();
    }
    let others = statements.len() - count;
    let text = statements.at(first).text(script.text());
    let lexed = LexedStatement::new(text);
    let message =
        format!("{others} other statements of the script are committed separately because of this one");
    vec![(first, Found::new(&CONCURRENTLY_MIXED, lexed.parse().all.span(), "", message))]
}
