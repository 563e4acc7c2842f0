ALTER TABLE users ADD age int;
-- migrate: allow=drop-column reason="nobody has one any more"
ALTER TABLE users DROP COLUMN fax;
ALTER TABLE users DROP COLUMN phone;
