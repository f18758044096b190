#!/usr/bin/env python3
"""Measures ITM at the edges: many terminals at once, ^C through a flood, a
disk that stalls, a disk that is full.

Runs inside the lab with the agent started (tests/lab/run), as root: see
`make bench-scale`.  Every shell is itm-shell's, as the user alice."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time

USER = "alice"
STUB = ["/usr/libexec/itm/itm-shell"]
SPOOL = "/var/lib/itm/spool"
TOOLS = "/usr/local/bin"
ENVIRONMENT = {"HOME": f"/home/{USER}", "USER": USER, "LOGNAME": USER, "TERM": "xterm", "LANG": "C.UTF-8",
               "PATH": "/usr/bin:/bin", "SHELL": "/bin/bash"}
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]


def processes(name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().strip() == name[:15]:
                    yield int(pid)
        except (FileNotFoundError, ProcessLookupError):
            pass


def pss_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    except (FileNotFoundError, ProcessLookupError, AttributeError):
        return 0


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                ticks += sum(int(x) for x in f.read().rsplit(") ", 1)[1].split()[11:13])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def everything():
    names = ("itm-shell", "itm-recorder", "itm-brokerd", "itm-agentd", "itm-sealer", "itm-forwardd")
    return {name: list(processes(name)) for name in names}


def memory():
    return {name: sum(pss_kib(p) for p in pids) for name, pids in everything().items()}


def quiet_shell():
    """Completions and prompts that a distribution sets up cost more than a login does."""
    open("/etc/bash.bashrc", "w").close()
    with open(f"/home/{USER}/.bashrc", "w") as f:
        f.write("PS1='$ '; HISTFILE=\n")


def many(count, idle_s):
    quiet_shell()
    before = memory()
    broker = list(processes("itm-brokerd"))
    answering = cpu_s(broker)
    begun = time.monotonic()
    run = subprocess.Popen(AS_USER + [f"{TOOLS}/itm-bench-many", str(count), "--"] + STUB, env=ENVIRONMENT,
                           cwd=f"/home/{USER}", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    answer = run.stdout.readline().split()
    took = time.monotonic() - begun
    if answer[:1] != ["up"]:
        raise SystemExit("the terminals did not come up")
    up = int(answer[1])
    answering = cpu_s(broker) - answering
    time.sleep(12)  # prompts recorded, chunks sealed, shells at rest
    after, now = memory(), everything()
    pids = [p for group in now.values() for p in group]
    cpu = cpu_s(pids)
    time.sleep(idle_s)
    cpu = cpu_s(pids) - cpu
    run.stdin.close()
    lost = run.stdout.read().strip()
    run.wait(60)
    grown = {name: after[name] - before[name] for name in after}
    print(f"{up} of {count} terminals up after {took:.1f} s ({took / count * 1000:.1f} ms each){'; ' + lost if lost else ''}")
    print(f"  broker: {answering / count * 1000:.2f} ms of processor time a login")
    for name in ("itm-shell", "itm-recorder", "itm-sealer", "itm-brokerd", "itm-agentd"):
        print(f"  {name:14}{grown[name] / count:8.0f} KiB a terminal")
    print(f"  {'all':14}{sum(grown.values()) / count:8.0f} KiB a terminal (aim: at most 2048)")
    print(f"  idle: {cpu / idle_s * 100:.2f} % of one core in all (aim: at most 1)")


def echo(*arguments, argv=None):
    done = subprocess.run(AS_USER + [f"{TOOLS}/itm-bench-echo", *arguments, "--"] + (argv or STUB), env=ENVIRONMENT,
                          cwd=f"/home/{USER}", capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"echo {arguments}: {done.stderr.strip()}")
    return [float(x) for x in done.stdout.split()]


def interrupts(count):
    for name, argv in (("raw pty", ["bash", "-i"]), ("ITM", STUB),
                       ("script", ["script", "-q", "-c", "bash -i", "/dev/null"])):
        p50, most, _ = echo("interrupt", str(count), argv=argv)
        print(f"  {name:14}^C through yes: median {p50:6.1f} ms, most {most:6.1f} ms")


def keys(count):
    return echo("keys", str(count), "1000")


def stalled(count, delay_s):
    """The sealer's fdatasync takes delay_s each, by strace's injection."""
    sealer = next(processes("itm-sealer"))
    tracer = subprocess.Popen(["strace", "-qq", "-f", "-e", "trace=fdatasync", "-e",
                               f"inject=fdatasync:delay_enter={int(delay_s * 1e6)}", "-p", str(sealer), "-o", "/dev/null"])
    time.sleep(1)
    try:
        return keys(count)
    finally:
        tracer.terminate()
        tracer.wait(30)


def filled(count):
    """A spool on a file system of its own that is filled to the last byte."""
    path = f"{SPOOL}/fill"
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 65536)
        except OSError:
            pass
    time.sleep(1)
    try:
        return keys(count)
    finally:
        os.remove(path)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--echo", required=True)
    options.add_argument("--many", required=True)
    options.add_argument("--terminals", type=int, default=1000)
    options.add_argument("--idle", type=int, default=20)
    options.add_argument("--keys", type=int, default=1500)
    options.add_argument("--interrupts", type=int, default=10)
    options.add_argument("--only-terminals", action="store_true")
    options = options.parse_args()
    shutil.copy(options.echo, f"{TOOLS}/itm-bench-echo")
    shutil.copy(options.many, f"{TOOLS}/itm-bench-many")
    if options.only_terminals:
        many(options.terminals, options.idle)
        return
    print("interrupt")
    interrupts(options.interrupts)
    print("disk")
    for name, measure in (("as it is", lambda: keys(options.keys)),
                          ("fdatasync takes 1 s", lambda: stalled(options.keys, 1.0)),
                          ("fdatasync takes 5 s", lambda: stalled(options.keys, 5.0)),
                          ("full", lambda: filled(options.keys))):
        p50, _, p99, most, _ = measure()
        print(f"  {name:22}key p50 {p50:7.0f} us, p99 {p99:7.0f} us, most {most:7.0f} us")
        sys.stdout.flush()
    print("terminals")
    many(options.terminals, options.idle)


if __name__ == "__main__":
    main()
