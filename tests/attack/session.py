"""Attack programs run inside a recorded session, and what is made of their
words."""
import contextlib
import itertools
import os
import shlex
import time

from lab import Failure
from outcome import ENDED, ENDED_BARE, RECORDED, REFUSED, SUCCEEDED, Outcome
from targets import PROBE

_counter = itertools.count(1)


def fresh_word(stem="mark"):
    """A word that is nowhere yet."""
    return f"{stem}{os.getpid()}x{next(_counter)}x{time.monotonic_ns() % 10**9}"


def spell(word):
    """Typed so that only the shell's output has the word in one piece."""
    return f"{word[:4]}''{word[4:]}"


@contextlib.contextmanager
def session(target, *options):
    with target.login(*options) as terminal:
        terminal.ids = target.ids(terminal)
        yield terminal
        if terminal.status is None:
            with contextlib.suppress(OSError, Failure):
                terminal.type("exit\r")
                terminal.reap(0.7)  # a shell inside a shell: ssh is ended then


def probe(terminal, *arguments):
    """("did" or "refused", the kernel's word) of one probe inside the session."""
    words = (shlex.quote(str(a)) for a in (PROBE, *arguments))
    line = " ".join(spell(w) if w.startswith("mark") else w for w in words)
    match = terminal.command(line, r"PROBE (did|refused|raced|owner|got) ([^\r\n]*)")
    return match.group(1).decode(), match.group(2).decode()


def all_refused(terminal, probes):
    """SUCCEEDED with the first probe that the kernel allowed."""
    for arguments in probes:
        word, detail = probe(terminal, *arguments)
        if word == "did":
            return Outcome(SUCCEEDED, " ".join(map(str, arguments[:2])))
        if detail in ("ENOENT", "ESRCH"):
            raise Failure(f"nothing to attack: {arguments}: {detail}")
    return Outcome(REFUSED)


def in_the_record(target, word):
    """RECORDED or SUCCEEDED by whether the record has what was shown."""
    return Outcome(RECORDED) if target.recorded(word) else Outcome(SUCCEEDED, "shown, and not in the record")


def shell_is_recorded(target, terminal, seconds=8):
    """A shell that answers at this terminal: is what it shows recorded?"""
    word = fresh_word()
    terminal.command(f"echo {spell(word)}", rf"[\r\n]?{word}", seconds)
    return in_the_record(target, word)


def how_it_ended(target, before, word):
    """After the user ended his own session: the record's own reason for it."""
    if not target.recorded(word):
        return Outcome(SUCCEEDED, "what was shown before is not in the record")
    why = target.why_ended(before or set(), word)
    return Outcome(ENDED, why) if why else Outcome(ENDED_BARE)
