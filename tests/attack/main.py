#!/usr/bin/env python3
"""Runs the attacks inside the lab.

    main.py [--table] [--targets NAME,...] [--no-slow] [PART-OF-A-TITLE...]

Prints TAP of what ITM did; with --table one row for each attack, one column
for each target, filled with what was seen in this run."""
import argparse
import re
import signal
import subprocess
import sys
import time
import traceback

import targets
import lab
from outcome import ATTACKS, BAD, FAULT, NOT_APPLICABLE, SUCCEEDED, Outcome
import terminal_attacks  # noqa: F401  (they register themselves)
import process_attacks  # noqa: F401
import environment_attacks  # noqa: F401
import socket_attacks  # noqa: F401
import stub_attacks  # noqa: F401
import entry_attacks  # noqa: F401
import stream_attacks  # noqa: F401
import file_attacks  # noqa: F401
import canaries  # noqa: F401

LIMIT_S = 120


def on_alarm(*_):
    raise lab.TimeLimit("time limit")


def attempt(one, target):
    """The attack's outcome; a hang or a broken login is a fault of the target."""
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(LIMIT_S)
    try:
        return one.function(target)
    except (lab.Failure, lab.TimeLimit, subprocess.SubprocessError, OSError) as error:
        text = re.sub(r"\s+", " ", str(error))
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "attacks" in f.filename or "canaries" in f.filename]
        return Outcome(FAULT, f"{text[:300]} (line {frames[-1].lineno})" if frames else text[:300])
    finally:
        signal.alarm(0)


def version(argv):
    done = lab.run(argv)
    return (done.stdout + done.stderr).decode(errors="replace").split("\n")[0]


def run_all(chosen, columns):
    """TAP, and the outcomes by attack and column."""
    rows, failed = [], 0
    print(f"1..{len(chosen)}", flush=True)
    for number, one in enumerate(chosen, 1):
        begun, row = time.monotonic(), {}
        for target in columns:
            row[target.name] = attempt(one, target) if target.available else Outcome(NOT_APPLICABLE)
        rows.append((one, row))
        shown = ", ".join(f"{n}: {o.word}{' (' + o.note + ')' if o.note else ''}" for n, o in row.items())
        bad = "itm" in row and row["itm"].word in BAD
        failed += bad
        print(f"{'not ok' if bad else 'ok'} {number} - attack: {one.title} [{shown}]", flush=True)
        print(f"# {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    return rows, failed


def print_table(rows, columns):
    print("\n| attack | " + " | ".join(c.name for c in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for one, row in rows:
        print(f"| {one.title} | " + " | ".join(row[c.name].word for c in columns) + " |")
    for column in columns:
        words = [row[column.name].word for _, row in rows]
        print(f"{column.name}: {words.count(SUCCEEDED)} succeeded, {words.count(FAULT)} faults, "
              f"{sum(w != NOT_APPLICABLE for w in words)} tried")
    print("Versions:", version(["itm", "--version"]) + ",", version(["tlog-rec-session", "--version"]) + ",",
          version(["script", "--version"]) + ",", version(["ssh", "-V"]) + ",", version(["uname", "-sr"]))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--table", action="store_true")
    options.add_argument("--fast", action="store_true")
    options.add_argument("--targets")
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    wanted = (options.targets or ("itm,tlog,script" if options.table else "itm")).split(",")
    chosen = [a for a in ATTACKS if (not options.names or any(n in a.title for n in options.names))
              and not (options.fast and a.slow)]
    try:
        lab.DAEMONS.start_all()
        targets.setup()
        columns = [targets.TARGETS[name]() for name in wanted]
    except (lab.Failure, OSError) as error:
        print(f"1..1\nnot ok 1 - attack: the lab starts\n# {error}")
        return 1
    rows, failed = run_all(chosen, columns)
    if options.table:
        print_table(rows, columns)
    if failed:
        for line in lab.DAEMONS.log("itm-agentd").split("\n")[-30:]:
            print(f"# itm-agentd: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
