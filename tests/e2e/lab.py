"""What the end-to-end tests stand on: daemons, terminals and commands inside
the lab of tests/lab.  Python's standard library only."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import termios
import time

LAB = os.environ.get("LAB", "/run/lab")
STORE = "/var/lib/itm/store"
SPOOL = "/var/lib/itm/spool"
INDEX = "/var/lib/itm/index"
SSH = ["ssh", "-F", "/root/.ssh/config"]
PROGRAMS = ["itm-agentd", "itm-brokerd", "itm-sealer", "itm-forwardd", "itm-watchd", "itm-server", "itm-ingestd", "itm-indexd"]
NOTICE = b"This session is recorded.\r\n"
PATIENCE = 4    # limits of waiting are written for a quiet machine: a busy one has so many times as long


class Failure(Exception):
    """A test's own words for what did not hold."""


class Skip(Exception):
    pass


class TimeLimit(Exception):
    """Of a whole test; no wait takes it for its own probe's failure."""


def check(condition, words):
    if not condition:
        raise Failure(words)


def equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: found {short(found)}, wanted {short(wanted)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:140]} ... {text[-140:]} ({len(value)} long)"


def wait_for(what, seconds, probe, pause=0.05):
    """probe's first true value; it may raise Failure until then."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    last = ""
    while True:
        try:
            value = probe()
            if value:
                return value
        except Failure as error:
            last = f" ({error})"
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s{last}")
        time.sleep(pause)


def run(argv, timeout=60, **options):
    """A command's result; text unless bytes are given to it."""
    options.setdefault("stdin", subprocess.DEVNULL) if "input" not in options else None
    return subprocess.run(argv, capture_output=True, timeout=timeout, **options)


def ssh(user, *arguments, **options):
    return run(SSH + ["-l", user, "lab", *arguments], **options)


def pids(program):
    """Process ids of a program of ITM by the name of its executable, oldest first."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0] == program:
                found.append(int(pid))
    return sorted(found)


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(") ", 1)[1][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Daemons:
    """itm-server, itm-agentd and sshd of the lab."""

    def __init__(self):
        self.running = {}

    def start(self, name):
        log = open(f"{LAB}/{name}.log", "ab")
        self.running[name] = subprocess.Popen([name], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              start_new_session=True)
        log.close()

    def start_all(self):
        self.start("itm-server")
        self.start("itm-agentd")
        run(["/usr/sbin/sshd", "-f", "/etc/ssh/lab_sshd_config", "-E", f"{LAB}/sshd.log"])
        self.ready()

    def ready(self):
        wait_for("the agent's socket", 15, lambda: os.path.exists("/run/itm/shell.sock"))
        wait_for("the agent's children", 15, lambda: pids("itm-brokerd") and pids("itm-sealer") and pids("itm-forwardd"))
        wait_for("the server's children", 15, lambda: pids("itm-ingestd") and pids("itm-indexd"))
        wait_for("the index", 15, lambda: os.path.exists(f"{INDEX}/index.db") and run(["itm", "sessions"]).returncode == 0)

    def stop(self, name, how=signal.SIGTERM):
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(timeout=15 * PATIENCE)

    def reload(self):
        """The agent reads its settings again, and has taken them over."""
        since = this_moment()
        self.running["itm-agentd"].send_signal(signal.SIGHUP)
        wait_for("the new settings", 10, lambda: [e for e in listed(itm("events", "--json", "--limit", "1000"))
                                                  if e["event"] == "policy-changed" and e["time"] >= since])

    def mend(self):
        """After a failed test: what it may have left stopped or dead runs for the next."""
        for name in ("itm-server", "itm-agentd"):
            if name not in self.running or self.running[name].poll() is not None:
                self.start(name)
        for pid in [p for name in PROGRAMS for p in pids(name)]:
            os.kill(pid, signal.SIGCONT)
        self.ready()

    def log(self, name):
        with open(f"{LAB}/{name}.log", errors="replace") as f:
            return f.read()


DAEMONS = Daemons()


class Terminal:
    """A person at a terminal: a program on a pty, what it showed, what is typed."""

    def __init__(self, argv, rows=24, columns=80, environment=None):
        self.shown = b""
        self.mark = 0
        self.status = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            size(0, rows, columns)
            os.environ.update({"TERM": "xterm-256color", **(environment or {})})
            if argv[0] == "ssh":
                # What ssh itself says goes elsewhere: the terminal shows the far side alone.
                os.dup2(os.open(f"{LAB}/ssh.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            os.execvp(argv[0], argv)
        os.set_blocking(self.master, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.reap(5)
        os.close(self.master)

    def reap(self, seconds):
        """Its end, if it comes within exactly so long."""
        deadline = time.monotonic() + seconds
        while self.status is None and time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            else:
                self.read(0.05)

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return False
        except OSError:
            time.sleep(0.01)
            return False
        self.shown += data
        return bool(data)

    def type(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:
            try:
                data = data[os.write(self.master, data):]
            except BlockingIOError:
                self.read(0.05)

    def expect(self, pattern, seconds=10):
        """Wait until pattern is shown after the last match; returns the match."""
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.S)
        seconds *= PATIENCE
        deadline = time.monotonic() + seconds
        while True:
            match = pattern.search(self.shown, self.mark)
            if match:
                self.mark = match.end()
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure(f"{pattern.pattern!r} was not shown within {seconds} s; shown: {short(self.shown[-400:])}")
            self.read(min(left, 0.2))

    def command(self, line, wanted, seconds=10):
        self.type(line + "\r")
        return self.expect(wanted, seconds)

    def end(self, seconds=10):
        """Wait for the program's own end; its exit status."""
        self.reap(seconds * PATIENCE)
        if self.status is None:
            raise Failure(f"the terminal did not end within {seconds * PATIENCE} s; shown: {short(self.shown[-400:])}")
        while self.read(0.05):
            pass
        return os.waitstatus_to_exitcode(self.status)


