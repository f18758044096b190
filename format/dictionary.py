#!/usr/bin/python3
"""Makes the dictionaries of dictionary.h out of texts of our own.

dictionary.txt has what terminals show as templates; what full screens show
is made here, and so is the rhythm of typing, for control data.  zstd picks
what repeats.  No program is run and no file but the templates is read, so
that each run gives the same bytes.

    format/dictionary.py FOLDER        writes both dictionaries there
    format/dictionary.py               compares with those beside this file
"""
import os
import re
import sys

try:
    import zstandard
except ImportError as missing:
    print(f"skipped: {missing}: install python3-zstandard")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
VARIANTS = 12       # pieces made of a template
OUT_SIZE, CTL_SIZE = 65536, 1024
ZSTD = (1, 5, 4)    # that made them

WORDS = {
    "user": "user admin deploy root www-data postgres operator ubuntu debian",
    "host": "web1 web-01 db1 db-02 app-03 srv1 server localhost debian gateway backup build01 host.example.org",
    "name": "project app api web server client worker backup deploy scripts config data src lib tests doc docs build tools "
            "test main utils core service cache session report import export migrate index users orders",
    "file": "README.md Makefile main.c main.py app.py config.yaml config.json package.json setup.py notes.txt test.py "
            "index.html index.js server.js docker-compose.yml Dockerfile backup.sh deploy.sh access.log app.log data.csv "
            ".gitignore requirements.txt util.c util.h server.c parser.c hosts nginx.conf settings.py script.sh dump.sql",
    "svc": "nginx ssh sshd cron rsyslog postgresql docker redis mariadb apache2 systemd-journald systemd-logind systemd-udevd "
           "systemd-timesyncd systemd-networkd systemd-resolved networking dbus getty@tty1 fail2ban haproxy postfix chrony "
           "containerd polkit unattended-upgrades user@1000 apparmor grafana-server prometheus",
    "what": "LSB: web server|Regular background program processing daemon|System Logging Service|OpenBSD Secure Shell server|"
            "PostgreSQL Cluster 15-main|Journal Service|User Login Management|Network Time Synchronization|Raise network interfaces|"
            "A high performance web server and a reverse proxy server|Docker Application Container Engine|Network Configuration|"
            "Advanced key-value store|The Apache HTTP Server|D-Bus System Message Bus|Getty on tty1|Permit User Sessions|"
            "Daily apt download activities|Daily rotation of log files|Daily Cleanup of Temporary Directories|Remount Root and Kernel File Systems|"
            "Create Volatile Files and Directories|Load Kernel Modules|Coldplug All udev Devices|shared library|command line tool",
    "message": "started|stopped|connection accepted|connection closed|connection refused|connection reset by peer|request completed|"
               "request failed|timeout waiting for response|retrying in 5 seconds|cache miss|cache hit|user logged in|session expired|"
               "permission denied|no such file or directory|loading configuration|configuration reloaded|listening on port 8080|"
               "database connection established|query took 12ms|health check ok|disk usage at 81%|queue length 3|worker started|"
               "worker exited with status 0|checkpoint complete|job finished|job started|invalid token|out of memory|"
               "error: cannot connect to database|warning: deprecated option|signal process started|reloading|shutting down",
    "kernel": "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.|e1000 0000:00:03.0 eth0: NIC Link is Up 1000 Mbps Full Duplex|"
              "usb 1-1: new high-speed USB device number 2 using xhci_hcd|systemd[1]: Started systemd-journald.service - Journal Service.|"
              "audit: type=1400 audit(1700000000.123:45): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\"|"
              "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready|ACPI: PM: Power Button [PWRF]|virtio_net virtio0 eth0: renamed from ens3|"
              "Out of memory: Killed process 1234 (java) total-vm:8388608kB|TCP: request_sock_TCP: Possible SYN flooding on port 80.",
    "kthread": "kthreadd rcu_gp rcu_par_gp slub_flushwq netns mm_percpu_wq ksoftirqd/0 rcu_preempt migration/0 cpuhp/0 kdevtmpfs "
               "inet_frag_wq kauditd khungtaskd oom_reaper writeback kcompactd0 ksmd khugepaged kintegrityd kblockd kworker/0:1-events "
               "kworker/u4:2-events_unbound kswapd0 jbd2/sda1-8 ext4-rsv-conver scsi_eh_0 kworker/0:1H-kblockd",
    "log": "syslog auth.log kern.log dpkg.log access.log error.log daemon.log app.log messages mail.log alternatives.log debug",
    "conf": "adduser.conf bash.bashrc crontab debconf.conf fstab group hostname hosts ld.so.conf locale.gen login.defs logrotate.conf "
            "mke2fs.conf nftables.conf nsswitch.conf os-release passwd profile resolv.conf rsyslog.conf services sudoers sysctl.conf "
            "nginx.conf default.conf sshd_config ssh_config mime.types fastcgi.conf pg_hba.conf postgresql.conf redis.conf my.cnf daemon.json",
    "path": "/etc /etc/nginx /etc/nginx/nginx.conf /etc/nginx/sites-available /etc/nginx/sites-enabled/default /etc/ssh/sshd_config "
            "/etc/systemd/system /lib/systemd/system /etc/cron.d /etc/apt/sources.list.d /etc/default /etc/hosts /etc/passwd /etc/shadow "
            "/etc/sudoers.d /etc/logrotate.d /var/log /var/log/syslog /var/log/auth.log /var/log/nginx/access.log /var/log/nginx/error.log "
            "/var/lib /var/lib/docker /var/lib/postgresql/15/main /var/www/html /var/backups /var/cache/apt/archives /var/spool/cron/crontabs "
            "/usr/local/bin /usr/local/bin/backup.sh /usr/bin/python3 /usr/lib/x86_64-linux-gnu /usr/share/doc /opt /srv /srv/app /tmp /root "
            "/home/user /run/user/1000 /proc/cpuinfo /proc/meminfo /dev/null /dev/sda1 ~/project ~/src ~/.ssh/authorized_keys",
    "vardir": "log lib cache backups spool tmp mail opt local www",
    "cmd": "ls cat grep less vim tail head find awk sed sort cut xargs git make python3 node npm docker ssh scp rsync curl wget tar "
           "systemctl journalctl apt apt-get dpkg sudo su ps top htop kill df du free mount umount ip ss ping chmod chown mkdir rm cp mv "
           "touch ln echo printf export history crontab tmux screen nano man which whereis id who w last uptime date hostname service gti sl grpe",
    "pkg": "htop curl wget vim git tmux nginx jq tree rsync unzip strace tcpdump python3-pip build-essential nodejs express lodash requests "
           "numpy flask redis-server postgresql-client net-tools dnsutils lsof ncdu",
    "word": "error main name value data config user users server request response count index status result file path id key token "
            "session event message handler options items total process buffer length timeout items orders customers products accounts",
    "url": "/ /index.html /api/v1/users /api/v1/items/42 /login /health /static/app.js /static/style.css /favicon.ico /images/logo.png /admin",
    "commit": "fix typo|add tests|update README|fix null pointer|handle empty input|refactor parser|initial commit|add config option|"
              "remove unused code|bump version|merge branch|improve error message|fix build|add missing check|clean up|support timeouts|"
              "document the options|returns an error for an empty name|parses numbers",
    "code": "return 0;|if (argc < 2) {|for (int i = 0; i < n; i++) {|}|{|#include <stdio.h>|int main(int argc, char **argv)|    return None|"
            "def main():|    print(f\"{name}\")|import os|import sys|    if not items:|for item in items:|    total += item|"
            "printf(\"%d\\n\", value);|static int count;|return -1;|const express = require('express');|app.listen(3000, () => {|});|"
            "console.log('listening');|if __name__ == '__main__':|    with open(path) as f:|    raise ValueError(name)|else:|try:|except KeyError:",
    "mon": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "wd": "Mon Tue Wed Thu Fri Sat Sun",
    "port": "22 80 443 3000 3306 5432 6379 8080 8443 9090 25 53 111 50022 41234",
    "uid": "1000 1001 0 33 1002",
    "year": "2024 2025 2026",
}
WORDS = {name: words.split("|" if "|" in words else None) for name, words in WORDS.items()}


