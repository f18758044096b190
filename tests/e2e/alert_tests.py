"""Alerts: what the agent and the server notice by themselves."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import struct
import time

from lab import (DAEMONS, INDEX, SPOOL, Failure, NewSessions, Skip, check, equal, itm, listed, login, pids, run, ssh, verify,
                 wait_for)

INDEXD = "/usr/libexec/itm/itm-indexd"


def alerts(*arguments):
    return listed(itm("alerts", "--json", "--limit", "10000", *arguments))


class NewAlerts:
    """The alerts raised inside a with block or after it."""

    def __enter__(self):
        self.before = {(a["stream"], a["number"]) for a in alerts()}
        return self

    def __exit__(self, *_):
        pass

    def now(self, name=None):
        return [a for a in alerts() if (a["stream"], a["number"]) not in self.before and name in (None, a["alert"])]

    def wait(self, name, seconds=20, matching=lambda a: True):
        def probe():
            found = [a for a in self.now(name) if matching(a)]
            if not found:
                raise Failure(f"there are {[(a['alert'], a['facts'].get('reason')) for a in self.now()]}")
            return found
        return wait_for(f"alert {name}", seconds, probe, 0.2)


@contextlib.contextmanager
def settings(**files):
    """Other settings for both sides, until the block's end: agent= and server=."""
    paths, names = [], [{"agent": "itm-agentd", "server": "itm-server"}[side] for side in files]
    try:
        for side, text in files.items():
            paths.append(f"/etc/itm/{side}.conf.d/alerts.conf")
            os.makedirs(os.path.dirname(paths[-1]), exist_ok=True)
            with open(paths[-1], "w") as f:
                f.write(text)
        restart(*names)
        yield
    finally:
        for path in paths:
            os.remove(path)
        restart(*names)


def restart(*names):
    for name in names:
        if name in DAEMONS.running:
            DAEMONS.stop(name)
        DAEMONS.start(name)
    DAEMONS.ready()


def heard():
    """The server has a new block of the host: its silence counts from here, and would be told anew."""
    with NewSessions("alice") as new:
        ssh("alice", "true")
    wait_for("a block of a session", 30, lambda: [s for s in new.now() if s["sealed"]])


def test_a_killed_recorder_is_an_alert_of_its_session():
    with NewAlerts() as new, NewSessions("alice") as recordings:
        with login("alice") as shell:
            session = recordings.wait(1, ended=False)[0]["session"]
            os.kill(pids("itm-recorder")[-1], signal.SIGKILL)
            shell.end()
        found = new.wait("recorder-lost", matching=lambda a: a["session"] == session)
    equal(len(found), 1, "alerts of one killed recorder")
    equal((found[0]["severity"], found[0]["by"], found[0]["host"]), ("high", "host", "lab"), "what it says")
    check("recorder" in found[0]["facts"]["reason"], f"no reason: {found[0]['facts']}")
    equal([a["alert"] for a in alerts("--session", session[:8])], ["recorder-lost"], "by session")
    equal(alerts("--session", session[:8], "--severity", "critical"), [], "by severity")
    check(session[:8] in itm("alerts", "--since", found[0]["time"]), "not in the table")
    here = [a for a in alerts("--spool", SPOOL) if a["session"] == session]
    equal([(a["stream"], a["number"]) for a in here], [(found[0]["stream"], found[0]["number"])], "the spool's")


def test_a_silent_host_is_an_alert_of_the_log_and_comes_again_in_a_new_index():
    with settings(server="silence = 3s\n"), NewAlerts() as new:
        heard()
        sealer = pids("itm-sealer")[-1]
        os.kill(sealer, signal.SIGSTOP)
        try:
            found = new.wait("host-silent")[0]
        finally:
            os.kill(sealer, signal.SIGCONT)
        equal((found["by"], found["host"], found["severity"]), ("server", "lab", "high"), "what it says")
        check(f"the last is {found['facts']['block']}, " in found["facts"]["reason"], f"names no head: {found['facts']}")
        before = sorted((a["number"], a["stream"] or "", a["alert"], a["time"], str(a["facts"])) for a in alerts() if a["sealed"])
        DAEMONS.stop("itm-server")
        equal(run([INDEXD, "--rebuild"], timeout=120).returncode, 0, "rebuild")
        DAEMONS.start("itm-server")
        DAEMONS.ready()
        after = {(a["number"], a["stream"] or "", a["alert"], a["time"], str(a["facts"])) for a in alerts()}
        equal([a for a in before if a not in after], [], "alerts that a rebuilt index has lost")
    check("alert" not in itm("acts"), "it is listed among people's acts")
    check("host-silent" in itm("acts", "--verb", "alert"), "it is no leaf of the log")
    check(os.path.exists(f"{INDEX}/index.db"), "no index")
    check(verify("last")[0] in (0, 10, 11, 12), "the record does not verify any more")


