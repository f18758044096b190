"""What is typed and run in both logins.  A step is (keys, pattern): the
pattern must be shown before the next step; keys may be a (rows, columns) to
resize to, or a function of the terminal."""
import os
import random
import re
import time

from compare import PROMPT
from lab import LAB, SSH, run, size

P = PROMPT


class Case:
    def __init__(self, name, steps=(), **more):
        self.name, self.steps = name, steps
        self.argv = SSH + ["-tt", "-l", "alice", "lab"]
        self.prompt, self.leave, self.seconds = P, "exit 3\r", 15
        self.environment = {"TERM": "xterm-256color"}
        self.live = self.slow = self.pipe = False
        self.screens = False  # the emulator's picture is the same before each step, too
        self.normal, self.needs, self.before, self.after = (), None, None, None
        self.input = self.shell = None
        self.options = []
        self.__dict__.update(more)


def make_home(home):
    noise = random.Random(5)
    with open(f"{home}/.bashrc", "a") as f:
        f.write("unset PROMPT_COMMAND; shopt -u checkwinsize; export LESSHISTFILE=- GIT_PAGER=less LESS=\n")
    with open(f"{home}/text", "w") as f:
        f.write("".join(f"line {i} of a text, a somewhat longer line it is\n" for i in range(1, 201)))
    with open(f"{home}/wide", "w") as f:
        f.write("häßlich 漢字かな交じり 👩‍👩‍👧 e\u0301 \u202eabc\u202c ﷽\n" * 20)
    with open(f"{home}/noise", "wb") as f:
        f.write(noise.randbytes(40000))
    with open(f"{home}/ask.exp", "w") as f:
        f.write('spawn bash -c {read -p "name? " x; echo hello $x}\nexpect "name?"\nsend "me\\r"\nexpect eof\nexit 6\n')
    with open(f"{home}/query.sql", "w") as f:
        f.write("select 1+1;\n")
    for name in (".zshrc", ".screenrc", ".tmux.conf", ".nanorc", ".vimrc"):
        with open(f"{home}/{name}", "w") as f:
            f.write({".zshrc": "PS1='zsh$ '\nunsetopt zle_bracketed_paste\n", ".screenrc": "startup_message off\n",
                     ".tmux.conf": "set -g status off\n", ".nanorc": "", ".vimrc": "set nocp noswapfile\n"}[name])
    os.makedirs(f"{home}/.config/htop")
    with open(f"{home}/.config/htop/htoprc", "w") as f:
        f.write(HTOPRC)
    run(["bash", "-c", f"cd {home} && git init -q repo && cd repo && git config user.email a@b && git config user.name a "
         "&& for i in $(seq 60); do echo $i > f; git add f; GIT_COMMITTER_DATE='2020-01-01 00:00 +0000' "
         "git commit -q --date '2020-01-01 00:00 +0000' -m \"change $i\"; done; git gc -q"])
    run(["chown", "-R", "alice:", home])


def full(name, command, quit_keys, shown=None, **more):
    """A full-screen program: start, some keys, quit; then modes and status."""
    keys = more.pop("keys", [])
    gone = more.pop("quit_wait", P)
    steps = [(command + "\r", shown)] + [(k, None) for k in keys] + [(quit_keys, gone), ("echo $?; stty -g\r", P)]
    return Case(name, steps, **more)


# htop with one process and none of the machine's meters.
HTOPRC = """htop_version=3.2.2
config_reader_min_version=3
fields=0 48 17 18 2 1
header_layout=one_100
column_meters_0=Hostname
column_meter_modes_0=2
"""
NUMBERS = [(rb"\b\d+\b", b"N")]
# How much of the disk is free, when mc made its own folders, and the hint of the day.
FOLDERS = [(rb"\d+[KMG]? ?/ ?\d+[KMG]? \(\d+%\)", b"FREE"), (rb"\b[A-Z][a-z][a-z] [ \d]\d TT:TT", b"DATE"), (rb"Hint: [^\n]*", b"HINT")]


def lines(name, *commands, **more):
    return Case(name, [(c + "\r", P) for c in commands], **more)


def pipe(name, *argv, **more):
    return Case(name, argv=list(argv), pipe=True, **more)


def transfer(name, script, **more):
    return Case(name, shell=script.replace("SSH", " ".join(SSH)), pipe=True, seconds=60, **more)


