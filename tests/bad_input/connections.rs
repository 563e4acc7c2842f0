//! Servers that can't be reached, or let nobody in.
