"""The outer terminal: whoever holds it types past the recorder."""
import os
import signal
import subprocess
import time

import lab
from lab import Failure, wait_for
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
        terminal.expect(word)
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


def race(target, *options, racer=None):
    """A racer of the same user opens each new terminal as it appears, during a login."""
    tag = fresh_word("race")
    ready, go, word = f"/tmp/{tag}.ready", f"/tmp/{tag}.go", fresh_word()
    racer = target.as_user([PROBE, "racer", ready, go, word], stdout=subprocess.PIPE)
    try:
        wait_for("the racer", 5, lambda: os.path.exists(ready))
        with session(target, *options) as terminal:
            terminal.type("true typed\r")
            open(go, "w").close()
            words = racer.communicate(timeout=20)[0].decode()
            terminal.read(0.3)
            if "raced 0" in words:
                return Outcome(REFUSED, "nothing could be opened")
            if word.encode() in terminal.shown and not target.recorded(word, 2):
                return Outcome(SUCCEEDED, "wrote past the record")
            # The racer may hold the inner terminal: that is in the record.
            return Outcome(REFUSED, words.split("\n")[0].replace("PROBE ", ""))
    finally:
        racer.kill()
        racer.wait()
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
        f.write(f"setsid {PROBE} racer {ready} {go} {word} < /dev/null > /tmp/{tag}.out 2>&1 &\n"
                f"while [ ! -e {ready} ]; do sleep 0.02; done\n")
    try:
        with session(target) as terminal:
            open(go, "w").close()
            terminal.read(0.5)
            time.sleep(0.5)
            terminal.read(0.2)
            if word.encode() in terminal.shown and not target.recorded(word, 2):
                return Outcome(SUCCEEDED, "wrote past the record")
            return Outcome(REFUSED)
    finally:
        os.unlink(rc)


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


@attack("take every free terminal but one, then log in", slow=True)
def no_terminals(target):
    """sshd gets the last one; the recorder finds none."""
    taker = target.as_user([PROBE, "ptys", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if b"did" not in taker.stdout.readline():
            return Outcome(NOT_APPLICABLE)
        terminal = target.open()
        with terminal:
            try:
                terminal.expect(rf"{target.user}@lab:~\$ |refuses|can't be recorded", 6)
            except Failure:
                return Outcome(REFUSED)
            if b"$ " not in terminal.shown:
                return Outcome(REFUSED)
            return shell_is_recorded(target, terminal)
    finally:
        taker.kill()
        taker.wait()
