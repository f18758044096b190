"""What is typed where programs ask for a secret: each of them for real, on one
recorded terminal; then every byte on disk is searched."""
import contextlib
import os
import random
import re
import shutil
import time

from lab import (INDEX, LAB, SPOOL, STORE, NewSessions, check, equal, itm, listed, login, on_disk, pids, transcript,
                 wait_for)

# Reads key by key without echo, as mysql's cousins and pinentry do.
RAW = """import sys, termios, tty
kept = termios.tcgetattr(0)
sys.stdout.write("Enter password: "); sys.stdout.flush()
tty.setraw(0)
n = 0
while sys.stdin.buffer.raw.read(1) not in (b"\\r", b"\\n"):
    n += 1
    if sys.argv[1:]:
        sys.stdout.write("*"); sys.stdout.flush()
termios.tcsetattr(0, termios.TCSANOW, kept)
print("\\nlength", n)
"""


def made_up(name):
    """Nothing of it stands anywhere else: parts of it are searched, too."""
    return f"{name}-" + "".join(random.choice("bcdfghjkmnpqrstvwxz") for _ in range(14))


def keys(terminal, text):
    """As a person types: key by key."""
    for key in text:
        terminal.type(key)
        time.sleep(0.01)
    terminal.type("\r")


def prompts():
    """(command, what it asks, how it goes on): each prompt takes a secret of its own."""
    yield "read -s -p '[sudo] password for alice: ' p; echo; echo n=${#p}", ["password for alice: "], r"n=\d+"
    yield "python3 -c 'import getpass; print(len(getpass.getpass(\"Vault password: \")))'", ["Vault password: "], r"\r\n\d+\r\n"
    yield "su bob -c id", ["Password: "], "failure"
    yield "passwd", ["urrent password: "], "manipulation|unchanged|failure|error"
    yield "python3 raw.py", ["Enter password: "], r"length \d+"
    yield "python3 raw.py stars", ["Enter password: "], r"length \d+"
    yield "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 " \
          "-o PubkeyAuthentication=no bob@127.0.0.1", ["password: "], "denied"
    yield "ssh-keygen -q -t ed25519 -f new", ["passphrase[^:]*: ", "again: "], "do not match|Enter passphrase"
    if shutil.which("sudo"):
        yield "sudo -k; sudo -p '[sudo] password for %u: ' id", ["password for alice: "], "again|incorrect|not in"
    if shutil.which("openssl"):
        yield "openssl genrsa -aes128 -out k.pem 1024", ["pass phrase:"], "Verifying"


def test_no_byte_of_a_secret_is_on_disk_whoever_asks():
    with open("/home/alice/raw.py", "w") as f:
        f.write(RAW)
    secrets, seen = [], made_up("seen")
    with NewSessions("alice") as new, login("alice") as terminal:
        for command, asked, after in prompts():
            terminal.type(command + "\r")
            for question in asked:
                terminal.expect(question, 10)
                time.sleep(0.15)
                secrets.append(made_up("hush"))
                keys(terminal, secrets[-1])
            terminal.expect(after, 15)
            time.sleep(0.1)
            terminal.type("\x03")
            terminal.expect(r"alice@lab:~\$ ", 10)
            time.sleep(0.2)     # what comes with ^C is thrown away
            terminal.command(f"echo over''{len(secrets)}", f"over{len(secrets)}", 15)
        terminal.command(f"echo {seen}", rf"[\r\n]{seen}")
        wait_for("the visible word on disk", 5, lambda: on_disk(seen.encode()))
        terminal.type("exit\r")
        terminal.end()
    session = new.wait()[0]["session"]
    wait_for("the visible word in the index", 10, lambda: listed(itm("search", seen, "--json", status=None)))
    for secret in secrets:
        word = secret[len("hush-"):]
        for part in (word, word[:7], word[-7:]):
            found = on_disk(part.encode())
            check(found is None, f"{part!r} of secret {secrets.index(secret)} is in {found}")
        check(word not in transcript(session), "a secret is in the transcript")
    # Each is one event with its length, not key by key: no timing either.
    lengths = [e["code"] for e in listed(itm("export", session, "--format", "json", status=None)) if e["kind"] == "masked"]
    equal(lengths.count(len(secrets[0]) + 1), len(secrets), f"lines masked as a whole, of {lengths}")
    return f"{len(secrets)} prompts in {SPOOL}, {STORE}, {INDEX}"


def test_a_recorder_that_dies_at_a_prompt_leaves_no_core():
    folder = f"{LAB}/cores"
    os.makedirs(folder, exist_ok=True)
    with login("alice") as terminal:
        terminal.command("read -s -p 'Password: ' x", "Password: ")
        secret = made_up("hush")
        terminal.type(secret)
        time.sleep(0.3)
        for program in ("itm-recorder", "itm-shell"):
            looked_at = 0
            for pid in pids(program):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # another session's, just ending
                    with open(f"/proc/{pid}/limits") as f:
                        limit = re.search(r"Max core file size\s+(\S+)", f.read()).group(1)
                    equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, f"owner of the memory of {program}")
                    check(program == "itm-shell" or limit == "0", f"{program} may leave a core of {limit}")
                    looked_at += 1
            check(looked_at, f"no {program}")
        terminal.type("\r")
        terminal.type("exit\r")
        terminal.end()
    check(on_disk(secret.encode()) is None, "the secret is on disk")
