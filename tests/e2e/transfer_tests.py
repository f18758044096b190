"""File transfers without a terminal are told file by file, by the program that
ran and not by the command's words; accounts recorded by metadata only."""
import json
import os
import subprocess
import time

from lab import DAEMONS, LAB, SSH, NewSessions, check, equal, itm, run, ssh, transcript, wait_for
from pipe_tests import digest, made_file

SCP = ["scp", "-q", "-F", "/root/.ssh/config"]


def notes(session):
    """The session's notes as dictionaries of their lines."""
    found = []
    for line in itm("export", session, "--format", "json", status=None).strip().split("\n"):
        event = json.loads(line)
        if event["kind"] == "note":
            found.append(dict(l.split("=", 1) for l in event["data"].strip().split("\n")))
    return found


def files(session):
    return [n for n in notes(session) if "file" in n]


def transferred(argv, **options):
    """A transfer of alice's; its session once it has ended."""
    with NewSessions("alice") as new:
        done = run(argv, **options)
        equal(done.returncode, 0, f"{argv}: {done.stderr!r}")
    return new.wait()[0]["session"]


def check_file(entry, path, direction, program):
    equal(entry["file_direction"], direction, "direction")
    equal(int(entry["file_size"]), os.path.getsize(path), "size")
    equal(entry["file_sha256"], digest(path), "digest")
    equal(os.path.basename(entry["file_program"]), program, "program")
    check("file_result" not in entry, f"something went wrong: {entry}")


def test_scp_is_told_by_file():
    path = made_file("told", 700_000, 11)
    os.chmod(path, 0o640)
    for flags, program in (([], "sftp-server"), (["-O"], "scp")):
        session = transferred(SCP + flags + [path, "alice@lab:told"])
        found = files(session)
        equal(len(found), 1, f"files of {program} in: {found}")
        check_file(found[0], path, "in", program)
        equal(os.path.basename(found[0]["file"]), "told", "name")
        equal(found[0]["file_mode"], "0640", "mode")
        session = transferred(SCP + flags + ["alice@lab:told", f"{LAB}/told-back"])
        found = files(session)
        equal(len(found), 1, f"files of {program} out: {found}")
        check_file(found[0], path, "out", program)
    check(f"file out: told 700000 bytes sha256 {digest(path)}" in transcript(session), transcript(session))
    wait_for("the digest is found", 10, lambda: itm("search", digest(path), "--json", status=None).strip())


def test_folders_and_changes_are_told():
    folder = f"{LAB}/many"
    os.makedirs(f"{folder}/deep", exist_ok=True)
    for i in range(30):
        os.replace(made_file("part", 1000 * i, i), f"{folder}/deep/{i}")
    found = files(transferred(SCP + ["-O", "-r", folder, "alice@lab:many"]))
    equal(len(found), 30, "files")
    for entry in found:
        check_file(entry, f"{folder}/{entry['file'].split('/', 1)[1]}", "in", "scp")
    batch = b"mkdir fresh\nrename many/deep/1 fresh/one\nrm many/deep/2\nsymlink fresh/one again\n-get nothing\n"
    with NewSessions("alice") as new:
        run(["sftp", "-q", "-F", "/root/.ssh/config", "-b", "-", "alice@lab"], input=batch)
    found = files(new.wait()[0]["session"])
    told = [(n.get("file_operation"), os.path.basename(n["file"]), os.path.basename(n.get("file_to", ""))) for n in found]
    for wanted in (("mkdir", "fresh", ""), ("rename", "1", "one"), ("remove", "2", ""), ("symlink", "again", "one")):
        check(wanted in told, f"{wanted} is not in {told}")


