#!/usr/bin/env python3
"""Measures what recording costs: key echo latency, flood throughput, CPU and
stored bytes, of ITM and of its neighbours, in interleaved rounds.

Runs inside the lab (tests/lab/run), as root: see `make bench`.  Each program
is started by tests/bench/echo as the same user on the same kind of pty.
Figures are the medians over the rounds; ratios are against the raw pty.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

LIBEXEC = "/usr/libexec/itm"
WORK = "/var/tmp/itm-bench"
USER = "alice"


def tree_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks and os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return total


def lab_cpu_ms():
    """CPU of every process this pid namespace has had: the living, and the dead through who waited for them."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(") ", 1)[1].split()
            ticks += sum(int(x) for x in fields[11:15])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")


RELAY = "/usr/local/bin/itm-bench-relay"


class Subject:
    """One way to run a shell: its command line, and where its record goes."""

    def __init__(self, name, argv, stored, needs):
        self.name, self.argv, self.stored, self.needs = name, argv, stored, needs
        self.keys, self.floods = [], []

    def present(self):
        return shutil.which(self.needs) is not None


def subjects():
    shell = ["bash", "-i"]
    return [
        Subject("raw pty", shell, [], "bash"),
        Subject("bare relay", [RELAY] + shell, [], RELAY),
        Subject("ITM", [f"{LIBEXEC}/itm-shell"], ["/var/lib/itm/spool"], f"{LIBEXEC}/itm-shell"),
        Subject("script", ["script", "-q", "-c", "bash -i", "--log-timing", f"{WORK}/script.timing",
                           "--log-out", f"{WORK}/script.out"],
                [f"{WORK}/script.timing", f"{WORK}/script.out"], "script"),
        Subject("tlog-rec", ["tlog-rec", "--writer=file", f"--file-path={WORK}/tlog.json", "bash", "-i"],
                [f"{WORK}/tlog.json"], "tlog-rec"),
        Subject("asciinema", ["asciinema", "rec", "-q", "--overwrite", "-c", "bash -i", f"{WORK}/a.cast"],
                [f"{WORK}/a.cast"], "asciinema"),
        Subject("sudo I/O log", ["sudo", "-n", "-u", "bob", "bash", "-i"], ["/var/log/sudo-io"], "sudo"),
    ]


def prepare(flood_bytes):
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    os.chmod(WORK, 0o777)
    os.makedirs("/etc/sudoers.d", exist_ok=True)
    with open("/etc/sudoers.d/itm-bench", "w") as f:
        f.write("Defaults log_output, log_input, use_pty, iolog_dir=/var/log/sudo-io\n"
                f"{USER} ALL=(bob) NOPASSWD: ALL\n")
    os.chmod("/etc/sudoers.d/itm-bench", 0o440)
    line = 0
    with open(f"{WORK}/flood", "w") as f:
        while f.tell() < flood_bytes:
            f.write(f"{line:8d} Nov 23 18:00:{line % 60:02d} host app[{line * 7919 % 32768}]: "
                    f"request {line * 104729 % 1000003} served in {line * 31 % 977} ms\n")
            line += 1
    return os.path.getsize(f"{WORK}/flood")


