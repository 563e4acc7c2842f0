-- This statement refuses a transaction, so the script runs statement by statement.
CREATE INDEX CONCURRENTLY posts_by_author ON posts (author, published_at);
