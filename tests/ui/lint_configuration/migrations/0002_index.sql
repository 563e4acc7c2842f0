-- Finds users by email.
CREATE INDEX users_email
    ON users (email);
