#!/usr/bin/env python3
"""Our emulator against libvterm: random screens, real programs recorded here,
and the sessions of a folder of asciicasts named by ITM_CORPUS.  Run in the
build folder by make check; prints TAP."""
import glob
import gzip
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import fcntl

DIFFERENTIAL = "./tests/terminal/differential"
COLUMNS, ROWS = 100, 30
RANDOM = 20000
# Program, its arguments, what is typed with a pause after each.
PROGRAMS = [
    ("bash", ["--norc", "--noprofile", "-i"], ["ls -la --color=always /usr\r", "printf '\\033[3;9r'; seq 40\r", "\x12ls\x07", "clear\r", "exit\r"]),
    ("vi", ["-u", "NONE", "-n", "-c", "set nocp nu ruler"], ["ihello\rworld\x1b", ":sp\r", "ggVGyP", ":!ls\r", "\r", ":qa!\r"]),
    ("less", ["/etc/services"], ["   ", "/tcp\r", "nnb", "G", "g", "q"]),
    ("top", ["-d", "1"], ["1", "c", "z", "q"]),
    ("nano", ["-I", "/etc/passwd"], ["\x16\x16", "\x07", "\x18", "\x18"]),
    ("htop", [], ["t", "\x1b[B", "q"]),
    ("mc", ["-u"], ["\x1b[B", "\t", "\x1bOR", "\x1b[21~", "\x1b[21~", "\r"]),
    ("tmux", ["-L", "itm-differential", "-f", "/dev/null", "new"], ["ls\r", "\x02%", "seq 90\r", "\x02\"", "\x02[", "q", "\x02:kill-server\r"]),
]


def record(program, arguments, typed, folder):
    """What the program writes to a terminal, a few seconds at most."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", HOME=folder, LC_ALL="C.UTF-8", TMUX_TMPDIR=folder)
        os.environ.pop("TMUX", None)
        os.execvp(program, [program] + arguments)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    shown = bytearray()

    def read(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    return False
                if not data:
                    return False
                shown.extend(data)
        return True

    alive = read(0.5)
    for text in typed:
        if not alive:
            break
        os.write(master, text.encode())
        alive = read(0.4)
    os.close(master)
    for _ in range(40):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return bytes(shown)
        time.sleep(0.05)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return bytes(shown)


def compare(name, arguments):
    done = subprocess.run([DIFFERENTIAL] + arguments, capture_output=True, text=True, timeout=300)
    for line in done.stdout.splitlines()[:20]:
        print(f"# {line}")
    print(f"{'ok' if done.returncode == 0 else 'not ok'} - terminal: {name}", flush=True)
    return done.returncode == 0


def compare_bytes(name, data, folder, columns, rows):
    path = os.path.join(folder, "session")
    with open(path, "wb") as f:
        f.write(data)
    return compare(name, [path, str(columns), str(rows)])


def cast(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        head = json.loads(f.readline())
        events = [json.loads(line) for line in f]
    return "".join(e[2] for e in events if e[1] == "o").encode(), head["width"], head["height"]


def main():
    good = compare(f"{RANDOM} random screens are libvterm's", ["--random", "1", str(RANDOM)])
    with tempfile.TemporaryDirectory() as folder:
        for program, arguments, typed in PROGRAMS:
            if shutil.which(program) is None:
                print(f"ok - terminal: {program} # SKIP not installed")
                continue
            data = record(program, arguments, typed, folder)
            if program == "tmux": # where its last key came too early, its server lives on
                subprocess.run([program, *arguments[:2], "kill-server"], capture_output=True, timeout=20,
                               env={**os.environ, "TMUX_TMPDIR": folder})
            if len(data) < 100:
                print(f"not ok - terminal: {program} showed only {data!r}")
                good = False
            else:
                good = compare_bytes(f"{program}'s screens are libvterm's", data, folder, COLUMNS, ROWS) and good
        for path in sorted(glob.glob(os.path.join(os.environ.get("ITM_CORPUS", "/nonexistent"), "*.cast.gz"))):
            data, columns, rows = cast(path)
            good = compare_bytes(os.path.basename(path), data, folder, columns, rows) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
