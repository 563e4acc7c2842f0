-- migrate: since=0001 key=id statement_timeout=500ms
SELECT id FROM greetings WHERE text = '';
