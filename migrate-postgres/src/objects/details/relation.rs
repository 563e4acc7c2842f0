//! Tables, their columns, views and sequences.

use super::attributes::{Attributes, Member, Value, details};
use super::lines::Lines;
use crate::objects::kind::Kind;

details! {
    /// A table or foreign table.
    Table {
        /// `UNLOGGED`.
        unlogged: bool,
        /// The names of the columns, in order.
        columns: Vec<String>,
        /// The type of a typed table.
        of_type: Option<String>,
        /// The table that it is a partition of.
        partition_of: Option<String>,
        /// The bound of the partition: `FOR VALUES IN (1)`, `DEFAULT`.
        bound: Option<String>,
        /// The tables that it inherits from, other than as a partition.
        inherits: Vec<String>,
        /// The partition key: `RANGE (at)`.
        partition_by: Option<String>,
        /// The access method, if it is not `heap`.
        access_method: Option<String>,
        /// The server of a foreign table.
        server: Option<String>,
        /// The options of a foreign table: `name=value`.
        foreign_options: Vec<String>,
        /// The storage parameters: `fillfactor=70`, `toast.autovacuum_enabled=false`.
        options: Vec<String>,
        /// The tablespace.
        tablespace: Option<String>,
        /// `ENABLE ROW LEVEL SECURITY`.
        row_security: bool,
        /// `FORCE ROW LEVEL SECURITY`.
        forced_row_security: bool,
        /// The replica identity, if it is not the primary key: `FULL`, `USING INDEX i`.
        replica_identity: Option<String>,
        /// The index of `CLUSTER ON`.
        cluster_on: Option<String>,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A column of a table.
    Column {
        /// The type, with its modifier.
        data_type: String,
        /// The collation, if it is not the type's.
        collation: Option<String>,
        /// `NOT NULL`, perhaps with `NOT VALID` or `NO INHERIT`.
        not_null: Option<String>,
        /// `STORED` or `VIRTUAL`, for a generated column.
        generated: Option<String>,
        /// The default, or the expression of a generated column.
        expression: Option<String>,
        /// `ALWAYS` or `BY DEFAULT`, for an identity column.
        identity: Option<String>,
        /// The sequence of an identity column, without its schema.
        sequence: Option<String>,
        /// The options of that sequence.
        sequence_options: Option<SequenceOptions>,
        /// The storage, if it is not the type's.
        storage: Option<String>,
        /// The type's storage, if it is not the column's.
        usual_storage: Option<String>,
        /// The compression method.
        compression: Option<String>,
        /// The statistics target.
        statistics: Option<String>,
        /// The options: `n_distinct=5`.
        options: Vec<String>,
        /// The options of a foreign table's column: `name=value`.
        foreign_options: Vec<String>,
        /// True if it is only there because the parent of its table has it.
        inherited: bool,
    }

    /// The options of a sequence.
    SequenceOptions {
        /// The type.
        sequence_type: String,
        /// The first value.
        start: String,
        /// The increment.
        increment: String,
        /// The smallest value.
        minimum: String,
        /// The largest value.
        maximum: String,
        /// The number of values that a session keeps.
        cache: String,
        /// `CYCLE`.
        cycle: bool,
    }

    /// A sequence that belongs to no identity column.
    Sequence {
        /// `UNLOGGED`.
        unlogged: bool,
        /// Its options.
        options: SequenceOptions,
        /// The column that owns it.
        owned_by: Option<String>,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A view or materialized view.
    View {
        /// The columns.
        columns: Vec<ViewColumn>,
        /// The options: `security_barrier=true`, `fillfactor=70`.
        view_options: Vec<String>,
        /// The tablespace.
        tablespace: Option<String>,
        /// The index of `CLUSTER ON`.
        cluster_on: Option<String>,
        /// The query, with its semicolon.
        query: String,
        /// The owner, if owners were read.
        owner: Option<String>,
    }

    /// A column of a view.
    ViewColumn {
        /// The name.
        column: String,
        /// The type, with its modifier.
        data_type: String,
        /// The default.
        expression: Option<String>,
        /// The storage, if it is not the type's.
        storage: Option<String>,
        /// The compression method.
        compression: Option<String>,
        /// The statistics target.
        statistics: Option<String>,
        /// The options: `n_distinct=5, …`.
        options: Option<String>,
    }
}

impl Member for ViewColumn {
    const FIRST: &'static str = "column";

    fn of(attributes: Attributes<'_>) -> ViewColumn {
        ViewColumn::of(attributes)
    }
}

/// Its attributes stand among those of the sequence or column.
impl Value for SequenceOptions {
    fn read(attributes: Attributes<'_>, _: &str) -> SequenceOptions {
        SequenceOptions::of(attributes)
    }
}

impl Value for Option<SequenceOptions> {
    fn read(attributes: Attributes<'_>, _: &str) -> Option<SequenceOptions> {
        Some(SequenceOptions::of(attributes)).filter(|options| !options.sequence_type.is_empty())
    }
}

impl Table {
    pub(super) fn write(&self, kind: Kind, lines: &mut Lines) {
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        lines.line(&[unlogged, &kind.word().to_uppercase()]).each("column ", &self.columns);
        lines.optional("OF ", &self.of_type);
        if let (Some(parent), Some(bound)) = (&self.partition_of, &self.bound) {
            lines.line(&["PARTITION OF ", parent, " ", bound]);
        }
        lines.list("INHERITS", &self.inherits).optional("PARTITION BY ", &self.partition_by);
        lines.optional("USING ", &self.access_method).optional("SERVER ", &self.server);
        lines.list("OPTIONS", &self.foreign_options).list("WITH", &self.options);
        lines.optional("TABLESPACE ", &self.tablespace);
        lines.flag("ROW LEVEL SECURITY ENABLED", self.row_security);
        lines.flag("ROW LEVEL SECURITY FORCED", self.forced_row_security);
        lines.optional("REPLICA IDENTITY ", &self.replica_identity);
        lines.optional("CLUSTER ON ", &self.cluster_on).owner(&self.owner);
    }
}

impl Column {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        lines.line(&[&self.data_type]).optional("COLLATE ", &self.collation).optional("", &self.not_null);
        match (&self.expression, &self.generated) {
            (Some(expression), Some(generated)) => {
                lines.line(&["GENERATED ALWAYS AS (", expression, ") ", generated]);
            }
            (expression, _) => {
                lines.optional("DEFAULT ", expression);
            }
        }
        if let Some(identity) = &self.identity {
            lines.line(&["GENERATED ", identity, " AS IDENTITY"]);
        }
        if let (Some(sequence), Some(options)) = (&self.sequence, &self.sequence_options) {
            lines.line(&["SEQUENCE ", sequence, " AS ", &options.sequence_type, " ", &options.text()]);
        }
        lines.optional("STORAGE ", &self.storage).optional("COMPRESSION ", &self.compression);
        lines.optional("STATISTICS ", &self.statistics).list("WITH", &self.options);
        lines.list("OPTIONS", &self.foreign_options).flag("INHERITED", self.inherited);
    }
}

impl SequenceOptions {
    /// The options after the type, on one line.
    fn text(&self) -> String {
        let SequenceOptions { start, increment, minimum, maximum, cache, .. } = self;
        let cycle = if self.cycle { " CYCLE" } else { "" };
        format!(
            "START {start} INCREMENT {increment} MINVALUE {minimum} MAXVALUE {maximum} CACHE {cache}{cycle}"
        )
    }
}

impl Sequence {
    pub(super) fn write(&self, _: Kind, lines: &mut Lines) {
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        lines.line(&[unlogged, "SEQUENCE AS ", &self.options.sequence_type]).line(&[&self.options.text()]);
        lines.optional("OWNED BY ", &self.owned_by).owner(&self.owner);
    }
}

impl View {
    pub(super) fn write(&self, kind: Kind, lines: &mut Lines) {
        lines.line(&[&kind.word().to_uppercase()]);
        for column in &self.columns {
            lines.line(&["column ", &column.text()]);
        }
        lines.list("WITH", &self.view_options).optional("TABLESPACE ", &self.tablespace);
        lines.optional("CLUSTER ON ", &self.cluster_on).line(&["AS"]).line(&[&self.query]).owner(&self.owner);
    }
}

impl ViewColumn {
    fn text(&self) -> String {
        let optional = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {word} {value}")).unwrap_or_default()
        };
        [
            self.column.clone(),
            format!(" {}", self.data_type),
            optional("DEFAULT", &self.expression),
            optional("STORAGE", &self.storage),
            optional("COMPRESSION", &self.compression),
            optional("STATISTICS", &self.statistics),
            self.options.as_ref().map(|options| format!(" WITH ({options})")).unwrap_or_default(),
        ]
        .concat()
    }
}