# ---- ways to blind the agent ----

QUICK = "pulse = 400ms\nheartbeat = 1s\nblock_interval = 1s\n"
CGROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


class Cgroup:
    """A control group of version 2, empty and gone at the end."""

    def __enter__(self):
        self.root = next((c for c in CGROUPS if os.path.exists(f"{c}/cgroup.procs")), None)
        if self.root is None:
            raise Skip("no control groups of version 2 here")
        self.path = f"{self.root}/itm-alerts-{os.getpid()}-{time.monotonic_ns()}"
        try:
            os.mkdir(self.path)
        except OSError as error:
            raise Skip(f"{self.path}: {error}") from None
        return self

    def put(self, name, value):
        with open(f"{self.path}/{name}", "w") as f:
            f.write(str(value))

    def __exit__(self, *_):
        self.put("cgroup.freeze", 0)
        with open(f"{self.path}/cgroup.procs") as f:
            left = f.read().split()
        for pid in left:
            with contextlib.suppress(OSError), open(f"{self.root}/cgroup.procs", "w") as f:
                f.write(pid)
        wait_for("the control group to be empty", 10, self.remove)

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
        return not os.path.exists(self.path)


def of_part(part, word=""):
    return lambda a: a["facts"].get("part") == part and word in a["facts"]["reason"]


def of_path(path, word=""):
    return lambda a: a["facts"].get("path") == path and word in a["facts"]["reason"]


