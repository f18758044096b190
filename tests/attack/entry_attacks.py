"""Other ways in: commands, shared connections, su, chsh."""
import contextlib
import os
import subprocess
import time

import lab
from lab import Failure, Terminal, run, wait_for
from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import fresh_word, in_the_record, session, shell_is_recorded, spell
from targets import PASSWORD, SSH


def by_command(target, command, typed="", tty=True):
    """Runs a command over ssh; the shell in it is asked for a word."""
    word = fresh_word()
    with Terminal(SSH + ["-tt" if tty else "-T", "-l", target.user, "lab", command]) as terminal:
        time.sleep(0.6)
        terminal.type(typed)
        time.sleep(0.2)
        terminal.type(f"echo {spell(word)}\r\n")
        try:
            terminal.expect(word, 6)
        except Failure:
            return Outcome(REFUSED, "no shell")
        return in_the_record(target, word)


@attack("ssh -tt host 'scp -t x; bash'")
def scp_then_shell(target):
    return by_command(target, "scp -t x; bash", "\x04")


@attack("ssh -tt host bash, and exec /bin/bash by its path")
def shell_as_command(target):
    return worst([by_command(target, c) for c in ("bash", "exec /bin/bash -i", "exec -a scp /bin/bash")])


@attack("ssh host 'script -qfc bash /dev/null', without a terminal")
def script_as_command(target):
    return by_command(target, "script -qfc bash /dev/null", tty=False)


@attack("ssh host bash -i, over pipes")
def shell_over_pipes(target):
    return by_command(target, "bash -i 2>&1", tty=False)


@attack("ssh host: 3 MB of nothing, then bash -i over the same pipe")
def shell_behind_a_flood(target):
    word = fresh_word()
    process = subprocess.Popen(SSH + ["-T", "-l", target.user, "lab", "head -c 3000000 /dev/zero; exec bash -i 2>&1"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        left = 3000000
        while left > 0:
            left -= len(os.read(process.stdout.fileno(), min(left, 65536))) or left
        time.sleep(2)
        process.stdin.write(f"echo {spell(word)}; exit\n".encode())
        process.stdin.flush()
        shown = process.communicate(timeout=15)[0]
    finally:
        process.kill()
        process.wait()
    return in_the_record(target, word) if word.encode() in shown else Outcome(REFUSED)


@attack("a second and a third shell over one shared connection")
def shared_connection(target):
    path = f"{lab.LAB}/shared-{target.name}"
    master = subprocess.Popen(SSH + ["-M", "-N", "-S", path, "-l", target.user, "lab"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the shared connection", 10, lambda: os.path.exists(path))
        with target.open("-S", path) as one, target.open("-S", path) as two, target.open("-S", path) as three:
            outcomes = []
            for terminal in (one, two, three):
                terminal.expect(r"\$ ", 8)
                outcomes.append(shell_is_recorded(target, terminal))
            return worst(outcomes)
    finally:
        master.terminate()
        master.wait(timeout=10)


@attack("chsh to another shell, then log in")
def change_shell(target):
    with session(target) as terminal:
        terminal.type("chsh -s /bin/sh; echo chsh''done\r")
        if terminal.expect("assword:|chshdone", 6).group(0) != b"chshdone":
            time.sleep(0.2)
            terminal.type(PASSWORD.format(target.user) + "\r")
            terminal.expect("chshdone", 8)
    with target.open() as terminal:
        terminal.expect(r"\$ ", 8)
        outcome = shell_is_recorded(target, terminal)
    run(["usermod", "-s", lab.run(["getent", "passwd", "-s", "files", target.user]).stdout.decode().strip().split(":")[6]
         if target.name != "itm" else "/bin/bash", target.user])
    return outcome


@attack("su to himself, and su -s /bin/sh, inside a session")
def su_to_himself(target):
    outcomes = []
    for command in (f"su {target.user}", f"su - {target.user}", f"su -s /bin/sh {target.user}"):
        with session(target) as terminal:
            terminal.command(command, "assword:")
            time.sleep(0.3)
            terminal.type(PASSWORD.format(target.user) + "\r")
            time.sleep(0.7)
            outcomes.append(shell_is_recorded(target, terminal))
    return worst(outcomes)


@attack("screen, tmux, script and python's pty inside a session")
def multiplexers(target):
    outcomes = []
    for command in ("screen -q", "tmux -f /dev/null", "script -qf /dev/null", "python3 -c 'import pty; pty.spawn(\"/bin/sh\")'"):
        word = fresh_word()
        with session(target) as terminal:
            terminal.type(command + "\r")
            time.sleep(1)
            terminal.type(f"echo {spell(word)}\r")
            terminal.expect(word, 8)
            outcomes.append(in_the_record(target, word))
    return worst(outcomes)


@attack("nohup and setsid survivors write to the terminal after logout")
def survivors(target):
    word, quiet = fresh_word(), fresh_word()
    with target.login() as terminal:
        terminal.command(f"(setsid nohup sh -c 'sleep 1; echo {spell(word)} > /dev/tty; echo {spell(word)}' &) ; echo {spell(quiet)}",
                         rf"[\r\n]{quiet}")
        terminal.type("exit\r")
        begun = time.monotonic()
        try:
            terminal.end(8)
        except Failure:
            return Outcome(FAULT, "logout hangs")
        if word.encode() in terminal.shown:
            return in_the_record(target, word)
    return Outcome(REFUSED, f"logout after {time.monotonic() - begun:.1f} s")


@attack("ssh with an sftp subsystem that is a shell, -N with forwarding, ssh -s")
def subsystem(target):
    word = fresh_word()
    done = target.ssh("-s", "bash", input=f"echo {spell(word)}\n".encode(), timeout=15)
    return in_the_record(target, word) if word.encode() in done.stdout else Outcome(REFUSED)
