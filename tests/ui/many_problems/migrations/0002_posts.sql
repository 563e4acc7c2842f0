-- migrate: lock_timeout=5s
-- migrate: lock_timeoout=1min transaction=maybe
CREATE TABLE posts (id bigint);
