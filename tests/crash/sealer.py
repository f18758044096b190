#!/usr/bin/env python3
"""Kills itm-sealer, and itm-agentd, at random times while four streams run.

usage: sealer.py [KILLS]     in the build folder, as root

Runs in a mount namespace of its own with its own passwd and group files.
What was acknowledged must be in the spool, with its bytes, and the spool must
verify.  Prints one line a check; exit 77 when it can't run here.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", os.getcwd())
PROGRAMS = ["itm-agentd", "itm-sealer", "tests/crash/stream_client", "tests/crash/spool_check", "tests/crash/make_keys"]
USERS = ["itm-seal", "itm-net", "itm-rec"]


def enter_namespace():
    if os.geteuid() != 0:
        print("crash: skipped: needs root")
        sys.exit(77)
    if os.environ.get("ITM_CRASH_INSIDE") != "1":
        env = dict(os.environ, ITM_CRASH_INSIDE="1")
        # The leak checker traces its process, which the sandbox kills.
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        os.execvpe("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv], env)


def make_users(folder):
    passwd = open("/etc/passwd").read()
    group = open("/etc/group").read()
    if "itm-spool:" not in group:
        group += "itm-spool:x:64990:itm-seal,itm-net\n"
    for number, name in enumerate(USERS, 64991):
        if f"\n{name}:" not in passwd:
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            group += f"{name}:x:{number}:\n"
    for name, text in (("passwd", passwd), ("group", group)):
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{folder}/{name}", 0o644)
        subprocess.run(["mount", "--bind", f"{folder}/{name}", f"/etc/{name}"], check=True)


class Agent:
    def __init__(self, folder):
        self.folder = folder
        programs = f"{folder}/programs"
        os.mkdir(programs)
        os.symlink(f"{BUILD}/itm-sealer", f"{programs}/itm-sealer")
        os.symlink(f"{BUILD}/tests/crash/stream_client", f"{programs}/itm-brokerd")
        subprocess.run([f"{BUILD}/tests/crash/make_keys", folder], check=True)
        self.config = f"{folder}/agent.conf"
        with open(self.config, "w") as f:
            f.write(f"spool = {folder}/spool\nrun = {folder}/run\nhost_id = {folder}/host-id\n"
                    f"identity_key = {folder}/identity.secret\nlog_key = {folder}/log.public\n"
                    f"nss_users = {folder}/users\nblock_interval = 1s\n")
        self.log = open(f"{folder}/log", "a")
        self.start()

    def start(self):
        self.process = subprocess.Popen([f"{BUILD}/itm-agentd", "--config", self.config, "--programs",
                                         f"{self.folder}/programs"], stderr=self.log, stdout=self.log)

    def status(self, key):
        try:
            for line in open(f"{self.folder}/run/agentd/status"):
                name, _, value = line.strip().partition("=")
                if name == key:
                    return value
        except FileNotFoundError:
            pass
        return None

    def wait_ready(self, seconds=8):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (self.status("pid") == str(self.process.pid) and self.status("sealer.state") == "ready"
                    and self.status("broker.state") == "ready"):
                return True
            time.sleep(0.01)
        return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=25)

    def check(self):
        done = subprocess.run([f"{BUILD}/tests/crash/spool_check", f"{self.folder}/spool",
                               f"{self.folder}/identity.public", f"{self.folder}/acked"],
                              capture_output=True, text=True)
        return done.returncode == 0, done.stdout.strip().replace("\n", "; ")


class Results:
    def __init__(self):
        self.failed = 0

    def say(self, name, good, words=""):
        print(f"{'ok' if good else 'FAILED'}   {name}{': ' + words if words else ''}", flush=True)
        self.failed += not good


def kill_sealer(agent, results, kills):
    slow = 0
    for _ in range(kills):
        time.sleep(random.uniform(0.01, 0.35))
        pid = agent.status("sealer.pid")
        os.kill(int(pid), signal.SIGKILL)
        begun = time.monotonic()
        while agent.status("sealer.pid") == pid and time.monotonic() - begun < 3:
            time.sleep(0.005)
        if not agent.wait_ready():
            results.say("sealer comes back", False, f"state {agent.status('sealer.state')}")
            return
        slow = max(slow, time.monotonic() - begun)
    results.say(f"sealer killed {kills} times comes back", slow < 2, f"slowest {slow:.2f} s")


def kill_agentd(agent, results, kills):
    same = True
    for _ in range(kills):
        time.sleep(random.uniform(0.05, 0.3))
        before = (agent.status("sealer.pid"), agent.status("broker.pid"))
        agent.process.kill()
        agent.process.wait()
        time.sleep(random.uniform(0, 0.3))
        agent.start()
        if not agent.wait_ready():
            results.say("agentd takes its children over", False)
            return
        same = same and before == (agent.status("sealer.pid"), agent.status("broker.pid"))
    results.say(f"agentd killed {kills} times takes the same children over", same)


def one_agent_only(agent, results):
    second = subprocess.run([f"{BUILD}/itm-agentd", "--config", agent.config], stderr=subprocess.DEVNULL, timeout=10)
    results.say("a second agentd is refused", second.returncode == 75, f"exit {second.returncode}")


def main():
    enter_namespace()
    missing = [p for p in PROGRAMS if not os.access(f"{BUILD}/{p}", os.X_OK)]
    if missing:
        print("crash: skipped: not built:", *missing)
        sys.exit(77)
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    folder = tempfile.mkdtemp(prefix="itm-crash.")
    os.chmod(folder, 0o755)
    results = Results()
    agent = None
    try:
        make_users(folder)
        agent = Agent(folder)
        results.say("agent starts", agent.wait_ready())
        one_agent_only(agent, results)
        kill_sealer(agent, results, kills)
        kill_agentd(agent, results, max(3, kills // 6))
        kill_sealer(agent, results, max(3, kills // 6))
        results.say("agent stops in order", agent.stop() == 0)
        good, words = agent.check()
        results.say("what was acknowledged is there, and verifies", good, words)
        if results.failed:
            print(open(f"{folder}/log").read()[-6000:])
    finally:
        if agent and agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()
        if not os.environ.get("KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(folder)
    sys.exit(1 if results.failed else 0)


main()