def close_in(pid, fd):
    """close(fd) in another process, as a debugger does it (x86-64)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    attach, detach, step, getregs, setregs = 16, 17, 9, 12, 13
    rdi, rax, orig_rax, rip = 14, 10, 15, 16    # of struct user_regs_struct
    before = ctypes.create_string_buffer(27 * 8)
    check(libc.ptrace(attach, pid, None, None) == 0, "ptrace")
    try:
        os.waitpid(pid, 0x40000000)             # __WALL
        check(libc.ptrace(getregs, pid, None, before) == 0, "registers")
        regs = list(struct.unpack("27Q", before.raw))
        regs[rip], regs[rax], regs[orig_rax], regs[rdi] = regs[rip] - 2, 3, 2**64 - 1, fd
        changed = ctypes.create_string_buffer(struct.pack("27Q", *regs), 27 * 8)
        check(libc.ptrace(setregs, pid, None, changed) == 0, "registers")
        check(libc.ptrace(step, pid, None, None) == 0, "step")
        os.waitpid(pid, 0x40000000)
        libc.ptrace(setregs, pid, None, before)
    finally:
        libc.ptrace(detach, pid, None, None)


def read(path):
    with contextlib.suppress(OSError), open(path) as f:
        return f.read()
    return ""


def monitor_level():
    level = re.search("^level=(.*)$", read("/run/itm/watchd/status"), re.M)
    return level and level[1]


def ready(part):
    """The process of a part of the agent once it has started up; from then on it is asked whether it lives."""
    def probe():
        state = dict(line.split("=", 1) for line in read("/run/itm/agentd/status").splitlines() if "=" in line)
        return state.get(f"{part}.state") == "ready" and int(state[f"{part}.pid"])
    return wait_for(f"{part} to be ready", 20, probe)


def links_of(pid):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}") as f:
            if "link_type" in f.read():
                found.append(int(fd))
    return sorted(found)


def test_parts_of_the_agent_that_are_stopped_frozen_or_killed_are_alerts():
    """All at once: each is noticed for itself, and goes on by itself."""
    with settings(agent=QUICK), login("alice") as shell, NewAlerts() as new, Cgroup() as group:
        recorder, watcher = pids("itm-recorder")[-1], pids("itm-watchd")
        sealer, forwarder = ready("sealer"), ready("forwarder")
        os.kill(recorder, signal.SIGSTOP)
        if watcher:
            group.put("cgroup.procs", ready("watcher"))
            group.put("cgroup.freeze", 1)
        os.kill(forwarder, signal.SIGSTOP)
        files = pids("itm-filed")
        if files:
            os.kill(ready("files"), signal.SIGSTOP)
        os.kill(sealer, signal.SIGKILL)
        new.wait("daemon-died", matching=of_part("sealer", "signal 9"))
        new.wait("daemon-silent", matching=of_part("forwarder", "stopped"))
        if files:
            new.wait("daemon-silent", matching=of_part("files", "stopped"))
        if watcher:
            new.wait("daemon-silent", matching=of_part("watcher"))
            group.put("cgroup.freeze", 0)
        found = new.wait("recorder-stopped", matching=lambda a: a["facts"]["pid"] == str(recorder))
        check(found[0]["session"], "names no session")
        os.kill(recorder, signal.SIGCONT)
        shell.command("echo on$((1+1))", "on2")
        os.kill(ready("broker"), signal.SIGKILL)
        new.wait("daemon-died", matching=of_part("broker", "signal 9"))
        if watcher:
            os.kill(ready("watcher"), signal.SIGKILL)
            new.wait("daemon-died", matching=of_part("watcher", "signal 9"))
        os.kill(ready("forwarder"), signal.SIGKILL)
        new.wait("daemon-died", matching=of_part("forwarder", "signal 9"))


def test_a_supervisor_killed_alone_or_with_all_its_parts_is_an_alert():
    with settings(agent=QUICK, server="silence = 5s\n"), NewAlerts() as new:
        heard()
        DAEMONS.stop("itm-agentd", signal.SIGKILL)
        wait_for("the broker's word", 60, lambda: [a for a in alerts("--spool", SPOOL) if "no other came" in a["facts"]["reason"]])
        new.wait("host-silent") # the forwarder ended with its supervisor
        DAEMONS.start("itm-agentd")
        new.wait("agent-died", matching=lambda a: "no other came" in a["facts"]["reason"])
        new.wait("agent-died", matching=lambda a: "another was started" in a["facts"]["reason"])
        DAEMONS.ready()
        heard()
        with Cgroup() as group:
            for name in ("itm-agentd", "itm-brokerd", "itm-sealer", "itm-forwardd", "itm-watchd"):
                for pid in pids(name):
                    group.put("cgroup.procs", pid)
            group.put("cgroup.kill", 1)
            DAEMONS.stop("itm-agentd")
        with NewAlerts() as later:
            later.wait("host-silent")
            DAEMONS.start("itm-agentd")
            later.wait("agent-died")
            later.wait("chain-restarted")
            DAEMONS.ready()


def test_programs_and_settings_that_are_changed_are_alerts():
    stub, extra = "/usr/libexec/itm/itm-shell", "/etc/itm/agent.conf.d/zz-changed.conf"
    with settings(agent=QUICK), NewAlerts() as new:
        shutil.copy2(stub, f"{stub}.kept")
        try:
            with open(f"{stub}.kept", "rb") as f:
                data = f.read()
            new.wait("program-changed", matching=of_path(f"{stub}.kept", "new"))
            with open(f"{stub}.new", "wb") as f:
                f.write(data + b"\0")
            shutil.copystat(stub, f"{stub}.new")
            os.rename(f"{stub}.new", stub)
            with open(extra, "w") as f:
                f.write("notice = changed\n")
            new.wait("program-changed", matching=of_path(stub, "content changed"))
            new.wait("settings-changed", matching=of_path(extra, "new"))
        finally:
            os.rename(f"{stub}.kept", stub)
            os.remove(extra)
        new.wait("settings-changed", matching=of_path(extra, "removed"))


def test_a_process_monitor_taken_off_its_hooks_is_an_alert():
    if not pids("itm-watchd") or os.uname().machine != "x86_64":
        raise Skip("no process monitor here, or no way to close its descriptors")
    if wait_for("the monitor", 30, monitor_level) != "bpf":
        raise Skip("the process monitor has no hooks in this kernel")
    with NewAlerts() as new:
        watcher = pids("itm-watchd")[-1]
        links = wait_for("hooks", 30, lambda: links_of(watcher))
        for fd in links:
            close_in(watcher, fd)
        try:
            equal(links_of(watcher), [], "hooks that are left")
            for _ in range(40):
                run(["true"])
            new.wait("monitor-blind", matching=lambda a: "hook" in a["facts"]["reason"])
            new.wait("monitor-blind", matching=lambda a: "none was seen" in a["facts"]["reason"])
        finally:
            os.kill(watcher, signal.SIGKILL)
        wait_for("a monitor with hooks", 30, lambda: pids("itm-watchd") and links_of(pids("itm-watchd")[-1]))