def test_the_program_counts_not_the_words():
    with NewSessions("alice") as new:
        ssh("alice", "echo scp -t /usr/lib/openssh/sftp-server; exec -a scp sleep 0.1")
    equal([n for n in notes(new.wait()[0]["session"]) if "transfer" in n], [], "notes of a transfer")
    path = made_file("renamed", 5000, 12)
    os.chmod(path, 0o644)
    run(["su", "-s", "/bin/sh", "alice", "-c", "ln -sf /usr/bin/scp /home/alice/harmless"])
    session = transferred(SCP + ["-O", "-S", f"{LAB}/harmless-ssh", path, "alice@lab:renamed"]) if harmless_ssh() else None
    found = files(session)
    equal(len(found), 1, f"files: {found}")
    check_file(found[0], path, "in", "scp")


def harmless_ssh():
    """An ssh that asks for ./harmless instead of scp."""
    with open(f"{LAB}/harmless-ssh", "w") as f:
        f.write('#!/bin/bash\nn=${#@}; words=("$@")\nwords[$((n-1))]=${words[$((n-1))]/scp /./harmless }\n'
                'exec ssh "${words[@]}"\n')
    os.chmod(f"{LAB}/harmless-ssh", 0o755)
    return True


def test_a_transfer_that_cannot_be_followed_is_told():
    with NewSessions("alice") as new:
        client = subprocess.Popen(SSH + ["-l", "alice", "lab", "echo hello; exec scp -f /etc/passwd"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        client.stdin.write(b"\0")
        client.stdin.flush()
        equal(client.stdout.readline(), b"hello\n", "first line")
        time.sleep(0.3)
        client.communicate(b"\0\0\0", timeout=10)
    found = [n for n in notes(new.wait()[0]["session"]) if "transfer_files" in n]
    equal([n["transfer_files"] for n in found], ["not followed"], "the note")


def test_rsync_is_named():
    folder = f"{LAB}/synced"
    os.makedirs(folder, exist_ok=True)
    for i in range(5):
        os.replace(made_file("part", 40000, i), f"{folder}/{i}")
    session = transferred(["rsync", "-a", "-e", " ".join(SSH), f"{folder}/", "alice@lab:synced/"])
    found = [n for n in notes(session) if "transfer" in n]
    equal([n["transfer"] for n in found], ["rsync"], "notes")
    total = [n for n in notes(session) if "stdin_bytes" in n]
    check(total and int(total[0]["stdin_bytes"]) > 200000, f"totals: {total}")
    check("stdin_sha256" in total[0], "the whole stream is hashed")


def test_a_terminal_is_recorded_whatever_runs_on_it():
    with NewSessions("alice") as new:
        run(SSH + ["-tt", "-l", "alice", "lab", "scp -t x < /dev/null; bash --norc -i"],
            input=b"echo inter''active\nexit\n")
        run(SSH + ["-l", "alice", "lab", "script -qfc 'bash --norc -i' /dev/null"],
            input=b"echo in''script\nexit\n")
    found = new.wait(2)
    equal(sorted(s["mode"] for s in found), ["pipe", "pty"], "modes")
    text = "".join(transcript(s["session"]) for s in found)
    check("interactive" in text, "the shell after scp is not recorded")
    check("inscript" in text, "the shell in script is not recorded")


def test_named_accounts_by_metadata_only():
    path = "/etc/itm/agent.conf"
    with open(path) as f:
        before = f.read()
    try:
        with open(path, "a") as f:
            f.write("\npipe_metadata = bob\n")
        DAEMONS.reload()
        with NewSessions("bob") as new:
            done = ssh("bob", "cat; echo unse''en; echo err >&2; exit 3", input=b"in\n")
            equal((done.returncode, done.stdout, done.stderr), (3, b"in\nunseen\n", b"err\n"), "the command")
        session = new.wait()[0]
        check("unseen" not in transcript(session["session"]), "output was recorded")
        equal(session["mode"], "pipe", "mode")
        equal(session["exit_status"] if "exit_status" in session else session.get("exit"), 3, "exit status")
        with NewSessions("alice") as new:
            ssh("alice", "echo is''seen")
        check("isseen" in transcript(new.wait()[0]["session"]), "another account's output was not recorded")
    finally:
        with open(path, "w") as f:
            f.write(before)
        DAEMONS.reload()
