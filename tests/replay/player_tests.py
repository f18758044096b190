#!/usr/bin/env python3
"""itm-replay on a terminal of its own, fed with a hostile recording: what it
sends, what it leaves behind, how it follows.  Run in the build folder by make
check."""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

REPLAY = "./itm-replay/itm-replay"
ITM = "./cli/itm"
MAKE = "./tests/replay/make_spool"
# What it may say once, at its start and end, and the cursor's hiding.
FIXED = [b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h", b"\x1b[2J"]
PAINT = re.compile(rb"\x1b\[[0-9;]*[Hm]")


class Failure(Exception):
    pass


def check(condition, words):
    if not condition:
        raise Failure(words)


class Player:
    def __init__(self, *arguments, columns=80, rows=24):
        self.master, slave = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([REPLAY, *arguments], stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.out = b""

    def size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.out += os.read(self.master, 65536)
                except OSError:
                    return

    def until(self, wanted, seconds=5.0, start=0):
        end = time.monotonic() + seconds
        while wanted not in self.out[start:]:
            check(time.monotonic() < end, f"{wanted!r} was not shown: {self.out[-600:]!r}")
            check(self.process.poll() is None, f"ended early: {self.process.poll()}")
            self.read(0.02)

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("does not end") from None
        self.read(0.2)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        os.close(self.master)
        check(after == self.before, "the terminal's modes are not as they were")
        check(self.out.endswith(b"\x1b[?25h\x1b[?1049l"), f"the screen was not given back: {self.out[-60:]!r}")
        return self.process.returncode


def harmless(data):
    rest = data
    for text in FIXED:
        rest = rest.replace(text, b"")
    rest = PAINT.sub(b"", rest)
    bad = re.search(rb"[\x00-\x1f\x7f]", rest)
    check(bad is None, f"control bytes were sent: {rest[max(0, bad.start() - 20):bad.start() + 40]!r}" if bad else "")
    text = rest.decode()  # strict
    check(not re.search("[\x80-\x9f\u202a-\u202e\u2066-\u2069]", text), "C1 or bidirectional characters were sent")


def spool(count=0):
    folder = tempfile.mkdtemp(prefix="itm-test-replay-")
    done = subprocess.run([MAKE, folder, "0", str(count)], check=True, capture_output=True, text=True)
    return folder, done.stdout.strip()


def test_plays_a_hostile_recording(folder, session):
    player = Player("--spool", folder, "--speed", "8", session)
    player.until(b"hi")
    player.until(b"screen", 10)
    player.until(b"END ", 10)
    player.until(b"exit status 7")
    player.type(b"q")
    check(player.end() == 0, "exit status")
    harmless(player.out)
    check(b"title" not in player.out and b"cm0g" not in player.out, "a title or clipboard came through")


def test_every_key_and_many_sizes(folder, session):
    player = Player("--spool", folder, "--paused", session)
    player.until(b"STOP")
    for keys in (b" ", b"+", b"-", b"\x1b[C", b"\x1b[D", b"\x1b[A", b"\x1b[B", b"\x1b[5~", b"\x1b[6~", b"5", b"9", b"0",
                 b"i", b".", b".", b"c", b"C", b"m", b"M", b"p", b"t", b"h", b"j", b"k", b"l", b"z", b"p", b"t", b"?", b"?", b"/hi\r", b"n", b"N", b"/\x1b", b"\x0c", b"\x1b[H", b"\x1b[F", b"\xff\x00\x1b[<0;1;1M"):
        player.type(keys)
        player.read(0.08)
    for columns, rows in ((20, 5), (200, 60), (1, 1), (2, 2), (40, 6), (80, 24)):
        player.size(columns, rows)
        player.read(0.08)
    player.type(b"q")
    check(player.end() == 0, "exit status")
    harmless(player.out)


def test_finds_and_steps(folder, session):
    player = Player("--spool", folder, "--paused", session)
    player.until(b"STOP")
    player.type(b"/full scr\r")
    player.until(b"0:00:06")
    player.type(b"0")
    player.until(b"0:00:00", start=len(player.out))
    player.type(b"/never shown\r")
    player.until(b"not found")
    player.type(b"q")
    check(player.end() == 0, "exit status")


def test_signals_give_the_terminal_back(folder, session):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        player = Player("--spool", folder, session)
        player.until(b"PLAY")
        player.process.send_signal(number)
        check(player.end() == 128 + number, f"exit status after {number.name}")
    player = Player("--spool", folder, session)
    player.until(b"PLAY")
    player.type(b"\x03")
    check(player.end() == 0, "exit status after ^C")


def test_begins_at_a_time(folder, session):
    for at, shown in (("6", b"0:00:0"), ("150:00:00", b"150:00:0"), ("2026-11-23T18:00:06", b"0:00:0")):
        player = Player("--spool", folder, "--paused", f"{session[:8]}@{at}")
        player.until(shown)
        player.until(b"full screen" if at != "150:00:00" else b"$ exit")
        player.type(b"q")
        check(player.end() == 0, "exit status")


def test_follows_a_session():
    folder, session = spool(2)
    try:
        player = Player("--spool", folder, "--follow", session)
        player.until(b"LIVE")
        slowest, before = 0, 2
        for count, shown in ((3, b"ec"), (4, b"ho"), (6, b"safe")):
            start, began = len(player.out), time.monotonic()
            subprocess.run([MAKE, folder, str(before), str(count)], check=True, capture_output=True)
            before = count
            player.until(shown, 20, start)
            slowest = max(slowest, time.monotonic() - began)
        print(f"# {slowest * 1000:.0f} ms behind, with the time to write a block")
        player.type(b"q")
        check(player.end() == 0, "exit status")
        harmless(player.out)
    finally:
        shutil.rmtree(folder)


def output_of(*command):
    done = subprocess.run(command, capture_output=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_plain_output_and_lists(folder, session):
    for command in ((REPLAY, "--spool", folder, session), (REPLAY, "--plain", "--spool", folder, "last"),
                    (ITM, "export", "-f", "text", f"{folder}:{session}"), (ITM, "sessions", "--spool", folder),
                    (ITM, "sessions", "--spool", folder, "--json"), (REPLAY, "--json", "--spool", folder, session[:5])):
        status, out, err = output_of(*command)
        check(status == 0, f"{command}: {status} {err!r}")
        check(out and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", out), f"{command}: control bytes: {out!r}")
    status, out, _ = output_of(ITM, "verify", folder)
    check(status == 11 and b"OPEN-TAIL" in out, f"verify: {status} {out!r}")


def test_errors_say_what_to_do(folder, session):
    for arguments, status, words in (
            ((REPLAY, "--spool", "/nonexistent", "last"), 66, b"no spool at /nonexistent"),
            ((REPLAY, "--spool", folder, "ZZZZZZZZ"), 66, b"itm sessions"),
            ((REPLAY, "--spool", folder, "--speed", "0", session), 64, b"0.25 to 64"),
            ((REPLAY, "--spool", folder, session + "@noon"), 64, b"1m30s"),
            ((REPLAY,), 64, b"--help"),
            ((ITM, "search", "--index", "/nonexistent", "x"), 66, b"no index at /nonexistent"),
            ((ITM, "nonsense\x1b[2J"), 64, b"nonsense\\x1b[2J"),
            ((ITM, "verify", "/nonexistent/x"), 66, b"nothing to verify"),
            ((ITM, "export", "-f", "mp4", session), 64, b"asciicast"),
            ((ITM, "export", "-o", folder, f"{folder}:{session}"), 73, b"is there already")):
        got, _, err = output_of(*arguments)
        check(got == status and words in err, f"{arguments}: {got} {err!r}")
        check(b"\x1b" not in err, f"{arguments}: control bytes on stderr")


def main():
    failed = 0
    folder, session = spool()
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test(*((folder, session) if test.__code__.co_argcount else ()))
            print(f"ok - {name[5:].replace('_', ' ')}")
        except Failure as failure:
            failed += 1
            print(f"not ok - {name[5:].replace('_', ' ')}: {failure}")
    shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
