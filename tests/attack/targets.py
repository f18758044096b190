"""What is attacked: ITM, and two other ways to record a terminal set up as
their own pages say.  The user, the attacks and the sshd are the same."""
import contextlib
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import lab  # noqa: E402  (the end-to-end tests' terminals and daemons)
from lab import Failure, Terminal, run, wait_for  # noqa: E402

TOOLS = "/run/lab/attack"
PROBE = f"{TOOLS}/probe"
PASSWORD = "correct horse {}"
# Everything of the user's that sshd can be told to let in.
SSHD_LAX = """Port 23
ListenAddress 127.0.0.1
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/lab/sshd-lax.pid
UsePAM yes
PrintMotd no
PrintLastLog no
MaxSessions 20
MaxStartups 100
AcceptEnv *
PermitUserEnvironment yes
Subsystem sftp /usr/lib/openssh/sftp-server
"""
SSH = ["ssh", "-F", "/root/.ssh/config", "-p", "23"]
FORCED = """#!/bin/sh
# A wrapper as administrators write it: the session runs inside script(1).
SHELL=/bin/bash
export SHELL
log=/var/log/script/$(id -un).$$
if [ "$1" = -c ]; then
	exec script -qf -c "$2" "$log"
fi
exec script -qf -c bash "$log"
"""


def setup():
    """Tools, the lax sshd and the accounts of the other targets."""
    os.makedirs(TOOLS, exist_ok=True)
    here = os.path.dirname(os.path.abspath(__file__))
    flags = ["-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"]
    for command in (["cc", *flags, "-o", PROBE, f"{here}/probe.c"],
                    ["cc", *flags, "-shared", "-fPIC", "-o", f"{TOOLS}/preload.so", f"{here}/preload.c"]):
        done = run(command)
        if done.returncode != 0:
            raise Failure(done.stderr.decode())
    for name in ("forge.py", "flood.py"):
        with open(f"{here}/{name}") as source, open(f"{TOOLS}/{name}", "w") as copy:
            copy.write(source.read())
    for name in os.listdir(TOOLS):
        os.chmod(f"{TOOLS}/{name}", 0o755)
    with open("/etc/ssh/lax_sshd_config", "w") as f:
        f.write(SSHD_LAX)
    run(["/usr/sbin/sshd", "-f", "/etc/ssh/lax_sshd_config", "-E", f"{lab.LAB}/sshd-lax.log"])


def add_user(user, shell):
    run(["useradd", "--create-home", "--shell", shell, user])
    run(["chpasswd"], input=f"{user}:{PASSWORD.format(user)}\n".encode())
    home = f"/home/{user}"
    os.makedirs(f"{home}/.ssh", mode=0o700, exist_ok=True)
    with open("/root/.ssh/lab.pub") as key, open(f"{home}/.ssh/authorized_keys", "w") as f:
        f.write(key.read())
    with open(f"{home}/.bashrc", "a") as f:
        f.write('PS1="\\u@lab:\\w\\$ "; HISTFILE=\n')
    open(f"{home}/.hushlogin", "w").close()
    run(["chown", "-R", f"{user}:", home])


class Ids:
    """What the attacker knows of a session: processes and the outer terminal."""

    def __init__(self, shell, stub, recorder, outer):
        self.shell, self.stub, self.recorder, self.outer = shell, stub, recorder, outer


def stat_fields(pid):
    """State, parent, group, session, terminal... of proc(5)."""
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(") ", 1)[1].split()


