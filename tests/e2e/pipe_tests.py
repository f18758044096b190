"""Logins without a terminal: `ssh host cmd`, scp, sftp, rsync.  Dave is not
recorded: what he gets is what alice must get."""
import hashlib
import os
import random
import subprocess

from lab import LAB, NOTICE, SSH, NewSessions, check, equal, run, ssh, transcript, verify, wait_for


def made_file(name, size, seed):
    path = f"{LAB}/{name}"
    with open(path, "wb") as f:
        f.write(random.Random(seed).randbytes(size))
    return path


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def both(*arguments, **options):
    """The same as alice and as dave: status, output and errors must be equal."""
    recorded = ssh("alice", *arguments, **options)
    plain = ssh("dave", *arguments, **options)
    what = " ".join(arguments)
    equal(recorded.returncode, plain.returncode, f"exit status of {what}")
    shown = recorded.stdout[len(NOTICE):] if recorded.stdout.startswith(NOTICE) else recorded.stdout
    equal(shown.replace(b"alice", b"dave"), plain.stdout, f"output of {what}")
    equal(recorded.stderr.replace(b"alice", b"dave"), plain.stderr, f"errors of {what}")
    return recorded


def test_exit_status_of_a_command():
    for status in (0, 1, 2, 42, 126, 127, 128, 130, 200, 255):
        equal(ssh("alice", f"exit {status}").returncode, status, "exit status")
    both("kill -TERM $$")
    both("kill -KILL $$")
    both("nosuchcommand")


def test_stderr_stays_apart():
    done = both("echo out; echo err >&2; echo out2; exit 5")
    equal(done.stdout, b"out\nout2\n", "stdout")
    equal(done.stderr, b"err\n", "stderr")
    done = both("echo to-dev-stdout > /dev/stdout; echo to-dev-stderr > /dev/stderr")
    equal(done.stdout, b"to-dev-stdout\n", "stdout by name")


def test_a_command_sees_what_it_would_unrecorded():
    both("pwd; id -un; umask; ulimit -a; tty; echo $HOME $LOGNAME $PATH; test -t 0; echo $?")
    both("sort; echo end", input=b"b\na\n")
    both("ls /proc/self/fd | wc -l")


def test_stdin_is_binary_clean_10_mb():
    data = random.Random(1).randbytes(10_000_000)
    done = ssh("alice", "sha256sum", input=data)
    equal(done.stdout.split()[0].decode(), hashlib.sha256(data).hexdigest(), "digest of stdin")
    done = ssh("alice", "cat", input=data)
    check(done.stdout == data, f"cat gave back {len(done.stdout)} bytes, not the same")


def test_late_output_of_a_background_job_arrives():
    done = both("(sleep 0.5; echo late) & echo early")
    equal(done.stdout, b"early\nlate\n", "stdout")


def test_a_closed_reader_ends_the_command():
    client = subprocess.Popen(SSH + ["-l", "alice", "lab", "yes"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    client.stdout.read(100000)
    client.stdout.close()
    client.terminate()
    client.wait(timeout=10)
    wait_for("the end of yes", 10, lambda: run(["pgrep", "-x", "yes"]).returncode != 0)


def test_the_command_and_its_output_are_recorded():
    with NewSessions("alice") as new:
        ssh("alice", "echo pipe''mode; echo and''errors >&2; exit 9")
    session = new.wait()[0]
    text = transcript(session["session"])
    check("pipemode" in text, f"stdout is not in the transcript: {text!r}")
    check("anderrors" in text, f"stderr is not in the transcript: {text!r}")
    equal(session.get("mode"), "pipe", "mode")
    check(verify(session["session"])[0] != 16, "TAMPERED")


def test_scp_both_ways():
    path = made_file("scp-there", 1_500_000, 2)
    for flags in ([], ["-O"]):
        done = run(["scp", "-q", "-F", "/root/.ssh/config", *flags, path, "alice@lab:there"])
        equal(done.returncode, 0, f"scp {flags} there: {done.stderr!r}")
        equal(digest("/home/alice/there"), digest(path), "digest there")
        done = run(["scp", "-q", "-F", "/root/.ssh/config", *flags, "alice@lab:there", f"{LAB}/back"])
        equal(done.returncode, 0, f"scp {flags} back: {done.stderr!r}")
        equal(digest(f"{LAB}/back"), digest(path), "digest back")


def test_sftp_both_ways():
    path = made_file("sftp-there", 1_500_000, 3)
    batch = f"put {path} sftp-there\nget sftp-there {LAB}/sftp-back\n".encode()
    done = run(["sftp", "-q", "-F", "/root/.ssh/config", "-b", "-", "alice@lab"], input=batch)
    equal(done.returncode, 0, f"sftp: {done.stderr!r}")
    equal(digest(f"{LAB}/sftp-back"), digest(path), "digest")


def test_rsync_both_ways():
    folder = f"{LAB}/tree"
    os.makedirs(f"{folder}/deep", exist_ok=True)
    for i in range(20):
        os.replace(made_file("part", 30000, i), f"{folder}/deep/{i}")
    remote = ["rsync", "-a", "-e", " ".join(SSH)]
    done = run(remote + [f"{folder}/", "alice@lab:tree/"])
    equal(done.returncode, 0, f"rsync there: {done.stderr!r}")
    done = run(remote + ["alice@lab:tree/", f"{LAB}/tree-back/"])
    equal(done.returncode, 0, f"rsync back: {done.stderr!r}")
    equal(run(["diff", "-r", folder, f"{LAB}/tree-back"]).returncode, 0, "diff")


def test_a_command_on_a_terminal():
    both("-tt", "stty size >/dev/null; tty | grep -c /dev/pts; exit 4")
