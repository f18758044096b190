#!/usr/bin/env python3
"""Exports against what others make of them: scriptreplay, ttyplay and asciinema
play them on a terminal of their own, and the screen is the recorded one; a
validator of our own reads asciicast 3; the HTML page is run.  Run in the build
folder by make check; what is not installed is skipped and named."""
import base64
import hashlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

from html.parser import HTMLParser

ITM = "./cli/itm"
MAKE = "./tests/replay/make_spool"
SCREEN = "./tests/transparency/screen"
SOURCE = os.path.dirname(os.path.abspath(__file__))


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, words):
    if not condition:
        raise Failure(words)


def need(program):
    if shutil.which(program) is None:
        raise Skipped(f"{program} is not installed")


def export(folder, form, *options):
    done = subprocess.run([ITM, "export", "-f", form, *options, folder.session], capture_output=True, timeout=30)
    check(done.returncode == 0, f"itm export -f {form}: {done.returncode} {done.stderr!r}")
    return done.stdout


def screen(data, columns=70, rows=12):
    return subprocess.run([SCREEN, str(columns), str(rows)], input=data, capture_output=True, timeout=20, check=True).stdout


def on_terminal(*command):
    """What a program writes to a terminal that changes nothing of it."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "raw", "-echo", "rows", "12", "columns", "70"], stdin=slave, check=True)
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True,
                               env={**os.environ, "TERM": "xterm", "HOME": tempfile.gettempdir(), "LC_ALL": "C.UTF-8"})
    out, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            out += os.read(master, 65536)
        elif process.poll() is not None:
            break
    if process.poll() is None:
        process.kill()
        raise Failure(f"{command[0]} does not end")
    words = process.stderr.read()
    process.stderr.close()
    os.close(master)
    os.close(slave)
    check(process.returncode == 0, f"{command}: {process.returncode} {words!r}")
    return out


def wanted(folder):
    """The recorded screen, from the export that is plain JSON."""
    lines = [json.loads(line) for line in export(folder, "asciicast").decode().splitlines()]
    shown = "".join(e[2] for e in lines[1:] if e[1] == "o").encode()
    picture = screen(shown)
    check(b"slanted" in picture and b"last" in picture, f"the picture is poor: {picture!r}")
    return picture


def test_scriptreplay_plays_a_typescript(folder):
    need("scriptreplay")
    path = folder.path + "/typescript"
    export(folder, "typescript", "-o", path)
    out = on_terminal("scriptreplay", "-t", path + ".timing", "-O", path, "-d", "50")
    check(out.endswith(b"\n"), "scriptreplay ends its output with a line end of its own")
    check(screen(out[:-1]) == wanted(folder), f"another picture: {out[-400:]!r}")
    timing = open(path + ".timing", encoding="utf-8").read()
    check("SIGWINCH ROWS=12 COLS=70\n" in timing and "S 0.100000 SIGHUP\n" in timing, f"signals: {timing}")
    told = subprocess.run(["scriptreplay", "--summary", "-t", path + ".timing"], capture_output=True, timeout=20).stdout
    check(re.search(rb"EXIT_CODE:?\s+3\b", told), f"summary: {told!r}")
    size = os.path.getsize(path)
    body = open(path, "rb").read()
    total = sum(int(line.split()[2]) for line in timing.splitlines() if line.startswith("O "))
    check(body.index(b"\n") + 1 + total + len(body[body.rindex(b"\nScript done"):]) == size, "bytes beside the timing")


def test_a_typescript_needs_two_names(folder):
    done = subprocess.run([ITM, "export", "-f", "typescript", folder.session], capture_output=True, timeout=20)
    check(done.returncode == 64 and b"--output FILE" in done.stderr, f"{done.returncode} {done.stderr!r}")
    path = folder.path + "/taken"
    open(path + ".timing", "w").close()
    done = subprocess.run([ITM, "export", "-f", "typescript", "-o", path, folder.session], capture_output=True, timeout=20)
    check(done.returncode == 73 and not os.path.exists(path), f"{done.returncode} {done.stderr!r}")


def test_ttyplay_plays_a_ttyrec(folder):
    need("ttyplay")
    path = folder.path + "/ttyrec"
    export(folder, "ttyrec", "-o", path)
    out = on_terminal("ttyplay", "-n", path)
    check(screen(out) == wanted(folder), f"another picture: {out[-400:]!r}")


def test_asciinema_plays_asciicast_2(folder):
    need("asciinema")
    path = folder.path + "/cast"
    export(folder, "asciicast", "-o", path)
    out = on_terminal("asciinema", "play", "-s", "50", path)
    check(screen(out) == wanted(folder), f"another picture: {out[-400:]!r}")


def shown(lines):
    return "".join(e[2] for e in lines if e[1] == "o").encode()


def test_a_part_begins_with_the_screen_of_then(folder):
    whole = [json.loads(line) for line in export(folder, "asciicast").decode().splitlines()][1:]
    times = sorted({e[0] for e in whole})
    check(len(times) > 5, f"times: {times}")
    for begin in times[1:]:
        part = [json.loads(line) for line in export(folder, "asciicast", "--from", f"{begin:.3f}").decode().splitlines()][1:]
        check(part[0][0] == 0 and all(e[0] >= 0 for e in part), f"from {begin}: times {[e[0] for e in part[:3]]}")
        check(part[-1][0] <= times[-1] - begin + 0.001, f"from {begin}: ends at {part[-1][0]}")
        check(screen(shown(part)) == wanted(folder), f"from {begin}: another picture")
    for end in times[1:-1]:
        part = [json.loads(line) for line in export(folder, "asciicast", "--to", f"{end:.3f}").decode().splitlines()][1:]
        check(part == [e for e in whole if e[0] <= end], f"to {end}: other events")
    for wrong in (("--from", "soon"), ("--from", "9", "--to", "9"), ("--to", "0"), ("-f", "bundle", "-o", "x", "--from", "1")):
        done = subprocess.run([ITM, "export", *wrong, folder.session], capture_output=True, timeout=30)
        check(done.returncode == 64 and not done.stdout, f"{wrong}: {done.returncode} {done.stderr!r}")


def validate3(text):
    """docs.asciinema.org/manual/asciicast/v3; gives (header, events, comments)."""
    check(text.endswith("\n") and "\r" not in text, "lines")
    lines = text[:-1].split("\n")
    check(not lines[0].startswith("#"), "the first line is a comment")
    header = json.loads(lines[0])
    check(header["version"] == 3 and "width" not in header, "version")
    term = header["term"]
    check(all(isinstance(term[key], int) and term[key] > 0 for key in ("cols", "rows")), "size")
    check(isinstance(term.get("type", ""), str) and isinstance(header.get("timestamp", 0), int), "header")
    check(all(isinstance(v, str) for v in header.get("env", {}).values()), "env")
    events, comments, ended = [], [], False
    for line in lines[1:]:
        if line.startswith("#"):
            comments.append(line)
            continue
        check(not ended, "something after x")
        event = json.loads(line)
        check(isinstance(event, list) and len(event) == 3, f"event {line}")
        interval, code, data = event
        check(isinstance(interval, (int, float)) and interval >= 0 and isinstance(data, str), f"event {line}")
        check(code in "oimrx" and len(code) == 1, f"code {code}")
        if code == "r":
            check(re.fullmatch(r"[1-9]\d*x[1-9]\d*", data), f"size {data}")
        if code == "x":
            check(re.fullmatch(r"\d+", data), f"status {data}")
            ended = True
        events.append(event)
    return header, events, comments


def test_asciicast_3_is_valid(folder):
    header, events, _ = validate3(export(folder, "asciicast3").decode())
    check(header["term"] == {"cols": 60, "rows": 10, "type": "xterm"}, f"header {header}")
    total = sum(event[0] for event in events)
    check(abs(total - 1.0) < 1e-9, f"the intervals make {total}")
    marks = [event[2] for event in events if event[1] == "m"]
    check(marks == ["a <b> & c", "</script><img src=x onerror=alert(1)>", "signal 1"], f"markers {marks}")
    check(events[-1] == [0.3, "x", "3"], f"exit {events[-1]}")
    shown = "".join(event[2] for event in events if event[1] == "o").encode()
    check(screen(shown) == wanted(folder), "another picture")
    for broken in ('{"version": 2}\n', '{"version":3,"term":{"cols":0,"rows":1}}\n',
                   '{"version":3,"term":{"cols":1,"rows":1}}\n[-1,"o",""]\n',
                   '{"version":3,"term":{"cols":1,"rows":1}}\n[0,"x","0"]\n[0,"o","a"]\n',
                   '{"version":3,"term":{"cols":1,"rows":1}}\n[0,"r","0x1"]\n'):
        try:
            validate3(broken)
        except Failure:
            continue
        raise Failure(f"the validator takes {broken}")


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.data = [], {}

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.found.append(("/" + tag, {}))

    def handle_data(self, data):
        if self.found:
            self.data.setdefault(len(self.found) - 1, []).append(data)


def test_the_page_holds_nothing_that_runs_or_loads(folder):
    text = export(folder, "html").decode()
    page = Elements()
    page.feed(text)
    scripts = [(attrs, "".join(page.data.get(i, []))) for i, (tag, attrs) in enumerate(page.found) if tag == "script"]
    check([attrs.get("type") for attrs, _ in scripts] == ["application/json", None], f"{len(scripts)} scripts")
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    policy = next(attrs["content"] for tag, attrs in page.found if attrs.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for name, content in (("script-src", scripts[1][1]), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        check(rules[name] == f"'sha256-{digest}'", f"{name} {rules[name]}, not {digest}")
    check(rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'", policy)
    loading = [(tag, attrs) for tag, attrs in page.found if {"src", "href", "style", "srcset", "action"} & set(attrs) or
               any(name.startswith("on") for name in attrs) or tag in ("img", "iframe", "link", "object", "embed", "base")]
    check(not loading, f"elements that load or run: {loading}")
    check("<" not in scripts[0][1] and "url(" not in text and "http:" not in text and "https:" not in text, "data or style")
    check(not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", scripts[1][1]), "script")
    check(len(scripts[0][1].strip().split("\n")) > 10, "no data")


def test_the_page_plays(folder):
    need("node")
    path = folder.path + "/page.html"
    export(folder, "html", "-o", path)
    done = subprocess.run(["node", SOURCE + "/page_run.js", path], capture_output=True, timeout=60, check=False)
    check(done.returncode == 0, f"{done.stderr.decode()[-2000:]}")
    shown = json.loads(done.stdout)
    rows = [line for line in wanted(folder).decode().splitlines()[:24:2]]
    check([row.rstrip() for row in shown["end"]] == rows, f"end: {shown['end']} not {rows}")
    check(any("line one" in row for row in shown["middle"]), f"middle: {shown['middle']}")
    check(shown["again"] == shown["near"] == shown["middle"], "another picture when seeking back")
    check(shown["marks"] == 3, f"markers: {shown['marks']}")


def test_raw_bytes_only_when_asked(folder):
    for form in ("asciicast3", "ttyrec"):
        check(b"title" not in export(folder, form), f"{form}: a title passed")
        check(b"title" in export(folder, form, "--raw"), f"{form}: --raw lacks the title")
    check(b"\\u001b" not in export(folder, "html", "--raw"), "html: a control sequence passed")


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp()
        spool = self.path + "/spool"
        os.mkdir(spool)
        done = subprocess.run([MAKE, spool, "0", "0", "drawn"], capture_output=True, text=True, check=True)
        self.session = spool + ":" + done.stdout.strip()


def main():
    failed = 0
    folder = Folder()
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test(folder)
            print(f"ok - {name[5:].replace('_', ' ')}")
        except Skipped as why:
            print(f"skipped - {name[5:].replace('_', ' ')}: {why}")
        except Failure as failure:
            failed += 1
            print(f"not ok - {name[5:].replace('_', ' ')}: {failure}")
    shutil.rmtree(folder.path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
