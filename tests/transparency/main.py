#!/usr/bin/env python3
"""Every case once as an unrecorded login of alice and once as a recorded one;
any difference is a defect.  Inside the lab; prints TAP.

    main.py [--fast] [NAME...]      NAME: part of a case's name
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import cases  # noqa: E402
import compare  # noqa: E402
import lab  # noqa: E402

PAUSES = (0.06, 0.4)  # s of silence before a key is typed: at first, and when a difference must be confirmed


def prepare():
    for fd in range(3, 1024):  # of whoever runs us: su hands them on
        try:
            os.set_inheritable(fd, False)
        except OSError:
            pass
    build = os.environ["LAB_BUILD"]
    lab.run(["install", "-m", "755", f"{build}/tests/transparency/census", "/usr/local/bin/census"])
    lab.run(["useradd", "-m", "-s", "/usr/local/bin/census", "census"])
    lab.run(["install", "-d", "-m", "700", "-o", "census", "-g", "census", "/home/census/.ssh"])
    lab.run(["install", "-m", "600", "-o", "census", "-g", "census", "/root/.ssh/lab.pub",
             "/home/census/.ssh/authorized_keys"])
    with open("/etc/sudoers.d/lab", "w") as f:
        f.write("alice ALL=(ALL) NOPASSWD: ALL\nalice ALL=(dave) PASSWD: ALL\n")
    os.chmod("/etc/sudoers.d/lab", 0o440)
    lab.run(["touch", "/var/log/wtmp"])
    cases.make_home(compare.HOME)
    lab.run(["cp", "-a", compare.HOME + "/.", compare.TEMPLATE])


def attempt(case, pause):
    """A result, or the words why there is none."""
    try:
        return compare.play(case, pause)
    except (lab.Failure, subprocess.SubprocessError, OSError) as error:
        return str(error)


def difference(case, plain, recorded):
    if isinstance(plain, str):
        return f"plain: {plain}"
    if isinstance(recorded, str):
        return f"recorded: {recorded}"
    return plain.differs(recorded, case)


def run_all(chosen, pause):
    results = []
    for recorded in (False, True):
        compare.in_scope(recorded)
        results.append({})
        for case in chosen:
            begun = time.monotonic()
            results[-1][case.name] = attempt(case, pause)
            print(f"# {time.monotonic() - begun:.1f} s {case.name}", file=sys.stderr)
    return results


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fast", action="store_true")
    options.add_argument("--list", action="store_true")
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    chosen = [c for c in cases.CASES if not (options.fast and c.slow)
              and (not options.names or any(x in c.name for x in options.names))]
    missing = [c for c in chosen if c.needs and lab.run(["sh", "-c", f"command -v {c.needs}"]).returncode != 0]
    chosen = [c for c in chosen if c not in missing]
    print(f"1..{len(chosen) + len(missing)}")
    prepare()
    lab.DAEMONS.start_all()
    begun = time.monotonic()
    found = {}
    again = chosen
    for pause in PAUSES:
        if again:
            plain, recorded = run_all(again, pause)
            found.update({c.name: difference(c, plain[c.name], recorded[c.name]) for c in again})
            again = [c for c in again if found[c.name]]
    for number, case in enumerate(chosen, 1):
        words = found[case.name]
        print(f"{'not ok' if words else 'ok'} {number} - transparency: {case.name}")
        for line in (words or "").split("\n"):
            if line:
                print(f"#   {line}")
    for number, case in enumerate(missing, len(chosen) + 1):
        print(f"ok {number} - transparency: {case.name} # SKIP {case.needs} is not installed")
    print(f"# {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
