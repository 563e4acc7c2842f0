use super::*;
use crate::set::options::Options;
use crate::set::script::Script;
use crate::sql;
use crate::{SqlMigration, Version};
use proptest::prelude::*;

/// The text from which the values of `other-tools.md` and of the tools themselves were computed.
const TEXT: &str = "CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\n";

fn migration(name: &str, text: &str) -> SqlMigration {
    let script = Script::new("up.sql", text.to_owned(), sql::split(text).statements, Options::NONE);
    SqlMigration::new(Version::numeric("1"), name.to_owned(), script)
}

fn checksums() -> [ToolChecksum; 4] {
    let sha_384 =
        "977b73527daf25060f0b5039a54d00b8c7932f286baf2d83531e5fa8e12264fd6a30a7ccf6460135d22c6fd9375645f8";
    let bytes = (0..48).map(|i| u8::from_str_radix(&sha_384[2 * i..2 * i + 2], 16).unwrap()).collect();
    [
        ToolChecksum::Prisma("ca2e30c7bf4ae893a75714da225cab24092983eef3fc4de5988d59bbf722acfb".to_owned()),
        ToolChecksum::Sqlx(bytes),
        ToolChecksum::Refinery(17_142_113_497_639_701_498),
        ToolChecksum::Flyway(169_406_234),
    ]
}

#[test]
fn each_tools_checksum_of_a_known_text_is_known() {
    for checksum in checksums() {
        assert!(checksum.is_of(&migration("V1__initial", TEXT)), "{checksum:?}");
        assert!(!checksum.is_of(&migration("V1__initial", "SELECT 1;\n")), "{checksum:?}");
    }
    assert_eq!(prisma::checksum(TEXT), checksums()[0].to_string());
    let of_64_bits = ToolChecksum::Refinery(895_934_071_254_114_687);
    assert!(of_64_bits.is_of(&migration("V1__initial", TEXT)));
    assert!(!of_64_bits.is_of(&migration("V1__first", TEXT)), "refinery's covers the name too");
}

#[test]
fn a_byte_order_mark_or_other_line_endings_are_no_edit() {
    let crlf = TEXT.replace('\n', "\r\n");
    for text in [crlf.clone(), format!("\u{feff}{TEXT}"), format!("\u{feff}{crlf}")] {
        for checksum in checksums() {
            assert!(checksum.is_of(&migration("V1__initial", &text)), "{checksum:?} {text:?}");
        }
    }
}

#[test]
fn prismas_old_checksums_lack_zeros() {
    // SHA-256 of "b" is 3e23e8160039…: old versions wrote a byte such as 00 or 03 as 0 or 3.
    let text = "SELECT 'b';";
    let full = prisma::checksum(text);
    let old: String =
        (0..32).map(|i| format!("{:x}", u8::from_str_radix(&full[2 * i..2 * i + 2], 16).unwrap())).collect();
    assert!(old.len() < 64, "no byte of {full} is below 16");
    assert!(ToolChecksum::Prisma(old.clone()).is_of(&migration("1_b", text)));
    assert!(!ToolChecksum::Prisma(old).is_of(&migration("1_b", "SELECT 'c';")));
}

#[test]
fn a_row_of_prismas_that_is_rolled_back_counts_for_nothing() {
    let row = |name: &str, second: u64, finished, rolled_back| prisma::PrismaRow {
        checksum: String::new(),
        finished_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(second + 2)).filter(|_| finished),
        migration_name: name.to_owned(),
        logs: Some("boom".to_owned()),
        rolled_back_at: Some(SystemTime::UNIX_EPOCH).filter(|_| rolled_back),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
        applied_steps_count: 0,
    };
    let rows = [
        row("1_a", 1, true, false),
        row("2_b", 2, false, true),
        row("2_b", 3, true, false),
        row("3_c", 4, false, true),
        row("4_d", 5, false, false),
    ];
    let found = prisma::found(rows);
    let states: Vec<(&str, &ForeignMigrationState)> = found.iter().map(|f| (&*f.version, &f.state)).collect();
    let failed = ForeignMigrationState::Failed { logs: Some("boom".to_owned()) };
    let expected = [
        ("1_a", &ForeignMigrationState::Applied),
        ("2_b", &ForeignMigrationState::Applied),
        ("3_c", &ForeignMigrationState::Reverted),
        ("4_d", &failed),
    ];
    assert_eq!(states, expected);
    assert_eq!(found[1].took, Some(Duration::from_secs(2)));
    // A failed attempt blocks a deployment even if a later one succeeded. A rolled back attempt hides
    // nothing.
    let state = |rows: [prisma::PrismaRow; 2]| prisma::found(rows)[0].state.clone();
    assert_eq!(state([row("1_a", 1, false, false), row("1_a", 2, true, false)]), failed);
    assert_eq!(
        state([row("1_a", 1, true, false), row("1_a", 2, false, true)]),
        ForeignMigrationState::Applied
    );
    assert_eq!(state([row("1_a", 1, true, false), row("1_a", 2, false, false)]), failed);
}

