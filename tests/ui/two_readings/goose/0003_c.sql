-- migrate:up
CREATE TABLE c ();
