"""Changes of sensitive files are in the record, with who made them."""
import contextlib
import ctypes
import json
import mmap
import os
import random

from lab import Failure, check, equal, itm, listed, login, pids, run, session_ids, wait_for

FLAG_AWAY, FLAG_FOUND, FLAG_SECRET, FLAG_REPLACED, FLAG_BRIEF = 1, 2, 4, 0x20, 0x100
MS_BIND, MNT_DETACH = 4096, 2
libc = ctypes.CDLL(None, use_errno=True)


def streams():
    found = [s["session"] for s in listed(itm("sessions", "--all", "--json", "--limit", "10000")) if s["mode"] == "files"]
    if not found:
        raise Failure("no stream of watched files yet")
    return found


def told(path, stream=None):
    """Every event of path in the newest stream, oldest first."""
    lines = itm("export", stream or streams()[0], "--format", "json", timeout=60, status=None).strip().split("\n")
    events = [json.loads(line) for line in lines if line]
    return [e["activity"] for e in events if e.get("activity", {}).get("path") == path]


def wait_told(path, wanted, what):
    def probe():
        found = [e for e in told(path) if wanted(e)]
        if not found:
            raise Failure(f"told of {path}: {[(e['event'], e.get('file_flags')) for e in told(path)]}")
        return found[-1]
    return wait_for(what, 40, probe, 0.3)


def watching():
    def probe():
        facts = json.loads(itm("status", "--json", status=None))["files"]["facts"]
        if facts.get("level") != "fanotify" or " watched" not in facts.get("files", ""):
            raise Failure(f"{facts}")
        return facts
    return wait_for("the watcher of files", 30, probe, 0.3)


def word():
    return f"f{random.randrange(10 ** 8)}"


@contextlib.contextmanager
def kept(path):
    """The file as it was, in place, when the test is over."""
    with open(path, "rb") as f:
        before = f.read()
    try:
        yield before
    finally:
        with open(path, "wb") as f:
            f.write(before)


def test_an_account_that_is_added_is_told_with_who_did_it():
    watching()
    name = word()
    run(["useradd", "-M", name], timeout=30)
    try:
        e = wait_told("/etc/passwd", lambda e: name in e.get("after_text", ""), "the line in passwd")
        equal((e["event"], e["comm"], e["argv"][-1]), ("file-changed", "useradd", name), "what and who")
        check(e["file_flags"] & FLAG_REPLACED and e["before_sha256"] != e["after_sha256"], f"renamed over: {e}")
        run(["chpasswd"], input=f"{name}:secret {name}\n".encode(), timeout=30)
        e = wait_told("/etc/shadow", lambda e: f"{name}:[hash " in e.get("after_text", ""), "the masked line in shadow")
        check("$y$" not in json.dumps(told("/etc/shadow")), "no hash of a password is told")
    finally:
        run(["userdel", name], timeout=30)


def test_a_key_that_a_script_adds_belongs_to_its_session():
    watching()
    before = session_ids("alice")
    key = word()
    with login("alice") as terminal:
        terminal.command(f"sh -c 'echo ssh-ed25519 {key} >> ~/.ssh/authorized_keys; sleep 2'; echo do''ne", "done")
        terminal.type("exit\r")
        terminal.end()
    wait_told("/home/alice/.ssh/authorized_keys", lambda e: key in e.get("after_text", ""), "the key")
    session = wait_for("the session", 15, lambda: next((s for s in session_ids("alice") if s not in before), None))

    def tied():
        found = listed(itm("files", session, "--json", status=None))
        mine = [f for f in found if f["session"] == session and key in (f["after_text"] or "")]
        if not mine:
            raise Failure(f"{found}")
        return mine[0]
    row = wait_for("the session's change", 20, tied, 0.5)
    equal((row["path"], row["user"]), ("/home/alice/.ssh/authorized_keys", "alice"), "which and whose")
    check("authorized_keys" in itm("files", "--path", "*authorized_keys"), "as text")


def test_what_came_and_went_is_told():
    watching()
    path = f"/etc/sudoers.d/{word()}"
    run(["sh", "-c", f"echo x > {path}; rm {path}"])
    e = wait_told(path, lambda e: e["event"] == "file-removed", "its end")
    check(e["pid"] > 0, f"by whom: {e}")


def test_hard_link_and_mapping():
    watching()
    path, other = f"/etc/pam.d/{word()}", f"/etc/{word()}.elsewhere"
    with open(path, "w") as f:
        f.write("auth required one\n")
    try:
        wait_told(path, lambda e: e["event"] == "file-created", "the file")
        os.link(path, other)
        with open(other, "a") as f:
            f.write("by another name\n")
        wait_told(path, lambda e: "by another name" in e.get("after_text", ""), "the write by another name")
        with open(other, "r+b") as f:
            m = mmap.mmap(f.fileno(), 0)
        m[0:4] = b"AUTH"
        wait_told(path, lambda e: e.get("after_text", "").startswith("AUTH"), "the write through a mapping that is still there")
        m[0:4] = b"aUtH"
        m.close()
        wait_told(path, lambda e: e.get("after_text", "").startswith("aUtH"), "and through one that has gone")
    finally:
        os.remove(path)
        os.remove(other)


def test_a_folder_mounted_over_is_told():
    watching()
    hidden = f"/run/lab/{word()}"
    os.mkdir(hidden)
    with open(f"{hidden}/evil", "w") as f:
        f.write("ALL\n")
    equal(libc.mount(hidden.encode(), b"/etc/sudoers.d", None, MS_BIND, None), 0, "mount")
    try:
        wait_told("/etc/sudoers.d", lambda e: e["event"] == "file-place", "the mount")
        wait_told("/etc/sudoers.d/evil", lambda e: e["event"] == "file-created", "what is in it")
    finally:
        libc.umount2(b"/etc/sudoers.d", MNT_DETACH)
    wait_told("/etc/sudoers.d/evil", lambda e: e["event"] == "file-removed", "its end")


def test_what_changed_while_it_was_down_is_told():
    watching()
    path = "/etc/profile.d/" + word() + ".sh"
    with open(path, "w") as f:
        f.write("one\n")
    wait_told(path, lambda e: e["event"] == "file-created", "the file")
    digest = told(path)[-1]["after_sha256"]
    # What was told is known once it is on disk.
    wait_for("the state", 20, lambda: bytes.fromhex(digest) in open("/var/lib/itm/files/state", "rb").read())
    stream, watcher = streams()[0], pids("itm-filed")[0]
    program = os.readlink(f"/proc/{watcher}/exe")
    os.rename(program, program + ".away")
    try:
        os.kill(watcher, 9)
        wait_for("its end", 15, lambda: watcher not in pids("itm-filed"))
        with open(path, "a") as f:
            f.write("two\n")
    finally:
        os.rename(program + ".away", program)
    wait_for("another stream", 30, lambda: streams()[0] != stream, 0.3)
    e = wait_told(path, lambda e: e.get("after_text") == "two\n", "the change")
    check(e["file_flags"] & FLAG_AWAY, f"it was away: {e}")
    os.remove(path)
    wait_told(path, lambda e: e["event"] == "file-removed", "its end")


def test_an_account_with_uid_0_is_an_alert():
    watching()
    name = word()
    with kept("/etc/passwd"):
        with open("/etc/passwd", "a") as f:
            f.write(f"{name}:x:0:0::/root:/bin/sh\n")
        wait_told("/etc/passwd", lambda e: name in e.get("after_text", ""), "the line")
        wait_for("the alert", 30, lambda: name in itm("events", "--event", "alert", "--limit", "1000", status=None), 0.5)
