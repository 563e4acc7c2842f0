-- +goose Up
-- +goose StatementBegin
CREATE TABLE a ();

-- +goose Down
-- migrate: lock_timeuot=5s
DROP TABLE a;
COMMIT;
