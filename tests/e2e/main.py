#!/usr/bin/env python3
"""Runs the end-to-end tests inside the lab and prints TAP.

    main.py [--fast] [--part K/N] [NAME...]      NAME: part of a test's name

--part 2/3 runs every third test, beginning with the second: three labs side by
side run all of them.
"""
import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback

import lab
import alert_tests
import login_tests
import masking_tests
import pipe_tests
import bundle_tests
import crash_tests
import custody_tests
import damage_tests
import enable_tests
import events_tests
import failure_matrix
import files_tests
import policy_tests
import sealed_tests
import level_tests
import process_tests
import spool_tests
import upgrade_tests
import transfer_tests
import ways_tests
import witness_tests

MODULES = [
    login_tests,
    masking_tests,
    pipe_tests,
    policy_tests,
    enable_tests,
    failure_matrix,
    spool_tests,
    upgrade_tests,
    transfer_tests,
    sealed_tests,
    process_tests,
    files_tests,
    level_tests,
    ways_tests,
    crash_tests,
    events_tests,
    alert_tests,
    custody_tests,
    bundle_tests,
    damage_tests,
    witness_tests,
]
LIMIT_S = 180  # for a test that names no longer one


def tests():
    """(name, function) of every function test_*, in file order."""
    for module in MODULES:
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function):
                yield name[5:].replace("_", " "), function


def on_alarm(*_):
    raise lab.TimeLimit("time limit")


def logs():
    found = {}
    for name in ("itm-agentd", "itm-server"):
        with contextlib.suppress(FileNotFoundError):
            found[name] = lab.DAEMONS.log(name)
    return found


def show_logs(before):
    """What the daemons said since then, the last of it."""
    for name, text in logs().items():
        for line in text[len(before.get(name, "")):].split("\n")[-40:]:
            if line:
                print(f"# {name}: {line}")


def run_one(number, name, function):
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(max(getattr(function, "limit_s", 0), LIMIT_S))
    begun, said = time.monotonic(), logs()
    label = f"{number} - e2e: {name}"
    try:
        note = function()
        print(f"ok {label}{' (' + note + ')' if note else ''}")
        return True
    except lab.Skip as reason:
        print(f"ok {label} # SKIP {reason}")
        return True
    except (lab.Failure, lab.TimeLimit, subprocess.SubprocessError, OSError) as error:
        where = traceback.extract_tb(error.__traceback__)
        mine = [f for f in where if f.filename.endswith("_tests.py")]
        print(f"not ok {label}")
        words = str(error).replace("\n", "\n#   ")
        words = words if len(words) <= 800 else words[:400] + " ... " + words[-400:]
        print(f"#   {os.path.basename(mine[-1].filename)}:{mine[-1].lineno}: {words}" if mine else f"#   {words}")
    except Exception:  # a fault of the test itself: say all, go on
        print(f"not ok {label}")
        for line in traceback.format_exc().split("\n"):
            print(f"#   {line}")
    finally:
        signal.alarm(0)
    show_logs(said)
    print(f"# took {time.monotonic() - begun:.0f} s")
    with contextlib.suppress(lab.Failure, ProcessLookupError):
        lab.DAEMONS.mend()
    return False


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fast", action="store_true")
    options.add_argument("--part", default="1/1")
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    if options.fast:
        os.environ["E2E_FAST"] = "1"
    chosen = [(n, f) for n, f in tests() if not options.names or any(x in n for x in options.names)]
    part, parts = map(int, options.part.split("/"))
    chosen = chosen[part - 1::parts]
    print(f"1..{len(chosen)}")
    try:
        lab.DAEMONS.start_all()
    except (lab.Failure, OSError) as error:
        print(f"not ok 1 - e2e: the daemons start\n#   {error}")
        show_logs({})
        return 1
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        if not run_one(number, name, function):
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
