//! The memory that a boot takes in addition to the embedded set.

use migrate_core::set::embedded::{LAZY_MIGRATION, LazyMigration, Literals, Packing};
use migrate_core::{
    DigestChain, FileMigration, Migration as _, Options, Script, Set, SqlMigration, Version, VersionOrder,
    sql,
};
use migrate_postgres::{Migrator, testing};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SCRIPTS: usize = 1000;
const BYTES: usize = 5_000_000;
const LIMIT: usize = 2 << 20;

/// A set as `migrate!` embeds it: none of it is on the heap, where a boot could free it.
fn embedded() -> Set {
    let migrations = (1..=SCRIPTS).map(|number| {
        let text = format!("COMMENT ON SCHEMA public IS '{number} {}';\n", "x".repeat(BYTES / SCRIPTS));
        let up = Script::new(
            format!("{number:05}_step.sql"),
            text.clone(),
            sql::split(&text).statements,
            Options::NONE,
        );
        let version = Version::numeric(format!("{number:05}"));
        FileMigration::Sql(SqlMigration::new(version, format!("{number:05}_step"), up))
    });
    let migrations: &'static [FileMigration] = migrations.collect::<Vec<_>>().leak();
    let packing = Packing::of(migrations.iter());
    let literals = Literals {
        order: VersionOrder::Numeric,
        files: migrations.iter().map(|m| m.up_script().unwrap().text()).collect::<Vec<_>>().leak(),
        packed: packing.bytes.leak(),
        code: &[],
        assertions: &[],
        seeds: &[],
    };
    let made: Vec<LazyMigration> = migrations.iter().map(|_| LAZY_MIGRATION).collect();
    let digests = DigestChain::of(migrations.iter().map(|m| (m.version(), m.checksum())));
    let digests = digests.as_bytes().to_vec().leak();
    Set::from_static("embedded", Box::leak(Box::new(literals)), made.leak(), digests, "", &[], &[])
}

/// The growth of the heap over its size at the beginning.
async fn growth(boot: impl Future<Output = ()>) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    boot.await;
    HEAP.peak_usage() - before
}

#[tokio::test]
async fn a_boot_holds_no_copy_of_the_embedded_scripts() {
    let migrator = Migrator::new(embedded());
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    let all_pending = growth(async {
        assert_eq!(migrator.run(&client).await.unwrap().steps.len(), SCRIPTS);
    });
    let grown = all_pending.await;
    assert!(grown < LIMIT, "{SCRIPTS} pending scripts of {BYTES} bytes in all: {grown} bytes");
    let nothing_pending = growth(async {
        assert!(migrator.run(&client).await.unwrap().is_noop());
    });
    let grown = nothing_pending.await;
    assert!(grown < 50_000, "nothing pending: {grown} bytes");
}