# A terminal of his own, in a session of his own, instead of the caller's.
CALLERS = [(rb"/dev/pts/N type 20000 owner \d+", b"/dev/pts/N type 20000 owner N"),
           (rb"session leader \d group leader \d", b"session leader N group leader N")]
# Pipes of the user's own instead of the caller's, so that /dev/stdout opens.
PIPES_OWN = [(rb"(pipe: type \d+) owner \d+", rb"\1 owner N")]


def census(name, *argv, **more):
    if argv[0] != "ssh":
        more.setdefault("normal", CALLERS[1:] if argv[0] == "login" else CALLERS)
    more.setdefault("environment", {"TERM": "vt220"})
    return Case(name, argv=list(argv), prompt=r"coredump_filter \w+", leave="", **more)


def left_behind(program):
    """How many of alice's programs of this name live on, a moment later."""
    def count():
        time.sleep(0.5)
        return run(["pgrep", "-c", "-u", "alice", "-x", program]).stdout
    return count


def still_listed():
    """What who and last say of alice once she has left."""
    time.sleep(0.5)
    return run(["who"]).stdout, b"still logged in" in run(["last", "-2", "alice"]).stdout


def message(terminal):
    """Somebody writes to alice."""
    name = re.findall(rb"/dev/(pts/\d+)", terminal.shown)[-1].decode()
    run(["write", "alice", name], input=b"are you there\n")


def storm(terminal):
    for i in range(100):
        size(terminal.master, 20 + i % 30, 60 + i % 60)
        time.sleep(0.005)
    size(terminal.master, 24, 80)


def no_utmp():
    for path in ("/run/utmp", "/var/log/wtmp"):
        if os.path.exists(path):
            os.rename(path, path + ".away")


def screen_folder():
    run(["install", "-d", "-m", "777", "/run/screen"])


def utmp_back():
    for path in ("/run/utmp", "/var/log/wtmp"):
        if os.path.exists(path + ".away"):
            os.rename(path + ".away", path)


def interrupt(terminal):
    """^C through a flood: how much is shown by then is chance."""
    terminal.type("yes | cat\r")
    terminal.expect("y\r\ny\r\ny", 10)
    time.sleep(0.3)
    terminal.type("\x03")
    begun = time.monotonic()
    terminal.expect(rb"\^C\r\n.*\$ $", 10)
    took = time.monotonic() - begun
    terminal.shown = b"" if took < 5.0 else f"only after {took:.1f} s".encode()
    terminal.mark = 0


