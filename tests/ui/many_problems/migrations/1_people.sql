CREATE TABLE people (id bigint);
