SELECT has_function_privilege('publish(bigint)', 'EXECUTE');
