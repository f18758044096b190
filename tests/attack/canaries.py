"""Passwords typed at prompts: no byte of them may be on a disk."""
import json
import os
import re
import stat
import subprocess
import time

import lab
from lab import Failure, run
from outcome import FAULT, NOT_APPLICABLE, REFUSED, SUCCEEDED, Outcome, attack
from session import fresh_word, session, spell
from targets import PROBE

# Line prompts with ECHO off, and raw ones: command, what asks, how often, what ends it.
LINE_PROMPTS = [
    ("su bob -c true", r"assword:", 1),
    ("sudo -k -S -p 'Sudo password:' true", r"Sudo password:", 1),
    ("passwd", r"assword:", 1),
    ("ssh -p 22 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PubkeyAuthentication=no "
     "-o NumberOfPasswordPrompts=1 bob@127.0.0.1 true", r"assword:", 1),
    ("openssl enc -aes-256-cbc -pbkdf2 -in /etc/hostname -out /dev/null", r"password:", 2),
    ("python3 -c 'import getpass; getpass.getpass(\"Getpass: \")'", r"Getpass: ", 1),
    ("ssh-keygen -q -t ed25519 -f /tmp/key$$ -C x", r"passphrase[^:]*:", 1),
]
RAW_PROMPTS = [
    ("read -s -p 'Read: ' x; unset x; echo", r"Read: ", 1),
    (f"{PROBE} canary", r"Enter password: ", 1),
]
PLACES = ["/var/lib/itm", "/var/log", "/run", "/tmp", "/var/tmp", "/var/crash", "/home", "/etc/itm"]


def type_passwords(terminal, prompts, stem):
    """Answers each prompt; the passwords that were typed."""
    passwords = []
    for command, asks, times in prompts:
        if run(["sh", "-c", f"command -v {command.split()[0]}"]).returncode != 0:
            continue
        terminal.mark = len(terminal.shown)
        terminal.type(command + "\r")
        # The command's own words are echoed first.
        terminal.expect(r"\n")
        password = fresh_word(stem)
        for _ in range(times):
            terminal.expect(asks, 8)
            time.sleep(0.25)
            terminal.type(password + "\r")
        time.sleep(0.3)
        terminal.type("\x03")
        done = fresh_word("done")
        time.sleep(0.2)
        terminal.type(f"echo {spell(done)}\r")
        try:
            terminal.expect(rf"{done}", 12)
        except Failure as error:
            raise Failure(f"after {command!r}: {error}") from error
        passwords.append(password)
    return passwords


def on_disk(words, since):
    """(word, path) of every file written since then that holds one of the words."""
    found = []
    for place in PLACES:
        for parent, _, names in os.walk(place):
            for name in names:
                path = os.path.join(parent, name)
                try:
                    st = os.lstat(path)
                    if not stat.S_ISREG(st.st_mode) or st.st_mtime < since:
                        continue
                    with open(path, "rb") as f:
                        data = f.read()
                except OSError:
                    continue
                found += [(w, path) for w in words if w.encode() in data]
    return found


def exports(target):
    """The newest session as every reader shows it."""
    if target.name != "itm":
        return "", ""
    def ended():
        for s in lab.sessions(target.user):
            if s.get("ended") and s["session"] not in target.before:
                return s["session"]
        return None
    new = lab.wait_for("the session", 15, ended, 0.2)
    text = run(["itm-replay", "--json", new]).stdout.decode(errors="replace")
    return new, text + lab.transcript(new) + lab.itm("export", new, "--format", "asciicast", "--raw", status=None)


@attack("passwords at the prompts of su, sudo, passwd, ssh, openssl, ssh-keygen, getpass, read -s, a raw client: any of them on disk", slow=True)
def passwords(target):
    visible, since = fresh_word("seen"), time.time() - 2
    target.before = target.marks() or set()
    with session(target) as terminal:
        terminal.command(f"echo {spell(visible)}", rf"[\r\n]{visible}")
        typed = type_passwords(terminal, LINE_PROMPTS, "hush") + type_passwords(terminal, RAW_PROMPTS, "hush")
        shown = [p for p in typed if p.encode() in terminal.shown]
        if shown:
            raise Failure(f"a prompt echoed: {shown}")
    lab.wait_for("what was shown on disk", 10, lambda: on_disk([visible], since), 0.5)
    new, text = exports(target)
    found = on_disk(typed, since)
    if found or any(p in text for p in typed):
        return Outcome(SUCCEEDED, f"{found[:1]}")
    if target.name == "itm" and any(lab.listed(lab.itm("search", p, "--json", status=None)) for p in typed):
        return Outcome(SUCCEEDED, "found by itm search")
    return Outcome(REFUSED, f"{len(typed)} passwords, {len(LINE_PROMPTS) + len(RAW_PROMPTS)} prompts")


def typed_events(text):
    """Sums of what was masked and what was counted as typed."""
    masked = counted = 0
    for line in text.split("\n"):
        if line.startswith('{"time"') and '"kind":"masked"' in line:
            masked += json.loads(line)["code"]
        elif line.startswith('{"time"') and '"kind":"counted"' in line:
            code = json.loads(line)["code"]
            counted += code >> 2 if code & 3 == 0 else 0
        elif line.startswith('{"time"') and '"kind":"in"' in line:
            counted += json.loads(line)["code"]
    return masked, counted


@attack("a no-echo line prompt and a raw password prompt are masked, to the byte")
def classification(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    target.before = target.marks()
    prompts = [p for p in LINE_PROMPTS if p[0].startswith("python3")]
    with session(target) as terminal:
        password = type_passwords(terminal, prompts, "hush")[0]
        raw = type_passwords(terminal, RAW_PROMPTS[1:], "hush")[0]
    masked, counted = typed_events(exports(target)[1])
    # One Enter each; what was typed at the shell in between is counted.
    wanted = len(password) + 1 + len(raw) + 1
    if masked != wanted:
        return Outcome(FAULT, f"{masked} bytes masked, {wanted} typed at the prompts")
    return Outcome(REFUSED, f"{masked} masked") if counted > 0 else Outcome(FAULT, "other input is not counted")
