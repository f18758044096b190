#!/usr/bin/env python3
"""pam_itm.so under pam_wrapper and pamtester: what each failure of the broker
does to each kind of account, and how long it takes.  Run in the build folder."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

WRAPPER = "/usr/lib/x86_64-linux-gnu/libpam_wrapper.so"
MODULE = os.path.abspath("pam_itm/pam_itm.so")
LIMIT_S = 1.3  # the 1 s of the module, and starting pamtester
USERS = ("# itm users 1\nstrict:70001:/bin/sh:strict\neffort:70002:/bin/sh:best-effort\n"
         "glass:70003:/bin/sh:break-glass\nbroken:70004:strict\n")
ALLOWED, REFUSED = "allowed", "refused"


class Place:
    """A folder with a service, a users file and a stub, and perhaps a broker."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="itm-pam-")
        os.mkdir(self.path + "/run")
        os.mkdir(self.path + "/pam.d")
        with open(self.path + "/users", "w") as f:
            f.write(USERS)
        self.stub = self.path + "/itm-shell"
        with open(self.stub, "w") as f:
            f.write("#!/bin/sh\n")
        os.chmod(self.stub, 0o711)
        options = f"file={self.path}/users run={self.path}/run stub={self.stub} missed={self.path}/missed"
        for service, more in (("itm", ""), ("itm-strict", " failure=strict")):
            with open(f"{self.path}/pam.d/{service}", "w") as f:
                f.write(f"auth required pam_permit.so\naccount required pam_permit.so\n"
                        f"session required {MODULE} {options}{more}\nsession required {MODULE} {options}{more}\n")

    def login(self, user, *operations, service="itm"):
        env = dict(os.environ, LD_PRELOAD=WRAPPER, PAM_WRAPPER="1", PAM_WRAPPER_SERVICE_DIR=self.path + "/pam.d")
        began = time.monotonic()
        done = subprocess.run(["pamtester", service, user, *(operations or ("open_session",))], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        took = time.monotonic() - began
        return (ALLOWED if done.returncode == 0 else REFUSED), took, done.stdout + done.stderr

    def remove(self):
        shutil.rmtree(self.path)


class FakeBroker:
    """Listens and does `act` with each connection."""

    def __init__(self, place, act):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.path = place.path + "/run/pam.sock"
        self.socket.bind(self.path)
        self.socket.listen(8)
        self.act, self.kept, self.messages = act, [], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.kept.append(connection)
            try:
                self.messages.append(connection.recv(65536))
                self.act(connection)
            except OSError:
                pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.kept:
            connection.close()
        os.unlink(self.path)


def decision(allow, text=b""):
    return struct.pack("<BBHIH", 3, 1, 0, allow, len(text)) + text


BROKERS = {
    "says yes": lambda c: c.send(decision(1)),
    "says no": lambda c: c.send(decision(0, b"because")),
    "absent": None,
    "silent": lambda c: None,
    "hangs up": lambda c: c.close(),
    "lies": lambda c: c.send(b"\xff" * 40),
    "says neither yes nor no": lambda c: c.send(decision(7)),
    "says something unknown": lambda c: c.send(decision(1) + b"x"),
}
# account: broker's state -> answer; "fails" stands for every state but yes and no
EXPECTED = {
    "strict": {"says yes": ALLOWED, "says no": REFUSED, "fails": REFUSED},
    "effort": {"says yes": ALLOWED, "says no": REFUSED, "fails": ALLOWED},
    "glass": {"says yes": ALLOWED, "says no": ALLOWED, "fails": ALLOWED},
    "broken": {"says yes": ALLOWED, "says no": REFUSED, "fails": ALLOWED},
    "unlisted": {"says yes": ALLOWED, "says no": ALLOWED, "fails": ALLOWED},
}
failures = 0


def check(what, good, detail=""):
    global failures
    print(("ok      " if good else "not ok  ") + what + ("" if good else ": " + str(detail)))
    failures += not good


def test_table(place):
    for state, act in BROKERS.items():
        broker = FakeBroker(place, act) if act else None
        for user, answers in EXPECTED.items():
            wanted = answers.get(state, answers["fails"])
            got, took, words = place.login(user)
            check(f"{user}, broker {state}: {wanted}", got == wanted and took < LIMIT_S, (got, took, words))
        if broker:
            broker.close()


def test_called_twice(place):
    """The service has the module twice: one announcement, one logout."""
    broker = FakeBroker(place, BROKERS["says yes"])
    got, _, words = place.login("strict", "open_session", "close_session")
    time.sleep(0.1)
    kinds = [m[0] for m in broker.messages]
    check("called twice announces once and logs out once", got == ALLOWED and kinds == [1, 2], (got, kinds, words))
    check("the announcement names the account", b"strict" in broker.messages[0])
    broker.close()


def test_stub_missing(place):
    broker = FakeBroker(place, BROKERS["says yes"])
    os.chmod(place.stub, 0o600)
    check("strict is refused without a stub", place.login("strict")[0] == REFUSED)
    check("best-effort goes on without a stub", place.login("effort")[0] == ALLOWED)
    os.chmod(place.stub, 0o711)
    broker.close()


def notes(place):
    """Of missed logins: (1 let in or 2 refused, the whole note), and away with them."""
    found = []
    for name in sorted(os.listdir(place.path + "/missed")) if os.path.exists(place.path + "/missed") else []:
        with open(f"{place.path}/missed/{name}", "rb") as f:
            note = f.read()
        found.append((note[5], note))
        os.remove(f"{place.path}/missed/{name}")
    return found


def test_missed(place):
    """Whom nobody could be told of is in a note, whom somebody was told of is not."""
    notes(place)
    place.login("effort")
    place.login("strict")
    place.login("unlisted")
    found = notes(place)
    check("a note for each login nobody was told of", [n[0] for n in found] == [1, 2], found)
    check("a note begins with its mark and names the account",
          all(n[1].startswith(b"ITMM\x01") for n in found) and b"effort" in found[0][1] and b"strict" in found[1][1], found)
    check("the folder is its owner's alone", os.stat(place.path + "/missed").st_mode & 0o7777 == 0o700)
    for answer, wanted in (("says yes", []), ("says no", [1])):
        broker = FakeBroker(place, BROKERS[answer])
        place.login("effort")
        place.login("glass")
        found = [n[0] for n in notes(place)]
        check(f"broker {answer}: notes of {wanted}", found == wanted, found)
        broker.close()
    os.chmod(place.path + "/missed", 0o777)
    check("no note in a folder others may enter", place.login("effort")[0] == ALLOWED and not notes(place))
    os.chmod(place.path + "/missed", 0o700)


def test_users_file(place):
    path = place.path + "/users"
    os.chmod(path, 0o666)
    check("a users file others may write locks nobody out", place.login("strict")[0] == ALLOWED)
    check("nor one who is not in it", place.login("unlisted")[0] == ALLOWED)
    check("with failure=strict it does", place.login("effort", service="itm-strict")[0] == REFUSED)
    check("root gets in to repair it", place.login("root", service="itm-strict")[0] == ALLOWED)
    os.chmod(path, 0o644)
    os.rename(path, path + ".away")
    for service in ("itm", "itm-strict"):
        check(f"no users file: nobody is locked out, {service}", place.login("strict", service=service)[0] == ALLOWED)
    os.rename(path + ".away", path)


def test_no_other_hook(place):
    with open(place.path + "/pam.d/itm", "w") as f:
        f.write(f"auth sufficient {MODULE}\nauth required pam_deny.so\n")
    check("as an auth line it opens no door", place.login("effort", "authenticate")[0] == REFUSED)


def main():
    if os.geteuid() != 0 or not os.path.exists(WRAPPER) or shutil.which("pamtester") is None:
        print("SKIP: needs root, libpam-wrapper and pamtester")
        return 77
    place = Place()
    try:
        test_table(place)
        test_called_twice(place)
        test_stub_missing(place)
        test_missed(place)
        test_users_file(place)
        test_no_other_hook(place)
    finally:
        place.remove()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
