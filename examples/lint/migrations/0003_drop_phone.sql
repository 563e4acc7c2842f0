-- migrate: allow=drop-column reason="unused since 2.0, and exported to the archive"
ALTER TABLE users DROP COLUMN phone;
