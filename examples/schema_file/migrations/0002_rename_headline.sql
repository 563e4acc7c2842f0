ALTER TABLE posts RENAME COLUMN headline TO title;
