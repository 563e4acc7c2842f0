//! The marker of a comparison in a given scratch database.
//!
//! A killed process can't empty the database. So a comparison first writes a marker into it, and removes the
//! marker last. A comparison that finds a marker empties the database first, provided that nothing in it is
//! newer than the last commit of the killed comparison, which its marker and the rows of its history date.
//!
//! The marker is a large object with a comment: any role may create one, and migrations do not interact with
//! it.

use crate::connection::protect;
use crate::sql::answers::{is_true, parsed, text};
use crate::sql::quote::quote_literal;
use tokio_postgres::{Client, Error};

/// The prefix of its comment, by which `drops.sql` spares it.
const BEGINNING: &str = "migrate scratch ";

/// The separator in its comment.
const SEPARATOR: char = '\u{1e}';

/// A comparison that uses the database, or used it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    oid: u32,
    /// The application name of the sessions that work in it.
    pub(super) sessions: String,
    /// The statements that would drop the objects that existed before, which stay.
    pub(super) stays: Vec<String>,
}

const FIND: &str = "\
    SELECT m.oid, d.description FROM pg_catalog.pg_largeobject_metadata m JOIN pg_catalog.pg_description d \
      ON d.objoid = m.oid AND d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND d.objsubid = 0 \
    WHERE d.description LIKE 'migrate scratch %' AND pg_catalog.pg_has_role(m.lomowner, 'USAGE') ORDER BY m.oid LIMIT 1";

/// The histories in the database.
const HISTORIES: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_description d \
    JOIN pg_catalog.pg_class c ON c.oid = d.objoid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0 \
    AND d.description LIKE 'What was migrated, by migrate-postgres%'";

/// The catalogs of independent objects. Of relations only some are: an index, for example, goes with its
/// table.
const CATALOGS: [&str; 20] = [
    "pg_cast",
    "pg_collation",
    "pg_conversion",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_language",
    "pg_namespace",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_publication",
    "pg_statistic_ext",
    "pg_transform",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_template",
    "pg_type",
];

impl Marker {
    /// The marker of the comparison with this id.
    pub(super) fn new(id: &str, stays: Vec<String>) -> Marker {
        // Above the oids of objects that initdb creates.
        let oid = u32::from_str_radix(&id[..7], 16).unwrap_or_default() | 0x1000_0000;
        Marker { oid, sessions: format!("{BEGINNING}{id}"), stays }
    }

    /// Reads the marker in the database.
    pub(super) async fn find(client: &Client) -> Result<Option<Marker>, Error> {
        let rows = protect::ask(client, FIND).await?;
        Ok(rows.first().and_then(|row| Some(Marker::read(parsed(row, 0)?, text(row, 1)?))))
    }

    fn read(oid: u32, comment: &str) -> Marker {
        let mut parts = comment.split(SEPARATOR).map(str::to_owned);
        Marker { oid, sessions: parts.next().unwrap_or_default(), stays: parts.collect() }
    }

    fn comment(&self) -> String {
        let stays = self.stays.iter().map(|stays| format!("{SEPARATOR}{stays}"));
        std::iter::once(self.sessions.clone()).chain(stays).collect()
    }

    /// Writes it into the database. If that is not permitted, the comparison continues without it.
    pub(super) async fn put(&self, client: &Client) {
        let (oid, comment) = (self.oid, quote_literal(&self.comment()));
        let put = format!("SELECT pg_catalog.lo_create({oid}); COMMENT ON LARGE OBJECT {oid} IS {comment}");
        // A message is one transaction.
        drop(protect::ask(client, &put).await);
    }

    /// Removes it when the database is empty.
    pub(super) async fn remove(&self, client: &Client) -> Result<(), Error> {
        let oid = self.oid;
        let there = format!("FROM pg_catalog.pg_largeobject_metadata WHERE oid = {oid}");
        protect::ask(client, &format!("SELECT pg_catalog.lo_unlink(oid) {there}")).await.map(drop)
    }

    /// True if nothing in the database is newer than the comparison's commits.
    pub(super) async fn covers_all(&self, client: &Client) -> Result<bool, Error> {
        let histories = protect::ask(client, HISTORIES).await?;
        let histories = histories.iter().filter_map(|row| text(row, 0));
        let histories = histories.map(|history| format!(" UNION ALL SELECT xmin FROM {history}"));
        let catalogs = CATALOGS
            .map(|catalog| format!(" UNION ALL SELECT xmin FROM pg_catalog.{catalog} WHERE oid >= 16384"));
        let sql = format!(
            "SELECT NOT EXISTS (SELECT FROM ( \
               SELECT xmin FROM pg_catalog.pg_largeobject_metadata WHERE oid <> {oid} \
               UNION ALL SELECT xmin FROM pg_catalog.pg_class WHERE oid >= 16384 AND relkind NOT IN ('i', 'I', 't'){catalogs} \
             ) there WHERE pg_catalog.age(there.xmin) < (SELECT min(pg_catalog.age(committed.xmin)) FROM ( \
               SELECT xmin FROM pg_catalog.pg_largeobject_metadata WHERE oid = {oid}{histories}) committed))",
            oid = self.oid,
            catalogs = catalogs.concat(),
            histories = histories.collect::<String>(),
        );
        let rows = protect::ask(client, &sql).await?;
        Ok(rows.first().is_some_and(|row| is_true(row, 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for stays in [vec![], vec!["DROP EXTENSION a".to_owned(), "DROP SCHEMA \"b\nc\"".to_owned()]] {
            let marker = Marker::new("00112233445566778899aabbccddeeff", stays);
            assert_eq!(Marker::read(marker.oid, &marker.comment()), marker);
        }
    }
}
