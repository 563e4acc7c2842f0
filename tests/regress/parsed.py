#!/usr/bin/env python3
"""Compares migrate_core::sql::statement with the server's own parser, on the server's own regression tests.

usage: parsed.py SPLIT DIRECTORY...

SPLIT is the built example `split` of migrate-core, which prints with `--parsed` what each statement is. Of each statement that
the server's parser takes, the kind has to be the same, the object, and of tables, indexes, changes of rows and drops what
`facts` has. See README.md.
"""

import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pglast import get_postgresql_version, parser

import compare

# The kinds of statement whose object is in this place of the server's tree.
RELATIONS = {
    "CreateStmt": ("CreateTable", "relation"),
    "ViewStmt": ("CreateView", "view"),
    "AlterTableStmt": ("AlterRelation", "relation"),
    "InsertStmt": ("Insert", "relation"),
    "UpdateStmt": ("Update", "relation"),
    "DeleteStmt": ("Delete", "relation"),
    "MergeStmt": ("Merge", "relation"),
    "CompositeTypeStmt": ("CreateType", "typevar"),
    "CreateSeqStmt": ("CreateSequence", "sequence"),
    "RefreshMatViewStmt": ("Refresh", "relation"),
}
NAME_LISTS = {
    "CreateFunctionStmt": ("CreateRoutine", "funcname"),
    "CreateEnumStmt": ("CreateType", "typeName"),
    "CreateRangeStmt": ("CreateType", "typeName"),
    "CreateDomainStmt": ("CreateDomain", "domainname"),
    "AlterDomainStmt": ("AlterDomain", "typeName"),
    "AlterEnumStmt": ("AlterType", "typeName"),
    "CreateStatsStmt": ("CreateStatistics", "defnames"),
}
NAMES = {
    "IndexStmt": ("CreateIndex", "idxname"),
    "CreateTrigStmt": ("CreateTrigger", "trigname"),
    "CreateSchemaStmt": ("CreateSchema", "schemaname"),
    "CreateExtensionStmt": ("CreateExtension", "extname"),
    "CreatePolicyStmt": ("CreateOnTable", "policy_name"),
    "RuleStmt": ("CreateOnTable", "rulename"),
}
KINDS = {
    "SelectStmt": "Query",
    "VariableShowStmt": "Show",
    "TransactionStmt": "Transaction",
    "ExplainStmt": "Explain",
    "DropStmt": "Drop",
    "GrantStmt": "Privileges",
    "GrantRoleStmt": "Privileges",
    "CommentStmt": "Comment",
    "DoStmt": "Do",
    "CallStmt": "Call",
    "CopyStmt": "Copy",
    "ReindexStmt": "Reindex",
    "ClusterStmt": "Cluster",
    "LockStmt": "Lock",
}


def relation(node):
    return ".".join(filter(None, (node.get("catalogname"), node.get("schemaname"), node.get("relname"))))


def names(nodes):
    return ".".join(node["String"].get("sval", "") for node in nodes if "String" in node)


def expected(kind, node):
    """Our kind of statement and the object's name; None where nothing is compared."""
    if kind == "AlterTableStmt" and node.get("objtype") == "OBJECT_TYPE":
        return "AlterType", relation(node["relation"])
    if kind in RELATIONS:
        return RELATIONS[kind][0], relation(node[RELATIONS[kind][1]])
    if kind in NAME_LISTS:
        return NAME_LISTS[kind][0], names(node.get(NAME_LISTS[kind][1], [])) or None
    if kind in NAMES:
        return NAMES[kind][0], node.get(NAMES[kind][1])
    if kind == "CreateForeignTableStmt":
        return "CreateTable", relation(node["base"]["relation"])
    if kind == "CreateTableAsStmt":
        is_view = node.get("objtype") == "OBJECT_MATVIEW"
        return "CreateView" if is_view else "CreateTable", relation(node["into"]["rel"])
    if kind == "TruncateStmt":
        return "Truncate", relation(node["relations"][0]["RangeVar"])
    if kind == "VariableSetStmt":
        return "Reset" if node["kind"] in ("VAR_RESET", "VAR_RESET_ALL") else "Set", None
    if kind == "VacuumStmt":
        return "Vacuum" if node.get("is_vacuumcmd") else "Analyze", None
    return KINDS.get(kind), None


