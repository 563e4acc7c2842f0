#!/usr/bin/env python3
"""Tries the table of migrate-core/tests/sql/refusals.rs on a server: each statement, inside a transaction block.

usage: refusals.py    (a superuser's connection from PGHOST, PGUSER, …; it makes and drops the database "refusals")

Prints what the server answers wherever that is not the refusal that the table names.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2] / "migrate-core"
LITERAL = r'"(?:[^"\\]|\\.)*"'
SETUP = """
CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE SCHEMA s;
CREATE TABLE p (a int) PARTITION BY RANGE (a);
CREATE TABLE c PARTITION OF p FOR VALUES FROM (0) TO (1);
CREATE TABLE s.p (a int) PARTITION BY RANGE (a);
CREATE TABLE s.c PARTITION OF s.p FOR VALUES FROM (0) TO (1);
CREATE TYPE e AS ENUM ('a'); CREATE PUBLICATION p;
CREATE SUBSCRIPTION s CONNECTION 'host=/nonexistent dbname=x' PUBLICATION p, x WITH (connect = false);
ALTER SUBSCRIPTION s ENABLE;
"""
TEARDOWN = "ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s;"


def psql(database, script):
    command = ["psql", "-qXAt", "-v", "VERBOSITY=verbose", "-d", database]
    return subprocess.run(command, input=script, capture_output=True, text=True).stderr


def table():
    """The statements with the name of their refusal, if they have one."""
    refusals = (ROOT / "src/sql/refusal.rs").read_text()
    names = dict(re.findall(r'^    (\w+) => "(.*)",$', refusals, re.MULTILINE))
    refuse, take = (ROOT / "tests/sql/refusals.rs").read_text().split("fn these_statements_take_a_transaction")
    for literal, variant in re.findall(rf"\(\s*({LITERAL}),\s*R::(\w+)", refuse):
        yield ast.literal_eval(literal), names[variant]
    for literal in re.findall(rf"^ +({LITERAL}),$", take, re.MULTILINE):
        yield ast.literal_eval(literal), None


def main():
    psql("postgres", "CREATE DATABASE refusals;")
    psql("refusals", SETUP)
    tried = differences = 0
    try:
        for statement, expected in table():
            errors = psql("refusals", f"BEGIN;\n{statement}\n;\nROLLBACK;")
            refusal = re.search(r"ERROR:  25001: (.*) cannot run inside a transaction block", errors)
            tried += 1
            if (refusal and refusal.group(1)) != expected:
                differences += 1
                print(f"{statement!r}: {expected}, but the server: {errors.splitlines()[:1]}")
    finally:
        psql("refusals", TEARDOWN)
        psql("postgres", "DROP DATABASE refusals;")
    print(f"{tried} statements, {differences} differences")


if __name__ == "__main__":
    sys.exit(main())
