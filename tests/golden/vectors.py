#!/usr/bin/python3
"""Golden vectors: made anew they are the same; two verifiers judge them, and each in many damaged forms, alike."""
import filecmp
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
VECTORS = os.path.join(TOP, "tests/golden/vectors")
KEYS = [os.path.join(VECTORS, n) for n in ("identity.public", "log.public")]
DAMAGES = int(os.environ.get("DAMAGES", "12"))  # of each vector
failures = 0

try:
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(TOP, "tests/verifier"))
    import verify
except ImportError as missing:
    print(f"skipped: {missing}: install python3-nacl and python3-zstandard")
    sys.exit(77)


def fail(words):
    global failures
    failures += 1
    print("FAILED:", words)


def list_vectors():
    with open(os.path.join(VECTORS, "list.txt"), encoding="utf-8") as f:
        return [line.split(maxsplit=2)[:2] for line in f]


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(d, n), folder) for d, _, names in os.walk(folder) for n in names)


def compare_with_new(folder):
    subprocess.run([os.path.join(BUILD, "tests/golden/make_vectors"), folder], check=True)
    if files_below(folder) != files_below(VECTORS):
        fail("other files are made than there are")
    for name in files_below(folder):
        if not filecmp.cmp(os.path.join(folder, name), os.path.join(VECTORS, name), shallow=False):
            fail(f"{name}: made anew it differs")


def ours(path):
    done = subprocess.run([os.path.join(BUILD, "cli/itm"), "verify", "--json", "--identity", KEYS[0], "--log-key", KEYS[1], path],
                          capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return f"exit {done.returncode}: {done.stderr.strip()}", ""
    if answer["exit"] != done.returncode:
        fail(f"{path}: exit status {done.returncode}, but {answer['exit']} in JSON")
    return answer["verdict"], answer["flaw"] or " ".join(h["detail"] for h in answer["hosts"])


def theirs(data):
    return verify.judge(data, *(verify.public_key(verify.read(k)) for k in KEYS))


def crc_fixed(unit):
    return unit[:8] + struct.pack("<I", verify.crc32c(unit[:8] + unit[12:])) + unit[12:]


def split(data):
    units, at = [], 64
    while at < len(data):
        try:
            end = verify.unit_at(data, at)[3]
        except (verify.CutOff, verify.Broken):
            end = len(data)
        units.append(data[at:end])
        at = end
    return units


def damage(data, dice):
    """(what, damaged bytes).  Where it is a segment mostly units are handled, with checksums made to fit."""
    way = dice.randrange(8)
    units = split(data) if data[:3] == b"ITM" else []
    if way == 0 or not units:
        at = dice.randrange(len(data))
        return f"bit at {at}", data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]
    i = dice.randrange(len(units))
    if way == 1:
        cut = dice.randrange(1, len(data))
        return f"cut at {cut}", data[:cut]
    if way == 2:
        what, units[i:i + 1] = f"unit {i} left out", []
    elif way == 3:
        k = dice.randrange(len(units))
        what, units[i], units[k] = f"units {i} and {k} changed about", units[k], units[i]
    elif way == 4:
        what = f"unit {i} doubled"
        units.insert(dice.randrange(len(units)), units[i])
    elif len(units[i]) > 12:
        at = dice.randrange(12, len(units[i]))
        unit = bytearray(units[i])
        unit[at] ^= 1 << dice.randrange(8)
        what, units[i] = f"unit {i} byte {at} changed, checksum made to fit", crc_fixed(bytes(unit))
    else:
        what = "nothing"
    return what, data[:64] + b"".join(units)


def damage_all(folder):
    dice, count = random.Random(1), 0
    path = os.path.join(folder, "damaged")
    for name, want in list_vectors():
        if os.path.isdir(os.path.join(VECTORS, name)):
            continue
        data = verify.read(os.path.join(VECTORS, name))
        for _ in range(DAMAGES):
            what, damaged = damage(data, dice)
            with open(path, "wb") as f:
                f.write(damaged)
            mine, words = ours(path)
            other, reason = theirs(damaged)
            count += 1
            if what.startswith("bit") and want in ("OK", "UNANCHORED") and mine not in ("TAMPERED", "OPEN-TAIL"):
                fail(f"{name}, {what}: {mine}, as if nothing were wrong")
            if mine != other:
                fail(f"{name}, {what}: itm verify says {mine} ({words}), the second verifier {other} ({reason})")
    return count


def main():
    with tempfile.TemporaryDirectory() as folder:
        compare_with_new(folder)
        for name, want in list_vectors():
            path = os.path.join(VECTORS, name)
            mine, words = ours(path)
            other, reason = theirs(verify.read(path))
            if mine != want or other != want:
                fail(f"{name}: {want}, but itm verify says {mine} ({words}), the second verifier {other} ({reason})")
        count = damage_all(folder)
    print(f"{len(list_vectors())} vectors, {count} damaged ones, {failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
