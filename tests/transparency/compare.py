"""Plays a case at a terminal or through pipes, and says where two runs differ."""
import difflib
import os
import re
import shutil
import subprocess
import termios
import time

from lab import LAB, SSH, DAEMONS, Failure, Terminal, run, size, wait_for

PROMPT = rb"alice@lab:[^\r\n$]*\$ $"
HOME = "/home/alice"
TEMPLATE = f"{LAB}/home"
CONFIG = "/etc/itm/agent.conf"
RECORDED = "record = alice bob carol census\nstrict = carol\nnotice =\nserver = 127.0.0.1:7443\n"
PLAIN = "record = bob\nnotice =\nserver = 127.0.0.1:7443\n"

# What no two runs have in common.
UNAVOIDABLE = [
    (rb"pts/\d+", b"pts/N"),
    (rb"\b\d\d:\d\d(:\d\d)?\b", b"TT:TT"),
    (rb"(\[\d+\][+-]?\s+)\d{2,7}\b", rb"\1PID"),
    (rb"(job \d+\[)\d+", rb"\1PID"),
    (rb"\d seconds? ago", b"N seconds ago"),
    (rb"127\.0\.0\.1(\D{1,2})\d{4,5}\b", rb"127.0.0.1\1PORT"),
]
ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[@-Z\\-_=>78cM])")


def normal(data, more=()):
    for pattern, by in [*UNAVOIDABLE, *more]:
        data = re.sub(pattern, by, data)
    return data


def shape(data):
    """Of a program that shows the machine's state: which controls it uses,
    not what it says.  Order of the first and the last ones counts."""
    found = [e for e in ESCAPE.findall(data) if not re.match(rb"\x1b\[[\d;]*[mHdGKCJX]$", e)]
    return [b" ".join(sorted(set(found))), b" ".join(found[:6]), b" ".join(found[-6:])]


def in_scope(recorded):
    """alice and census are recorded from now on, or are not."""
    with open(CONFIG, "w") as f:
        f.write(RECORDED if recorded else PLAIN)
    DAEMONS.running["itm-agentd"].send_signal(1)  # SIGHUP
    for user in ("alice", "census"):
        wait_for(f"{user}'s scope", 5,
                 lambda: (b"itm-shell" in run(["getent", "passwd", user]).stdout) == recorded)


def fresh_home():
    for name in os.listdir(HOME):
        path = os.path.join(HOME, name)
        if name != ".ssh":
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    run(["cp", "-a", TEMPLATE + "/.", HOME])


def quiet(terminal, seconds, limit=10):
    """Until nothing has been shown for a while: what is typed next then meets
    the program in the same state in both runs."""
    until = time.monotonic() + limit
    while terminal.read(seconds) and time.monotonic() < until:
        pass


class Result:
    def __init__(self):
        self.shown, self.status, self.modes, self.seconds, self.after = b"", None, None, 0.0, None
        self.steps = []  # how much had been shown before each step

    def differs(self, other, case):
        """Words on the first difference, or None."""
        if self.status != other.status:
            return f"exit status {self.status} plain, {other.status} recorded"
        if self.modes != other.modes:
            return f"terminal modes before and after: {self.modes} plain, {other.modes} recorded"
        if self.after != other.after:
            return f"what is left behind: {self.after!r} plain, {other.after!r} recorded"
        if other.seconds > self.seconds + 2:
            return f"ended after {self.seconds:.1f} s plain, {other.seconds:.1f} s recorded"
        if case.screens:
            words = self.other_screen(other, case)
            if words:
                return words
        if case.live:
            for what, a, b in zip(("set of", "first", "last"), shape(self.shown), shape(other.shown)):
                if a != b:
                    return f"{what} control sequences: {a!r} plain, {b!r} recorded"
            return None
        return first_difference(normal(self.shown, case.normal), normal(other.shown, case.normal))


    def other_screen(self, other, case):
        """Words on the first step before which the two terminals show another picture."""
        for number, (here, there) in enumerate(zip(self.steps, other.steps)):
            a, b = (normal(screen(shown), case.normal) for shown in (self.shown[:here], other.shown[:there]))
            if a != b:
                return f"the screen before step {number}: " + first_difference(a, b)
        return None


def screen(shown):
    return run([os.environ["LAB_BUILD"] + "/tests/transparency/screen", "80", "24"], input=shown).stdout


def first_difference(a, b):
    if a == b:
        return None
    if a.count(b"\n") > 20 and a[:3000].count(b"\nenv ") > 3:  # a census: every line that differs
        lines = [line for line in difflib.ndiff(a.decode(errors="replace").split("\n"),
                                                b.decode(errors="replace").split("\n")) if line[0] in "+-"]
        return "lines that differ, - plain, + recorded:\n" + "\n".join("  " + line.strip("\r") for line in lines)
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return (f"byte {at} of {len(a)} plain and {len(b)} recorded:\n"
            f"  plain    {a[max(0, at - 60):at + 90]!r}\n  recorded {b[max(0, at - 60):at + 90]!r}")


def play_terminal(case, pause):
    result = Result()
    for name in ("log", "out"):
        run(["rm", "-rf", f"{LAB}/{name}"])
    with Terminal(case.argv, 24, 80, case.environment) as terminal:
        before = termios.tcgetattr(terminal.master)
        terminal.expect(case.prompt, 15)
        for keys, wanted in case.steps:
            quiet(terminal, pause)
            result.steps.append(len(terminal.shown))
            if isinstance(keys, tuple):
                size(terminal.master, *keys)
            elif callable(keys):
                keys(terminal)
            else:
                terminal.type(keys)
            if wanted:
                terminal.expect(wanted, case.seconds)
        quiet(terminal, pause)
        result.steps.append(len(terminal.shown))
        begun = time.monotonic()
        if case.leave:
            terminal.type(case.leave)
        result.status = terminal.end(case.seconds)
        result.seconds = time.monotonic() - begun
        result.shown = terminal.shown
        if case.argv[0] != "ssh":
            result.modes = before == termios.tcgetattr(terminal.master) or termios.tcgetattr(terminal.master)
    return result


def play_pipe(case):
    result = Result()
    options = {"input": case.input} if case.input is not None else {}
    begun = time.monotonic()
    if case.shell:
        done = run(["bash", "-c", case.shell], timeout=case.seconds, **options)
    else:
        done = run(SSH + [*case.options, "-l", "alice", "lab", *case.argv], timeout=case.seconds, **options)
    result.seconds = time.monotonic() - begun
    result.status = done.returncode
    result.shown = b"stdout:\n" + done.stdout + b"\nstderr:\n" + done.stderr
    return result


def play(case, pause):
    fresh_home()
    if case.before:
        case.before()
    try:
        result = play_pipe(case) if case.pipe else play_terminal(case, pause)
        if case.after:
            result.after = case.after()
        return result
    finally:
        subprocess.run(["pkill", "-KILL", "-u", "alice"], check=False)
