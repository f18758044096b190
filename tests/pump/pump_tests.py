#!/usr/bin/env python3
"""Stub and recorder against a fake broker: no daemons, no accounts.

    pump_tests.py [NAME...]     run in the build folder; prints TAP
"""
import contextlib
import errno
import fcntl
import hashlib
import os
import pty
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

BUILD = os.getcwd()
STUB = f"{BUILD}/tests/pump/stub_under_test"
BROKER = f"{BUILD}/tests/pump/fake_broker"
RECORDER = f"{BUILD}/itm-shell/recorder/itm-recorder"
# As in format/record.h and record.c.
KINDS = ["out", "in", "err", "resize", "marker", "ttystate", "env", "activity", "exit", "signal", "masked", "idle",
         "note", "gap", "counted", "seal"]
WITH_BYTES = {"out", "in", "err", "marker", "env", "activity", "note"}
KIND_MASK, CODE_IS_ONE, TIME_SHIFT = 15, 16, 5


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}: got {str(got)[:300]}, want {str(want)[:300]}")


def varint(data, pos):
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, pos


class Recording:
    """The frames that the broker made durable."""

    def __init__(self, path):
        self.events, self.numbers, self.end = [], [], False
        with open(path, "rb") as f:
            raw = f.read()
        at = 0
        while at < len(raw):
            size = struct.unpack_from("<I", raw, at)[0]
            frame = raw[at + 4:at + 4 + size]
            at += 4 + size
            self.numbers.append(struct.unpack_from("<Q", frame, 16)[0])
            self.end = frame[40] & 1 == 1
            start = struct.unpack_from("<Q", frame, 24)[0]
            self.read_run(frame[41:], start // 1000000)

    def read_run(self, run, ms):
        pos = 0
        while pos < len(run):
            word, pos = varint(run, pos)
            code, pos = (1, pos) if word & CODE_IS_ONE else varint(run, pos)
            kind = KINDS[word & KIND_MASK]
            ms += word >> TIME_SHIFT
            data = b""
            if kind in WITH_BYTES:
                data = run[pos:pos + code]
                pos += code
            self.events.append((kind, code, data, ms))

    def data(self, kind):
        return b"".join(e[2] for e in self.events if e[0] == kind)

    def codes(self, kind):
        return [e[1] for e in self.events if e[0] == kind]


class Session:
    """One stub with its broker."""

    def __init__(self, *broker_options, environment=None):
        self.folder = tempfile.mkdtemp(prefix="itm-pump-")
        self.socket, self.frames, self.users = (f"{self.folder}/{x}" for x in ("socket", "frames", "users"))
        self.environment = dict(os.environ, TEST_BROKER=self.socket, TEST_USERS=self.users, PS1="$ ", HISTFILE="",
                                SHELL=STUB, ASAN_OPTIONS="detect_leaks=0",  # its leak check needs what seccomp forbids
                                **(environment or {}))
        self.broker = subprocess.Popen([BROKER, *broker_options, self.socket, RECORDER, self.frames],
                                       env=self.environment)
        while not os.path.exists(self.socket):
            time.sleep(0.005)
        self.pid = self.master = None
        self.shown, self.seen = bytearray(), 0

    def terminal(self, *arguments, rows=24, columns=80):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(STUB, ["itm-shell", *arguments], self.environment)
        return self

    def shell(self):
        """A shell that is not recorded, to start the stub from."""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve("/bin/bash", ["bash", *BASH], self.environment)
        self.expect(b"$ ")
        self.type(b"export PS1='outer> '\r")
        self.expect(b"outer> '")
        self.expect(b"outer> ")

    def pipes(self, *arguments, **options):
        return subprocess.Popen(["itm-shell", *arguments], executable=STUB, env=self.environment, **options)

    def type(self, data):
        os.write(self.master, data)

    def read(self, seconds):
        """More output into shown; False at its end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        self.shown += data
        return data != b""

    def expect(self, text, seconds=5):
        until = time.monotonic() + seconds
        begin = self.seen
        while (found := self.shown.find(text, begin)) < 0:
            begin = max(begin, len(self.shown) - len(text))
            left = until - time.monotonic()
            check(left > 0 and self.read(left), f"{text!r} was not shown, but {self.shown[-300:]!r}")
        self.seen = found + len(text)

    def finish(self, seconds=10):
        """Wait status of the stub."""
        until = time.monotonic() + seconds
        while self.read(0.05):
            check(time.monotonic() < until, f"no end; last shown {self.shown[-300:]!r}")
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                return status
            check(time.monotonic() < until, "the stub does not end")
            time.sleep(0.01)

    def recording(self, seconds=10):
        equal(self.broker.wait(seconds), 0, "exit status of the recorder")
        recording = Recording(self.frames)
        equal(recording.numbers, list(range(1, len(recording.numbers) + 1)), "frame numbers")
        check(recording.end, "the last frame has no END")
        return recording

    def recorder_pid(self):
        with open(f"/proc/{self.broker.pid}/task/{self.broker.pid}/children") as f:
            return int(f.read().split()[0])

    def close(self):
        for pid in (self.pid, self.broker.pid if self.broker.poll() is None else None):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.pid:
            os.waitpid(self.pid, 0)
        self.broker.wait()
        if self.master is not None:
            os.close(self.master)
        for name in os.listdir(self.folder):
            os.unlink(f"{self.folder}/{name}")
        os.rmdir(self.folder)


@contextlib.contextmanager
def session(*options, **more):
    s = Session(*options, **more)
    try:
        yield s
    finally:
        s.close()


BASH = ("--norc", "--noprofile", "-i")


def test_terminal_is_recorded_as_shown():
    with session() as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        s.type(b"echo he''llo; stty size; echo $SHELL $0\r")
        s.expect(b"hello\r\n24 80\r\n/bin/bash bash\r\n")
        s.type(b"exit 42\r")
        equal(os.waitstatus_to_exitcode(s.finish()), 42, "exit status")
        r = s.recording()
        equal(r.data("out"), s.shown, "recorded output")
        equal(r.events[0][:3], ("env", 29, b"user=test\nkeystrokes=counted\n"), "first event")
        equal(r.codes("resize"), [80 << 16 | 24], "sizes")
        equal(r.codes("exit"), [42 << 8], "exit event")
        check(b"end=exit" in r.data("note"), "no note of the end")
        check(sum(c >> 2 for c in r.codes("counted")) == len("echo he''llo; stty size; echo $SHELL $0\rexit 42\r"),
              "typed bytes are not all counted")


def test_password_is_masked():
    with session() as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        s.type(b"read -rs -p 'Pass''word: ' X; echo; echo got ${#X}\r")
        s.expect(b"Password: ")
        time.sleep(0.1)
        # read -s leaves ICANON on, as login and sudo do.
        for c in b"s3cret":
            s.type(bytes([c]))
            time.sleep(0.01)
        s.type(b"\r")
        s.expect(b"got 6")
        s.type(b"exit\r")
        s.finish()
        r = s.recording()
        equal(r.codes("masked"), [7], "masked")
        check(b"s3cret" not in open(s.frames, "rb").read(), "the password is in the frames")


def test_death_by_signal():
    with session() as s:
        s.terminal("-c", "kill -SEGV $$")
        equal(os.WTERMSIG(s.finish()), signal.SIGSEGV, "signal")
        check(not os.path.exists("core"), "core file")
        equal(s.recording().codes("exit")[0] & 0x7f, signal.SIGSEGV, "exit event")


def test_resizes():
    with session() as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        fcntl.ioctl(s.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
        time.sleep(0.2)
        s.type(b"stty size; stty cols 99; sleep 0.2; stty size\r")
        s.expect(b"50 132")
        s.expect(b"50 99")
        s.type(b"exit\r")
        s.finish()
        sizes = s.recording().codes("resize")
        equal(sizes[:2], [80 << 16 | 24, 132 << 16 | 50], "sizes")
        check(99 << 16 | 50 in sizes, "stty cols is not seen")


def test_terminal_modes_are_restored():
    with session() as s:
        s.terminal("-c", "stty raw -echo; exit 0")
        before = termios.tcgetattr(s.master)
        s.finish()
        after = termios.tcgetattr(s.master)
        check(after[3] & termios.ECHO and after[3] & termios.ICANON and after[1] & termios.OPOST,
              f"modes {before} became {after}")


def test_large_paste_meets_large_output():
    with session() as s:
        s.terminal("-c", "stty raw -echo; echo go; (sleep 0.1; head -c 4000000 /dev/zero | tr '\\0' x) & "
                         "sleep 0.3; head -c 3000000 >/dev/null; wait; echo done")
        s.expect(b"go\n")
        paste, sent, until = bytes(3000000), 0, time.monotonic() + 30
        os.set_blocking(s.master, False)
        while b"done" not in s.shown[-100:] and time.monotonic() < until:
            ready = select.select([s.master], [s.master] if sent < len(paste) else [], [], 1)
            if ready[1]:
                with contextlib.suppress(BlockingIOError):
                    sent += os.write(s.master, paste[sent:sent + 4096])
            if ready[0] and not s.read(0):
                break
        check(b"done" in s.shown[-100:], f"stuck after {sent} typed and {len(s.shown)} shown")
        equal(s.shown.count(b"x"), 4000000, "shown bytes")
        s.finish()
        r = s.recording()
        equal(hashlib.sha256(r.data("out")).digest(), hashlib.sha256(s.shown).digest(), "recorded output")
        equal(sum(c >> 2 for c in r.codes("counted")), 3000000, "typed bytes")


def test_output_at_exit_is_whole():
    for _ in range(15):
        with session() as s:
            s.terminal("-c", "seq 1 2000; exit 3")
            equal(os.waitstatus_to_exitcode(s.finish()), 3, "exit status")
            check(s.shown.endswith(b"2000\r\n"), f"output ends {s.shown[-30:]!r}")
            equal(s.recording().data("out"), s.shown, "recorded output")


def test_output_at_exit_waits_for_a_slow_terminal():
    with session() as s:
        s.terminal("-c", "seq 1 20000")
        time.sleep(1)  # nobody reads: every buffer on the way is full
        while s.read(0.05):
            time.sleep(0.002)
        s.finish()
        equal(s.shown.count(b"\n"), 20000, "lines shown")
        equal(s.recording().data("out"), s.shown, "recorded output")


def test_client_goes_away():
    with session() as s:
        s.terminal("-c", f"trap 'echo bye > {s.folder}/hup; exit' HUP; while :; do sleep 0.1; done")
        time.sleep(0.3)
        os.close(s.master)
        s.master = None
        deadline = time.monotonic() + 5
        while not os.path.exists(f"{s.folder}/hup"):
            check(time.monotonic() < deadline, "no SIGHUP inside")
            time.sleep(0.02)
        os.waitpid(s.pid, 0)
        s.pid = None
        r = s.recording()
        equal(r.codes("signal"), [signal.SIGHUP], "signals")
        check(b"end=hangup" in r.data("note"), "no note of the hangup")


def test_stub_killed():
    with session() as s:
        s.terminal("-c", "echo ready; exec sleep 60")
        s.expect(b"ready")
        os.kill(s.pid, signal.SIGKILL)
        begun = time.monotonic()
        s.finish()
        check(time.monotonic() - begun < 20, "terminal ends late")
        check(b"end=stub killed" in s.recording().data("note"), "no note")


def test_recorder_killed():
    with session() as s:
        s.terminal("-c", "echo ready; exec sleep 60")
        s.expect(b"ready")
        os.kill(s.recorder_pid(), signal.SIGKILL)
        begun = time.monotonic()
        equal(os.waitstatus_to_exitcode(s.finish()), 126, "exit status")
        check(time.monotonic() - begun < 20, "session ends late")
        check(b"recorder of this session is lost" in s.shown, "no word about it")
        check(termios.tcgetattr(s.master)[3] & termios.ECHO, "terminal is left raw")


def test_interrupt_during_flood():
    with session() as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        s.type(b"yes; echo st''opped\r")
        until = time.monotonic() + 1
        while time.monotonic() < until:
            s.read(0.1)
        begun = time.monotonic()
        s.type(b"\x03")
        s.type(b"echo st''opped\r")
        s.expect(b"stopped", 20)
        check(time.monotonic() - begun < 10, f"^C took {time.monotonic() - begun:.2f} s")
        s.type(b"exit\r")
        s.finish()
        equal(len(s.recording().data("out")), len(s.shown), "recorded bytes")


def flood_with_deaf_sealer(failure, body):
    with session("--failure", failure) as s:
        s.terminal("-c", "echo ready; read x; head -c 6000000 /dev/zero | tr '\\0' x; echo; echo done; read x; exit 0")
        s.expect(b"ready")
        time.sleep(0.4)
        os.kill(s.broker.pid, signal.SIGUSR1)
        time.sleep(0.1)
        s.type(b"\r")
        body(s)


def test_sealer_pauses_nothing_is_lost():
    def body(s):
        time.sleep(1)  # less than the stall limit: flow control only
        os.kill(s.broker.pid, signal.SIGUSR2)
        s.expect(b"done", 10)
        s.type(b"\r")
        s.finish()
        r = s.recording()
        equal(r.codes("gap"), [], "gaps")
        equal(len(r.data("out")), len(s.shown), "recorded bytes")
    flood_with_deaf_sealer("best-effort", body)


def test_sealer_stalls_best_effort():
    def body(s):
        s.expect(b"done", 15)
        os.kill(s.broker.pid, signal.SIGUSR2)
        time.sleep(0.5)
        s.type(b"\r")
        equal(os.waitstatus_to_exitcode(s.finish()), 0, "exit status")
        r = s.recording()
        check(sum(r.codes("gap")) > 1000000, f"gaps {r.codes('gap')}")
        equal(len(r.data("out")) + sum(r.codes("gap")), len(s.shown), "recorded and lost bytes")
    flood_with_deaf_sealer("best-effort", body)


def test_sealer_stalls_strict():
    def body(s):
        s.finish(15)
        check(b"can no longer be recorded" in s.shown, f"shown {s.shown[-200:]!r}")
        os.kill(s.broker.pid, signal.SIGUSR2)
        r = s.recording()
        check(b"end=ended by policy" in r.data("note"), "no note")
        check(b"done" not in s.shown, "went on unrecorded")
        shown = s.shown.index(b"\r\nitm:") if b"\r\nitm:" in s.shown else s.shown.index(b"itm:")
        check(len(r.data("out")) >= shown, "shown without being recorded")
    flood_with_deaf_sealer("strict", body)


def test_sealer_gone_strict():
    with session("--failure", "strict") as s:
        s.terminal("-c", "echo ready; exec sleep 60")
        s.expect(b"ready")
        os.kill(s.broker.pid, signal.SIGKILL)
        s.finish(5)
        check(b"can no longer be recorded" in s.shown, f"shown {s.shown[-200:]!r}")


def test_sealer_gone_best_effort():
    with session() as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        os.kill(s.broker.pid, signal.SIGKILL)
        s.type(b"echo still h''ere\r")
        s.expect(b"still here")
        s.type(b"exit 5\r")
        equal(os.waitstatus_to_exitcode(s.finish()), 5, "exit status")


def test_type_ahead():
    with session(environment={"FAKE_TYPED_AHEAD": "echo ahe''ad\r"}) as s:
        s.terminal(*BASH)
        s.expect(b"ahead")
        s.type(b"exit\r")
        s.finish()
        s.recording()


def test_evicted_terminal():
    with session("--evict") as s:
        s.terminal(*BASH)
        s.expect(b"$ ")
        s.type(b"echo y''es; sleep 0.1 & wait; jobs\r")
        s.expect(b"yes")
        s.type(b"exit 7\r")
        equal(os.waitstatus_to_exitcode(s.finish()), 7, "exit status")
        s.recording()


def test_suspend_and_resume():
    # As under su: a job of a shell, not a session leader.
    with session() as s:
        s.shell()
        s.type(f"PS1='inner> ' {STUB} --norc --noprofile -i\r".encode())
        s.expect(b"-i\r\n")
        s.expect(b"inner> ")
        s.type(b"suspend -f\r")
        s.expect(b"Stopped")
        s.expect(b"outer> ")
        s.type(b"stty -a\r")
        s.expect(b" icanon")
        s.expect(b"outer> ")
        s.type(b"fg\r")
        s.expect(b"inner> ")
        s.type(b"echo ba''ck; exit 9\r")
        s.expect(b"back")
        s.expect(b"outer> ")
        s.type(b"echo status $?; exit\r")
        s.expect(b"status 9")
        s.finish()
        r = s.recording()
        check(b"suspended=1" in r.data("note") and b"suspended=0" in r.data("note"), "no notes of the pause")
        check(b"outer>" not in r.data("out"), "the outer shell was recorded")


def test_background_start_waits():
    # `stub &` must not read the keys of the shell that started it.
    with session() as s:
        s.shell()
        s.type(f"{STUB} --norc -i &\r".encode())
        time.sleep(0.3)
        s.type(b"jobs; echo st''ill me\r")
        s.expect(b"Stopped")
        s.expect(b"still me")
        s.type(b"kill -9 %1; sleep 0.3; exit\r")
        s.finish()


def test_orphan_in_the_background_is_refused():
    # Nobody can stop it, so nothing else would keep it from reading our keys.
    with session() as s:
        s.shell()
        s.type(f"(sh -c 'sleep 0.3; exec {STUB} --norc -i' &)\r".encode())
        s.expect(b"in the background", 3)
        s.type(b"echo st''ill me; exit\r")
        s.expect(b"still me")
        check(s.broker.poll() is None, "the broker was asked")
        s.finish()


def test_pipes_are_clean():
    data = random.Random(1).randbytes(5000000)
    with session() as s:
        p = s.pipes("-c", "tee >(sha256sum >&2); exit 5", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        out, err = p.communicate(data, timeout=20)
        equal(p.returncode, 5, "exit status")
        equal(hashlib.sha256(out).digest(), hashlib.sha256(data).digest(), "stdout")
        equal(err.split()[0].decode(), hashlib.sha256(data).hexdigest(), "stderr")
        r = s.recording()
        equal(r.data("out"), data[:1048576], "recorded stdout")
        equal(r.data("err"), err, "recorded stderr")
        equal(sum(c >> 2 for c in r.codes("counted") if c & 3 == 0), len(data), "counted stdin")
        equal(sum(c >> 2 for c in r.codes("counted") if c & 3 == 1), len(data) - 1048576, "counted stdout")
        note = r.data("note").decode()
        for line in ("end=exit", f"stdin_bytes={len(data)}", f"stdout_sha256={hashlib.sha256(data).hexdigest()}",
                     f"stderr_bytes={len(err)}"):
            check(line in note.split("\n"), f"{line} is not in {note}")


def test_files_of_a_transfer_are_told():
    data = random.Random(2).randbytes(300000)
    folder = tempfile.mkdtemp(prefix="itm-scp-")
    line = b"C0640 300000 name\n"
    for program, told in (("1 /usr/bin/scp", True), ("0 ", False), ("2 /usr/lib/openssh/sftp-server", False)):
        with session(environment={"FAKE_PROGRAM": program}) as s:
            p = s.pipes("-c", f"scp -t {folder}/file", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            greeting = p.stdout.read(1)
            check(greeting == b"\0", f"{program}: greeted by {greeting}, status {p.poll()} "
                  f"{p.stderr.read() if greeting == b'' else ''}")
            p.stdin.write(line)
            p.stdin.flush()
            equal(p.stdout.read(1), b"\0", "answer")
            out, _ = p.communicate(data + b"\0", timeout=10)
            equal((p.returncode, out), (0, b"\0"), "end")
            note = s.recording().data("note").decode().split("\n")
            wanted = {"file=name", "file_size=300000", "file_direction=in", "file_mode=0640", "file_program=/usr/bin/scp",
                      f"file_sha256={hashlib.sha256(data).hexdigest()}"}
            equal(wanted <= set(note), told, f"told as {program}: {note}")
            whole = hashlib.sha256(line + data + b"\0").hexdigest()
            equal(f"stdin_sha256={whole}" in note or "stdin_sha256_from=18" in note, not told, f"digest of the whole stream as {program}: {note}")
    os.unlink(f"{folder}/file")
    os.rmdir(folder)


def test_pipe_statuses():
    for status in (0, 1, 42, 255):
        with session() as s:
            p = s.pipes("-c", f"exit {status}", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            p.communicate(timeout=10)
            equal(p.returncode, status, "exit status")
            s.recording()
    with session() as s:
        p = s.pipes("-c", "kill -TERM $$", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        p.communicate(timeout=10)
        equal(p.returncode, -signal.SIGTERM, "signal")


def test_pipe_reader_goes_away():
    with session() as s:
        p = s.pipes("-c", "yes; kill -l $? >&2", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        p.stdout.read(10000)
        p.stdout.close()
        equal(p.stderr.read().split(b"\n")[-2], b"PIPE", "what yes died of")
        p.wait(10)
        s.recording()


def test_idle_command_sees_its_reader_go():
    with session() as s:
        watch = "import select, sys; p = select.poll(); p.register(1, 0); sys.exit(9 if p.poll(5000) else 1)"
        p = s.pipes("-c", f"exec python3 -c '{watch}'", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        time.sleep(0.5)
        p.stdout.close()
        equal(p.wait(10), 9, "exit status")
        s.recording()


def test_status_waits_for_the_output():
    with session() as s:
        with open(f"{s.folder}/out", "wb") as f:
            p = s.pipes("-c", "sleep 0.4; seq 1 20000", stdin=subprocess.DEVNULL, stdout=f)
        time.sleep(0.2)
        recorder = s.recorder_pid()
        os.kill(recorder, signal.SIGSTOP)
        time.sleep(0.6)
        early = p.poll() is not None
        os.kill(recorder, signal.SIGCONT)
        check(not early, "the stub ended before its output was out")
        p.wait(5)
        equal(os.path.getsize(f"{s.folder}/out"), 108894, "size when the stub ended")


def test_late_output_of_background_job():
    with session() as s:
        p = s.pipes("-c", "(sleep 4; echo late) & echo early", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        begun = time.monotonic()
        equal(p.stdout.readline(), b"early\n", "first line")
        p.wait(5)
        check(time.monotonic() - begun < 3.5, "the status came late")
        equal(p.stdout.read(), b"late\n", "late output")
        equal(s.recording().data("out"), b"early\nlate\n", "recorded output")


def test_output_is_in_the_file_when_the_stub_ends():
    for _ in range(10):
        with session() as s:
            with open(f"{s.folder}/out", "wb") as f:
                s.pipes("-c", "seq 1 20000", stdin=subprocess.DEVNULL, stdout=f).wait(10)
            size = os.path.getsize(f"{s.folder}/out")
            equal(size, 108894, "size when the stub ended")


def test_pipe_outer_flags_untouched():
    with session() as s:
        r, w = os.pipe()
        p = s.pipes("-c", "echo x; sleep 0.2", stdin=subprocess.DEVNULL, stdout=w)
        time.sleep(0.1)
        check(not fcntl.fcntl(w, fcntl.F_GETFL) & os.O_NONBLOCK, "O_NONBLOCK leaked to the caller")
        p.wait(5)
        os.close(w)
        os.close(r)


def test_long_stream_is_read_from_a_larger_pipe():
    with session() as s:
        r, w = os.pipe()
        p = s.pipes("-c", "cat >/dev/null", stdin=r, stdout=subprocess.DEVNULL)
        os.close(r)
        os.write(w, b"x")
        time.sleep(0.1)
        equal(fcntl.fcntl(w, fcntl.F_GETPIPE_SZ), 65536, "a short stream's pipe")
        for _ in range(40):
            os.write(w, bytes(65536))
        equal(fcntl.fcntl(w, fcntl.F_GETPIPE_SZ), 262144, "a long stream's pipe")
        os.close(w)
        equal(p.wait(10), 0, "exit status")
        s.recording()


def test_missing_descriptors():
    with session() as s:
        p = subprocess.Popen(["/bin/sh", "-c", f"exec {STUB} -c 'echo ok; exit 4' <&- 2>&-"], env=s.environment,
                             stdout=subprocess.PIPE)
        out, _ = p.communicate(timeout=10)
        equal((p.returncode, out), (4, b"ok\n"), "status and output")
        s.recording()


def test_descriptors_and_environment_inside():
    with session() as s:
        s.terminal("-c", "ls /proc/self/fd | tr '\\n' ' '; ps -o tpgid= -o pgid= -o sid= -p $$; trap; umask")
        s.finish()
        check(s.shown.startswith(b"0 1 2 3 "), f"descriptors {s.shown[:80]!r}")
        check(b"4 " not in s.shown[:9], f"descriptors {s.shown[:80]!r}")


def test_login_shell_name():
    with session() as s:
        p = subprocess.Popen(["-itm-shell", "-c", "echo $0; shopt -q login_shell && echo login"], executable=STUB,
                             env=s.environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        equal(p.communicate(timeout=10)[0], b"-bash\nlogin\n", "name")


def test_denied():
    with session("--deny", "itm: not today") as s:
        s.terminal("-c", "echo in")
        equal(os.waitstatus_to_exitcode(s.finish()), 126, "exit status")
        equal(s.shown, b"itm: not today\r\n", "words")


def alone(failure, *options):
    s = Session(*options)
    if not options:
        s.broker.kill()
        s.broker.wait()
    with open(s.users, "w") as f:
        f.write(f"# itm users 1\ntester:{os.getuid()}:/bin/bash:{failure}\n")
    os.chmod(s.users, 0o644)
    return s


def test_no_broker():
    if os.getuid() != 0:
        return "SKIP the users file must be root's"
    for failure, words, status in (("strict", b"may not be used", 126), ("best-effort", b"not recorded", 6),
                                   ("break-glass", b"not recorded", 6)):
        s = alone(failure)
        try:
            s.terminal("-c", "echo in; exit 6")
            equal(os.waitstatus_to_exitcode(s.finish()), status, f"{failure}: status")
            check(words in s.shown, f"{failure}: shown {s.shown!r}")
            equal(b"in\r\n" in s.shown, failure != "strict", f"{failure}: let in")
        finally:
            s.close()
    return None


def test_silent_broker():
    if os.getuid() != 0:
        return "SKIP the users file must be root's"
    s = alone("best-effort", "--silent")
    try:
        begun = time.monotonic()
        p = s.pipes("-c", "exit 6", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.wait(20)
        took = time.monotonic() - begun
        check(took > 0.8, f"took {took:.2f} s") # the end of our patience; p.wait bounds it
        # The broker lives on: it must not hold our ends of the pipes.
        equal((p.returncode, *p.communicate()), (6, b"", b""), "status and output")
    finally:
        s.close()
    return None


def said_alone(failure, *options, command="echo inside", before=""):
    """(status, shown) of a stub whose broker is of little use."""
    s = alone(failure, *options)
    try:
        s.pid, s.master = pty.fork()
        if s.pid == 0:
            os.execve("/bin/bash", ["bash", "-c", f"{before}exec {STUB} -c '{command}'"], s.environment)
        return os.waitstatus_to_exitcode(s.finish()), bytes(s.shown)
    finally:
        s.close()


def test_closed_connection_is_tried_again():
    if os.getuid() != 0:
        return "SKIP the users file must be root's"
    with session("--hang-up", "2") as s:
        s.terminal("-c", "echo $0 $1", "again", "x")
        equal(os.waitstatus_to_exitcode(s.finish()), 0, "exit status")
        r = s.recording()
        equal((r.data("out"), s.shown), (b"again x\r\n", b"again x\r\n"), "recorded and shown")
    for failure, status in (("strict", 126), ("best-effort", 0), ("break-glass", 0)):
        got, shown = said_alone(failure, "--hang-up", "100")
        equal((got, b"inside" in shown), (status, status == 0), f"{failure}, closed for ever: {shown!r}")
    return None


def test_turned_away_before_the_question():
    if os.getuid() != 0:
        return "SKIP the users file must be root's"
    for _ in range(10):
        equal(said_alone("best-effort", "--turn-away", "itm: too many"), (126, b"itm: too many\r\n"), "best-effort")
    got, shown = said_alone("break-glass", "--turn-away", "itm: too many")
    equal((got, b"inside" in shown), (0, True), f"break-glass: {shown!r}")
    return None


def test_no_room_for_the_answer():
    if os.getuid() != 0:
        return "SKIP the users file must be root's"
    for failure, status in (("strict", 126), ("best-effort", 126), ("break-glass", 0)):
        got, shown = said_alone(failure, "--hang-up", "0", before="ulimit -n 4; ")
        equal((got, b"inside" in shown), (status, status == 0), f"{failure}: {shown!r}")
    return None


def test_recorder_is_small():
    with session() as s:
        s.terminal("-c", "echo ready; read x; head -c 8000000 /dev/zero; echo; echo done; read x")
        s.expect(b"ready")
        s.type(b"\r")
        s.expect(b"done\r\n", 20)
        with open(f"/proc/{s.recorder_pid()}/smaps_rollup") as f:
            pss = int(next(line for line in f if line.startswith("Pss:")).split()[1])
        sanitized = b"__asan_init" in open(RECORDER, "rb").read()
        check(pss <= 2048 or sanitized, f"recorder holds {pss} KiB")
        s.type(b"\r")
        s.finish()
        return f"{pss} KiB"


def main():
    chosen = [(n[5:].replace("_", " "), f) for n, f in globals().items() if n.startswith("test_")
              and (len(sys.argv) < 2 or any(a in n for a in sys.argv[1:]))]
    failed = 0
    print(f"1..{len(chosen)}")
    for number, (name, function) in enumerate(chosen, 1):
        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Failure("time limit")))
        signal.alarm(60)
        try:
            note = function() or ""
            print(f"ok {number} - {name}" + (f" # {note}" if note else ""), flush=True)
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            lines = [f.lineno for f in where if f.filename == __file__]
            print(f"not ok {number} - {name}\n#   line {lines}: {type(error).__name__} {error}", flush=True)
        finally:
            signal.alarm(0)
    return 1 if failed else 0


sys.exit(main())
