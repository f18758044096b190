"""What a user can put into the environment before his shell is there."""
import contextlib
import os
import shutil

from lab import Failure
from outcome import FAULT, NOT_APPLICABLE, RECORDED, REFUSED, SUCCEEDED, Outcome, attack, worst
from session import fresh_word, in_the_record, session, shell_is_recorded, spell
from targets import TOOLS


@contextlib.contextmanager
def file_of(target, name, text):
    path = f"/home/{target.user}/{name}"
    with open(path, "w") as f:
        f.write(text)
    shutil.chown(path, target.user, target.user)
    try:
        yield path
    finally:
        if os.path.exists(path):
            os.unlink(path)


def logs_in_recorded(target, *options):
    """A terminal login and a command: whatever answers must be recorded."""
    with target.open(*options) as terminal:
        try:
            terminal.expect(r"[$#] ", 6)
        except Failure:
            return Outcome(FAULT, "no shell")
        return shell_is_recorded(target, terminal)


VARIABLES = {
    "LD_PRELOAD": f"{TOOLS}/preload.so", "LD_AUDIT": f"{TOOLS}/preload.so",
    "GCONV_PATH": TOOLS, "LOCPATH": TOOLS, "NLSPATH": TOOLS, "SHELL": "/bin/bash", "PATH": f"{TOOLS}:/usr/bin:/bin",
    "BASH_ENV": f"{TOOLS}/env", "ENV": f"{TOOLS}/env", "LD_LIBRARY_PATH": TOOLS, "LD_DEBUG": "all",
    "ITM_SHELL": "/bin/bash", "ITM_BROKER": "/tmp/none", "ITM_USERS": "/tmp/none", "ITM_CONFIG": "/tmp/none",
}


@attack("LD_PRELOAD in ~/.pam_environment")
def preload_by_pam(target):
    with file_of(target, ".pam_environment", f"LD_PRELOAD={TOOLS}/preload.so\n"):
        return logs_in_recorded(target)


@attack("LD_AUDIT in ~/.pam_environment")
def audit_by_pam(target):
    with file_of(target, ".pam_environment", f"LD_AUDIT={TOOLS}/preload.so\n"):
        return logs_in_recorded(target)


@attack("LD_PRELOAD by SetEnv, where sshd accepts it")
def preload_by_ssh(target):
    return logs_in_recorded(target, "-o", f"SetEnv=LD_PRELOAD={TOOLS}/preload.so")


@attack("LD_PRELOAD in ~/.ssh/environment, where sshd reads it")
def preload_by_file(target):
    with file_of(target, ".ssh/environment", f"LD_PRELOAD={TOOLS}/preload.so\n"):
        return logs_in_recorded(target)


@attack("fifteen hostile variables at once: SHELL, PATH, GCONV_PATH, LOCPATH, BASH_ENV, ITM_*, ...")
def all_variables(target):
    with file_of(target, ".pam_environment", "".join(f"{k}={v}\n" for k, v in VARIABLES.items() if not k.startswith("LD_"))):
        return logs_in_recorded(target)


@attack("the recorder's own configuration in the environment (TLOG_REC_SESSION_CONF_TEXT and its like)")
def configuration(target):
    text = '{"writer":"file","file":{"path":"/dev/null"},"shell":"/bin/bash"}'
    with file_of(target, "conf.json", text) as path:
        options = ["-o", f"SetEnv=TLOG_REC_SESSION_CONF_FILE={path} TLOG_REC_SESSION_SHELL=/bin/bash "
                         f"ITM_AGENT_CONF={path} ITM_SHELL=/bin/bash SCRIPT=/dev/null"]
        return logs_in_recorded(target, *options)


@attack("unknown LANG and LC_ALL")
def unknown_locale(target):
    return worst([logs_in_recorded(target, "-o", f"SetEnv={v}") for v in
                  ("LANG=xx_YY.NONSENSE", "LC_ALL=C LANG=C", "LC_ALL=tlh_QO@%s%n")])


@attack("TERM of 60 KB and with escapes")
def hostile_term(target):
    from lab import Terminal
    from targets import SSH
    outcomes = []
    for term in ("x" * 60000, "\x1b]0;x\x07/../../etc"):
        with Terminal(SSH + ["-tt", "-l", target.user, "lab"], environment={"TERM": term}) as terminal:
            try:
                terminal.expect(r"[$#] ", 6)
                outcomes.append(shell_is_recorded(target, terminal))
            except Failure:
                outcomes.append(Outcome(FAULT, "no shell"))
    return worst(outcomes)


@attack("a shell from ~/.ssh/rc")
def shell_from_rc(target):
    word = fresh_word()
    with file_of(target, ".ssh/rc", f"echo {spell(word)} >&2\n"):
        with session(target) as terminal:
            return in_the_record(target, word) if word.encode() in terminal.shown else Outcome(FAULT, "rc did not run")


@attack("exec /bin/sh in ~/.bashrc, ~/.profile, ~/.bash_login")
def startup_files(target):
    with file_of(target, ".bash_login", "PS1='out$ ' exec /bin/sh -i\n"):
        return logs_in_recorded(target)
