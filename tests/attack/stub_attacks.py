"""The stub on its way to the broker, stopped, starved and slowed by its own
user: it may be refused or ended, but must not run its command unrecorded."""
import contextlib
import os
import random
import resource
import signal
import subprocess
import time

from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack
from socket_attacks import stub
from targets import TOOLS

STOPPED_S = 1.5
REFUSED_STATUS = 126
# The command says which pipe it writes to: recorded, it is not the caller's.
SAY_PIPE = "stat -Lc %i /dev/stdout"


def start(target, argv=None, **options):
    argv = argv or [stub(), "-c", SAY_PIPE]
    return target.as_user(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)


def word_of(process):
    own = os.fstat(process.stdout.fileno()).st_ino
    said = process.communicate(timeout=30)[0].split()
    if not said:
        return REFUSED if process.returncode == REFUSED_STATUS else FAULT
    return SUCCEEDED if int(said[0]) == own else RECORDED


def verdict(words):
    """One outcome of many stubs; none at all at its command is no attack."""
    note = ", ".join(f"{words.count(w)} {w}" for w in (RECORDED, REFUSED, SUCCEEDED, FAULT) if w in words)
    for word in (SUCCEEDED, FAULT, RECORDED):
        if word in words:
            return Outcome(word, note)
    return Outcome(REFUSED, note)


def go_on(waiting):
    for due, process in waiting:
        time.sleep(max(0, due - time.monotonic()))
        process.send_signal(signal.SIGCONT)


def stop_group(target, count, slow=False):
    """Each stopped 0 to 30 ms after its start, wherever that finds it."""
    options = {"preexec_fn": lambda: (os.sched_setaffinity(0, {0}), os.nice(19))} if slow else {}
    waiting, processes = [], []
    for _ in range(count):
        processes.append(start(target, **options))
        time.sleep(random.uniform(0, 0.03))
        processes[-1].send_signal(signal.SIGSTOP)
        waiting.append((time.monotonic() + STOPPED_S, processes[-1]))
    go_on(waiting)
    return [word_of(p) for p in processes]


@contextlib.contextmanager
def busy_loops(target, count):
    """On the first processor alone."""
    loops = [target.as_user(["taskset", "-c", "0", "sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for p in loops:
            p.kill()
            p.wait()


@attack("100 stubs stopped on their way for 1.5 s: does one run its command unrecorded?")
def stopped_for_a_while(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    words = stop_group(target, 30)
    with busy_loops(target, 3):
        words += stop_group(target, 70, slow=True)  # most are found between two steps
    return verdict(words)


@attack("60 stubs stopped and let go again and again on their way")
def stopped_in_bursts(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    processes = []
    for _ in range(60):
        processes.append(start(target))
        for _ in range(random.randint(1, 20)):
            processes[-1].send_signal(signal.SIGSTOP)
            time.sleep(random.uniform(0, 0.004))
            processes[-1].send_signal(signal.SIGCONT)
            time.sleep(random.uniform(0, 0.001))
    return verdict([word_of(p) for p in processes])


@attack("stubs short of descriptors and memory, from the start and while they run")
def starved(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    words = []
    for kind, amounts in ((resource.RLIMIT_NOFILE, range(3, 12)),
                          (resource.RLIMIT_AS, (1 << 20, 1500000, 2 << 20, 3 << 20, 4 << 20)),
                          (resource.RLIMIT_DATA, (0, 1 << 14, 1 << 16, 1 << 17, 1 << 18)),
                          (resource.RLIMIT_NPROC, (1,)), (resource.RLIMIT_CPU, (0,))):
        for amount in amounts:
            later = start(target)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                resource.prlimit(later.pid, kind, (amount, amount))
            option = {resource.RLIMIT_NOFILE: "-n", resource.RLIMIT_NPROC: "-u", resource.RLIMIT_CPU: "-t"}.get(kind)
            size = amount if option else amount // 1024
            option = option or {resource.RLIMIT_AS: "-v", resource.RLIMIT_DATA: "-d"}[kind]
            first = start(target, ["bash", "-c", f"ulimit {option} {size} && exec {stub()} -c '{SAY_PIPE}'; exit {REFUSED_STATUS}"])
            words += [word_of(p) for p in (later, first)]
    # A limit may well stop the command itself: only what ran unrecorded counts.
    return verdict([REFUSED if w == FAULT else w for w in words])


@attack("more descriptors on their way than the kernel grants one user, then a stub")
def too_many_references(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    process = target.as_user(["python3", f"{TOOLS}/forge.py", "inflight", "6000"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    try:
        if b"FORGE holds" not in process.stdout.readline():
            return Outcome(FAULT, "forge.py did not start")
        usual = ["bash", "-c", f"ulimit -Sn 1024 && exec {stub()} -c '{SAY_PIPE}'"]
        return verdict([word_of(start(target, usual)) for _ in range(3)])
    finally:
        process.kill()
        process.wait()


@attack("stubs given no more than idle time, pinned with busy loops to one processor")
def slowed(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    with busy_loops(target, 4):
        slow = ["taskset", "-c", "0", "chrt", "-i", "0", "nice", "-n", "19", stub(), "-c", SAY_PIPE]
        processes = [start(target, slow) for _ in range(6)]
        time.sleep(6)
    return verdict([word_of(p) for p in processes])
