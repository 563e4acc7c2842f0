SELECT to_regclass('greetings') IS NOT NULL;
