#!/usr/bin/env python3
"""Compares migrate_core::sql with the server's own scanner and parser, on the server's own regression tests.

usage: compare.py SPLIT DIRECTORY...

SPLIT is the built example `split` of migrate-core; every *.sql file below the directories is read. The server's
parser comes from pglast, which compiles it in. See README.md.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pglast import get_postgresql_version, parser
from pglast.parser import ParseError, scan

# A COPY that is meant to fail has no rows, so the rows belong to the last one before their end.
FROM_STDIN = re.compile(r"\bfrom\s+std(?:in|out)\b", re.IGNORECASE)
ROWS = re.compile(r"(?:(?!.*\bfrom\s+std(?:in|out)\b)[^\n]*\n)*?\\\.\n", re.IGNORECASE)
# Neither side reads strings whose backslashes escape; the setting is an assumption of ours.
NOT_CONFORMING = re.compile(r"^set standard_conforming_strings (?:to|=) off;.*?"
                            r"^(?:set standard_conforming_strings (?:to|=) on|reset standard_conforming_strings);",
                            re.IGNORECASE | re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"(?<![:\w\]'\"]):(?=['\"]?[A-Za-z_]\w*['\"]?)")


COUNTS = ("files", "statements", "refused", "tokens", "unscannable", "unbalanced", "differences")

# libpg_query of PostgreSQL 15 looks ahead for a UESCAPE and loses the ends of U&'…' and U&"…".
SCANS = get_postgresql_version()[0] >= 16


class Ours:
    """The example's answers, in characters where it counts bytes."""

    def __init__(self, split, text):
        self.statements, self.faults, self.tokens = [], [], []
        with tempfile.NamedTemporaryFile(suffix=".sql") as file:
            file.write(text.encode())
            file.flush()
            lines = b""
            for flags in ([], ["--tokens"]):
                lines += subprocess.run([split, *flags, file.name], check=True, capture_output=True).stdout
        place = [0] * (len(text.encode()) + 1)
        at = 0
        for index, char in enumerate(text):
            place[at] = index
            at += len(char.encode())
        place[at] = len(text)
        for line in lines.decode().splitlines():
            what, *fields = line.split("\t")
            if what == "statement":
                self.statements.append((place[int(fields[0])], place[int(fields[1])]))
            elif what == "fault":
                self.faults.append((place[int(fields[0])], fields[1]))
            else:
                self.tokens.append((place[int(fields[0])], place[int(fields[1])], fields[2]))


def blank(text, start, end, last=""):
    """Blanks a piece out, newlines kept so that lines keep their numbers."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end - len(last)]) + last + text[end:]


def without_psql(split, text):
    """The text as the server would get it: no rows for COPY, no meta-commands, no variables."""
    for match in FROM_STDIN.finditer(text):
        # Each COPY of a line has its rows behind the line.
        rows = ROWS.match(text, text.find("\n", match.end()) + 1)
        if rows:
            text = blank(text, *rows.span())
    for match in NOT_CONFORMING.finditer(text):
        text = blank(text, *match.span())
    text = VARIABLE.sub(" ", text)
    while True:
        found = [offset for offset, message in Ours(split, text).faults if "a psql command" in message]
        if not found:
            return text
        for offset in reversed(found):
            end = text.find("\n", offset)
            end = len(text) if end < 0 else end
            if text[offset + 1] == ";":
                text = text[:offset] + " " + text[offset + 1:]
                continue
            command = re.match(r"\\(g(?!etenv)|crosstabview|watch)", text[offset:])
            text = blank(text, offset, end, ";" if command else "")


def server_tokens(text):
    """What the server's scanner sees, comments left out; pglast's ends are inclusive."""
    return [(t.start, t.end + 1) for t in scan(text) if t.name not in ("SQL_COMMENT", "C_COMMENT")]


def scannable(split, text):
    """The text without the tokens that the server's scanner gives up at, such as "" and E'\\u1', and what they were."""
    refused = []
    while True:
        try:
            scan(text)
            return text, refused
        except ParseError as error:
            start, end = next((start, end) for start, end, _ in Ours(split, text).tokens if error.args[1] < end)
            refused.append(f"{error.args[0]}: {text[start:end]}")
            text = blank(text, start, end)


def our_tokens(ours, text):
    """Ours, with N'…' taken apart as the server does."""
    for start, end, kind in ours.tokens:
        if kind == "NationalString":
            yield (start, start + 1)
            start += 1
        yield (start, end)


