-- migrate: batch=users(id) rows=1000
UPDATE users SET slug = replace(lower(name), ' ', '-') WHERE slug IS NULL AND ${batch};
