"""The processes that record: looked at, stopped, slowed, ended."""
import contextlib
import os
import signal

import lab
from lab import Failure
from outcome import ENDED_BARE, HARMLESS, NOT_APPLICABLE, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import all_refused, fresh_word, how_it_ended, probe, session, shell_is_recorded, spell

PROC = ("mem", "environ", "maps", "syscall", "stack", "auxv", "io")
LINKS = ("cwd", "exe", "root", "fd/0", "ns/mnt")


def look(pid):
    return [("open", f"/proc/{pid}/{n}") for n in PROC] + [("open", f"/proc/{pid}/fd"), ("open", f"/proc/{pid}/map_files")] + \
           [("link", f"/proc/{pid}/{n}") for n in LINKS]


@attack("/proc/PID of the recorder: fd, mem, environ, maps, cwd, exe")
def proc_of_recorder(target):
    with session(target) as terminal:
        return all_refused(terminal, look(terminal.ids.recorder))


@attack("/proc/PID of the stub: fd, mem, environ, maps, cwd, exe")
def proc_of_stub(target):
    with session(target) as terminal:
        if terminal.ids.stub == terminal.ids.recorder:
            return Outcome(NOT_APPLICABLE)
        return all_refused(terminal, look(terminal.ids.stub))


@attack("/proc/PID of broker, sealer, forwarder and supervisor")
def proc_of_daemons(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    with session(target) as terminal:
        pids = [lab.pids(f"itm-{n}")[0] for n in ("brokerd", "sealer", "forwardd", "agentd")]
        return all_refused(terminal, [p for pid in pids for p in look(pid)])


def every(target, *names):
    """One probe of each name at stub, recorder and, for ITM, the daemons."""
    with session(target) as terminal:
        ids = terminal.ids
        pids = [ids.stub, ids.recorder]
        if target.name == "itm":
            pids += [lab.pids(f"itm-{n}")[0] for n in ("brokerd", "sealer", "agentd")]
        return all_refused(terminal, [(n, pid) for n in names for pid in dict.fromkeys(pids)])


@attack("ptrace: attach and seize")
def trace(target):
    return every(target, "attach", "seize")


@attack("pidfd_getfd: take descriptors")
def steal_descriptors(target):
    return every(target, "getfd")


@attack("process_vm_readv and process_vm_writev")
def copy_memory(target):
    return every(target, "readv", "writev")


@attack("STOP the recorder")
def stop_recorder(target):
    word = fresh_word()
    with session(target) as terminal:
        ids = terminal.ids
        # Where the recorder is the user's own, all stands still: he wakes it himself.
        terminal.type(f"(sleep 1; kill -CONT {ids.recorder}) 2>/dev/null & kill -STOP {ids.recorder} && echo {spell(word)}\r")
        terminal.expect(rf"[\r\n]{word}|not permitted", 6)
        return Outcome(SUCCEEDED, "stopped") if word.encode() in terminal.shown else Outcome(REFUSED)


def end_by(target, whom, number):
    """Signal the process; the session ends with a reason, or nothing happens."""
    word, before = fresh_word(), target.marks()
    with session(target) as terminal:
        pid = getattr(terminal.ids, whom)
        terminal.command(f"echo {spell(word)}", rf"[\r\n]{word}")
        target.recorded(word)
        child = os.fork()
        if child == 0:
            pass_on(target, pid, number)
        done = os.waitpid(child, 0)[1] # the session's own process may end first
        if done != 0:
            return Outcome(REFUSED)
        terminal.reap(3)
        if terminal.status is None:
            with contextlib.suppress(Failure, OSError):  # else it was on its way to its end
                return shell_is_recorded(target, terminal)
            terminal.end(3)
    return how_it_ended(target, before, word)


def pass_on(target, pid, number):
    """In a child: kill as the user."""
    import pwd
    account = pwd.getpwnam(target.user)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    try:
        os.kill(pid, number)
        os._exit(0)
    except PermissionError:
        os._exit(1)


for _name, _number in (("KILL", signal.SIGKILL), ("TERM", signal.SIGTERM), ("HUP", signal.SIGHUP)):
    @attack(f"{_name} the recorder")
    def end_recorder(target, number=_number):
        return end_by(target, "recorder", number)

    @attack(f"{_name} the stub")
    def end_stub(target, number=_number):
        if target.name != "itm":
            return Outcome(NOT_APPLICABLE)
        return end_by(target, "stub", number)


@attack("signal every process there is (kill -KILL -1)")
def kill_all(target):
    word, before = fresh_word(), target.marks()
    with session(target) as terminal:
        terminal.command(f"echo {spell(word)}", rf"[\r\n]{word}")
        target.recorded(word)
        terminal.type("kill -KILL -1\r")
        terminal.reap(6)
        if terminal.status is None:
            terminal.type("exec kill -KILL $PPID\r")
            terminal.end(5)
    return how_it_ended(target, before, word)


def bother(target, whom, probes):
    """Limits on a process: refused, or the session is still recorded."""
    with session(target) as terminal:
        pid = getattr(terminal.ids, whom)
        words = []
        try:
            for name, *rest in probes:
                words.append(probe(terminal, name, pid, *rest)[0])
            if "did" not in words:
                return Outcome(REFUSED)
            outcome = shell_is_recorded(target, terminal)
        except Failure:
            if "did" not in words:
                raise
            return Outcome(ENDED_BARE, "the session stands still")
        return outcome if outcome.word == SUCCEEDED else Outcome(HARMLESS)


LIMITS = [("prlimit", 7, 0), ("prlimit", 1, 0), ("prlimit", 6, 0)]  # NOFILE, FSIZE, NPROC
SCHEDULING = [("renice",), ("sched",), ("affinity",)]


@attack("prlimit the recorder: no files, no descriptors, no processes")
def limit_recorder(target):
    outcome = bother(target, "recorder", LIMITS)
    return outcome if outcome.word != HARMLESS or target.name != "itm" else Outcome(SUCCEEDED)


@attack("prlimit the stub: no files, no descriptors, no processes")
def limit_stub(target):
    return bother(target, "stub", LIMITS) if target.name == "itm" else Outcome(NOT_APPLICABLE)


@attack("renice, SCHED_IDLE and affinity of the recorder")
def slow_recorder(target):
    outcome = bother(target, "recorder", SCHEDULING)
    return outcome if outcome.word != HARMLESS or target.name != "itm" else Outcome(SUCCEEDED)


@attack("renice, SCHED_IDLE and affinity of the stub")
def slow_stub(target):
    return bother(target, "stub", SCHEDULING) if target.name == "itm" else Outcome(NOT_APPLICABLE)


@attack("move the recorder to another cgroup, freeze it")
def cgroup(target):
    with session(target) as terminal:
        pid = terminal.ids.recorder
        terminal.type(f"for f in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs -o -maxdepth 2 -name cgroup.freeze); do "
                      f"[ $f = ${{f%procs}} ] && v=1 || v={pid}; echo $v 2>/dev/null > $f && echo moved''it; done 2>/dev/null; "
                      "echo cgroups''tried\r")
        terminal.expect("cgroupstried", 10)
        return Outcome(SUCCEEDED) if b"movedit" in terminal.shown else Outcome(REFUSED)


@attack("make the recorder dump core (RLIMIT_CORE, SIGSEGV)")
def dump_core(target):
    with session(target) as terminal:
        pid = terminal.ids.recorder
        with open(f"/proc/{pid}/limits") as f:
            limit = [line for line in f if line.startswith("Max core")][0].split()[4]
        terminal.type(f"ulimit -c unlimited; kill -SEGV {pid}; echo core''tried\r")
        try:
            terminal.expect("coretried", 4)
        except Failure:
            return Outcome(SUCCEEDED, "the recorder took the signal")
        owner = os.stat(f"/proc/{pid}/fd").st_uid if os.path.exists(f"/proc/{pid}") else -1
        if not os.path.exists(f"/proc/{pid}") or terminal.status is not None:
            return Outcome(SUCCEEDED, "the recorder took the signal")
        if limit != "0" or owner != 0:
            return Outcome(SUCCEEDED, f"core limit {limit}, dumpable: {owner != 0}")
        return Outcome(REFUSED)