def without_junk(tokens, ours):
    """The server's tokens with `123abc` and `$1a` as one: it refuses them so, but libpg_query is patched to take them."""
    ends = {start: end for start, end, kind in ours.tokens if kind in ("Number", "Parameter")}
    merged = []
    for start, end in tokens:
        if merged and start < ends.get(merged[-1][0], 0):
            start = merged.pop()[0]
        merged.append((start, end))
    return merged


def trimmed(pieces, tokens):
    """The pieces without the comments around their tokens."""
    result, at = [], 0
    for start, end in pieces:
        while at < len(tokens) and tokens[at][0] < start:
            at += 1
        first = at
        while at < len(tokens) and tokens[at][1] <= end:
            at += 1
        if at > first:
            result.append((tokens[first][0], tokens[at - 1][1]))
    return result


def span(statement, text):
    """A statement's place; a length of 0 is the rest of the text (RawStmt in parsenodes.h)."""
    start = statement.stmt_location or 0
    return (start, start + statement.stmt_len if statement.stmt_len else len(text))


def culprit(error, text, statements):
    """The statement that an error is about."""
    message, at = error.args
    if at is None and "end of input" not in message:
        # The error has no position, so each statement is asked.
        for start, end in statements:
            try:
                parser.parse_sql(text[start:end])
            except ParseError as found:
                if found.args[0] == message:
                    return start, end
    # At the end of input, or at a semicolon, the error is that of the statement before.
    return [statement for statement in statements if at is None or statement[0] <= at][-1]


def server_statements(text, ours):
    """What the server's parser makes of the text.

    It gives up at the first error, and the tests hold errors on purpose. The statement of ours that an error stands in is
    blanked out and the rest is parsed again; a boundary of ours that is wrong there would show in what remains.
    """
    refused = []
    remaining = list(ours.statements)
    while True:
        try:
            pieces = parser.parse_sql(text)
            return [span(piece, text) for piece in pieces], refused, text
        except ParseError as error:
            start, end = culprit(error, text, remaining)
            remaining.remove((start, end))
            refused.append((start, end, str(error.args[0])))
            text = blank(text, start, end)


def main():
    split, *directories = sys.argv[1:]
    files = sorted({path for directory in directories for path in Path(directory).rglob("*.sql")})
    print("parser of PostgreSQL", ".".join(map(str, get_postgresql_version())))
    counts = dict.fromkeys(COUNTS, 0)
    for path in files:
        raw = path.read_bytes()
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        counts["files"] += 1
        text, unscannable = scannable(split, without_psql(split, text.replace("\0", " ")))
        counts["unscannable"] += len(unscannable)
        ours = Ours(split, text)

        def differ(what, *details):
            counts["differences"] += 1
            print(f"{path.name}: {what}", *details, sep="\n    ")

        mine = list(our_tokens(ours, text))
        if SCANS:
            theirs = without_junk(server_tokens(text), ours)
            counts["tokens"] += len(theirs)
            for a, b in zip(theirs, mine):
                if a != b:
                    differ("token", f"server {a} {text[slice(*a)]!r}", f"ours   {b} {text[slice(*b)]!r}")
                    break
            else:
                if len(theirs) != len(mine):
                    differ("number of tokens", str(len(theirs)), str(len(mine)))

        pieces, refused, parsed = server_statements(text, ours)
        counts["statements"] += len(pieces)
        counts["refused"] += len(refused)
        bad = {(start, end) for start, end, _ in refused}
        server = set(trimmed(pieces, [t for t in mine if parsed[t[0]] != " "]))
        kept = {s for s in ours.statements if s not in bad}
        for start, end in sorted(server - kept):
            differ("only the server has", repr(text[start:end][:200]))
        for start, end in sorted(kept - server):
            differ("only we have", repr(text[start:end][:200]))
        # What the parser refused has no boundary there, so the server's scanner stands in: libpg_query's split
        # by scanner has to see one statement too. It has none without a keyword in it, and does not go on
        # behind a parenthesis without a partner, which is a fault with us.
        for start, end, message in refused:
            piece = text[start:end]
            if any(start <= offset < end and "unmatched" in fault for offset, fault in ours.faults):
                counts["unbalanced"] += 1
            elif any(token.kind != "NO_KEYWORD" for token in scan(piece)):
                seen = parser.split(piece + ";\nSELECT 1", with_parser=False)
                if len(seen) != 2:
                    differ("not parsed, and not one statement", message, repr(piece[:300]))
        if os.environ.get("VERBOSE"):
            for message in unscannable:
                print(f"{path.name}: not scanned: {message}")
            for start, end, message in refused:
                print(f"{path.name}: not parsed: {message}: {text[start:end][:100]!r}")
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    return 1 if counts["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
