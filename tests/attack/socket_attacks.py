"""The agent's sockets and the stub, in the hands of the user."""
import contextlib
import glob
import os
import signal
import subprocess
import time

import lab
from lab import Failure, Terminal, wait_for
from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import fresh_word, in_the_record, probe, session, shell_is_recorded, spell
from targets import SSH, TOOLS

LATE_S = 1.0          # what a login may wait because of another user
STUB = "/usr/libexec/itm/itm-shell"


def stub():
    """Where the installed itm-shell is: as passwd says it to the user."""
    found = [p for p in (STUB, "/usr/lib/itm/itm-shell", "/usr/libexec/itm-shell") if os.path.exists(p)]
    if not found:
        found = glob.glob("/usr/**/itm-shell", recursive=True)
    return found[0]


def forge(target, *arguments):
    process = target.as_user(["python3", f"{TOOLS}/forge.py", *arguments], stdout=subprocess.PIPE)
    words = process.communicate(timeout=55)[0]
    if b"FORGE" not in words:
        raise Failure("forge.py failed")
    return Outcome(SUCCEEDED, words.decode().strip()) if b"answered" in words else Outcome(REFUSED)


@attack("a forged SHELL message, with terminals, pipes, files, sockets, ptys as descriptors")
def forged_shell(target):
    return forge(target, "forged") if target.name == "itm" else Outcome(NOT_APPLICABLE)


@attack("truncated, giant and random messages, too many descriptors")
def garbage(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    outcome = forge(target, "garbage")
    with session(target) as terminal:
        return worst([outcome, shell_is_recorded(target, terminal)]) if outcome.word == SUCCEEDED else \
            (outcome if shell_is_recorded(target, terminal).word == RECORDED else Outcome(FAULT))


@attack("pam.sock and agentd.sock")
def other_sockets(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    return worst([forge(target, "others", p) for p in ("/run/itm/pam.sock", "/run/itm/agentd.sock")])


def login_time(user):
    begun = time.monotonic()
    with Terminal(SSH + ["-tt", "-l", user, "lab", "echo in; exit"]) as terminal:
        terminal.expect("in\r\n", 15)
        return time.monotonic() - begun, terminal


def delayed_by(target, make):
    """How much later another user's login is while the attack goes on."""
    before = min(login_time("bob")[0] for _ in range(2))
    with make():
        # Of two, for a busy machine's sake: who can delay all can delay both.
        during = min(login_time("bob")[0] for _ in range(2))
        with session(target) as terminal:
            own = shell_is_recorded(target, terminal)
    late = during - before
    if own.word != RECORDED:
        return own
    return Outcome(REFUSED, f"{late * 1000:+.0f} ms") if late < LATE_S else Outcome(SUCCEEDED, f"{late:.1f} s late")


@contextlib.contextmanager
def running(target, argv, word):
    process = target.as_user(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if word not in process.stdout.readline():
            raise Failure(f"{argv} did not start")
        yield
    finally:
        process.kill()
        process.wait()


@attack("200 idle connections to delay another user's login")
def idle_connections(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    return delayed_by(target, lambda: running(target, ["python3", f"{TOOLS}/forge.py", "idle", "200"], b"FORGE holds"))


@attack("connections opened and dropped as fast as the kernel can")
def churn(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    return delayed_by(target, lambda: running(target, ["python3", f"{TOOLS}/forge.py", "churn", "15"], b"FORGE churns"))


@contextlib.contextmanager
def stopped_stubs(target, count):
    """Real stubs, stopped somewhere on their way to the broker."""
    processes = [target.as_user([stub(), "-c", "sleep 30"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for _ in range(count)]
    for p in processes:
        p.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for p in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()


@attack("100 stubs of his own, stopped half-way, then a login")
def many_stubs(target):
    return delayed_by(target, lambda: stopped_stubs(target, 100)) if target.name == "itm" else Outcome(NOT_APPLICABLE)


@attack("300 loops that start stubs of his own, then three logins: are they still recorded?")
def stub_loops(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    loops = f"for i in $(seq 300); do (while :; do {stub()} -c :; done) & done; wait"
    process = target.as_user(["bash", "-c", loops], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        outcomes = []
        for _ in range(3):
            with target.open() as terminal:
                terminal.expect(r"\$ |refuses|not be used|try again", 20)
                outcomes.append(shell_is_recorded(target, terminal, 20) if b"$ " in terminal.shown else Outcome(REFUSED))
        return worst(outcomes)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@attack("40 busy loops, then a login: is it still recorded?", slow=True)
def busy(target):
    processes = [target.as_user(["sh", "-c", "while :; do :; done"]) for _ in range(40)]
    try:
        with target.login() as terminal:
            return shell_is_recorded(target, terminal, 20)
    finally:
        for p in processes:
            p.kill()
            p.wait()


def inside(target, line):
    """A line that starts a shell in another way, inside the session."""
    word = fresh_word()
    with session(target) as terminal:
        terminal.type(line + "\r")
        time.sleep(0.4)
        terminal.type(f"echo {spell(word)}\r")
        try:
            terminal.expect(word, 6)
        except Failure:
            return Outcome(REFUSED)
        return in_the_record(target, word)


@attack("itm-shell run by hand inside a session: plain, exec -a, fds closed, setsid, nested script")
def own_stub_inside(target):
    s = {"itm": stub, "tlog": lambda: "/usr/bin/tlog-rec-session", "script": lambda: "/usr/local/bin/script-shell"}[target.name]()
    lines = [s, f"exec {s}", f"exec -a -sh {s}", f"{s} <&- 2>/dev/tty", f"setsid -w {s}", f"script -qfc {s} /dev/null",
             f"env -i {s}", f"exec -a '' {s} -i"]
    return worst([inside(target, line) for line in lines])


@attack("itm-shell run by hand outside a session: pipes, files, sockets, no descriptors")
def own_stub_outside(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    outcomes = []
    for how in ("{s} -c 'echo {w}' | cat", "{s} -c 'echo {w}' < /dev/null > /home/{u}/out; cat /home/{u}/out",
                "{s} -c 'echo {w}' 0<&- 2>&-", "exec -a -bash {s} -c 'echo {w}'", "ulimit -n 20; {s} -c 'echo {w}'",
                "setsid -w {s} -c 'echo {w}'"):
        word = fresh_word()
        line = how.format(s=stub(), w=spell(word), u=target.user)
        process = target.as_user(["bash", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        shown = process.communicate(timeout=20)[0]
        outcomes.append(in_the_record(target, word) if word.encode() in shown else Outcome(REFUSED))
    return worst(outcomes)


@attack("a copy of the stub, and a program of the user's with its name")
def copied_stub(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    process = target.as_user(["cp", stub(), f"/home/{target.user}/itm-shell"], stderr=subprocess.DEVNULL)
    return Outcome(REFUSED) if process.wait() != 0 else Outcome(SUCCEEDED, "the stub can be read and copied")
