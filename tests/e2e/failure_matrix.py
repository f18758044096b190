"""What becomes of a login that can't be recorded: five faults x three kinds of
account x six ways in = 90 cells, each tried for real, each answered in time."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from lab import DAEMONS, SSH, Failure, Skip, Terminal, check, pids, run, wait_for

BOUND_S = 2.0    # PAM and stub together
HARNESS_S = 1.0  # eight logins at a time, above what a login takes by itself
CELL_S = 60      # for one cell on the busiest machine
IN, OUT = "in", "out"
STRICT, EFFORT, GLASS = "carol", "alice", "glen"
KINDS = {STRICT: "strict", EFFORT: "best-effort", GLASS: "break-glass"}
WAYS = ["sshd", "login", "su", "sudo -i", "pipe", "cron"]

# fault: (strict, best-effort, break-glass), and why.  All six ways have the
# same answer: what differs is who gives it.  sshd, login, su and cron ask
# pam_itm first; sudo's stack for `sudo -i` and a command by ssh meet the stub
# as well; cron runs /bin/sh, never the stub, and is answered by PAM alone.
EXPECTED = {
    "absent": (OUT, IN, IN, "no socket: known at once, so nobody waits"),
    "stopped": (OUT, IN, IN, "the kernel accepts for a stopped broker: only the time limit ends it"),
    "slow": (OUT, IN, IN, "an answer after the time limit is none, whatever it says"),
    "lying": (OUT, IN, IN, "what does not decode, or does not fit what it says, is no answer"),
    "spool full": (OUT, IN, IN, "nothing can become durable: strict is not let in, the others' gap is declared"),
}
# cron's answer is PAM's, which does not know of the spool: a job's end is an
# event, it has no recording that could fail.
EXCEPTIONS = {("spool full", "cron"): (IN, IN, IN)}

ENTER = {
    "sshd": lambda user: [*SSH, "-tt", "-l", user, "lab"],
    "login": lambda user: ["login", "-f", user],
    "su": lambda user: ["su", "-", user],
    "sudo -i": lambda user: ["sudo", "-i", "-u", user],
}


def wanted(fault, way, user):
    row = EXCEPTIONS.get((fault, way), EXPECTED[fault])
    return row[list(KINDS).index(user)]


def enter(way, user):
    """In or out, and after how many seconds."""
    begun = time.monotonic()
    if way == "pipe":
        done = run([*SSH, "-l", user, "lab", "echo in''side; sleep 2.2; echo still''there"])
        took = time.monotonic() - begun - (2.2 if b"inside" in done.stdout else 0)
        return (IN if b"stillthere" in done.stdout else OUT), took
    with Terminal(ENTER[way](user)) as terminal:
        while time.monotonic() - begun < CELL_S:
            terminal.read(0.05)
            if re.search(rf"{user}@lab:~\$ ".encode(), terminal.shown):
                took = time.monotonic() - begun
                return (IN if stays(terminal) else OUT), took
            pid, status = os.waitpid(terminal.pid, os.WNOHANG)
            if pid:
                terminal.status = status
                return OUT, time.monotonic() - begun
    raise Failure(f"neither in nor out: {terminal.shown[-200:]!r}")


def stays(terminal):
    """Still there after the time in which a session that can't be recorded must end."""
    try:
        terminal.type("sleep 2.2; echo still''there\r")
        until = time.monotonic() + CELL_S
        while b"stillthere" not in terminal.shown and terminal.status is None and time.monotonic() < until:
            terminal.reap(0.1)
        if b"stillthere" not in terminal.shown:
            return False
        terminal.type("exit\r")
        terminal.end()
        return True
    except (Failure, OSError):
        return False


def one_cell(way, user):
    answer, took = enter(way, user)
    print(answer, f"{took:.2f}")


