-- migrate: allow=no-grants reason="the platform team has agreed"
GRANT SELECT ON users TO PUBLIC;