def run_echo(echo, arguments, subject):
    environment = {"HOME": f"/home/{USER}", "USER": USER, "LOGNAME": USER, "TERM": "xterm", "LANG": "C.UTF-8",
                   "PATH": "/usr/bin:/bin", "SHELL": "/bin/bash"}
    command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", echo] + arguments + ["--"] + subject.argv
    for path in subject.stored:
        if path.startswith(WORK) and os.path.exists(path):
            os.remove(path)
    stored = sum(tree_bytes(p) if os.path.isdir(p) else 0 for p in subject.stored)
    cpu = lab_cpu_ms()
    done = subprocess.run(command, env=environment, cwd=WORK, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{subject.name}: {done.stderr.strip()}")
    # Writers that write behind (the sealer's blocks, sudo's log) come to rest.
    time.sleep(1.5)
    cpu = lab_cpu_ms() - cpu
    after = sum(tree_bytes(p) if os.path.isdir(p) else os.path.getsize(p) for p in subject.stored if os.path.exists(p))
    return [float(x) for x in done.stdout.split()], cpu, after - stored


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--echo", required=True)
    options.add_argument("--relay", required=True)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--keys", type=int, default=1000)
    options.add_argument("--flood-mb", type=int, default=32)
    options.add_argument("--only", default="", help="names, comma-separated")
    options.add_argument("--json", default="")
    options = options.parse_args()
    flood_bytes = prepare(options.flood_mb * 1000000)
    echo = "/usr/local/bin/itm-bench-echo"
    for built, place in ((options.echo, echo), (options.relay, RELAY)):
        shutil.copy(built, place)
        os.chmod(place, 0o755)
    people = [s for s in subjects() if not options.only or s.name in options.only.split(",")]
    for subject in [s for s in people if not s.present()]:
        print(f"{subject.name}: not installed, left out", file=sys.stderr)
    people = [s for s in people if s.present()]
    for round_number in range(options.rounds):
        # Every other round backwards, so that no one always follows the same neighbour.
        for subject in people if round_number % 2 == 0 else reversed(people):
            print(f"round {round_number + 1}/{options.rounds} {subject.name}   ", file=sys.stderr, end="\r", flush=True)
            try:
                subject.keys.append(run_echo(echo, ["keys", str(options.keys), "1000"], subject))
                subject.floods.append(run_echo(echo, ["flood", f"{WORK}/flood"], subject))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"\n{error}", file=sys.stderr)
    report(people, options, flood_bytes)


def report(people, options, flood_bytes):
    def median(rows, pick):
        return statistics.median(pick(r) for r in rows) if rows else float("nan")

    results = []
    for s in people:
        results.append({
            "name": s.name,
            "p50_us": median(s.keys, lambda r: r[0][0]), "p99_us": median(s.keys, lambda r: r[0][2]),
            "flood_mb_s": median(s.floods, lambda r: r[0][1] / r[0][0] / 1e6),
            "flood_cpu_ms": median(s.floods, lambda r: r[1]),
            "keys_cpu_ms": median(s.keys, lambda r: r[1]),
            "stored_flood": median(s.floods, lambda r: r[2]), "stored_keys": median(s.keys, lambda r: r[2]),
            "rounds": min(len(s.keys), len(s.floods)),
        })
    by_name = {r["name"]: r for r in results}
    raw = by_name.get("raw pty", results[0])
    model = [re.sub(r".*: ", "", x).strip() for x in open("/proc/cpuinfo") if x.startswith("model name")]
    print(f"\n{os.cpu_count()} x {model[0] if model else 'unknown processor'}, Linux {os.uname().release}; "
          f"{options.rounds} rounds, {options.keys} keys, flood {flood_bytes / 1e6:.0f} MB; medians of the rounds\n")
    print(f"{'':14}{'key p50':>9}{'- raw':>8}{'key p99':>9}{'flood':>9}{'/ raw':>7}{'CPU':>9}{'stored':>10}{'/ flood':>9}")
    print(f"{'':14}{'us':>9}{'us':>8}{'us':>9}{'MB/s':>9}{'':>7}{'s':>9}{'MB':>10}")
    for r in results:
        print(f"{r['name']:14}{r['p50_us']:9.0f}{r['p50_us'] - raw['p50_us']:8.0f}{r['p99_us']:9.0f}"
              f"{r['flood_mb_s']:9.1f}{r['flood_mb_s'] / raw['flood_mb_s']:7.2f}{r['flood_cpu_ms'] / 1e3:9.2f}"
              f"{r['stored_flood'] / 1e6:10.2f}{r['stored_flood'] / flood_bytes:9.3f}")
    if "ITM" in by_name:
        itm = by_name["ITM"]
        print()
        print(f"ITM key p50 - raw: {itm['p50_us'] - raw['p50_us']:.0f} us (aim: at most 40)")
        if "bare relay" in by_name:
            relay = by_name["bare relay"]
            print(f"  of it a second terminal by itself: {relay['p50_us'] - raw['p50_us']:.0f} us; "
                  f"ours: {itm['p50_us'] - relay['p50_us']:.0f} us")
        for other, aim in (("bare relay", 1.0), ("script", 1.0), ("tlog-rec", 4.0)):
            if other in by_name:
                print(f"ITM flood / {other}: {itm['flood_mb_s'] / by_name[other]['flood_mb_s']:.2f} (aim: at least {aim})")
        if "script" in by_name:
            print(f"ITM key p99 / script: {itm['p99_us'] / by_name['script']['p99_us']:.2f} (aim: at most 1.0)")
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