def name_of(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


def login_process(pid):
    """The ancestor that sshd started, and so the owner of the outer terminal."""
    while True:
        parent = int(stat_fields(pid)[1])
        if parent <= 1 or name_of(parent).startswith("sshd"):
            return pid
        pid = parent


class Target:
    name = user = ""
    available = True

    def ssh(self, *arguments, **options):
        return run(SSH + ["-l", self.user, "lab", *arguments], **options)

    def open(self, *options, command=None):
        """A terminal login that may not reach its prompt."""
        return Terminal(SSH + ["-tt", "-l", self.user, *options, "lab", *([command] if command else [])])

    def login(self, *options):
        terminal = self.open(*options)
        try:
            terminal.expect(rf"{self.user}@lab:~\$ ", 8)
        except Failure:
            terminal.__exit__()
            raise
        return terminal

    def ids(self, terminal):
        shell = int(terminal.command("echo pid=$$.", r"pid=(\d+)\.").group(1))
        stub = login_process(shell)
        minor = int(stat_fields(stub)[4]) & 0xff
        return Ids(shell, stub, self.recorder_of(stub), f"/dev/pts/{minor}")

    def recorder_of(self, stub):
        return stub

    def as_user(self, argv, **options):
        """Something of the user's outside of any session: cron, a survivor."""
        options.setdefault("cwd", f"/home/{self.user}")
        environment = {"HOME": f"/home/{self.user}", "USER": self.user, "PATH": "/usr/bin:/bin"}
        return subprocess.Popen(argv, user=self.user, group=self.user, extra_groups=[], env=environment,
                                start_new_session=True, **options)

    def recorded(self, text, seconds=20.0):
        """Whether the record holds text, at the latest after so long."""
        begun = time.monotonic()
        while not self.holds(text.encode()):
            waited = time.monotonic() - begun
            if waited > 2 and self.exported(text):
                return True
            if waited > seconds:
                return False
            time.sleep(0.1 if waited < 2 else 0.5)
        return True

    def exported(self, text):
        """Whether a reader's own tool shows it: the files may be compressed."""
        return False

    def holds(self, data):
        return any(data in content for content in self.record())

    def record(self):
        """Contents of the files of the record."""
        for path in self.files():
            with contextlib.suppress(OSError), open(path, "rb") as f:
                yield f.read()

    def why_ended(self, before, word):
        """The record's own words for the end of the session that holds word."""
        return ""

    def marks(self):
        return None


class Itm(Target):
    name, user = "itm", "alice"
    secret = "carol"

    def files(self):
        for parent, _, names in os.walk(lab.SPOOL):
            yield from (os.path.join(parent, n) for n in names)

    def recorder_of(self, stub):
        return lab.pids("itm-recorder")[-1]

    def exported(self, text):
        return any(text in lab.transcript(s) for s in lab.session_ids(self.user)[:4] + lab.session_ids(self.user)[-4:])

    def marks(self):
        return set(lab.session_ids(self.user))

    def why_ended(self, before, word):
        def probe():
            for session in lab.session_ids(self.user):
                if session in before:
                    continue
                done = run(["itm-replay", "--json", session])
                text = done.stdout.decode(errors="replace")
                match = re.search(r'end=([^"\\]+)', text)
                if match and word in text:
                    return match.group(1)
            return None
        try:
            return wait_for("the end in the record", 8, probe, 0.2)
        except Failure:
            return ""


class Tlog(Target):
    name, user = "tlog", "tess"

    def __init__(self):
        self.available = os.path.exists("/usr/bin/tlog-rec-session")
        if not self.available:
            return
        add_user(self.user, "/usr/bin/tlog-rec-session")
        os.makedirs("/var/log/tlog", exist_ok=True)
        os.makedirs("/run/tlog", exist_ok=True)
        run(["chown", self.user, "/var/log/tlog", "/run/tlog"])
        with open("/etc/tlog/tlog-rec-session.conf", "w") as f:
            json.dump({"shell": "/bin/bash", "notice": "", "latency": 1, "writer": "file",
                       "file": {"path": "/var/log/tlog/record"}}, f)

    def files(self):
        return ["/var/log/tlog/record"]

    def record(self):
        """The output of each recording in one piece: its messages cut it anywhere."""
        whole = {"": ""}
        with contextlib.suppress(OSError), open("/var/log/tlog/record", encoding="utf-8", errors="replace") as f:
            for line in f:
                whole[""] += line
                with contextlib.suppress(ValueError):
                    message = json.loads(line, strict=False)
                    key = message.get("rec")
                    whole[key] = whole.get(key, "") + message.get("out_txt", "")
        return [text.encode() for text in whole.values()]


class Script(Target):
    name, user = "script", "sid"

    def __init__(self):
        self.available = os.path.exists("/usr/bin/script")
        with open("/usr/local/bin/script-shell", "w") as f:
            f.write(FORCED)
        os.chmod("/usr/local/bin/script-shell", 0o755)
        add_user(self.user, "/usr/local/bin/script-shell")
        os.makedirs("/var/log/script", exist_ok=True)
        os.chmod("/var/log/script", 0o1777)

    def files(self):
        return [os.path.join("/var/log/script", n) for n in os.listdir("/var/log/script")]


class Plain(Target):
    """Nothing records: what the others are compared with."""
    name, user = "plain", "dave"


TARGETS = {"itm": Itm, "tlog": Tlog, "script": Script}
