-- +goose Up
CREATE TABLE b ();

-- +goose Down
-- migrate: lock_timeuot=5s
DROP TABLE b;
PREPARE TRANSACTION 'b';
