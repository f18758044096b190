"""Alerts: what the agent and the server notice by themselves."""
import contextlib
import os
import signal

from lab import (DAEMONS, INDEX, SPOOL, Failure, NewSessions, check, equal, itm, listed, login, pids, run, verify, wait_for)

INDEXD = "/usr/libexec/itm/itm-indexd"


def alerts(*arguments):
    return listed(itm("alerts", "--json", "--limit", "10000", *arguments))


class NewAlerts:
    """The alerts raised inside a with block or after it."""

    def __enter__(self):
        self.before = {(a["stream"], a["number"]) for a in alerts()}
        return self

    def __exit__(self, *_):
        pass

    def now(self, name=None):
        return [a for a in alerts() if (a["stream"], a["number"]) not in self.before and name in (None, a["alert"])]

    def wait(self, name, seconds=60, matching=lambda a: True):
        def probe():
            found = [a for a in self.now(name) if matching(a)]
            if not found:
                raise Failure(f"there are {[(a['alert'], a['facts'].get('reason')) for a in self.now()]}")
            return found
        return wait_for(f"alert {name}", seconds, probe, 0.2)


@contextlib.contextmanager
def settings(**files):
    """Other settings for both sides, until the block's end: agent= and server=."""
    paths, names = [], [{"agent": "itm-agentd", "server": "itm-server"}[side] for side in files]
    try:
        for side, text in files.items():
            paths.append(f"/etc/itm/{side}.conf.d/alerts.conf")
            os.makedirs(os.path.dirname(paths[-1]), exist_ok=True)
            with open(paths[-1], "w") as f:
                f.write(text)
        restart(*names)
        yield
    finally:
        for path in paths:
            os.remove(path)
        restart(*names)


def restart(*names):
    for name in names:
        if name in DAEMONS.running:
            DAEMONS.stop(name)
        DAEMONS.start(name)
    DAEMONS.ready()


def test_a_killed_recorder_is_an_alert_of_its_session():
    with NewAlerts() as new, NewSessions("alice") as recordings:
        with login("alice") as shell:
            session = recordings.wait(1, ended=False)[0]["session"]
            os.kill(pids("itm-recorder")[-1], signal.SIGKILL)
            shell.end()
        found = new.wait("recorder-lost", matching=lambda a: a["session"] == session)
    equal(len(found), 1, "alerts of one killed recorder")
    equal((found[0]["severity"], found[0]["by"], found[0]["host"]), ("high", "host", "lab"), "what it says")
    check("recorder" in found[0]["facts"]["reason"], f"no reason: {found[0]['facts']}")
    equal([a["alert"] for a in alerts("--session", session[:8])], ["recorder-lost"], "by session")
    equal(alerts("--session", session[:8], "--severity", "critical"), [], "by severity")
    check(session[:8] in itm("alerts", "--since", found[0]["time"]), "not in the table")
    here = [a for a in alerts("--spool", SPOOL) if a["session"] == session]
    equal([(a["stream"], a["number"]) for a in here], [(found[0]["stream"], found[0]["number"])], "the spool's")


def test_a_silent_host_is_an_alert_of_the_log_and_comes_again_in_a_new_index():
    with settings(server="silence = 3s\n"), NewAlerts() as new:
        sealer = pids("itm-sealer")[-1]
        os.kill(sealer, signal.SIGSTOP)
        try:
            found = new.wait("host-silent")[0]
        finally:
            os.kill(sealer, signal.SIGCONT)
        equal((found["by"], found["host"], found["severity"]), ("server", "lab", "high"), "what it says")
        check(f"the last is {found['facts']['block']}, " in found["facts"]["reason"], f"names no head: {found['facts']}")
        before = sorted((a["number"], a["stream"] or "", a["alert"], a["time"], str(a["facts"])) for a in alerts() if a["sealed"])
        DAEMONS.stop("itm-server")
        equal(run([INDEXD, "--rebuild"], timeout=120).returncode, 0, "rebuild")
        DAEMONS.start("itm-server")
        DAEMONS.ready()
        after = {(a["number"], a["stream"] or "", a["alert"], a["time"], str(a["facts"])) for a in alerts()}
        equal([a for a in before if a not in after], [], "alerts that a rebuilt index has lost")
    check("alert" not in itm("acts"), "it is listed among people's acts")
    check("host-silent" in itm("acts", "--verb", "alert"), "it is no leaf of the log")
    check(os.path.exists(f"{INDEX}/index.db"), "no index")
    check(verify("last")[0] in (0, 10, 11, 12), "the record does not verify any more")
