CREATE TABLE a (
    b text DEFAULT 'café'
);
