#!/usr/bin/python3
"""The worked example of doc/FORMAT.md is what stands in the golden segment, byte for byte."""
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def examples(text):
    """(file, offset, lines) of each fenced block that a line with a file and 'byte N' goes before."""
    for match in re.finditer(r"From `(tests/golden/[^`]+)`, byte (\d+):[^\n]*\n```\n(.*?)```", text, re.S):
        yield match[1], int(match[2]), match[3].split("\n")


def compare(data, at, line):
    """Where the line's bytes end; None when they differ.  '..' stands for any bytes: the line then ends its unit."""
    words = re.match(r"((?:[0-9a-f]{2}|\.\.)(?: +(?:[0-9a-f]{2}|\.\.))*)", line)
    if words is None:
        return at
    tokens = words[1].split()
    for i, token in enumerate(tokens):
        if token == "..":
            rest = bytes(int(t, 16) for t in tokens[i + 1:])
            found = data.find(rest, at)
            return found + len(rest) if found >= 0 else None
        if at >= len(data) or data[at] != int(token, 16):
            return None
        at += 1
    return at


def main():
    with open(os.path.join(TOP, "doc/FORMAT.md"), encoding="utf-8") as f:
        text = f.read()
    count = failures = 0
    for name, at, lines in examples(text):
        with open(os.path.join(TOP, name), "rb") as f:
            data = f.read()
        for line in lines:
            end = compare(data, at, line)
            count += end != at
            if end is None:
                failures += 1
                print(f"FAILED: doc/FORMAT.md: at byte {at} of {name} the page has\n  {line}\nand the file\n  {data[at:at + 16].hex(' ')}")
                break
            at = end
    if count < 10:
        failures += 1
        print("FAILED: no worked example found in doc/FORMAT.md")
    digest = re.search(r"digest is ([0-9a-f]{64}) \(`(tests/golden/[^`]+)`\)", text)
    if digest:
        with open(os.path.join(TOP, digest[2]), encoding="utf-8") as f:
            if digest[1] not in f.read():
                failures += 1
                print(f"FAILED: the digest in doc/FORMAT.md is not in {digest[2]}")
    print(f"{count} lines compared, {failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