class Draw:
    """Numbers that look drawn; the same everywhere (Knuth's MMIX generator)."""

    def __init__(self, seed):
        self.state = seed

    def number(self, low, high):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return low + (self.state >> 33) % (high - low + 1)

    def of(self, choices):
        return choices[self.number(0, len(choices) - 1)]


def filled(draw, name):
    """What stands for {name}."""
    if name in WORDS:
        return draw.of(WORDS[name])
    spread = re.fullmatch(r"(n|w(\d))(?::(\d+)-(\d+))", name)
    if spread:
        return str(draw.number(int(spread[3]), int(spread[4]))).rjust(int(spread[2] or 0))
    if name.startswith("hash"):
        return "".join(draw.of("0123456789abcdef") for _ in range(int(name[4:])))
    two = lambda low, high: f"{draw.number(low, high):02}"
    made = {
        "dd": lambda: two(1, 28), "hm": lambda: f"{two(0, 23)}:{two(0, 59)}", "hms": lambda: f"{two(0, 23)}:{two(0, 59)}:{two(0, 59)}",
        "md": lambda: f"{draw.of(WORDS['mon'])} {draw.number(1, 28):2}", "ymd": lambda: f"{draw.of(WORDS['year'])}-{two(1, 12)}-{two(1, 28)}",
        "pid": lambda: str(draw.number(100, 99999)),
        "ip": lambda: f"{draw.of(['10.0.0', '10.0.2', '192.168.1', '172.17.0', '192.0.2'])}.{draw.number(1, 254)}",
        "mac": lambda: ":".join(filled(draw, "hash2") for _ in range(6)), "uuid": lambda: "-".join(filled(draw, f"hash{n}") for n in (8, 4, 4, 4, 12)),
        "b64": lambda: "".join(draw.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") for _ in range(43)),
    }
    return made[name]()


HOLE = re.compile(r"\{(\w+(?::\d+-\d+)?)\}")
ESCAPES = {"e": "\033", "a": "\a", "b": "\b", "t": "\t", "r": "\r", "n": "\n", "c": ""}


def line_of(draw, text):
    """One line of a template, with its end."""
    text = HOLE.sub(lambda hole: filled(draw, hole[1]) if hole[1] in WORDS or hole[1][0] in "nwdhmypiuwb" else hole[0], text)
    open_end = text.endswith("\\c")
    return re.sub(r"\\([eabtrnc])", lambda m: ESCAPES[m[1]], text) + ("" if open_end else "\r\n")


def prompt(draw):
    user, host, folder = (filled(draw, name) for name in ("user", "host", "name"))
    place = draw.of(["~", "~", f"~/{folder}", draw.of(WORDS["path"])])
    return draw.of([
        f"\033[?2004h\033]0;{user}@{host}: {place}\a\033[01;32m{user}@{host}\033[00m:\033[01;34m{place}\033[00m$ ",
        f"\033[?2004h{user}@{host}:{place}$ ",
        f"\033[?2004h\033]0;root@{host}: {place}\aroot@{host}:{place}# ",
    ])


def from_template(draw, lines):
    text = ""
    for line in lines:
        times = re.match(r"<(\d+) ", line)
        if line.startswith("$ "):
            text += prompt(draw) + line_of(draw, line[2:]) + "\033[?2004l\r"
            continue
        for _ in range(int(times[1]) if times else 1):
            text += line_of(draw, line[times.end():] if times else line)
    return text + prompt(draw)


def templates():
    with open(os.path.join(HERE, "dictionary.txt"), encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f if not line.startswith("# ")]
    # The comment lines of files that are shown begin with "# " too: they are few, and not missed.
    piece = []
    for line in [*lines, ""]:
        if line:
            piece.append(line)
        elif piece:
            yield piece
            piece = []


# Full screens

SIZES = [(24, 80), (40, 120), (30, 100), (50, 160)]


def coloured(draw):
    """A line of source as an editor shows it."""
    word, other = filled(draw, "word"), filled(draw, "word")
    return draw.of([
        f"\033[35m#include \033[m\033[31m<{word}.h>\033[m", f"\033[32mint\033[m {word}(\033[32mvoid\033[m)", f"\033[34m# {other} of the {word}\033[m",
        f"\033[32mstatic\033[m \033[32mint\033[m {word} = \033[31m{draw.number(0, 99)}\033[m;", f"\033[33m    return\033[m \033[31m0\033[m;",
        f"\033[38;5;130m    return\033[m {word}", f"\033[38;5;130mdef\033[m \033[36m{word}\033[m({other}):", f"    {word} = {other}[\033[31m'{word}'\033[m]",
        f"\033[35mimport\033[m {word}", f"\033[38;5;130m    if\033[m {word} \033[38;5;130mis\033[m \033[38;5;130mnot\033[m \033[31mNone\033[m:",
        f"\033[38;5;130m    for\033[m {word} \033[38;5;130min\033[m {other}:", f"        \033[36mprint\033[m(\033[31mf\"{word}\033[m\033[35m{{{other}}}\033[m\033[31m\"\033[m)",
        f"    \033[34m\"\"\"{word} of {other}\"\"\"\033[m", f"{word}:\033[35m {other}\033[m",
    ])


def vim(draw):
    rows, columns = draw.of(SIZES)
    name, lines = filled(draw, "file"), draw.number(5, 300)
    yield (f"\033[?1049h\033[22;0;0t\033[>4;2m\033[?1h\033=\033[?2004h\033[?1004h\033[1;{rows}r\033[?12h\033[?12l\033[22;2t\033[22;1t"
           f"\033[27m\033[23m\033[29m\033[m\033[H\033[2J\033[?25l\033[{rows};1H\"{name}\" {lines}L, {lines * 31}B\033[2;1H"
           f"\033[6n\033[2;1H  \033[3;1H\033Pzz\033\\\033[0%m\033[6n\033[3;1H           \033[1;1H\033[>c\033]10;?\a\033]11;?\a\033[1;1H")
    text = "".join(f"\033[{row};1H" + draw.of(["", f"\033[38;5;130m{row:3} \033[m"]) + coloured(draw) for row in range(1, rows // 2))
    text += "".join(f"\033[94m~{' ' * (columns - 1)}\033[{row};1H" for row in range(rows // 2, rows - 2))
    yield text + f"\033[m\033[{rows};{columns - 17}H1,1\033[11CAll\033[1;1H\033[34h\033[?25h"
    for _ in range(12):
        row, column, percent = draw.number(1, rows - 2), draw.number(1, 60), draw.of(["All", "Top", "Bot", f"{draw.number(1, 99)}%"])
        at, showcmd = f"\033[{row};{column}H", f"\033[{rows};{columns - 10}H"
        yield draw.of([
            f"\033[?25l{showcmd}j{at}{showcmd} \033[{row + 1};{column}H\033[{rows};{columns - 17}H{row},{column}\033[{draw.number(8, 10)}C{percent}{at}\033[?25h",
            f"\033[?25l{showcmd}:{at}{showcmd}\033[K\033[{rows};1H:\033[34h\033[?25hwq\r\033[?25l\"{name}\" {lines}L, {lines * 31}B written\r\033[?1004l\033[?2004l"
            f"\033[?1l\033>\033[?25h\033[>4;m\033[23;0;0t\033[?1049l",
            f"\033[?25l\033[{rows};1H\033[1m-- INSERT --\033[m\033[{rows};13H\033[K\033[{rows};{columns - 17}H{row},{column}\033[10C{percent}{at}\033[?25h",
            f"\033[?25l\033[{rows};1H\033[K{at}{showcmd}^[\033[{row};{column}H{showcmd}  {at}\033[?25h",
            f"\033[?25l\033[{rows};{columns - 17}H{column + 1}\033[{row};{column + 1}H\033[?25h",
            f"\033[?25l{showcmd}~@k{at}\033[{rows};{columns - 17}H{row},{column - 1} {at}\033[?25h",
            f"\033[1;{rows - 1}r\033[{rows - 1};1H\n\033[1;{rows}r\033[{rows - 1};1H{coloured(draw)}\033[{rows};1H\033[K\033[{rows};{columns - 17}H{row},1\033[11C{percent}{at}",
            f"\033[?25l{at}\033[K{coloured(draw)}\033[{row + 1};1H\033[K{coloured(draw)}{at}\033[?25h",
            f"\033[?25l\033[{rows};1H/{filled(draw, 'word')}\r\033[?25l\033[{row};{column}H\033[30m\033[43m{filled(draw, 'word')}\033[m{at}\033[?25h",
            f"\033[{rows};1H\033[K\033[{rows};1H1 line less; before #{draw.number(1, 9)}  1 second ago", f"\033[{rows};1H3 fewer lines\033[{rows};{columns - 17}H\033[K",
            f"\033[{rows};1H\033[37m\033[41mE37: No write since last change (add ! to override)\033[m",
            f"\033[{rows};1Hsearch hit BOTTOM, continuing at TOP", f"\033[{row};{column}H\033[46m(\033[m\033[{row};{column + 9}H\033[46m)\033[m{at}",
        ])


def pager(draw):
    rows, _ = draw.of(SIZES)
    page = "".join(line_of(draw, draw.of(["{md} {hms} {host} {svc}[{pid}]: {message}", "{ymd} {hms} INFO [{name}] {message}", "{code}"]))
                   for _ in range(12))
    yield "\033[?1049h\033[22;0;0t\033[?1h\033=\r" + page + f"\033[7m{filled(draw, 'path')}\033[27m\033[K"
    yield "\r\033[K" + page + ":\033[K"
    yield "\r\033[K" + page + "\033[7m(END)\033[27m\033[K"
    yield "\r\033[K" + "\033[H\033M" * 3 + f"{page[:60]}\r\n\033[{rows};1H\r\033[K:\033[K\r\033[K/\033[K{filled(draw, 'word')}\r\r\033[K...skipping...\r\n"
    yield page.replace("[", "\033[7m[\033[27m", 4) + "\r\033[KPattern not found  (press RETURN)\033[K"
    yield "\r\033[K\033[?1l\033>\033[?1049l\033[23;0;0t" + prompt(draw)
    yield f"\r\033[K\033[7m Manual page {filled(draw, 'cmd')}(1) line {draw.number(1, 99)} (press h for help or q to quit)\033[27m\033[K"
    yield "".join(f"\033[1m{word}\033[0m\r\n" for word in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "FILES", "EXAMPLES", "SEE ALSO")) + \
        "".join(f"       \033[1m-{draw.of('abcdefghiklmnoprstuvwx')}\033[0m, \033[1m--{filled(draw, 'word')}\033[0m=\033[4m{filled(draw, 'word').upper()}\033[0m\r\n"
                for _ in range(6))


def nano(draw):
    rows, columns = draw.of(SIZES)
    keys = [("^G", "Help"), ("^O", "Write Out"), ("^W", "Where Is"), ("^K", "Cut"), ("^T", "Execute"), ("^C", "Location"), ("M-U", "Undo"),
            ("^X", "Exit"), ("^R", "Read File"), ("^\\", "Replace"), ("^U", "Paste"), ("^J", "Justify"), ("^/", "Go To Line"), ("M-E", "Redo")]
    title = f"GNU nano 7.2{filled(draw, 'path'):^{columns - 26}}"
    yield (f"\033[?2004h\033[?1049h\033[22;0;0t\033[1;{rows}r\033(B\033[m\033[4l\033[?7h\033[39;49m\033[?1h\033=\033[?25l\033[39;49m\033(B\033[m\033[H\033[2J"
           f"\033(B\033[0;7m  {title}\033[1;{columns - 8}H\033(B\033[m\r\033[{rows - 2}d\033(B\033[0;7m[ Read {draw.number(1, 99)} lines ]\033(B\033[m")
    yield f"\r\033[{rows - 1}d" + "".join(f"\033(B\033[0;7m{key}\033(B\033[m {what:<12}" for key, what in keys) + "\r\033[2d\033[39;49m\033(B\033[m\033[?12l\033[?25h"
    for _ in range(5):
        row = draw.number(2, rows - 4)
        yield draw.of([f"\033[?25l\033[1;{columns - 10}H\033(B\033[0;7mModified\033(B\033[m\033[{row};{row}H\033[?12l\033[?25h", f"\r\033[{row}d\033[39;49m\033(B\033[m\033[?12l\033[?25h",
                       f"\033[{rows - 2};1H\033(B\033[0;7mSave modified buffer? \033[{rows - 1};1H Y\033(B\033[m Yes\r\n\033(B\033[0;7m N\033(B\033[m No",
                       f"\033[?25l\033[{row}d{filled(draw, 'word')}\033[K\033[?12l\033[?25h", f"\033[{rows};1H\033[?1049l\033[23;0;0t\033[?1l\033>\033[?2004l"])


def tmux(draw):
    rows, columns = draw.of(SIZES)
    host, clock = filled(draw, "host"), filled(draw, "hm")
    status = f"\033[30m\033[42m[0] 0:bash* 1:{filled(draw, 'cmd')}-{' ' * (columns - 60)}\"{host}\" {clock} {filled(draw, 'dd')}-{filled(draw, 'mon')}-26\033(B\033[m"
    yield (f"\033[?1049h\033[22;0;0t\033(B\033[m\033[?1l\033>\033[H\033[2J\033[?12l\033[?25h\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1005l\033[?7727h"
           f"\033[?1004h\033[1;1H\033[1;{rows - 1}r\033[{rows};1H{status}\033[1;1H\033[?12l\033[?25h")
    for _ in range(8):
        row, column = draw.number(1, rows - 1), draw.number(1, columns // 2)
        yield draw.of([
            f"\033[?25l\033[{row};{column}H\033[K{filled(draw, 'cmd')}\033[?12l\033[?25h", f"\033[?25l\033[{rows};1H{status}\033[{row};{column}H\033[?12l\033[?25h",
            "".join(f"\033[{at};{columns // 2}H│" for at in range(1, 12)), "\033[32m" + "─" * (columns // 2) + "\033[39m", f"\033[1;{row}r\033[{row};1H\r\n\033[1;{rows - 1}r",
            f"\033[{row};{column}H\033[1m\033[32m{filled(draw, 'user')}@{host}\033[39m\033(B\033[m:\033[1m\033[34m~\033[39m\033(B\033[m$ ",
            f"\033[{row};{column}H\033[30m\033[43m(rename-window) {filled(draw, 'name')}\033(B\033[m\033[K", f"\033[{rows};1H\033[2J\033[?1004l\033[?7727l\033[?1049l\033[23;0;0t[exited]\r\n",
            f"\033[{row};{column}H\033[30m\033[43m[{row}/{column}]\033(B\033[m\033[{row};{column}H",
        ])


def htop(draw):
    rows, _ = draw.of(SIZES)
    bars = "".join(f"\033[{n};3H\033[36m{n - 1} \033[39m\033[1m[\033(B\033[m\033[32m||\033[31m|\033[90m          {draw.number(1, 9)}.{draw.number(0, 9)}%\033[39m\033[1m]\033(B\033[m"
                   for n in (2, 3))
    yield "\033[?1049h\033[22;0;0t\033[1;40r\033(B\033[m\033[4l\033[?7h\033[?1h\033=\033[?25l\033[39;49m\033[?1000h\033[H\033[2J" + bars
    yield (f"\033[30m\033[42m    PID USER       PRI  NI  VIRT   RES   SHR S  CPU%-MEM%   TIME+  Command\033[K\r\n"
           f"\033[30m\033[46m{draw.number(1, 99999):7} root        20   0  {draw.number(1, 99)}M {draw.number(1, 9999):5} {draw.number(1, 9999):5} S  0.0  0.{draw.number(1, 9)}  0:00.{draw.number(10, 99)} /sbin/init")
    yield (f"\033[{rows};1HF1\033[30m\033[46mHelp  \033[39;49m\033(B\033[mF2\033[30m\033[46mSetup \033[39;49m\033(B\033[mF3\033[30m\033[46mSearch\033[39;49m\033(B\033[m"
           "F9\033[30m\033[46mKill  \033[39;49m\033(B\033[mF10\033[30m\033[46mQuit  \033[K")


def shown():
    """Pieces of output, one a sample."""
    draw = Draw(1)
    for _ in range(VARIANTS):
        for piece in templates():
            yield from_template(draw, piece)
        for screen in (vim, vim, pager, nano, tmux, htop):
            yield from screen(draw)


# Control data

def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def control(dt, kind, code):
    return varint(dt << 5 | (16 if code == 1 else 0) | kind) + (b"" if code == 1 else varint(code))


def near(draw, middle):
    """About middle, now and then twice or half of it: the sum of four dice."""
    return sum(draw.number(middle // 10, middle // 2 - middle // 10) for _ in range(4)) * draw.of([2, 3, 4, 4, 4, 5, 6, 8]) // 4


def rhythm(draw, typed):
    """CTL of five seconds of typing; typed: with the keys themselves."""
    data, t, middle = b"", 0, draw.of([90, 120, 150, 180, 220])
    while t < 5000 and len(data) < 400:
        enter = draw.number(1, 100) > 88
        dt = near(draw, 400 if enter else middle) if t else 0
        echo = draw.of([0, 0, 0, 1, 1, 2, 3])
        t += dt + 1
        if typed:
            data += control(dt, 1, 1)
        shown_bytes = draw.of([2, 2, 10, 11]) if enter else 1 if draw.number(1, 10) < 10 else draw.of([2, 3, 4, 5, 8, 9, 10, 11])
        data += control(echo if typed else dt + echo, 0, shown_bytes)
        for _ in range(draw.of([0, 1, 1, 2, 3]) if enter else 0):
            data += control(draw.of([0, 1, 2, 3, 4, 6, 9, 14, 25, 60]), 0, draw.of([draw.number(10, 300), draw.number(40, 2000), 4095]))
    return data


def controls():
    draw = Draw(3)
    for i in range(3000):
        yield rhythm(draw, i % 3 != 0)


def made():
    return {"out": zstandard.train_dictionary(OUT_SIZE, [text.encode() for text in shown()], k=200, d=8).as_bytes(),
            "ctl": zstandard.train_dictionary(CTL_SIZE, list(controls()), k=32, d=6).as_bytes()}


def main():
    if len(sys.argv) > 1:
        for name, data in made().items():
            with open(os.path.join(sys.argv[1], f"dictionary-1-{name}.zdict"), "wb") as f:
                f.write(data)
        return 0
    if zstandard.ZSTD_VERSION != ZSTD:
        print(f"skipped: needs zstd {'.'.join(map(str, ZSTD))}: another one may pick other pieces")
        return 77
    wrong = 0
    for name, data in made().items():
        with open(os.path.join(HERE, f"dictionary-1-{name}.zdict"), "rb") as f:
            if f.read() != data:
                print(f"FAILED: dictionary-1-{name}.zdict is not what dictionary.py makes")
                wrong = 1
    return wrong


sys.exit(main())
