COMMENT ON TABLE orders IS 'What customers have ordered.';
ALTER TABLE orders ADD COLUMN currency text NOT NULL DEFAULT 'EUR';
