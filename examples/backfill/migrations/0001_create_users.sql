CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, slug text);
INSERT INTO users (id, name) SELECT n, 'User ' || n FROM generate_series(1, 100000) n;