def type_of(column):
    written = column.get("typeName")
    if not written:
        return "-"
    parts = [name["String"]["sval"] for name in written["names"]]
    parts = parts[1:] if parts[0] == "pg_catalog" else parts
    return ".".join(parts) + ("[]" if written.get("arrayBounds") else "")


def facts(kind, node):
    if kind in ("UpdateStmt", "DeleteStmt"):
        return {"where": "whereClause" in node}
    if kind == "IndexStmt":
        return {
            "concurrently": node.get("concurrent", False),
            "unique": node.get("unique", False),
            "table": relation(node["relation"]),
            "elements": len(node.get("indexParams", [])),
            "where": "whereClause" in node,
            "only": not node["relation"].get("inh", False),
        }
    if kind == "CreateStmt":
        elements = node.get("tableElts", [])
        columns = [element["ColumnDef"] for element in elements if "ColumnDef" in element]
        having = lambda kind: sum(
            any(constraint["Constraint"]["contype"] == kind for constraint in column.get("constraints", []))
            for column in columns
        )
        return {
            "columns": ",".join(column.get("colname", "") for column in columns),
            "types": ",".join(map(type_of, columns)),
            "constraints": sum("Constraint" in element for element in elements),
            "inherits": 0 if node.get("partbound") else len(node.get("inhRelations", [])),
            "defaults": having("CONSTR_DEFAULT"),
            "not_null": having("CONSTR_NOTNULL"),
        }
    if kind == "AlterTableStmt" and node.get("objtype") != "OBJECT_TYPE":
        return {"actions": len(node["cmds"])}
    if kind == "DropStmt":
        return {
            "cascade": node.get("behavior") == "DROP_CASCADE",
            "if_exists": node.get("missing_ok", False),
            "concurrently": node.get("concurrent", False),
        }
    return {}


def parsed(split, text):
    with tempfile.NamedTemporaryFile(suffix=".sql") as file:
        file.write(text.encode())
        file.flush()
        answer = subprocess.run([split, "--parsed", file.name], check=True, capture_output=True).stdout.decode()
    for line in answer.splitlines():
        start, end, ours = line.split("\t", 2)
        yield text.encode()[int(start):int(end)].decode(), json.loads(ours)


def main():
    split, *directories = sys.argv[1:]
    files = sorted({path for directory in directories for path in Path(directory).rglob("*.sql")})
    print("parser of PostgreSQL", ".".join(map(str, get_postgresql_version())))
    counts = collections.Counter()
    for path in files:
        raw = path.read_bytes()
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        text, _ = compare.scannable(split, compare.without_psql(split, text.replace("\0", " ")))
        for statement, ours in parsed(split, text):
            try:
                [tree] = json.loads(parser.parse_sql_json(statement))["stmts"]
            except (parser.ParseError, ValueError):
                counts["refused"] += 1
                continue
            [(kind, node)] = tree["stmt"].items()
            counts["statements"] += 1
            theirs_kind, name = expected(kind, node)
            theirs = {"complete": True}
            if theirs_kind:
                counts["compared"] += 1
                theirs |= {"kind": theirs_kind} | facts(kind, node)
            if name is not None:
                theirs["target"] = name
            counts["facts"] += len(theirs)
            different = {key: (ours.get(key), value) for key, value in theirs.items() if ours.get(key) != value}
            if different:
                counts["differences"] += 1
                print(f"{path.name}: {different}\n    {statement[:200]!r}")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    sys.exit(counts["differences"] > 0)


main()
