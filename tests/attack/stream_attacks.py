"""What is lost, altered or hung on the way: faults others are known for."""
import hashlib
import os
import random
import subprocess
import time

import lab
from lab import Failure, Terminal, run
from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import fresh_word, in_the_record, session, spell
from targets import SSH, TOOLS, Plain

PLAIN = Plain()


@attack("typed ahead, before the prompt is there")
def type_ahead(target):
    outcomes = []
    for _ in range(4):
        word = fresh_word()
        with target.open() as terminal:
            terminal.type(f"echo {spell(word)}\r")
            try:
                terminal.expect(rf"[\r\n]{word}", 8)
            except Failure:
                outcomes.append(Outcome(FAULT, "lost"))
                continue
            outcomes.append(in_the_record(target, word))
    return worst(outcomes)


@attack("output after stdin is at its end")
def stdin_at_end(target):
    outcomes = []
    for flags in ([], ["-tt"]):
        word = fresh_word()
        done = run(SSH + [*flags, "-l", target.user, "lab", f"sleep 0.5; echo {spell(word)}; sleep 0.2; echo la''st"], timeout=20)
        if word.encode() not in done.stdout or b"last" not in done.stdout:
            outcomes.append(Outcome(FAULT, f"output lost {flags}"))
        else:
            outcomes.append(in_the_record(target, word))
    return worst(outcomes)


def paste(target, pasted, printed, seconds):
    data = bytes(random.Random(3).choices(range(33, 126), k=pasted))
    with session(target) as terminal:
        terminal.command(f"python3 {TOOLS}/flood.py {pasted} {printed}", "FLOOD ready")
        begun, deadline, sent = time.monotonic(), time.monotonic() + seconds, 0
        while sent < len(data) and time.monotonic() < deadline:
            try:
                sent += os.write(terminal.master, data[sent:sent + 4096])
            except BlockingIOError:
                terminal.read(0.05)
            terminal.read(0)
        try:
            shown = terminal.expect(r"FLOOD (\d+) (\w+)", max(1, deadline - time.monotonic()))
        except Failure:
            return Outcome(FAULT, f"hangs; {sent} of {pasted} bytes taken")
        whole = shown.group(1).decode() == str(pasted) and shown.group(2).decode() == hashlib.sha256(data).hexdigest()[:16]
        return Outcome(RECORDED, f"{time.monotonic() - begun:.1f} s") if whole else Outcome(FAULT, "bytes lost")


@attack("a paste of 3 MB meets 4 MB of output", slow=True)
def large_paste(target):
    return paste(target, 3_000_000, 4_000_000, 40)


@attack("the shell's death by a signal, and its exit status, as ssh reports them", slow=True)
def deaths(target):
    for command in ("kill -KILL $$", "kill -TERM $$", "kill -SEGV $$", "exit 7", "exit 255", "nosuchcommand"):
        for flags in ([], ["-tt"]):
            mine, plain = (t.ssh(*flags, command, timeout=20).returncode for t in (target, PLAIN))
            if mine != plain:
                return Outcome(FAULT, f"{command}: {mine}, plain {plain}")
    return Outcome(RECORDED)


@attack("yes into head, and ^C through yes")
def endless(target):
    with session(target) as terminal:
        terminal.command("yes | head -n 100000 | tail -n 1; echo st=$?", r"st=0", 15)
        terminal.type("yes\r")
        time.sleep(0.7)
        begun = time.monotonic()
        terminal.type("\x03")
        terminal.expect(rf"\^C.*{target.user}@lab:~\$ ", 10)
        late = time.monotonic() - begun
    return Outcome(RECORDED, f"^C after {late * 1000:.0f} ms") if late < 3 else Outcome(FAULT, f"^C after {late:.1f} s")


@attack("invalid UTF-8, NUL and every byte there is, in a command's output")
def every_byte(target):
    data = bytes(range(256)) * 40
    path = f"/home/{target.user}/bytes"
    with open(path, "wb") as f:
        f.write(data)
    done = target.ssh(f"cat {path}", timeout=20)
    if done.stdout != data:
        return Outcome(FAULT, f"{len(done.stdout)} bytes of {len(data)}, altered")
    return Outcome(RECORDED)
