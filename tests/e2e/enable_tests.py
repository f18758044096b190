"""itm enable, itm disable, itm doctor on the lab's own PAM, nsswitch and sshd:
dave, who is not recorded, becomes recorded and is not recorded again."""
import contextlib
import hashlib
import json
import os
import stat
import time

from events_tests import NewEvents
from lab import NewSessions, Terminal, check, equal, itm, login, run, ssh, wait_for

NSSWITCH, SESSION = "/etc/nsswitch.conf", "/etc/pam.d/common-session"
DROP_IN = "/etc/ssh/sshd_config.d/itm.conf"
WATCHED = ["/etc", "/var/lib/pam", "/usr/share/pam-configs"]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def snapshot():
    """Content, mode and owner of every file that could be touched."""
    found = {}
    for top in WATCHED:
        for folder, names, files in os.walk(top):
            for name in names + files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                content = hashlib.sha256(read(path)).hexdigest() if stat.S_ISREG(st.st_mode) else ""
                found[path] = (content, st.st_mode, st.st_uid, st.st_gid)
    return found


def difference(before, after):
    return sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))


@contextlib.contextmanager
def plain_machine():
    """The lab without the wiring its set-up made by hand; root can log in."""
    kept = {path: read(path) for path in (NSSWITCH, SESSION, "/etc/shadow")}
    write(NSSWITCH, kept[NSSWITCH].replace(b"passwd: itm files", b"passwd:         files systemd"))
    write(SESSION, b"".join(x for x in kept[SESSION].splitlines(True) if b"pam_itm" not in x))
    run(["chpasswd"], input=b"root:way in\n")
    try:
        yield snapshot()
    finally:
        run(["itm", "disable"])
        for path, data in kept.items():
            write(path, data)


def as_before(before, what):
    left = difference(before, snapshot())
    check(not left, f"{what}: changed: {left}")


def recorded(terminal, word):
    terminal.command(f"echo {word[:2]}''{word[2:]}", word)
    terminal.type("exit\r")
    terminal.end()


def on_terminal(argv, word):
    terminal = Terminal(argv)
    terminal.expect(r"dave@lab:[^$]*\$ ", 15)
    return terminal, word


def test_enable_records_every_way_in_and_disable_leaves_no_byte():
    with plain_machine() as before:
        itm("enable", "dave")
        with NewSessions("dave") as new:
            with login("dave") as terminal:
                recorded(terminal, "viassh")
            equal(ssh("dave", "echo out; exit 3").returncode, 3, "exit status of a command")
            for argv in (["su", "-", "dave"], ["su", "dave"], ["login", "-f", "dave"]):
                terminal, word = on_terminal(argv, "via" + argv[0])
                with terminal:
                    recorded(terminal, word)
        services = sorted(s["service"] for s in new.wait(5, 20))
        equal(services, ["login", "sshd", "sshd", "su", "su-l"], "services of the recordings")
        itm("disable")
        as_before(before, "after disable")
        with NewSessions("dave") as new:
            equal(ssh("dave", "echo in").stdout, b"in\n", "dave after disable")
        time.sleep(1)
        check(not new.now(), "dave is recorded after disable")


def test_enable_twice_and_disable_twice():
    with plain_machine() as before:
        itm("enable", "dave")
        once = snapshot()
        itm("enable", "dave")
        as_before(once, "the second enable")
        itm("enable")
        as_before(once, "enable of nobody more")
        itm("disable")
        as_before(before, "disable")
        check("nothing to do" in itm("disable"), "the second disable does not say so")
        as_before(before, "the second disable")


def test_disable_keeps_what_an_administrator_changed_meanwhile():
    with plain_machine() as before:
        itm("enable", "dave")
        write(NSSWITCH, read(NSSWITCH) + b"# mine\n")
        write(SESSION, read(SESSION) + b"session optional pam_permit.so # mine\n")
        shown = itm("disable")
        check("changed" in shown, f"disable says nothing of it: {shown!r}")
        equal(sorted(difference(before, snapshot())), sorted([NSSWITCH, SESSION]), "files that differ")
        for path in (NSSWITCH, SESSION):
            check(b"mine" in read(path), f"{path}: the administrator's line is gone")
        check(b"pam_itm" not in read(SESSION), "pam_itm.so is still in common-session")
        check(b"itm" not in [x for x in read(NSSWITCH).split(b"\n") if x.startswith(b"passwd:")][0].split(),
              "itm is still in the passwd line")


def test_enable_refuses_what_would_lock_root_out():
    with plain_machine() as before:
        for arguments in (["root"], ["--strict", "root", "root"], ["*"]):
            done = run(["itm", "enable", *arguments])
            equal(done.returncode, 1, f"exit status of enable {arguments}")
            check(b"uid 0" in done.stderr, f"no reason: {done.stderr!r}")
            as_before(before, f"enable {arguments}")
        equal(run(["itm", "enable", "nobody-here"]).returncode, 64, "exit status for an unknown user")
        write(SESSION + ".kept", read(SESSION))
        kept = read(SESSION)
        os.remove(SESSION + ".kept")
        write(SESSION, kept + b"sesion required pam_permit.so\n")
        done = run(["itm", "enable", "dave"])
        write(SESSION, kept)
        check(done.returncode == 1 and b"common-session:" in done.stderr, f"a broken PAM file: {done.stderr!r}")
        as_before(before, "the refusals")


