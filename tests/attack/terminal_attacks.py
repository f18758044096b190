"""The outer terminal: whoever holds it types past the recorder."""
import os
import signal
import subprocess
import time

import lab
from lab import Failure, run, wait_for
from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import all_refused, fresh_word, in_the_record, probe, session, shell_is_recorded, spell
from targets import PROBE, TOOLS


@attack("write to the outer terminal by its name")
def outer_by_name(target):
    word = fresh_word()
    with session(target) as terminal:
        done, why = probe(terminal, "write", terminal.ids.outer, word)
        if done == "refused":
            return Outcome(REFUSED, why)
        terminal.read(0.3)
        if word.encode() not in terminal.shown:
            raise Failure("written, and not shown")
        return in_the_record(target, word)


@attack("open the outer terminal through /proc/PID/fd of stub and recorder")
def outer_by_proc(target):
    with session(target) as terminal:
        ids = terminal.ids
        return all_refused(terminal, [("open", f"/proc/{p}/fd/{n}") for p in {ids.stub, ids.recorder} for n in (0, 1)])


@attack("chmod the outer terminal")
def outer_chmod(target):
    with session(target) as terminal:
        return all_refused(terminal, [("chmod", terminal.ids.outer)])


@attack("chown the outer terminal")
def outer_chown(target):
    with session(target) as terminal:
        return all_refused(terminal, [("chown", terminal.ids.outer)])


@attack("make the outer terminal one's controlling terminal (TIOCSCTTY)")
def outer_steal(target):
    with session(target) as terminal:
        return all_refused(terminal, [("sctty", terminal.ids.outer)])


@attack("vhangup and TIOCVHANGUP")
def hang_up(target):
    with session(target) as terminal:
        return all_refused(terminal, [("hangup",)])


@attack("a second process of the user reads his keystrokes at the outer terminal")
def outer_eavesdrop(target):
    with session(target) as terminal:
        thief = target.as_user([PROBE, "open", terminal.ids.outer], stdout=subprocess.PIPE)
        words = thief.communicate(timeout=10)[0]
        return Outcome(SUCCEEDED) if b"did" in words else Outcome(REFUSED)


@attack("stop the recorder, then bash at the outer terminal")
def stop_and_bypass(target):
    word = fresh_word()
    with session(target) as terminal:
        ids = terminal.ids
        script = f"kill -STOP {ids.recorder} 2>/dev/null; (echo {spell(word)}; exec sleep 1) > {ids.outer} 2>/dev/null; " \
                 f"kill -CONT {ids.recorder} 2>/dev/null; echo bypass''over"
        terminal.type(script + "\r")
        shown = terminal.expect(rf"{word}|bypassover", 8).group(0).decode()
        return Outcome(REFUSED) if shown == "bypassover" else in_the_record(target, word)


def judge_race(target, terminal, word):
    """The racer may hold the inner terminal, which is recorded; not the outer."""
    for _ in range(8):
        terminal.read(0.1)
    outer = f"{word}@{terminal.ids.outer.rsplit('/', 1)[1]}@"
    if outer.encode() in terminal.shown:
        return in_the_record(target, outer)
    return Outcome(REFUSED, "holds nothing that works" if word.encode() not in terminal.shown else "holds the inner one only")


def race(target):
    """A racer of the same user opens each new terminal as it appears, during a login."""
    tag = fresh_word("race")
    ready, go, word = f"/tmp/{tag}.ready", f"/tmp/{tag}.go", fresh_word()
    process = target.as_user([PROBE, "racer", ready, go, word], stdout=subprocess.DEVNULL)
    try:
        wait_for("the racer", 5, lambda: os.path.exists(ready))
        with session(target) as terminal:
            open(go, "w").close()
            process.wait(timeout=20)
            return judge_race(target, terminal, word)
    finally:
        process.kill()
        process.wait()
        for path in (ready, go):
            if os.path.exists(path):
                os.unlink(path)


@attack("racer: opens the outer terminal before the recorder has it (5 logins)")
def racer(target):
    return worst([race(target) for _ in range(5)])


@attack("racer started from ~/.ssh/rc")
def racer_from_rc(target):
    tag = fresh_word("race")
    ready, go, word = f"/tmp/{tag}.ready", f"/tmp/{tag}.go", fresh_word()
    rc = f"/home/{target.user}/.ssh/rc"
    with open(rc, "w") as f:
        f.write(f": > {ready}; setsid {PROBE} racer {ready} {go} {word} < /dev/null > /tmp/{tag}.out 2>&1 &\nsleep 0.3\n")
    try:
        with session(target) as terminal:
            open(go, "w").close()
            return judge_race(target, terminal, word)
    finally:
        os.unlink(rc)
        open(go, "w").close()  # it goes in any case
        time.sleep(0.2)
        for name in (ready, go, f"/tmp/{tag}.out"):
            if os.path.exists(name):
                os.unlink(name)


@attack("TIOCSTI into the own terminal")
def push_input(target):
    word = fresh_word()
    with session(target) as terminal:
        done, why = probe(terminal, "sti", f"echo {spell(word)}\n")
        if done == "refused":
            return Outcome(REFUSED, why)
        terminal.expect(rf"[\r\n]{word}")
        return in_the_record(target, word)


@attack("kill the stub; a survivor takes the outer terminal when it is given back")
def survivor_after_kill(target):
    word = fresh_word()
    with session(target) as terminal:
        ids = terminal.ids
        # Not a child of the shell any more, deaf to hang-ups.
        terminal.command(f"{PROBE} survivor {ids.outer} {spell(word)}; echo ready''now", "readynow")
        time.sleep(0.2)
        if word.encode() in terminal.shown:
            return in_the_record(target, word)
        try:
            os.kill(ids.stub, signal.SIGKILL)
            terminal.end(4)
        except Failure:
            pass
        terminal.read(0.3)
        if word.encode() not in terminal.shown:
            return Outcome(REFUSED)
        return in_the_record(target, word)


@attack("STOP the stub, then type on")
def stop_the_stub(target):
    with session(target) as terminal:
        ids = terminal.ids
        if ids.stub == ids.recorder:
            return Outcome(NOT_APPLICABLE)
        probe(terminal, "kill", ids.stub, 19)
        outcome = shell_is_recorded(target, terminal)
        probe(terminal, "kill", ids.stub, 18)
        return outcome


def with_terminals_left(target, left):
    taker = target.as_user([PROBE, "ptys", str(left)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if b"did" not in taker.stdout.readline():
            return Outcome(NOT_APPLICABLE)
        with target.open() as terminal:
            try:
                terminal.expect(rf"{target.user}@lab:~\$ |policy refuses", 3)
            except Failure:
                return Outcome(REFUSED, "no shell")
            if b"policy refuses" in terminal.shown:
                return Outcome(REFUSED, "by policy")
            return shell_is_recorded(target, terminal)
    finally:
        taker.kill()
        taker.wait()


@attack("take every free terminal but sshd's own, then log in")
def no_terminals(target):
    """The recorder finds none for the inside.  Ours at the near end is one of them, and so there are some numbers to try."""
    limit = "remount,gid=5,mode=620,ptmxmode=666,max="
    run(["mount", "-o", limit + "40", "/dev/pts"])
    try:
        return worst([with_terminals_left(target, left) for left in (1, 2, 3)])
    finally:
        run(["mount", "-o", limit + "1048576", "/dev/pts"])
