#!/usr/bin/env python3
"""Made the dictionaries of dictionary.h: runs everyday commands on a small
made-up project in ptys of three sizes, adds texts that need a server to be
seen, and lets zstd pick what repeats.  Control data is drawn from the
rhythm of typing.

    unshare -mpfu --mount-proc format/dictionary.py FOLDER

in a mount and name space of its own, as root: it mounts an empty /home.
Another run gives other bytes: those stored are dictionary 1 for good.
"""
import fcntl
import math
import os
import pty
import random
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HOME = "/home/alice"
PROMPTS = [
    (120, 40, r"\[\e]0;\u@\h: \w\a\]\[\033[01;32m\]\u@web1\[\033[00m\]:\[\033[01;34m\]\w\[\033[00m\]\$ "),
    (80, 24, r"\u@app-03:\w\$ "),
    (100, 30, r"[root@db2 \W]# "),
]
KEYS = [
    "ls\r", "ls -l\r", "ls -la\r", "ll /etc | head -30\r", "cd project\r", "pwd\r", "git status\r",
    "git log --oneline | cat\r", "git log | cat\r", "git diff | cat\r", "git diff\r", "q",
    "git show --stat HEAD | cat\r", "git branch -a\r", "git log --graph --oneline --all\r", "q", "make\r",
    "make clean\r", "cat Makefile\r", "cat config.yaml\r", "grep -rn main .\r",
    "grep -n error ~/logs/app.log\r", "tail -20 ~/logs/app.log\r", "head ~/logs/app.log\r",
    "cat ~/logs/syslog\r", "cd\r", "free -h\r", "free -m\r", "id\r", "du -sh *\r",
    "du -h /usr/share/perl* | tail\r", "systemctl status nginx\r", "systemctl list-units\r",
    "cat /etc/os-release\r", "history | tail\r", "find /etc -name '*.conf' | head -30\r",
    "find /etc -type f 2>/dev/null | sort | head -50\r", "dpkg -l | head -30\r", "dpkg -l | grep ssl\r",
    "apt list --installed 2>/dev/null | head -20\r", "apt-cache policy bash\r",
    "apt-cache show curl | head -30\r", "date\r", "ls /usr/bin | head -60\r", "ls -lh /var/log\r",
    "ls -la /etc/systemd/system\r", "stat /etc/passwd\r", "file /bin/ls\r", "which python3\r",
    "python3 --version\r", "python3 scripts/sizes.py\r", "python3 -c 'import nothere'\r", "nosuchcommand\r",
    "cat /nonexistent\r", "rm nosuchfile\r", "mkdir test && cd test\r", "touch a b c; ls -l\r",
    "cd ..; rm -r test\r", "cp scripts/sizes.py /home/.train/\r", "chmod 644 scripts/sizes.py\r",
    "wc -l logs/*\r", "sort logs/app.log | uniq -c | sort -rn | head\r",
    "awk '{print $1, $5}' logs/app.log | head\r", "sed -n 1,20p logs/app.log\r",
    "tar czvf /home/.train/p.tgz project\r", "tar tzf /home/.train/p.tgz | head -40\r",
    "less logs/app.log\r", " ", " ", "/worker\r", "n", "q", "man ls\r", " ", " ", "q", "man -k passwd\r",
    "man tar\r", " ", "q", "vim scripts/sizes.py\r", "jjjjjj", "/def\r", "oprint('x')\u001b",
    ":set number\r", "dd", "u", "G", "gg", ":q!\r", "vi project/config.yaml\r", "jj", "A # changed\u001b",
    ":wq\r", "nano project/config.yaml\r", "\u0018", "q", "crontab -l\r", "ping -c 2 127.0.0.1\r",
    "curl -sI http://127.0.0.1:1/\r", "ssh -V\r", "openssl version\r", "lsof -v 2>&1 | head\r",
    "echo $PATH\r", "export EDITOR=vim\r",
]
TEXTS = [
    (
        '\r\n'
        '[sudo] password for alice: \r\n'
    ),
    (
        'Reading package lists... 0%\r\rReading package lists... Done\r\n'
        'Building dependency tree... 0%\r\rBuilding dependency tree... Done\r\n'
        'Reading state information... 0% \r\rReading state information... Done\r\n'
        'The following NEW packages will be installed:\r\n'
        '  htop\r\n'
        '0 upgraded, 1 newly installed, 0 to remove and 12 not upgraded.\r\n'
        'Need to get 152 kB of archives.\r\n'
        'After this operation, 387 kB of additional disk space will be used.\r\n'
        'Get:1 http://mirror.example/debian bookworm/main amd64 htop amd64 3.2.2-2 [152 kB]\r\n'
        'Fetched 152 kB in 0s (1,204 kB/s)\r\n'
        'Selecting previously unselected package htop.\r\n'
        '(Reading database ... \r(Reading database ... 5%\r(Reading database ... 10%\r(Reading database ... 50%\r(Reading database ... 100%\r(Reading database ... 41234 files and directories currently installed.)\r\n'
        'Preparing to unpack .../htop_3.2.2-2_amd64.deb ...\r\n'
        'Unpacking htop (3.2.2-2) ...\r\n'
        'Setting up htop (3.2.2-2) ...\r\n'
        'Processing triggers for man-db (2.11.2-2) ...\r\n'
    ),
    (
        'Hit:1 http://mirror.example/debian bookworm InRelease\r\n'
        'Hit:2 http://mirror.example/debian bookworm-updates InRelease\r\n'
        'Hit:3 http://security.debian.org/debian-security bookworm-security InRelease\r\n'
        'Reading package lists... Done\r\n'
        'All packages are up to date.\r\n'
    ),
    (
        'Linux web1 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64\r\n'
        '\r\n'
        'The programs included with the Debian GNU/Linux system are free software;\r\n'
        'the exact distribution terms for each program are described in the\r\n'
        'individual files in /usr/share/doc/*/copyright.\r\n'
        '\r\n'
        'Debian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent\r\n'
        'permitted by applicable law.\r\n'
        'Last login: Tue May 12 03:10:12 2026 from 192.0.2.14\r\n'
    ),
    (
        'Welcome to Ubuntu 24.04.1 LTS (GNU/Linux 6.8.0-41-generic x86_64)\r\n'
        '\r\n'
        ' * Documentation:  https://help.ubuntu.com\r\n'
        ' * Management:     https://landscape.canonical.com\r\n'
        ' * Support:        https://ubuntu.com/pro\r\n'
        '\r\n'
        ' System information as of Tue May 12 03:10:12 UTC 2026\r\n'
        '\r\n'
        '  System load:  0.08               Processes:             112\r\n'
        '  Usage of /:   23.4% of 24.05GB   Users logged in:       0\r\n'
        '  Memory usage: 21%                IPv4 address for eth0: 192.0.2.1\r\n'
        '  Swap usage:   0%\r\n'
        '\r\n'
    ),
    (
        'CONTAINER ID   IMAGE          COMMAND                  CREATED        STATUS        PORTS                    NAMES\r\n'
        '3f2a9c1d7b6e   nginx:latest   "/docker-entrypoint.\u2026"   2 hours ago    Up 2 hours    0.0.0.0:8080->80/tcp     web\r\n'
    ),
    (
        'NAME                     READY   STATUS    RESTARTS   AGE\r\n'
        'api-7d9c6b5f4d-x2x9k     1/1     Running   0          3d4h\r\n'
    ),
    (
        'Filesystem      Size  Used Avail Use% Mounted on\r\n'
        'udev            1.9G     0  1.9G   0% /dev\r\n'
        'tmpfs           392M  640K  391M   1% /run\r\n'
        '/dev/vda1        40G   11G   27G  29% /\r\n'
        'tmpfs           2.0G     0  2.0G   0% /dev/shm\r\n'
        'tmpfs           5.0M     0  5.0M   0% /run/lock\r\n'
        '/dev/vda15      124M   12M  113M  10% /boot/efi\r\n'
        'tmpfs           392M     0  392M   0% /run/user/1000\r\n'
    ),
    (
        ' 03:25:41 up 41 days,  2:07,  2 users,  load average: 0.08, 0.03, 0.01\r\n'
        'USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\r\n'
        'alice    pts/0    192.0.2.14       03:10    0.00s  0.06s  0.00s w\r\n'
        'bob      pts/1    192.0.2.15       Mon14   11:20m  0.12s  0.12s -bash\r\n'
    ),
    (
        'root:x:0:0:root:/root:/bin/bash\r\n'
        'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\r\n'
        'bin:x:2:2:bin:/bin:/usr/sbin/nologin\r\n'
        'sys:x:3:3:sys:/dev:/usr/sbin/nologin\r\n'
        'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\r\n'
        'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\r\n'
        '_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\r\n'
        'systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin\r\n'
        'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\r\n'
        'alice:x:1000:1000:Alice Example,,,:/home/alice:/bin/bash\r\n'
    ),
    (
        '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\r\n'
        '    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\r\n'
        '    inet 127.0.0.1/8 scope host lo\r\n'
        '       valid_lft forever preferred_lft forever\r\n'
        '    inet6 ::1/128 scope host noprefixroute \r\n'
        '       valid_lft forever preferred_lft forever\r\n'
        '2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\r\n'
        '    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\r\n'
        '    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0\r\n'
        '       valid_lft forever preferred_lft forever\r\n'
    ),
    (
        'State    Recv-Q   Send-Q     Local Address:Port      Peer Address:Port  Process                                     \r\n'
        'LISTEN   0        511              0.0.0.0:80             0.0.0.0:*      users:(("nginx",pid=9123,fd=6),("nginx",pid=9122,fd=6))\r\n'
        'LISTEN   0        128              0.0.0.0:22             0.0.0.0:*      users:(("sshd",pid=612,fd=3))             \r\n'
        'LISTEN   0        244            127.0.0.1:5432           0.0.0.0:*      users:(("postgres",pid=733,fd=5))         \r\n'
        'LISTEN   0        128                 [::]:22                [::]:*      users:(("sshd",pid=612,fd=4))             \r\n'
    ),
    (
        'USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\r\n'
        'root           1  0.0  0.3 167488 12544 ?        Ss   Apr01   0:42 /lib/systemd/systemd --system --deserialize=31\r\n'
        'root           2  0.0  0.0      0     0 ?        S    Apr01   0:00 [kthreadd]\r\n'
        'root           3  0.0  0.0      0     0 ?        I<   Apr01   0:00 [rcu_gp]\r\n'
        'root          11  0.0  0.0      0     0 ?        I<   Apr01   0:00 [mm_percpu_wq]\r\n'
        'root         241  0.0  0.5  64112 21532 ?        Ss   Apr01   1:12 /lib/systemd/systemd-journald\r\n'
        'message+     601  0.0  0.1   9200  4992 ?        Ss   Apr01   0:30 /usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\r\n'
        'root         612  0.0  0.2  15436  9344 ?        Ss   Apr01   0:11 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\r\n'
        'postgres     733  0.0  0.7 216788 29824 ?        Ss   Apr01   2:31 /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main\r\n'
        'www-data    9123  0.0  0.1  10328  5120 ?        S    03:11   0:00 nginx: worker process\r\n'
        'alice       9801  0.0  0.1   8196  5248 pts/0    Ss   03:10   0:00 -bash\r\n'
        'alice       9944  0.0  0.1  11084  4480 pts/0    R+   03:25   0:00 ps aux\r\n'
    ),
    (
        '\x1b[H\x1b[J\x1b[mtop - 03:26:01 up 41 days,  2:08,  2 users,  load average: 0.05, 0.03, 0.00\x1b[m\x0f\x1b[39;49m\x1b[m\x0f\x1b[39;49m\x1b[K\r\n'
        'Tasks:\x1b[m\x0f\x1b[39;49m\x1b[1m 112 \x1b[m\x0f\x1b[39;49mtotal,\x1b[m\x0f\x1b[39;49m\x1b[1m   1 \x1b[m\x0f\x1b[39;49mrunning,\x1b[m\x0f\x1b[39;49m\x1b[1m 111 \x1b[m\x0f\x1b[39;49msleeping,\x1b[m\x0f\x1b[39;49m\x1b[1m   0 \x1b[m\x0f\x1b[39;49mstopped,\x1b[m\x0f\x1b[39;49m\x1b[1m   0 \x1b[m\x0f\x1b[39;49mzombie\x1b[m\x0f\x1b[39;49m\x1b[m\x0f\x1b[39;49m\x1b[K\r\n'
        '%Cpu(s):\x1b[m\x0f\x1b[39;49m\x1b[1m  0.3 \x1b[m\x0f\x1b[39;49mus,\x1b[m\x0f\x1b[39;49m\x1b[1m  0.2 \x1b[m\x0f\x1b[39;49msy,\x1b[m\x0f\x1b[39;49m\x1b[1m  0.0 \x1b[m\x0f\x1b[39;49mni,\x1b[m\x0f\x1b[39;49m\x1b[1m 99.5 \x1b[m\x0f\x1b[39;49mid,\r\n'
        '\x1b[7m    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND                               \x1b[m\x0f\x1b[39;49m\x1b[K\r\n'
    ),
    (
        'app=> \\dt\r\n'
        '           List of relations\r\n'
        ' Schema |   Name    | Type  | Owner \r\n'
        '--------+-----------+-------+-------\r\n'
        ' public | accounts  | table | app\r\n'
        ' public | orders    | table | app\r\n'
        '(2 rows)\r\n'
        '\r\n'
        'app=> select id, name, created_at from accounts order by id limit 3;\r\n'
        ' id |   name   |         created_at         \r\n'
        '----+----------+----------------------------\r\n'
        '  1 | alice    | 2026-05-12 03:10:11.412+00\r\n'
        '(3 rows)\r\n'
        '\r\n'
    ),
    (
        'May 12 03:26:01 web1 kernel: [3549234.112233] eth0: renamed from veth1a2b3c\r\n'
        '[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)\r\n'
    ),
    (
        '[0;1;32m\u25cf[0m nginx.service - A high performance web server and a reverse proxy server\r\n'
        '     Loaded: loaded (]8;;file://web1/lib/systemd/system/nginx.service/lib/systemd/system/nginx.service]8;;; [0;1;32menabled[0m; preset: [0;1;32menabled[0m)\r\n'
        '     Active: [0;1;32mactive (running)[0m since Tue 2026-05-12 03:11:45 UTC; 2h 14min ago\r\n'
        '       Docs: man:nginx(8)\r\n'
        '    Process: 9120 ExecStartPre=/usr/sbin/nginx -t -q -g daemon on; master_process on; (code=exited, status=0/SUCCESS)\r\n'
        '   Main PID: 9122 (nginx)\r\n'
        '      Tasks: 5 (limit: 4677)\r\n'
        '     Memory: 9.8M\r\n'
        '        CPU: 214ms\r\n'
        '     CGroup: /system.slice/nginx.service\r\n'
        '             \u251c\u2500[0;38;5;245m9122 "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"[0m\r\n'
        '             \u2514\u2500[0;38;5;245m9123 "nginx: worker process"[0m\r\n'
        '\r\n'
        'May 12 03:11:45 web1 systemd[1]: Starting nginx.service - A high performance web server and a reverse proxy server...\r\n'
        'May 12 03:11:45 web1 systemd[1]: Started nginx.service - A high performance web server and a reverse proxy server.'
    ),
    (
        '  UNIT                        LOAD   ACTIVE SUB     DESCRIPTION\r\n'
        '  cron.service                loaded active running Regular background program processing daemon\r\n'
        '  dbus.service                loaded active running D-Bus System Message Bus\r\n'
        '  getty@tty1.service          loaded active running Getty on tty1\r\n'
        '  networking.service          loaded active exited  Raise network interfaces\r\n'
        '  postgresql@15-main.service  loaded active running PostgreSQL Cluster 15-main\r\n'
        '  rsyslog.service             loaded active running System Logging Service\r\n'
        '  ssh.service                 loaded active running OpenBSD Secure Shell server\r\n'
        '  systemd-journald.service    loaded active running Journal Service\r\n'
        '  systemd-logind.service      loaded active running User Login Management\r\n'
        '  systemd-timesyncd.service   loaded active running Network Time Synchronization\r\n'
        '  systemd-udevd.service       loaded active running Rule-based Manager for Device Events and Files\r\n'
        '\r\n'
        'LOAD   = Reflects whether the unit definition was properly loaded.\r\n'
        'ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\r\n'
        'SUB    = The low-level unit activation state, values depend on unit type.'
    ),
]
PROGRAM = """#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s file\\n", argv[0]);
		return 1;
	}
	return 0;
}
"""