def test_a_failing_tool_leaves_no_byte():
    tool = "/usr/sbin/pam-auth-update"
    with plain_machine() as before:
        kept = read(tool)
        write(tool, b"#!/bin/sh\necho garbage >> /etc/pam.d/common-session\necho no luck >&2\nexit 1\n")
        try:
            done = run(["itm", "enable", "dave"])
        finally:
            write(tool, kept)
        equal(done.returncode, 1, "exit status")
        check(b"no luck" in done.stderr, f"the tool's words: {done.stderr!r}")
        as_before(before, "the failure")
        check(not os.path.exists("/var/lib/itm/backup/manifest"), "a backup is left")


def test_enable_for_sshd_refuses_forwarding_and_doctor_says_so():
    with plain_machine() as before:
        itm("enable", "--sshd", "--refuse-forwarding", "dave")
        check(b"Match User dave" in read(DROP_IN), "no rule for dave")
        equal(run(["/usr/sbin/sshd", "-t"]).returncode, 0, "sshd -t")
        ways = {w["way"]: w for w in json.loads(itm("doctor", "--json", "dave", "sshd"))["ways"]}
        equal(ways["ssh, terminal"]["recorded"], "pty", "ssh on a terminal")
        equal(ways["ssh HOST COMMAND, scp -O, rsync"]["recorded"], "pipe", "a command")
        equal(ways["ssh -N -L -R -D -W"]["recorded"], "refused", "forwarding")
        itm("disable")
        as_before(before, "after disable")


def test_doctor_finds_what_is_wrong():
    def faults(user="alice"):
        done = run(["itm", "doctor", "--json", user])
        found = json.loads(done.stdout)
        return done.returncode, found, {c["check"] for c in found["checks"] if c["state"] == "wrong"}
    wait_for("alice recorded as policy says", 10, lambda: faults()[0] == 0)
    tried = [c for c in faults()[1]["checks"] if c["check"] == "dry run"]
    check(len(tried) == 1 and tried[0]["state"] == "ok" and "tied to the announced login" in tried[0]["words"], f"dry run: {tried}")
    equal(faults("dave")[0], 0, "dave, whom no policy names")
    kept = read(NSSWITCH)
    try:
        write(NSSWITCH, kept.replace(b"passwd: itm files", b"passwd: files itm"))
        status, found, wrong = faults()
        equal(status, 1, "itm asked too late")
        check({"nsswitch.conf", "look-up"} <= wrong, f"found wrong: {wrong}")
        check(all(w["recorded"] != "pty" for w in found["ways"]), "still said to be recorded")
    finally:
        write(NSSWITCH, kept)
    ways = {w["way"]: w for w in faults()[1]["ways"]}
    equal(ways["cron"]["recorded"], "no", "cron without pam_itm.so")
    write("/etc/pam.d/cron", read("/etc/pam.d/cron") + b"session required pam_itm.so\n")
    equal(json.loads(run(["itm", "doctor", "--json", "alice", "cron"]).stdout)["ways"][0]["recorded"], "metadata", "cron with it")
    stub = "/usr/libexec/itm/itm-shell"
    os.chmod(stub, 0o600)
    try:
        status, _, wrong = faults()
        check(status == 1 and "itm-shell" in wrong, f"itm-shell not executable: {wrong}")
    finally:
        os.chmod(stub, 0o711)
    kept = read(SESSION)
    try:
        write(SESSION, b"session sufficient pam_permit.so\n" + kept)
        status, _, wrong = faults()
        check(status == 1 and "PAM stack" in wrong, f"a stack that ends early: {wrong}")
    finally:
        write(SESSION, kept)
    equal(run(["itm", "doctor", "nobody-here"]).returncode, 67, "an unknown user")
    equal(run(["itm", "doctor", "alice", "gopher"]).returncode, 64, "an unknown service")


def test_doctor_tries_the_shell_and_leaves_no_trace():
    asking = "exec -a itm-doctor /usr/libexec/itm/itm-shell"
    with login("alice") as terminal:
        # Inside a recorded session a stub starts its shell directly, whoever asks.
        terminal.command(f"bash -c '{asking}'", "1 /bin/bash ")
        terminal.type("exit\r")
        terminal.end()
    for user, answer in (("alice", b"3 /bin/bash \n"), ("dave", b"1 /bin/bash \n")):
        done = run(["runuser", "-u", user, "--", "bash", "-c", asking])
        equal(done.stdout, answer, f"{user}, not announced, without a terminal")
    with NewEvents("carol") as new:
        check(json.loads(run(["itm", "doctor", "--json", "carol"]).stdout)["ok"], "carol is not recorded as policy says")
        new.wait("login-closed")
    equal({e["note"]["service"] for e in new.now()}, {"itm-doctor"}, "services of what is told of carol")
    check(not new.now("session-started", "session-direct"), "the dry run is a recording")