def run_cells(cells, at_once=8):
    """{(way, user): (answer, seconds)}."""
    waiting, running, found = list(cells), {}, {}
    while waiting or running:
        while waiting and len(running) < at_once:
            cell = waiting.pop(0)
            running[cell] = subprocess.Popen([sys.executable, __file__, *cell], stdin=subprocess.DEVNULL,
                                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for cell, process in list(running.items()):
            if process.poll() is not None:
                words = process.stdout.read().decode().split()
                found[cell] = (words[0], float(words[1])) if len(words) == 2 else (process.stderr.read()[-200:], 0.0)
                del running[cell]
        time.sleep(0.02)
    return found


def run_cron(expected):
    """Three @reboot jobs of one cron; a job leaves a mark.  expected: {user: answer}, to know how long to wait for which."""
    marks = "/run/lab/cron"
    shutil.rmtree(marks, ignore_errors=True)
    os.mkdir(marks)
    os.chmod(marks, 0o1777)
    for path in ("/run/crond.reboot", "/run/crond.pid"):
        if os.path.exists(path):
            os.remove(path)
    for user in KINDS:
        run(["crontab", "-u", user, "-"], input=f"@reboot touch {marks}/{user}\n".encode())
    begun, found = time.monotonic(), {}
    cron = subprocess.Popen(["cron", "-f"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(found) < len(KINDS):
            missing = [u for u in KINDS if ("cron", u) not in found]
            if time.monotonic() - begun > (CELL_S if IN in (expected[u] for u in missing) else BOUND_S + HARNESS_S):
                break
            for user in missing:
                if os.path.exists(f"{marks}/{user}"):
                    found[("cron", user)] = (IN, time.monotonic() - begun)
            time.sleep(0.05)
    finally:
        cron.terminate()
        cron.wait()
        for user in KINDS:
            run(["crontab", "-u", user, "-r"])
    return {("cron", user): found.get(("cron", user), (OUT, 0.0)) for user in KINDS}  # out: no mark in time


def settle_users():
    """A break-glass account, and PAM for sudo -i and cron as policy may want it."""
    if not all(shutil.which(program) for program in ("cron", "sudo")):
        raise Skip("needs cron and sudo")
    if run(["id", GLASS]).returncode != 0:
        run(["useradd", "--create-home", "--shell", "/bin/bash", GLASS])
        run(["bash", "-c", f"cp -a /home/alice/.ssh /home/alice/.bashrc /home/alice/.hushlogin /home/{GLASS}/; chown -R {GLASS}: /home/{GLASS}"])
        os.makedirs("/etc/itm/agent.conf.d", exist_ok=True)
        with open("/etc/itm/agent.conf.d/glass.conf", "w") as f:
            f.write(f"record = {GLASS}\nbreak_glass = {GLASS}\n")
        for service in ("cron", "sudo-i"):
            with open(f"/etc/pam.d/{service}", "a") as f:
                f.write("session required pam_itm.so\n")
        DAEMONS.running["itm-agentd"].send_signal(signal.SIGHUP)
    wait_for("glen in scope", 5, lambda: b"itm-shell" in run(["getent", "passwd", GLASS]).stdout)


def usual_time():
    begun = time.monotonic()
    subprocess.run([*SSH, "-l", "dave", "lab", "true"], stdin=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def all_cells(expected):
    cron = {user: expected(user) for user in KINDS}
    return {**run_cells([(way, user) for way in WAYS if way != "cron" for user in KINDS]), **run_cron(cron)}


def too_slow(found):
    usual = usual_time()
    return {cell: f"after {took:.1f} s, usual is {usual:.1f}" for cell, (_, took) in found.items()
            if took > usual + BOUND_S + HARNESS_S}


def tried(fault):
    found = all_cells(lambda user: wanted(fault, "cron", user))
    check(len(found) == len(WAYS) * len(KINDS), f"{len(found)} cells")
    wrong = []
    for (way, user), (answer, took) in found.items():
        if answer != wanted(fault, way, user):
            wrong.append(f"{way}, {KINDS[user]}: {answer}, wanted {wanted(fault, way, user)}")
    slow = too_slow(found)
    if slow:    # the machine may have been busy: whoever waits too long does so again
        again = run_cells([cell for cell in slow if cell[0] != "cron"], at_once=1)
        wrong += [f"{way}, {KINDS[user]}: {words}" for (way, user), words in too_slow(again).items()]
    check(not wrong, f"broker {fault} ({EXPECTED[fault][3]}): " + "; ".join(wrong))
    return f"{len(found)} cells, slowest {max(took for _, took in found.values()):.1f} s"


class FakeBroker:
    """Sits on both sockets in the broker's place; act(connection, kind, count)."""

    def __init__(self, act):
        self.sockets, self.kept, self.count = [], [], 0
        for kind, mode in (("pam", 0o600), ("shell", 0o666)):
            path = f"/run/itm/{kind}.sock"
            if os.path.exists(path):
                os.remove(path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listener.bind(path)
            os.chmod(path, mode)
            listener.listen(64)
            self.sockets.append(listener)
            threading.Thread(target=self.serve, args=(listener, kind, act), daemon=True).start()

    def serve(self, listener, kind, act):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.talk, args=(connection, kind, act, self.count), daemon=True).start()

    @staticmethod
    def talk(connection, kind, act, count):
        try:
            act(connection, kind, count)
        except OSError:
            pass
        connection.close()

    def close(self):
        for listener in self.sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def text(words):
    return struct.pack("<H", len(words)) + words


def decision(allow, more=b""):
    return struct.pack("<BBHI", 3, 1, 0, allow) + text(b"") + more


def start(mode, shell, more=b""):
    return struct.pack("<BBHB", 5, 1, 0, mode) + bytes(16) + text(shell) + text(b"") + more


KNOCK = struct.pack("<BBHQQ", 6, 1, 0, 0, 0)


def slow(connection, kind, _):
    """Right words, too late."""
    connection.recv(65536)
    time.sleep(3)
    connection.send(decision(1) if kind == "pam" else KNOCK)
    if kind == "shell":
        connection.recv(65536)
        connection.send(start(1, b"/bin/bash"))


def lying(connection, kind, count):
    first = connection.recv(65536)
    if kind == "pam":
        connection.send([os.urandom(64), decision(1, b"x"), decision(1)[:6], KNOCK, b"\0", decision(7)][count % 6])
        return
    if count % 5 == 0:
        connection.send(os.urandom(40))
        return
    connection.send(first)
    question, fds, _, _ = socket.recv_fds(connection, 65536, 8)
    null = os.open("/dev/null", os.O_RDWR)
    answers = [(start(2, b"/bin/bash"), []),                 # a terminal, but there is none
               (start(2, b"/bin/bash"), [null]),             # /dev/null is no terminal
               (start(1, b"bin/bash"), []),                  # whose bin?
               (os.urandom(200), [null] * 3), (start(9, b"/bin/bash"), []), (question[:50], [])]
    packet, handed = answers[count % len(answers)]
    socket.send_fds(connection, [packet], handed)
    for fd in [*fds, null]:
        os.close(fd)


def agent_away():
    settle_users()
    DAEMONS.stop("itm-agentd")
    wait_for("the end of the agent", 8, lambda: not pids("itm-agentd") and not pids("itm-brokerd"))


def agent_back():
    DAEMONS.start("itm-agentd")
    DAEMONS.ready()


def test_all_ways_in_when_all_is_well():
    settle_users()
    found = all_cells(lambda _: IN)
    kept_out = [cell for cell, (answer, _) in found.items() if answer != IN]
    check(not kept_out, f"kept out although all is well: {kept_out}")


def test_broker_absent():
    agent_away()
    try:
        return tried("absent")
    finally:
        agent_back()


def test_broker_stopped():
    settle_users()
    stopped = pids("itm-agentd") + pids("itm-brokerd")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        return tried("stopped")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def with_fake(fault, act):
    agent_away()
    broker = FakeBroker(act)
    try:
        return tried(fault)
    finally:
        broker.close()
        agent_back()


def test_broker_slow():
    return with_fake("slow", slow)


def test_broker_lying():
    return with_fake("lying", lying)


for _test in list(vars().values()):
    if callable(_test) and getattr(_test, "__name__", "").startswith("test_"):
        _test.limit_s = 300

if __name__ == "__main__":
    one_cell(sys.argv[1], sys.argv[2])