YES = "(yes | head -20000) ; echo t\"\"wo\r"
SHELLS = [
    lines("bash: expansion, history, completion", "echo $((6*7)) {a..e} \"$HOME\" ~", "printf '%s\\n' a b | tac", "!!", "false; echo $?",
          "set -o | head -3", "ls te\t", "echo ${#PS1} $0 $- $SHLVL"),
    Case("bash: line editing", [("echo abcd\x02\x02X\x01# \x05 end\r", P), ("\x10\x10\x0e\x15echo ok\r", P), ("\x12abcd\x07", None),
                                ("\x15", None), ("echo a \x16\x1b b\r", P)]),
    Case("bash: here document", [("cat <<EOF\r", "> "), ("one $HOME\r", "> "), ("two\r", "> "), ("EOF\r", P)]),
    Case("dash", [("PS1='d$ ' dash\r", r"d\$ "), ("echo $0 $-; ls nosuch; echo $?\r", r"d\$ $"), ("\x04", P)]),
    Case("zsh", [("zsh\r", r"zsh\$ "), ("print -l a b; echo $?\r", None), ("ech\to hi\r", None), ("\x04", P)], needs="zsh"),
    Case("python", [("python3 -q\r", ">>> "), ("print(6*7)\r", ">>> "), ("import os; os.isatty(0), os.get_terminal_size()\r", ">>> "),
                    ("\x04", P)]),
    Case("sqlite3", [("sqlite3\r", "sqlite> "), (".read query.sql\r", "sqlite> "), (".quit\r", P)], needs="sqlite3"),
    Case("gdb", [("gdb -q -nx\r", r"\(gdb\) "), ("print 6*7\r", r"\(gdb\) $"), ("quit\r", P)], needs="gdb", slow=True),
    lines("expect", "expect ask.exp; echo $?", needs="expect", slow=True),
    Case("ed, bc", [("ed text\r", r"\d+\r\n"), ("3p\r", "line 3"), ("q\r", P), ("echo '2^100' | bc\r", P)], needs="bc", slow=True),
    Case("read with a prompt, no echo", [("read -s -p 'Pass: ' x; echo ${#x}\r", "Pass: "), ("geheim\r", P)]),
    Case("sftp from inside", [("sftp -q -oBatchMode=yes -oStrictHostKeyChecking=no -i ~/.ssh/none alice@localhost; echo $?\r", P)], needs="sftp", slow=True),
]
SCREENS = [
    full("vim", "vim text", ":q!\r", keys=["5jihello\x1b", "/line 90\r", "u"], needs="vim"),
    full("vi, small", "vim.tiny text", ":q!\r", keys=["5jx", ":set number\r"], needs="vim.tiny", slow=True),
    full("nano", "nano text", "n", keys=["hello\r", "\x17of\r", "\x18"], needs="nano"),
    full("less", "less text", "q", keys=[" ", "/line 50\r", "G", "g", "k"], needs="less"),
    full("more", "more text", "q", keys=[" ", "\r"], slow=True),
    full("man", "man true", "q", r"TRUE\(1\)", keys=[" "], needs="man", slow=True, screens=True),
    full("git log in a pager", "git -C repo log --oneline --decorate=no --color=always", "q", keys=[" "], needs="git"),
    full("tig", "cd repo && tig; cd", "q", keys=["j"], needs="tig", slow=True, live=True, screens=True),
    full("top", "top", "q", keys=["M"], live=True, slow=True),
    full("htop", "sleep 100 & htop -d 100 -p $!", "q", "Quit", live=True, needs="htop", slow=True, screens=True, normal=NUMBERS),
    Case("top -b", [("top -b -n1 > o; head -1 o | cut -c1-5; wc -l < o | head -c0; echo\r", P)]),
    full("tmux", "tmux -f ~/.tmux.conf", "exit\r", keys=["tty >/dev/null; echo in\r", "\x02c", "exit\r"], needs="tmux", live=True, screens=True),
    full("screen", "screen", "exit\r", keys=["echo in; stty -g\r"], needs="screen", live=True, before=screen_folder, quit_wait=r"terminating\]"),
    full("mc", "mc -u -b", "\x1b[21~", keys=["\t", "\x1bOB", "\x1bOB"], needs="mc", slow=True, live=True, screens=True,
         normal=FOLDERS),
    full("dialog", "dialog --menu title 12 30 4 a one b two c three 2> answer", "\r", keys=["\x1b[B"], needs="dialog"),
    full("whiptail", "whiptail --msgbox hello 8 30", "\r", needs="whiptail"),
    full("watch", "watch -t -n 60 echo hi", "\x03", needs="watch"),
    lines("reset and tput", "tput cols; tput lines; tput setaf 2; tput sgr0", "reset", "tput clear; echo x", seconds=20),
    lines("stty", "stty -a", "stty size; stty cols 100; stty size; stty sane", "stty -echo; stty echo", "stty raw; stty -raw; stty -g"),
    lines("script inside", "script -qec 'tty | head -c9; echo; stty -g' /dev/null", needs="script"),
]
STREAMS = [
    lines("ls in colours", "ls --color=always -l --time-style=+ /etc | head -40", "ls --color=auto -C /usr/lib/systemd 2>/dev/null; ls /"),
    lines("a flood of lines", "seq 1 20000", YES.rstrip("\r"), seconds=30),
    lines("dd", "dd if=/dev/zero bs=1k count=2000 2>/dev/null | wc -c", "dd if=text bs=100 count=1 status=none"),
    lines("wide text", "cat wide", "echo grüße", "LC_ALL=C.UTF-8 printf '\\u4e2d\\U1f600\\n'"),
    Case("binary and invalid UTF-8", [("cat noise | tr -d '\\005\\033\\016\\017' | head -c 30000; echo; echo e\"\"nd\r", "end\r\n"), ("\x15\r", P),
                                      ("printf '\\xff\\xfe\\xc3\\x28\\xe2\\x82 x\\n'\r", P), (b"echo \xff\xc3\xe4 typed\r", P)], seconds=20),
    lines("no locale", "LANG=xx_YY.nothing LC_ALL=xx_YY bash -c 'echo ä; locale charmap'", "unset LANG LC_ALL; echo ä"),
    lines("closed descriptors", "bash -c 'echo x' >&-; echo $?", "bash -c 'read x; echo $?' <&-", "cat <&- >&- 2>&-; echo $?",
          "exec 5>&1; echo five >&5; exec 5>&-"),
    Case("^C through a flood", [(interrupt, None), ("echo after\r", P)]),
    Case("^S, ^Q, ^V, ^U, ^W, ^D", [("echo ab\x17\x15echo c\r", P), ("\x13", None), ("echo held\r", None), ("\x11", P), ("cat\r", None),
                                    ("line\r", "line\r\nline"), ("\x04", P)]),
    Case("100 resizes", [("vim -u NONE text\r", None), (storm, None), ("\x1b", None), (":q!\r", P), ("stty size\r", P)], live=True, needs="vim"),
    Case("one resize", [((40, 132), None), ("stty size\r", "40 132"), ("trap 'echo WINCH' WINCH\r", P), ((30, 90), "WINCH"), ("stty size\r", P)]),
    Case("job control", [("sleep 100\r", None), ("\x1a", P), ("jobs\r", P), ("bg\r", P), ("jobs\r", P), ("fg\r", "sleep 100\r\n"), ("\x03", P),
                         ("cat & sleep 0.5\r", P), ("jobs\r", P), ("kill -KILL %1; sleep 1; jobs >/dev/null; jobs\r", P)]),
    Case("suspend of a child shell", [("bash --norc\r", r"\$ $"), ("PS1='in$ '\r", r"in\$ $"), ("suspend\r", P), ("fg\r", r"in\$ $"), ("exit 4\r", P),
                                      ("echo $?\r", P)]),
    lines("signals of children", "bash -c 'kill -TERM $$'; echo $?", "bash -c 'kill -SEGV $$'; echo $?", "sleep 9 & kill $!; wait $!; echo $?",
          "trap '' INT; trap -p; trap - INT"),
    Case("su inside", [("su bob -c 'id -un; tty | head -c9; echo'\r", "Password: "), ("correct horse bob\r", P)]),
    Case("su - inside", [("su - bob\r", "Password: "), ("correct horse bob\r", r"bob@lab:~\$ $"), ("who am i | cut -c1-5; exit\r", P)]),
    lines("sudo", "sudo id -u", "sudo -k; sudo -n true; echo $?", "sudo sh -c 'tty | head -c9; echo'", "sudo -i id -un"),
    Case("ssh inside", [(" ".join(["ssh -tt -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR -i ~/.ssh/none bob@127.0.0.1"])
                         + "; echo $?\r", P)]),
    # With recording two terminals of hers are listed, the one she works on and the one outside.
    lines("what others see", "who | grep alice | cut -c1-5 | sort -u", "who | grep -c \"alice *$(tty | cut -c6-) \"", "w -h alice | grep -c ' w -h alice'",
          "last -1 -w alice | cut -c1-5", "last -w alice | grep -c \"$(tty | cut -c6-) .*still\"", "lastlog -u alice | tail -1 | cut -c1-6,27-36",
          "users | tr ' ' '\\n' | sort -u | grep -c alice", after=still_listed),
    Case("write and mesg", [("tty; mesg\r", P), (message, "there"), ("\r", P), ("mesg n; mesg; ls -l $(tty) | cut -c1-10\r", P), ("mesg y; mesg\r", P)],
         needs="write", normal=[(rb"Message from [^\r\n]*", b"Message from")]),
    lines("GPG_TTY", "export GPG_TTY=$(tty); echo shown > $GPG_TTY; test -c $GPG_TTY -a -r $GPG_TTY -a -w $GPG_TTY; echo $?",
          "exec 9<>$GPG_TTY; stty -g <&9; exec 9>&-", "ps -o tty= -p $$ | cut -c1-4", "python3 -c 'import os; print(os.ttyname(0) == os.environ[\"GPG_TTY\"])'"),
    Case("tickets of sudo", [("sudo -k; sudo -u dave id -un\r", "password for alice: "), ("correct horse alice\r", P), ("sudo -u dave id -un\r", P),
                             ("sudo -n -u dave true; echo st=$?\r", P), ("script -qec 'sudo -n -u dave true' /dev/null; echo st=$?\r", P),
                             ("sudo -k; sudo -n -u dave true; echo st=$?\r", P)], needs="sudo"),
    lines("no utmp", "who; who am i; logname; echo $?", before=no_utmp, after=utmp_back),
    lines("who am i", "who am i | cut -c1-5", "logname", "mesg", "tty | head -c9; echo", "ls -l $(tty) | cut -c1-18", "echo ${SSH_TTY%[0-9]*}",
          "test $SSH_TTY = $(tty); echo $?", "w -h $USER | wc -l > /dev/null; last -1 | cut -c1-5", after=still_listed),
]
ENDS = [Case(f"exit status {n}", leave=f"exit {n}\r", slow=n not in (0, 255)) for n in (0, 1, 42, 126, 127, 128, 130, 255)] + [
    Case(f"the shell dies of {name}", leave=f"kill -{name} $$\r", slow=name != "KILL") for name in ("KILL", "HUP", "SEGV", "ABRT")] + [
    Case("end of file", leave="\x04"),
    Case("exec", leave="exec echo gone\r"),
    Case("logout with a background job", [("sleep 50 &\r", P)], after=left_behind("sleep")),
    Case("logout with nohup", [("nohup sleep 50 >/dev/null 2>&1 &\r", P)], after=left_behind("sleep")),
    Case("logout with setsid", [("setsid sleep 50 &\r", P)], slow=True, after=left_behind("sleep")),
    Case("logout with disown and output", [("(sleep 0.2; echo late; exec sleep 50) & disown\r", None)], leave="exit 3\r", after=left_behind("sleep"),
         live=True),
    Case("logout with a stopped job", [("sleep 50\r", None), ("\x1a", P), ("exit\r", P)], after=left_behind("sleep")),
    Case("logout, huponexit", [("shopt -s huponexit; sleep 50 &\r", P)], slow=True, after=left_behind("sleep")),
    Case("connection cut", [("sleep 50 & cat\r", None)], leave="\r~.", after=left_behind("sleep"), live=True),
]
PIPES = [pipe(f"command, exit {n}", f"exit {n}", slow=n not in (0, 7)) for n in (0, 7, 126, 127, 128, 130, 255)] + [
    pipe(f"every exit status", "for i in $(seq 0 255); do (exit $i); printf '%s ' $?; done", slow=True)] + [
    pipe(f"command dies of {n}", f"kill -{n} $$", slow=n != "TERM") for n in ("TERM", "KILL", "INT", "HUP", "PIPE", "SEGV")] + [
    pipe("stderr apart", "echo out; echo err >&2; echo out2; exit 5"),
    pipe("standard input", "cat; echo end", input=b"some\nbytes\0\xff\r\n"),
    pipe("no input", "cat; echo $?", options=["-n"]),
    pipe("closed input", "exec 0<&-; echo ok; cat; echo $?"),
    pipe("a large input", "sha256sum", input=random.Random(2).randbytes(5_000_000)),
    pipe("a reader that leaves", "head -c 10", input=b"x" * 3_000_000),
    pipe("background job with its output closed", "sleep 30 >/dev/null 2>&1 </dev/null & echo started", after=left_behind("sleep")),
    pipe("late output", "(sleep 0.5; echo late) & echo first"),
    pipe("python by standard input", "python3 -", input=b"import sys, os\nprint(sys.argv, os.isatty(0))\nsys.exit(9)\n"),
    pipe("shell by standard input", "bash -s a b", input=b"echo $# $1; echo err >&2; exit 8\n"),
    pipe("ansible: pipelined module", "/bin/sh -c 'echo ~alice && sleep 0'; /bin/sh -c '/usr/bin/python3 && sleep 0'",
         input=b"import json\nprint(json.dumps({'ping': 'pong'}))\n"),
    pipe("ansible: sudo, pipelined", "/bin/sh -c 'sudo -H -S -n -u root /bin/sh -c '\"'\"'echo BECOME-SUCCESS; /usr/bin/python3'\"'\"' && sleep 0'",
         input=b"import os\nprint(os.getuid())\n"),
    pipe("a login shell without a terminal", input=b"echo $0 $-; tty; exit 4\n", options=["-T"]),
    pipe("devices by name", "echo a >/dev/stdout; echo b >/dev/stderr; cat /dev/stdin", input=b"in\n"),
    pipe("command on a terminal", "tty | head -c 9; stty size; echo err >&2; exit 6", options=["-tt"]),
    pipe("umask, limits, descriptors", "umask; ulimit -a; ls /proc/self/fd | wc -l; echo $SHELL $TERM; env | cut -d= -f1 | sort"),
    transfer("scp", "head -c 3000000 /dev/urandom > $LAB/f; scp -q -F /root/.ssh/config $LAB/f alice@lab:f && "
             "scp -q -F /root/.ssh/config alice@lab:f $LAB/g && cmp $LAB/f $LAB/g; echo $?; rm -f $LAB/f $LAB/g"),
    transfer("scp, old protocol", slow=True, script="head -c 300000 /dev/urandom > $LAB/f; scp -O -q -F /root/.ssh/config $LAB/f alice@lab:f && "
             "scp -O -q -F /root/.ssh/config alice@lab:f $LAB/g && cmp $LAB/f $LAB/g; echo $?; scp -O -q -F /root/.ssh/config alice@lab:none $LAB; echo $?"),
    transfer("sftp", "printf 'ls\\nget text $LAB/t\\nput $LAB/t t2\\nls\\n' | sed s,.LAB,$LAB,g | sftp -q -b - -F /root/.ssh/config alice@lab; echo $?",
             needs="sftp"),
    transfer("rsync", "rsync -a --stats -e 'SSH' alice@lab:repo/ $LAB/r | grep -c . && rsync -ai -e 'SSH' $LAB/r/ alice@lab:r2 | wc -l && "
             "rsync -ain --delete -e 'SSH' alice@lab:repo/ $LAB/r/; echo $?; rm -rf $LAB/r", needs="rsync"),
    transfer("git", "rm -rf $LAB/c; GIT_SSH_COMMAND='SSH' git clone -q alice@lab:repo $LAB/c; cd $LAB/c && git checkout -qb new && "
             "git -c user.name=a -c user.email=b commit -q --allow-empty -m x && GIT_SSH_COMMAND='SSH' git push -q origin new; echo $?; "
             "git ls-files; rm -rf $LAB/c", needs="git"),
    transfer("tar both ways", "tar -C /etc -cf - ssh | SSH -l alice lab 'tar -tf - | sort | md5sum'; SSH -l alice lab 'tar -cf - text' | tar -tf -"),
]
CENSUS = [
    census("census: sshd", *SSH, "-tt", "-l", "census", "lab"),
    census("census: su -", "su", "-", "census"),
    census("census: su", "su", "census"),
    census("census: sudo -i", "sudo", "-i", "-u", "census", needs="sudo"),
    census("census: sudo -s", "env", "SHELL=/usr/local/bin/census", "sudo", "-s", "-u", "census", needs="sudo"),
    census("census: runuser -l", "runuser", "-l", "census"),
    census("census: login", "login", "-p", "-f", "census", environment={"TERM": "linux", "EXTRA": "1"}),
    census("census: odd limits and signals", "bash", "-c", "umask 027; ulimit -n 200; ulimit -Hc 100; trap '' USR1 PIPE INT; exec nice -n 5 su - census"),
    pipe("census: command by sshd", options=["-l", "census"], shell="SSH -T -n -l census lab x".replace("SSH", " ".join(SSH))),
    pipe("census: command by su", shell="su - census -c x </dev/null", normal=PIPES_OWN),
    pipe("census: command by runuser", shell="runuser -u census -- /usr/local/bin/census </dev/null"),
]
CASES = SHELLS + SCREENS + STREAMS + ENDS + PIPES + CENSUS

# Left out of the fast size: ways that another case goes too.
ALSO_SLOW = {
    "bash: line editing", "sqlite3", "expect", "ed, bc", "dialog",
    "whiptail", "script inside", "dd", "no locale", "^S, ^Q, ^V, ^U, ^W, ^D",
    "one resize", "suspend of a child shell", "su inside", "logout with nohup", "logout with a stopped job",
    "shell by standard input", "ansible: pipelined module", "a login shell without a terminal", "devices by name", "tar both ways",
    "closed input", "census: sudo -s", "census: su", "census: command by runuser", "signals of children",
    "top -b", "git log in a pager",
}
for _case in CASES:
    _case.slow = _case.slow or _case.name in ALSO_SLOW
