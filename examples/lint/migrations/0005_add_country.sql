ALTER TABLE users ADD country text;
