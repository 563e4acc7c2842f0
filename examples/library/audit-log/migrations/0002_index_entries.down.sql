DROP INDEX audit_log.entries_by_actor;
