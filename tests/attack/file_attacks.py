"""The record itself: its files, sockets and folders."""
import os
import time

import lab
from outcome import NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack
from session import all_refused, fresh_word, probe, session, shell_is_recorded, spell


def record_paths(target):
    files = [p for p in target.files()]
    return files[-3:], sorted({os.path.dirname(p) for p in files})[:4]


def tried(target, name):
    with session(target) as terminal:
        terminal.command("echo some''thing", "something")
        time.sleep(1.3)
        files, _ = record_paths(target)
        for path in files:
            word, detail = probe(terminal, name, path, *(["x"] if name == "write" else []))
            if word == "did":
                return Outcome(SUCCEEDED, path)
        return Outcome(REFUSED)


@attack("read the record")
def read_record(target):
    return tried(target, "open")


@attack("write into the record")
def write_record(target):
    return tried(target, "write")


@attack("remove or rename the record, or truncate it")
def remove_record(target):
    word = fresh_word()
    with session(target) as terminal:
        terminal.command(f"echo {spell(word)}", rf"[\r\n]{word}")
        if not target.recorded(word):
            return Outcome(SUCCEEDED, "not recorded at all")
        mine = [p for p in target.files() if word.encode() in open(p, "rb").read()]
        for path in mine:
            terminal.command(f"(: > {path}; mv {path} {path}.x; rm -f {path} {path}.x) 2>/dev/null; echo re''moved", "removed")
        return Outcome(REFUSED) if target.holds(word.encode()) else Outcome(SUCCEEDED)


@attack("write to state, run and configuration folders, replace sockets")
def folders(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    with session(target) as terminal:
        places = ["/run/itm", "/var/lib/itm", "/var/lib/itm/nss", "/var/lib/itm/spool", "/var/lib/itm/store",
                  "/var/lib/itm/index", "/etc/itm", "/etc/itm/keys", "/etc/itm/ca"]
        line = "; ".join(f"(: > {p}/new) 2>/dev/null && echo wrote{p}; mv {p}/* /tmp/ 2>/dev/null && echo wrote{p}" for p in places)
        terminal.type(line + "; ls /etc/itm/keys /var/lib/itm/spool /var/lib/itm/store 2>/dev/null && echo wro''te-list; echo fold''ers\r")
        terminal.expect(r"[\r\n]folders", 10)
        shown = terminal.shown.replace(b"\r", b"").split(b"\n")
        wrote = [s for s in shown if s.startswith(b"wrote")]
        return Outcome(SUCCEEDED, wrote[0].decode()) if wrote else Outcome(REFUSED)


@attack("read the keys and the database of the index")
def secrets(target):
    if target.name != "itm":
        return Outcome(NOT_APPLICABLE)
    paths = ["/etc/itm/keys/identity.secret", "/etc/itm/keys/agent-tls.key", "/etc/itm/keys/log.secret",
             "/var/lib/itm/index/index.db", "/var/lib/itm/store/evidence.db"]
    with session(target) as terminal:
        for path in paths:
            if os.path.exists(path) and probe(terminal, "open", path)[0] == "did":
                return Outcome(SUCCEEDED, path)
    return Outcome(REFUSED)