def project():
    for folder in ("project/src", "project/doc", "project/tests", "scripts", "logs"):
        os.makedirs(f"{HOME}/{folder}")
    for i in range(1, 7):
        for folder in ("src", "tests", "doc"):
            with open(f"{HOME}/project/{folder}/file{i}.c", "w") as f:
                f.write(f"/* file {i} of {folder} */\n{PROGRAM}")
    with open(f"{HOME}/project/Makefile", "w") as f:
        f.write("CC = gcc\nCFLAGS = -O2 -Wall\nall: app\napp: src/file1.o\n\t$(CC) $(CFLAGS) -o $@ $^\nclean:\n\trm -f app src/*.o\n")
    with open(f"{HOME}/project/config.yaml", "w") as f:
        f.write("server:\n  listen: 0.0.0.0:8080\n  workers: 4\ndatabase:\n  host: db.example.org\n  port: 5432\n")
    with open(f"{HOME}/scripts/sizes.py", "w") as f:
        f.write("import os\nimport sys\n\ndef main(argv=None):\n    for name in sorted(os.listdir('.')):\n"
                "        print(f'{name}: {os.path.getsize(name)}')\n    return 0\n\nsys.exit(main(sys.argv))\n")
    with open(f"{HOME}/logs/app.log", "w") as f:
        for i in range(300):
            f.write(f"2026-05-{i % 28 + 1:02} 1{i % 10}:{i % 60:02}:{i * 7 % 60:02} INFO  [worker-{i % 4}] "
                    f"GET /api/v1/items/{i * 37} 200 {i * 13 % 400}ms\n")
    git = ["git", "-C", f"{HOME}/project", "-c", "user.name=Alice Example", "-c", "user.email=alice@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for i in range(1, 6):
        with open(f"{HOME}/project/src/file{i}.c", "a") as f:
            f.write(f"/* change {i} */\n")
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", f"file{i}: handle a missing argument"], check=True)


def read_for(fd, seconds):
    data, end = b"", time.monotonic() + seconds
    while len(data) < 40000:
        ready = select.select([fd], [], [], max(0, min(0.12, end - time.monotonic())))[0]
        if not ready and (data or time.monotonic() >= end):
            break
        if ready:
            data += os.read(fd, 65536)
    return data


def session(columns, rows, prompt):
    """What a terminal shows while KEYS are typed, one piece a command."""
    with open(f"{HOME}/.rc", "w") as f:
        f.write(f"PS1='{prompt}'\nalias ls='ls --color=auto' grep='grep --color=auto' ll='ls -l'\n")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(HOME)
        os.execvpe("bash", ["bash", "--rcfile", f"{HOME}/.rc", "-i"],
                   {"TERM": "xterm-256color", "HOME": HOME, "USER": "alice", "LANG": "C.UTF-8", "LESS": "-R",
                    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HISTFILE": "/dev/null"})
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    pieces = [read_for(fd, 1)]
    for keys in KEYS:
        piece = b""
        for key in keys:
            os.write(fd, key.encode())
            piece += read_for(fd, 0.6 if key == "\r" else 0.002)
        pieces.append(piece + read_for(fd, 0.3))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)
    return [piece for piece in pieces if len(piece) > 8]


def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def control(dt, kind, code):
    return varint(dt << 5 | (16 if code == 1 else 0) | kind) + (b"" if code == 1 else varint(code))


def rhythm(r, typed):
    """CTL of five seconds of typing; typed: with the keys themselves."""
    data, t, median = b"", 0, r.choice([90, 120, 150, 180, 220])
    while t < 5000 and len(data) < 400:
        enter = r.random() > 0.88
        dt = int(r.lognormvariate(math.log(400 if enter else median), 0.8 if enter else 0.5)) if t else 0
        echo = r.choice([0, 0, 0, 1, 1, 2, 3])
        t += dt + 1
        if typed:
            data += control(dt, 1, 1)
        shown = r.choice([2, 2, 10, 11]) if enter else 1 if r.random() < 0.9 else r.choice([2, 3, 4, 5, 8, 9, 10, 11])
        data += control(echo if typed else dt + echo, 0, shown)
        for _ in range(r.choice([0, 1, 1, 2, 3]) if enter else 0):
            data += control(int(r.lognormvariate(math.log(4), 1.2)), 0, r.choice([r.randrange(10, 300), r.randrange(40, 2000), 4095]))
    return data


def train(folder, name, samples, size, options):
    os.makedirs(f"{folder}/{name}")
    files = []
    for i, sample in enumerate(samples):
        files.append(f"{folder}/{name}/{i:04}")
        with open(files[-1], "wb") as f:
            f.write(sample)
    subprocess.run(["zstd", "-q", *options, *files, f"--maxdict={size}", "-o", f"{folder}/dictionary-1-{name}.zdict"], check=True)


def main():
    folder = sys.argv[1]
    subprocess.run(["mount", "-t", "tmpfs", "none", "/home"], check=True)
    project()
    shown = [piece for way in PROMPTS for piece in session(*way)]
    train(folder, "out", shown + [text.encode() for text in TEXTS] * 2, 32768, ["--train-cover=k=200,d=8"])
    r = random.Random(3)
    train(folder, "ctl", [rhythm(r, i % 3 != 0) for i in range(3000)], 1024, ["--train"])


main()
