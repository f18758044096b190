"""Ways in that are neither sshd alone nor su: the console, runuser, sudo, what
runs inside a recorded shell, mosh, jobs, Ansible."""
import os
import pty
import re
import shutil
import subprocess
import time

from alert_tests import monitor_level
from events_tests import NewEvents
from lab import (LAB, SSH, Failure, NewSessions, Skip, Terminal, check, equal, itm, listed, login, run, sessions, size,
                 ssh, transcript, wait_for)

PASSWORD = "correct horse alice"


def needs(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        raise Skip(f"{', '.join(missing)} not installed")


class Console(Terminal):
    """A getty on a pty in a virtual console's place: it opens the terminal by its name."""

    def __init__(self, *options):
        self.shown, self.mark, self.status = b"", 0, None
        self.master, slave = pty.openpty()
        size(slave, 25, 80)
        name = os.ttyname(slave)[len("/dev/"):]
        getty = subprocess.Popen(["agetty", "--noclear", "--noissue", *options, name, "linux"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = getty.pid
        getty.returncode = 0    # it is waited for here
        os.close(slave)
        os.set_blocking(self.master, False)


def only(new, count=1):
    """That many recordings, and a moment later not one more."""
    new.wait(count)
    time.sleep(0.7)
    found = new.wait(count)
    equal(len(found), count, "recordings")
    return found


def leave(terminal, status=0):
    terminal.type(f"exit {status}\r")
    equal(terminal.end(), status, "exit status")


def test_the_console_by_getty_and_login():
    needs("agetty")
    with NewSessions("alice") as new, Console() as terminal:
        terminal.expect("lab login: ", 10)
        terminal.command("alice", "Password: ")
        time.sleep(0.3)
        terminal.command(PASSWORD, r"alice@lab:~\$ ", 15)
        terminal.command("echo at''console $(stty size)", "atconsole 25 80")
        terminal.type("exit\r")
        terminal.end()
    session = only(new)[0]
    equal((session["service"], session["mode"]), ("login", "pty"), "service and mode")
    text = transcript(session["session"])
    check("atconsole" in text and PASSWORD not in text, "transcript")


def test_the_console_that_logs_in_by_itself():
    needs("agetty")
    with NewSessions("alice") as new, Console("--autologin", "alice") as terminal:
        terminal.expect(r"alice@lab:~\$ ", 15)
        terminal.command("echo by''itself", "byitself")
        terminal.type("exit\r")
        terminal.end()
    check("byitself" in transcript(only(new)[0]["session"]), "transcript")


def test_su_sudo_and_runuser_each_make_one_recording():
    ways = {"su": ["su", "alice"], "su-l": ["su", "-", "alice"], "sudo-i": ["sudo", "-i", "-u", "alice"],
            "runuser-l": ["runuser", "-l", "alice"]}
    if shutil.which("sudo") is None:
        del ways["sudo-i"]
    with NewSessions("alice") as new:
        for service, argv in ways.items():
            with Terminal(argv) as terminal:
                terminal.expect(r"alice@lab:[^$]*\$ ", 15)
                terminal.command(f"echo by''way of {service}.", f"byway of {service}\\.")
                leave(terminal, 3)
        found = only(new, len(ways))
    texts = [transcript(s["session"]) for s in found]
    for service in ways:
        check(sum(f"byway of {service}." in t for t in texts) == 1, f"{service} has no recording of its own")
    # Debian's runuser has no session stack: nobody announces it.
    announced = {s["service"] for s in found if s["service"]}
    check(set(ways) - {"runuser-l"} <= announced, f"services of the recordings: {announced}")


def test_runuser_u_starts_the_program_and_nothing_else():
    with NewSessions("alice") as new:
        done = run(["runuser", "-u", "alice", "--", "id", "-un"])
        equal((done.returncode, done.stdout), (0, b"alice\n"), "runuser -u")
        done = run(["runuser", "alice", "-c", "echo in pipe; exit 4"])
        equal((done.returncode, done.stdout), (4, b"in pipe\n"), "runuser -c")
        session = only(new)[0]
    equal(session["mode"], "pipe", "mode")
    check("in pipe" in transcript(session["session"]), "transcript")


def inside(name, start, shown, stop):
    """What runs on the terminal of a recorded shell is in its recording, and makes no second one."""
    needs(name)
    run(["install", "-d", "-m", "777", "/run/screen"])
    with NewSessions("alice") as new, login("alice") as terminal:
        terminal.type(start + "\r")
        terminal.expect(shown, 10)
        terminal.command("echo in''side tty=$(tty)", "inside tty=/dev/pts/")
        terminal.type(stop + "\r")
        terminal.expect(r"alice@lab:~\$ |exited|terminating", 10)
        time.sleep(0.3)
        leave(terminal)
    check("inside tty=" in transcript(only(new)[0]["session"]), f"what {name} showed is not in the recording")


def test_tmux_panes_are_inside():
    inside("tmux", "tmux -f /dev/null new 'PS1=pane: bash --norc'", "pane:", "exit")


def test_screen_windows_are_inside():
    inside("screen", "screen -c /dev/null", r"alice@lab:~\$ ", "exit")


def test_a_tmux_left_behind_is_recorded_where_it_is_looked_at():
    needs("tmux")
    try:
        with NewSessions("alice") as new, login("alice") as terminal:
            terminal.command("tmux -f /dev/null new -d -s old 'PS1=pane: bash --norc'; echo be''gun", "begun")
            leave(terminal)
        only(new)
        with NewSessions("alice") as new, login("alice") as terminal:
            terminal.type("tmux attach -t old\r")
            terminal.expect("pane:", 10)
            terminal.command("echo looked''at", "lookedat")
            terminal.type("exit\r")
            terminal.expect("exited", 10)
            leave(terminal)
        check("lookedat" in transcript(only(new)[0]["session"]), "what the old tmux showed is not recorded")
    finally:
        run(["runuser", "-u", "alice", "--", "tmux", "kill-server"])


def test_ssh_from_a_recorded_shell_is_a_recording_of_its_own():
    run(["install", "-m", "600", "-o", "alice", "-g", "alice", "/root/.ssh/lab", "/home/alice/.ssh/key"])
    hop = "ssh -tt -i ~/.ssh/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR bob@127.0.0.1"
    with NewSessions("alice") as outer, NewSessions("bob") as inner, login("alice") as terminal:
        terminal.type(hop + "\r")
        terminal.expect(r"bob@lab:~\$ ", 15)
        terminal.command("echo one''hop on", "onehop on")
        terminal.type("exit 5\r")
        terminal.expect(r"alice@lab:~\$ ", 10)
        terminal.command("echo st=$?", "st=5")
        leave(terminal)
    for new in (outer, inner):
        check("onehop on" in transcript(only(new)[0]["session"]), f"not in the recording of {new.user}")
    equal(only(inner)[0]["service"], "sshd", "service of the inner one")


def job_stack(service):
    """PAM as an administrator sets it who wants jobs in the record."""
    path = f"/etc/pam.d/{service}"
    with open(path) as f:
        text = f.read()
    if "pam_itm" not in text:
        with open(path, "a") as f:
            f.write("session required pam_itm.so\n")


def job(service, program, start, argv):
    """Real daemon: the job runs, and is an event, not a recording."""
    needs(program)
    job_stack(service)
    mark = f"{LAB}/jobs/{service}"
    os.makedirs(os.path.dirname(mark), exist_ok=True)
    os.chmod(os.path.dirname(mark), 0o1777)
    with NewEvents("alice") as new:
        start(mark)
        daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"the job of {service}", 30, lambda: os.path.exists(mark))
            opened = new.wait("login-opened")[0]
            ended = wait_for("its end", 15, lambda: [e for e in new.now("login-closed", "forward-only", "job-ended")
                                                     if e["login_id"] == opened["login_id"]])[0]
        finally:
            daemon.terminate()
            daemon.wait(timeout=10)
    equal(opened["note"]["service"], service, "service")
    equal(ended["event"], "login-closed", "the end of a job")
    equal(sessions("alice", new.since), [], "recordings")


def test_cron_is_an_event_by_policy():
    def start(mark):
        for path in ("/run/crond.reboot", "/run/crond.pid"):
            if os.path.exists(path):
                os.remove(path)
        run(["crontab", "-u", "alice", "-"], input=f"@reboot touch {mark}\n".encode())
    try:
        job("cron", "cron", start, ["cron", "-f"])
    finally:
        run(["crontab", "-u", "alice", "-r"])


def test_at_is_an_event_by_policy():
    def start(mark):
        done = run(["runuser", "-u", "alice", "--", "at", "now"], input=f"touch {mark}\n".encode(), cwd="/")
        equal(done.returncode, 0, f"at: {done.stderr!r}")
    job("atd", "atd", start, ["atd", "-f"])


def tree_of_job(session, service):
    """The processes of itm tree that the service ran for the session."""
    found = [p for p in listed(itm("tree", "--json", session)) if p.get("service") == service]
    if not [p for p in found if p["ended"]]:
        raise Failure(f"{service} ran nothing for the session: {[p['exe'] for p in found]}")
    return found


def test_a_job_stands_in_the_tree_of_the_session_that_left_it():
    if wait_for("the monitor", 30, monitor_level) != "bpf":
        raise Skip("no process monitor in the kernel here")
    daemons = []
    for service, program in (("cron", "cron"), ("atd", "atd")):
        needs(program)
        job_stack(service)
    for path in ("/run/crond.reboot", "/run/crond.pid"):
        if os.path.exists(path):
            os.remove(path)
    with NewSessions("alice") as new:
        with login("alice") as shell:
            shell.command("echo 'env printf atleft' | at now; echo st$((1+1))", "st2")
            shell.command("echo '@reboot env printf cronleft' | crontab -; echo st$((1+2))", "st3")
            shell.type("exit\r")
            shell.end()
        session = new.wait()[0]["session"]
        with login("alice") as shell:
            shell.command("echo other", "other")
            shell.type("exit\r")
            shell.end()
        other = [s["session"] for s in new.wait(2) if s["session"] != session][0]
    try:
        daemons = [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for argv in (["cron", "-f"], ["atd", "-f"])]
        for service, writer, word in (("atd", "/at", "atleft"), ("cron", "/crontab", "cronleft")):
            ran = wait_for(f"the job of {service}", 20, lambda s=service: tree_of_job(session, s), 0.5)
            check([p for p in ran if word in p["argv"]], f"{service}: {[p['argv'] for p in ran]}")
            by = [p for p in listed(itm("tree", "--json", session)) if p["pid"] == ran[0]["begun_by_pid"]
                  and p["start_ns"] == ran[0]["begun_by_start_ns"]]
            check(len(by) == 1 and by[0]["exe"].endswith(writer), f"{service} was begun by {[p['exe'] for p in by]}")
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(timeout=10)
        run(["crontab", "-u", "alice", "-r"])
    text = itm("tree", session)
    check("job of atd, /var/spool/cron/at" in text and "job of cron, /var/spool/cron/crontabs/alice: begun by" in text,
          f"no job in {text[-600:]}")
    equal([p for p in listed(itm("tree", "--json", other)) if "job" in p], [], "jobs of another session of the same account")


def test_ansible_with_pipelining():
    needs("ansible")
    folder = f"{LAB}/ansible"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/ansible.cfg", "w") as f:
        f.write("[defaults]\nhost_key_checking = False\ninventory = hosts\ninterpreter_python = /usr/bin/python3\n"
                "[ssh_connection]\npipelining = True\n"
                f"ssh_args = -F /root/.ssh/config -o ControlMaster=auto -o ControlPersist=10s -o ControlPath={folder}/%r\n")
    with open(f"{folder}/hosts", "w") as f:
        f.write("lab ansible_user=alice\n")
    environment = {**os.environ, "ANSIBLE_CONFIG": f"{folder}/ansible.cfg", "HOME": "/root", "LANG": "C.UTF-8"}

    def ansible(user, *arguments):
        done = run(["ansible", "-i", f"{folder}/hosts", "-e", f"ansible_user={user}", "all", *arguments], timeout=50,
                   env=environment, cwd=folder)
        return done.returncode, re.sub(rb"(delta|start|end)[^\n]*\n", b"", done.stdout).replace(user.encode(), b"USER"), done.stderr
    with NewSessions("alice") as new:
        for arguments in (["-m", "ping"], ["-m", "command", "-a", "sh -c 'id -un; echo err >&2; exit 3'"]):
            recorded, plain = ansible("alice", *arguments), ansible("dave", *arguments)
            equal(recorded, plain, f"ansible {' '.join(arguments)}")
        check(b"pong" in ansible("alice", "-m", "ping")[1], "no pong")
        found = new.wait(3, 20)
    check({s["mode"] for s in found} == {"pipe"}, "modes of the recordings")
    for user in ("alice", "dave"):
        run(SSH + ["-o", f"ControlPath={folder}/%r", "-O", "exit", "-l", user, "lab"])


def test_agent_forwarding_with_a_shell_works_as_before():
    needs("ssh-agent")
    agent = run(["ssh-agent", "-a", f"{LAB}/agent", "-s"]).stdout.decode()
    pid = int(re.search(r"SSH_AGENT_PID=(\d+)", agent).group(1))
    try:
        run(["ssh-add", "-q", "/root/.ssh/lab"], env={**os.environ, "SSH_AUTH_SOCK": f"{LAB}/agent"})
        os.environ["SSH_AUTH_SOCK"] = f"{LAB}/agent"
        with NewSessions("alice") as new, login("alice", "-A") as terminal:
            terminal.command("ssh-add -l", "ED25519")
            leave(terminal)
        only(new)
        check(b"ED25519" in ssh("alice", "-A", "ssh-add -l").stdout or
              b"ED25519" in run(SSH + ["-A", "-l", "alice", "lab", "ssh-add -l"]).stdout, "no agent for a command")
    finally:
        os.environ.pop("SSH_AUTH_SOCK", None)
        os.kill(pid, 15)


def test_X11_forwarding_with_a_shell_works_as_before():
    needs("xauth")
    os.environ["DISPLAY"] = "127.0.0.1:7"
    try:
        with NewSessions("alice") as new, login("alice", "-Y") as terminal:
            shown = terminal.command("echo d=$DISPLAY. $(xauth list | wc -l)", r"d=(\S*)\. (\d+)")
            leave(terminal)
        recorded = shown.groups()
        only(new)
        with login("dave", "-Y") as terminal:
            plain = terminal.command("echo d=$DISPLAY. $(xauth list | wc -l)", r"d=(\S*)\. (\d+)").groups()
            leave(terminal)
    finally:
        del os.environ["DISPLAY"]
    equal((bool(recorded[0]), recorded[1]), (bool(plain[0]), plain[1]), "display and cookies")


def test_a_terminal_below_a_command_is_a_recording_of_its_own():
    needs("script")
    with NewSessions("alice") as new:
        done = ssh("alice", "SHELL=/usr/libexec/itm/itm-shell script -qc 'echo own''terminal; exit 5' /dev/null; "
                   "/usr/libexec/itm/itm-shell -c 'echo no''terminal'")
        check(b"ownterminal" in done.stdout and b"noterminal" in done.stdout, f"shown: {done.stdout!r}")
        found = only(new, 2)
    equal(sorted(s["mode"] for s in found), ["pipe", "pty"], "modes")
    inner = next(s for s in found if s["mode"] == "pty")
    check("ownterminal" in transcript(inner["session"]), "transcript")


def test_mosh_is_recorded():
    needs("mosh", "mosh-server")
    with NewSessions("alice") as new:
        for options, word in (([], "bymosh"), (["--no-ssh-pty"], "bypipe")):
            with Terminal(["mosh", *options, "--ssh=" + " ".join(SSH), "--server=LC_ALL=C.UTF-8 mosh-server", "alice@lab"],
                          environment={"LC_ALL": "C.UTF-8"}) as terminal:
                terminal.expect(r"alice@lab:~\$", 20)
                terminal.command(f"echo {word[:2]}''{word[2:]}", word, 15)
                terminal.type("exit\r")
                terminal.end(20)
        found = new.wait(4)
    for word in ("bymosh", "bypipe"):
        check(any(word in transcript(s["session"]) for s in found if s["mode"] == "pty"), f"nothing of {word} is recorded")