#[test]
fn what_this_library_left_unfinished_in_prismas_table_goes_on_there() {
    for (logs, expected) in [
        (Some("migrate-postgres: unfinished"), Some(false)),
        (Some("migrate-postgres: stopped\nboom"), Some(true)),
        (Some("boom"), None),
        (None, None),
    ] {
        let row = prisma::PrismaRow {
            checksum: String::new(),
            finished_at: None,
            migration_name: "1_a".to_owned(),
            logs: logs.map(str::to_owned),
            rolled_back_at: None,
            started_at: SystemTime::UNIX_EPOCH,
            applied_steps_count: 3,
        };
        let state = prisma::found([row.clone(), row]).remove(0).state;
        match (state, expected) {
            (ForeignMigrationState::Interrupted { statements_done: 3, failed }, Some(expected)) => {
                assert_eq!(failed, expected, "{logs:?}");
            }
            (ForeignMigrationState::Failed { logs: kept }, None) => assert_eq!(kept.as_deref(), logs),
            (other, _) => panic!("{logs:?}: {other:?}"),
        }
    }
}

#[test]
fn a_row_of_refinerys_has_name_checksum_and_time() {
    let at = Some(SystemTime::UNIX_EPOCH);
    let row = refinery::RefineryRow { version: 7, name: "a".into(), applied_on: at, checksum: Some(5) };
    let found = refinery::found(row);
    assert_eq!((found.version.as_str(), found.name.as_deref(), found.at), ("7", Some("a"), at));
    assert_eq!(
        (found.checksum, found.state),
        (Some(ToolChecksum::Refinery(5)), ForeignMigrationState::Applied)
    );
}

#[test]
fn flyways_last_row_of_a_version_counts() {
    let row = |version: Option<&str>, kind: &str, success| flyway::FlywayRow {
        version: version.map(str::to_owned),
        description: "all views".to_owned(),
        kind: kind.to_owned(),
        checksum: Some(1),
        installed_on: SystemTime::UNIX_EPOCH,
        execution_time: 5,
        success,
    };
    let rows = [
        row(None, "SCHEMA", true),
        row(Some("1"), "BASELINE", true),
        row(Some("2"), "SQL", true),
        row(Some("3"), "SQL", true),
        row(None, "SQL", true),
        row(Some("2"), "UNDO_SQL", true),
        row(Some("3"), "DELETE", true),
        row(Some("4.1"), "SQL", false),
    ];
    let found = flyway::found(rows.into_iter().skip(1));
    let states: Vec<(&str, &ForeignMigrationState)> = found.iter().map(|f| (&*f.version, &f.state)).collect();
    let expected = [
        ("1", &ForeignMigrationState::AppliedUpTo),
        ("R__all_views", &ForeignMigrationState::Applied),
        ("2", &ForeignMigrationState::Reverted),
        ("3", &ForeignMigrationState::Reverted),
        ("4.1", &ForeignMigrationState::Failed { logs: None }),
    ];
    assert_eq!(states, expected);
    assert_eq!(flyway::found([row(None, "SCHEMA", true)]), []);
    let checksums: Vec<bool> = found.iter().map(|found| found.checksum.is_some()).collect();
    assert_eq!(checksums, [false, true, false, false, false], "only an applied script has one that counts");
}

#[test]
fn gooses_newest_row_of_a_version_counts_and_its_row_0_is_no_migration() {
    let row = |version_id, is_applied| goose::GooseRow { version_id, is_applied, tstamp: None };
    let found =
        goose::found([row(0, true), row(1, true), row(2, true), row(2, false), row(1, false), row(1, true)]);
    let states: Vec<(&str, &ForeignMigrationState)> = found.iter().map(|f| (&*f.version, &f.state)).collect();
    assert_eq!(states, [("2", &ForeignMigrationState::Reverted), ("1", &ForeignMigrationState::Applied)]);
}

#[test]
fn sqlx_names_its_lock_and_its_descriptions_in_its_own_way() {
    // 0x3d32ad9e * crc32("123456789"), the check value of CRC-32/ISO-HDLC.
    assert_eq!(sqlx::lock_key("123456789"), 0x3d32_ad9e * 0xcbf4_3926);
    assert_eq!(sqlx::description("0001_create_users"), "create users");
    assert_eq!(sqlx::description("20260106090000_a__b"), "a  b");
}

proptest! {
    #[test]
    fn a_checkpoint_in_sqlxs_table_is_read_as_it_was_written(done in 0_usize..1 << 40, failed: bool) {
        let row = sqlx::SqlxRow {
            version: 1,
            description: "m".to_owned(),
            installed_on: SystemTime::UNIX_EPOCH,
            success: false,
            checksum: Vec::new(),
            execution_time: sqlx::execution_time(done, failed),
        };
        let mut applied = row.clone();
        applied.success = true;
        prop_assert_eq!(sqlx::found(applied).state, ForeignMigrationState::Applied);
        prop_assert_eq!(sqlx::found(row).state, ForeignMigrationState::Interrupted { statements_done: done, failed });
    }

    #[test]
    fn flyways_checksum_knows_no_line_endings(lines in proptest::collection::vec("[a-z ]{0,8}", 0..6)) {
        let [lf, crlf, cr] = ["\n", "\r\n", "\r"].map(|ending| flyway::checksum(&lines.join(ending)));
        prop_assert_eq!(lf, crlf);
        prop_assert_eq!(lf, cr);
    }
}
