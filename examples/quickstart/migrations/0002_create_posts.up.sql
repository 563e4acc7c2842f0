-- migrate: statement_timeout=10s
CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author bigint NOT NULL REFERENCES users,
    title text NOT NULL,
    published_at timestamptz
);

CREATE FUNCTION publish(post bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE posts SET published_at = now() WHERE id = post AND published_at IS NULL;
$$;
