-- ${comment}
CREATE TABLE app_${schema}.c (d text DEFAULT '${schema}');
