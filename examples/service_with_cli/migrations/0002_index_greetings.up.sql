CREATE INDEX CONCURRENTLY greetings_text ON greetings (text);