def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def login(user, *arguments, rows=24, columns=80):
    """An ssh login on a terminal, at its prompt."""
    terminal = Terminal(SSH + ["-tt", "-l", user, *arguments, "lab"], rows, columns)
    terminal.expect(rf"{user}@lab:~\$ ", 15)
    return terminal


def itm(*arguments, status=0, timeout=60, binary=False):
    """Output of an `itm` command that must end with status (None: any)."""
    done = run(["itm", *arguments], timeout=timeout)
    if status is not None and done.returncode != status:
        raise Failure(f"itm {' '.join(arguments)}: exit {done.returncode}: "
                      f"{short(done.stderr.decode(errors='replace') or done.stdout.decode(errors='replace'))}")
    return done.stdout if binary else done.stdout.decode()


def listed(text):
    """JSON output: one array, one object with an array, or an object a line."""
    text = text.strip()
    if not text:
        return []
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.split("\n")]
    if isinstance(value, dict):
        arrays = [v for v in value.values() if isinstance(v, list)]
        return arrays[0] if arrays else [value]
    return value


def this_moment():
    """As times are listed: they compare as text.  Clocks are read one after the other and rounded: what begins
    after this is told with a later time."""
    now = time.time_ns() // 1_000_000
    time.sleep(0.05)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03}Z"


def sessions(user=None, since=""):
    """Those listed, of this user and begun since this moment; newest first."""
    found = listed(itm("sessions", "--json", "--limit", "10000"))
    return [s for s in found if user in (None, s["user"]) and s["start"] >= since]


def session_ids(user=None, since=""):
    return [s["session"] for s in sessions(user, since)]


class NewSessions:
    """The sessions of a user that begin inside a with block or after it."""

    def __init__(self, user):
        self.user = user

    def __enter__(self):
        self.since = this_moment()
        return self

    def __exit__(self, *_):
        pass

    def now(self):
        return sessions(self.user, self.since)

    def wait(self, count=1, seconds=30, ended=True):
        def probe():
            found = self.now()
            if len(found) < count or (ended and not all(s.get("ended") for s in found)):
                raise Failure(f"{len(found)} new, {sum(bool(s.get('ended')) for s in found)} ended")
            return found
        return wait_for(f"{count} new sessions of {self.user}", seconds, probe)


def on_disk(word, *folders):
    """A file of the record that holds these bytes; frames lie uncompressed until they are sealed."""
    for folder in folders or (SPOOL, STORE, INDEX):
        for parent, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(FileNotFoundError), open(os.path.join(parent, name), "rb") as f:
                    if word in f.read():
                        return os.path.join(parent, name)
    return None


def durable(word):
    """What was just shown is in the spool: nothing that happens to the daemons from now on may lose it."""
    wait_for(f"{word} in the spool", 10, lambda: on_disk(word.encode(), SPOOL))


def leaving():
    """Numbers of the store's segment files that others took the place of: they are no evidence any more."""
    with contextlib.closing(sqlite3.connect(f"file:{STORE}/evidence.db?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT number FROM leaving")]


def copy_still(folder, into):
    """A copy as a power cut would leave it: nobody writes meanwhile."""
    writers = [pid for name in ("itm-ingestd", "itm-indexd", "itm-sealer") for pid in pids(name)]
    shutil.rmtree(into, ignore_errors=True)
    for pid in writers:
        os.kill(pid, signal.SIGSTOP)
    try:
        run(["cp", "-a", folder, into])
    finally:
        for pid in writers:
            os.kill(pid, signal.SIGCONT)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{into}/lock")


def transcript(session):
    return itm("export", session, "--format", "text", status=None)


def cast(session, *options):
    """Header and events of a session's asciicast."""
    lines = itm("export", session, "--format", "asciicast", *options, status=None).strip("\n").split("\n")
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


VERDICTS = {0: "OK", 10: "UNANCHORED", 11: "OPEN-TAIL", 12: "GAP", 13: "REDACTED", 14: "UNATTESTED", 15: "FORK",
            16: "TAMPERED"}


def verify(what):
    """Verdict's exit code and the words."""
    done = run(["itm", "verify", what], timeout=120)
    if done.returncode not in VERDICTS:
        raise Failure(f"itm verify {what}: exit {done.returncode}: {short(done.stderr.decode(errors='replace'))}")
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
