#!/usr/bin/env python3
"""Imports of what other programs have just recorded: script, ttyrec, asciinema,
tlog-rec, and sudo in the lab.  Run in the build folder by make check; what is
not installed, or needs root, is skipped and named."""
import fcntl
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import termios

ITM = "./cli/itm"
REPLAY = "./itm-replay/itm-replay"
LAB = os.path.dirname(os.path.abspath(__file__)) + "/../lab/run"
SHOW = "printf 'first\\n\\033[31mred\\033[m \\303\\251\\n'; sleep 0.3; echo second"


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, words):
    if not condition:
        raise Failure(words)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skipped(f"{program} is not installed")


def record(*command):
    """Runs a recorder on a terminal of its own; it must end by itself."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", "30", "columns", "100"], stdin=slave, check=True)
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                               env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    os.close(slave)
    out = b""
    try:
        while data := os.read(master, 65536):
            out += data
    except OSError:
        pass
    os.close(master)
    check(process.wait(60) == 0, f"{command[0]}: {process.returncode} {out[-300:]!r}")


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, timeout=60)
    check(done.returncode == status, f"{command}: {done.returncode}, not {status}: {done.stdout[-300:]!r} {done.stderr[-300:]!r}")
    return done.stdout


def imported(folder, name, *arguments):
    """Imports into a new folder; the events of the session."""
    into = f"{folder}/{name}.imported"
    session, told = run(ITM, "import", "-o", into, *arguments).decode().split()
    check(told == name, f"taken for {told}")
    shown = run(ITM, "sessions", "--spool", into).decode()
    check(session in shown and " imported " in shown, f"state: {shown}")
    run(ITM, "verify", into, status=11)
    return into, session, [json.loads(line) for line in run(ITM, "export", "-f", "json", "--spool", into, session).splitlines()]


def is_what_was_shown(folder, name, *arguments, sized=True):
    into, session, events = imported(folder, name, *arguments)
    text = run(REPLAY, "--plain", "--spool", into, session).decode()
    lines = [line.split("  ", 1)[1] for line in text.splitlines() if not line.split("  ", 1)[1].startswith("#")]
    check(lines[:3] == ["first", "red \u00e9", "second"], f"{name}: {lines}")
    times = [e["time"] for e in events if e["kind"] == "out"]
    check(times[-1] - times[0] >= 0.2, f"{name}: times {times}")
    head = events[0]["data"]
    check(f"imported={name}\n" in head and "imported_sha256=" in head, f"{name}: metadata {head}")
    if sized:
        check("columns=100\n" in head and "rows=30\n" in head, f"{name}: size {head}")
    return events


def test_a_typescript_of_script(folder):
    need("script")
    for form in ("advanced", "classic"):
        path = f"{folder}/script-{form}"
        record("script", "-q", "-m", form, "-O", path, "-T", path + ".timing", "-c", SHOW)
        is_what_was_shown(folder, "typescript", path)
        shutil.rmtree(folder + "/typescript.imported")


def test_a_recording_of_ttyrec(folder):
    need("ttyrec")
    path = folder + "/tty"
    record("ttyrec", "-e", SHOW, path)
    is_what_was_shown(folder, "ttyrec", path, sized=False)


def test_a_recording_of_asciinema(folder):
    need("asciinema")
    path = folder + "/a.cast"
    record("asciinema", "rec", "-q", "--cols", "100", "--rows", "30", "-c", SHOW, path)
    is_what_was_shown(folder, "asciicast", path)


def in_lab(folder, commands):
    """Runs a script on a terminal of the lab, with SHOW as its $1."""
    if os.geteuid() != 0:
        raise Skipped("the lab needs root")
    with open(folder + "/in-lab", "w", encoding="utf-8") as f:
        f.write("stty rows 30 columns 100\n" + commands)
    record("env", "LAB_BARE=1", LAB, ".", "script", "-q", "-e", "-c", f"bash {folder}/in-lab \"{SHOW}\"", "/dev/null")


def test_a_recording_of_tlog(folder):
    need("tlog-rec", "script")
    # tlog-rec wants to add itself to a utmp of its machine.
    in_lab(folder, f"touch /run/utmp\ntlog-rec --writer=file --file-path={folder}/tlog.json /bin/sh -c \"$1\"\n")
    is_what_was_shown(folder, "tlog", folder + "/tlog.json")


def test_an_io_log_of_sudo(folder):
    need("sudo", "script")
    rules = f"Defaults log_output, !compress_io, iolog_dir={folder}/sudo, iolog_file=one\\nroot ALL=(ALL) NOPASSWD: ALL\\n"
    in_lab(folder, f"printf '{rules}' > /etc/sudoers.d/test\nchmod 440 /etc/sudoers.d/test\nsudo sh -c \"$1\"\n")
    is_what_was_shown(folder, "sudo", folder + "/sudo/one")


def test_our_own_exports_come_back(folder):
    into, session, events = imported(folder, "asciicast", sample(folder))
    out = "".join(e["data"] for e in events if e["kind"] == "out")
    for form in ("asciicast", "asciicast3", "ttyrec", "typescript"):
        other = f"{folder}/{form}"
        os.mkdir(other)
        run(ITM, "export", "-f", form, "--raw", "-o", other + "/it", "--spool", into, session)
        again = imported(other, form.rstrip("3"), other + "/it")[2]
        check("".join(e["data"] for e in again if e["kind"] == "out") == out, f"{form}: other output")


def test_an_import_is_not_told_to_go_on(folder):
    into, session, _ = imported(folder, "asciicast", sample(folder))
    done = subprocess.run([ITM, "export", "-f", "text", "--spool", into, session], capture_output=True, timeout=30)
    check(done.returncode == 0 and done.stderr == b"", f"{done.stderr!r}")


def sample(folder):
    path = folder + "/sample.cast"
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"version":2,"width":80,"height":24,"timestamp":1795473231}\n[0.1,"o","a\\u001b[31mb\\r\\n"]\n[0.5,"r","90x20"]\n[1,"o","c\u00e9"]\n')
    return path


def test_what_is_refused_leaves_nothing(folder):
    good, bad = sample(folder), folder + "/bad.cast"
    with open(bad, "w", encoding="utf-8") as f:
        f.write('{"version":2}\n[0,"o","ok"]\n[0,"o"]\n')
    into = folder + "/refused"
    run(ITM, "import", good, status=64)
    run(ITM, "import", "-o", into, "-f", "mp4", good, status=64)
    os.mkdir(into)
    run(ITM, "import", "-o", into, good, status=73)
    check(os.listdir(into) == [], "something was put into a folder that was there")
    os.rmdir(into)
    run(ITM, "import", "-o", into, bad, status=65)
    check(json.loads(run(ITM, "sessions", "--json", "--spool", into)) == [], "a part of a broken file was imported")
    run(ITM, "import", "-o", into + "2", folder + "/none", status=66)


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        folder = tempfile.mkdtemp()
        try:
            test(folder)
            print(f"ok - {name[5:].replace('_', ' ')}")
        except Skipped as why:
            print(f"skipped - {name[5:].replace('_', ' ')}: {why}")
        except Failure as failure:
            failed += 1
            print(f"not ok - {name[5:].replace('_', ' ')}: {failure}")
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
