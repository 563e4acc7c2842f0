//! Differences: two schemas, and the SQL between them.

mod sides;
