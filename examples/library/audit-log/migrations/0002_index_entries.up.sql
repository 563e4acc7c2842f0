CREATE INDEX entries_by_actor ON audit_log.entries (actor, at);
