-- Without CONCURRENTLY, this would be a compile error: nobody could write users while the index is built.
CREATE INDEX CONCURRENTLY users_email ON users (email);
