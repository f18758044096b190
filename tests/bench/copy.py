#!/usr/bin/env python3
"""Measures what recording costs a file copied by scp: pairs of an account that
is recorded and one that is not, by the same sshd, from memory to memory.

Runs inside the lab with the agent started (see copy-inside), as root: `make
bench-copy`.  The order within a pair changes, ratios are taken pair by pair,
and the recorder's processor time is what the broker's children used."""
import argparse
import os
import statistics
import subprocess
import time

RECORDED, PLAIN = "alice", "dave"
FOLDER = "/run/itm-bench"            # in memory
SOURCE = f"{FOLDER}/source"


def broker():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "itm-brokerd":
                return pid
        except OSError:
            pass
    raise SystemExit("itm-brokerd is not running")


def recorders_s(pid):
    """(user, system) seconds of the recorders that have ended."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return [int(x) / os.sysconf("SC_CLK_TCK") for x in fields[13:15]]


def processes_s():
    """Processor seconds of every process this lab has had: the living, and the dead through who waited for them."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                ticks += sum(int(x) for x in f.read().rsplit(") ", 1)[1].split()[11:15])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def copy(user, flags, out):
    """Seconds one copy takes."""
    target = f"{FOLDER}/back" if out else f"{FOLDER}/{user}"
    ends = [f"{user}@lab:{SOURCE}", target] if out else [SOURCE, f"{user}@lab:{target}"]
    begun = time.monotonic()
    subprocess.run(["scp", "-q", "-F", "/root/.ssh/config", *flags, *ends], check=True, timeout=300)
    took = time.monotonic() - begun
    os.remove(target)
    return took


def measure(name, flags, out, options):
    ratios, speeds, used, others = [], [], [], []
    pid = broker()
    for turn in range(options.pairs):
        took = {}
        before = recorders_s(pid)
        for user in (RECORDED, PLAIN) if turn % 2 else (PLAIN, RECORDED):
            begun = processes_s()
            took[user] = copy(user, flags, out)
            if user == PLAIN:
                others.append(processes_s() - begun)
        time.sleep(0.5)  # the recorder settles and is reaped
        used.append([b - a for a, b in zip(before, recorders_s(pid))])
        ratios.append(took[PLAIN] / took[RECORDED])
        speeds.append(options.mib / took[PLAIN])
    scale = 1024 / options.mib
    user, system = (statistics.median(u[i] for u in used) * scale for i in (0, 1))
    other = statistics.median(others) * scale
    print(f"  {name:16}{statistics.median(speeds):7.0f} MiB/s plain; recorded at {statistics.median(ratios):.2f} of it "
          f"({min(ratios):.2f} to {max(ratios):.2f}); "
          f"CPU a GiB: both ends without it {other:.2f} s, recorder {user:.2f} user + {system:.2f} system", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--mib", type=int, default=1024)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--only", default="", help="part of a row's name")
    options = options.parse_args()
    block = os.urandom(1 << 20)
    os.makedirs(FOLDER)
    os.chmod(FOLDER, 0o1777)
    with open(SOURCE, "wb") as f:
        for _ in range(options.mib):
            f.write(block)
    os.chmod(SOURCE, 0o644)
    print(f"scp of {options.mib} MiB, medians of {options.pairs} pairs (aim: at least 0.9)")
    for name, flags, out in (("scp in", [], False), ("scp out", [], True), ("scp -O in", ["-O"], False),
                             ("scp -O out", ["-O"], True)):
        if options.only in name:
            measure(name, flags, out, options)
    os.remove(SOURCE)


if __name__ == "__main__":
    main()
