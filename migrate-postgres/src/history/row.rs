//! A row of the history. It is not trusted: it may have been edited.

use crate::error::Error;
use migrate_core::Set;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// A row of a set's history. A value that this library did not write is an error, never a panic.
#[derive(Clone, Copy)]
pub(super) struct HistoryRow<'r> {
    table: &'r str,
    set: &'r Set,
    row: &'r Row,
    number: i64,
}

impl<'r> HistoryRow<'r> {
    /// Wraps a row whose number is in the column `number`, of a table named as in messages.
    pub(super) fn new(
        table: &'r str,
        set: &'r Set,
        row: &'r Row,
        number: usize,
    ) -> Result<HistoryRow<'r>, Error> {
        let unnumbered = HistoryRow { table, set, row, number: 0 };
        Ok(HistoryRow { number: unnumbered.get(number)?, ..unnumbered })
    }

    /// The row's number within its set.
    pub(super) fn number(&self) -> i64 {
        self.number
    }

    /// The value of a column.
    pub(super) fn get<V: FromSql<'r>>(&self, column: usize) -> Result<V, Error> {
        self.row.try_get(column).map_err(|error| {
            let name = self.row.columns().get(column).map_or("?", |column| column.name());
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            self.damaged(format!("its {name} can't be read{cause}"))
        })
    }

    /// The error for a row that this library did not write.
    pub(super) fn damaged(&self, problem: String) -> Error {
        Error::DamagedRow {
            table: self.table.to_owned(),
            set: self.set.name().to_owned(),
            row: self.number,
            problem,
        }
    }
}
