/* pam_itm.so: a session module that announces each login to the broker and,
 * where policy says so, lets nobody in who could not be recorded.
 *
 * Runs inside sshd, login and su as root: no signal is touched, nothing is
 * said through the conversation unless the login is refused (it would corrupt
 * sftp), every wait together is bounded by WAIT_MS.  The other hooks are left
 * out on purpose: libpam then answers PAM_MODULE_UNKNOWN, so that a wrong
 * `auth` line opens no door.
 * Options: failure=strict; file=USERS run=DIR stub=PATH missed=DIR (tests). */
#define PAM_SM_SESSION

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/paths.h"
#include "local/message.h"
#include "local/missed.h"
#include "local/users.h"

#define EXPORT __attribute__((visibility("default")))
EXPORT int pam_sm_open_session(pam_handle_t *, int, int, const char **);
EXPORT int pam_sm_close_session(pam_handle_t *, int, int, const char **);

enum {
	WAIT_MS = 1000,  /* half of the 2 s a login may wait for us; the other half is the stub's */
	AGAIN_MS = 5000, /* the same question within this time gets the same answer without waiting again */
};

/* What was answered, kept on the PAM handle: services that include each other
 * (su-l and su) call us twice. */
static const char data_name[] = "itm_answer";
struct answer { char user[64]; int result; bool announced; int64_t at_ms; };

struct options {
	const char *file, *run, *stub, *missed;
	bool strict;             /* failure=strict: a users file that can't be believed lets nobody in but root */
};

static struct options parse_options(int argc, const char **argv)
{
	struct options o = { PATHS_NSS_USERS, PATHS_RUN, ITM_LIBEXECDIR "/itm-shell", PATHS_MISSED, false };
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "file=", 5) == 0)
			o.file = argv[i] + 5;
		else if (strncmp(argv[i], "run=", 4) == 0)
			o.run = argv[i] + 4;
		else if (strncmp(argv[i], "stub=", 5) == 0)
			o.stub = argv[i] + 5;
		else if (strncmp(argv[i], "missed=", 7) == 0)
			o.missed = argv[i] + 7;
		else if (strcmp(argv[i], "failure=strict") == 0)
			o.strict = true;
	}
	return o;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Cut to size; NULL is "". */
static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = text != NULL ? strnlen(text, size - 1) : 0;
	memcpy(out, text != NULL ? text : "", len);
	out[len] = '\0';
}

static void copy_item(pam_handle_t *pamh, int item, char *out, size_t size)
{
	const void *value = NULL;
	copy_text(out, size, pam_get_item(pamh, item, &value) == PAM_SUCCESS ? value : NULL);
}

/* loginuid or sessionid of this process; (uint32_t)-1 when unset or unknown. */
static uint32_t read_number(const char *path)
{
	char text[16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return UINT32_MAX;
	text[n] = '\0';
	return (uint32_t)strtoul(text, NULL, 10);
}

static struct message_login describe(pam_handle_t *pamh, uid_t uid)
{
	struct message_login m = {
		.pid = getpid(),
		.uid = uid,
		.loginuid = read_number("/proc/self/loginuid"),
		.audit_session = read_number("/proc/self/sessionid"),
	};
	copy_item(pamh, PAM_USER, m.user, sizeof m.user);
	copy_item(pamh, PAM_SERVICE, m.service, sizeof m.service);
	copy_item(pamh, PAM_RHOST, m.rhost, sizeof m.rhost);
	copy_item(pamh, PAM_TTY, m.tty, sizeof m.tty);
	copy_item(pamh, PAM_RUSER, m.ruser, sizeof m.ruser);
	copy_text(m.ssh_connection, sizeof m.ssh_connection, pam_getenv(pamh, "SSH_CONNECTION"));
	copy_text(m.ssh_auth, sizeof m.ssh_auth, pam_getenv(pamh, "SSH_AUTH_INFO_0"));
	return m;
}

static int send_login(const char *run, enum message_type type, const struct message_login *m, int64_t deadline)
{
	char path[256];
	int n = snprintf(path, sizeof path, "%s/pam.sock", run);
	int64_t left = deadline - now_ms();
	if (n < 0 || (size_t)n >= sizeof path || left <= 0)
		return ITM_EINVAL;
	struct buffer b;
	buffer_init(&b, MESSAGE_MAX);
	int r = message_encode_login(&b, type, m);
	int sock = r == 0 ? fdpass_connect(path, (int)left) : r;
	if (sock >= 0) {
		/* A fresh socket has room for one packet: this does not wait. */
		r = fdpass_send(sock, b.data, b.len, NULL, 0);
		if (r != 0) {
			close(sock);
			sock = r;
		}
	}
	buffer_free(&b);
	return sock;
}

static int wait_readable(int sock, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd p = { .fd = sock, .events = POLLIN };
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n > 0)
			return 0;
		if (n == 0)
			return ITM_ETIMEOUT;
		if (errno != EINTR)
			return ITM_ESYS;
	}
}

/* 0 = allowed, ITM_EPERM = refused (why says it), else no answer. */
static int announce(const char *run, const struct message_login *m, char why[MESSAGE_TEXT_MAX])
{
	int64_t deadline = now_ms() + WAIT_MS;
	int sock = send_login(run, MESSAGE_ANNOUNCE, m, deadline);
	if (sock < 0)
		return sock;
	unsigned char answer[MESSAGE_TEXT_MAX + 64];
	size_t no_fds = 0;
	uint32_t allow = 0;
	int r = wait_readable(sock, deadline);
	ssize_t n = r == 0 ? fdpass_recv(sock, answer, sizeof answer, NULL, &no_fds) : r;
	close(sock);
	if (n < 0)
		return (int)n;
	r = message_decode_words(answer, (size_t)n, MESSAGE_DECISION, &allow, why, MESSAGE_TEXT_MAX, NULL);
	if (r != 0)
		return r;
	return allow == 1 ? 0 : allow == 0 ? ITM_EPERM : ITM_EFORMAT;
}

static void forget(pam_handle_t *pamh, void *data, int status)
{
	/* The same for PAM_DATA_REPLACE and PAM_DATA_SILENT (a forked child's
	 * pam_end): nothing but this memory belongs to us here. */
	free(data);
}

static int stub_usable(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXOTH) != 0;
}

/* One plain sentence for the person who is refused; works with no
 * conversation at all. */
static int refuse(pam_handle_t *pamh, int flags, const char *sentence)
{
	if ((flags & PAM_SILENT) == 0)
		pam_error(pamh, "itm: %s", sentence);
	return PAM_PERM_DENIED;
}

/* There is nobody to tell now: a note for the broker that comes. */
static void leave_note(pam_handle_t *pamh, const char *dir, const struct message_login *login, bool refused,
		       const char *why)
{
	struct missed m = { .what = refused ? MISSED_REFUSED : MISSED_UNRECORDED, .login = *login };
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	m.wall_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	copy_text(m.reason, sizeof m.reason, why);
	int r = missed_leave(dir, &m);
	if (r != 0)
		pam_syslog(pamh, LOG_ERR, "%s: this login of %s can't be noted: %s", dir, login->user, error_text(r));
}

/* What happens to a login that can't be recorded. */
static int without_recording(pam_handle_t *pamh, int flags, const struct options *o, const struct message_login *m,
			     const struct users_entry *e, const char *why)
{
	bool strict = e->failure == USERS_STRICT;
	const char *user = m->user;
	leave_note(pamh, o->missed, m, strict, why);
	pam_syslog(pamh, LOG_ERR, "%s of %s: %s (%s)", strict ? "refused login" : "unrecorded login", user, why,
		   users_failure_name(e->failure));
	return strict ? refuse(pamh, flags, "session recording is unavailable and this account may not be used without it")
		      : PAM_SUCCESS;
}

/* One answer for a user.  break-glass gets in whatever the broker says, or
 * whatever it is that listens in its place. */
static int decide(pam_handle_t *pamh, int flags, const struct options *o, const char *user,
		  const struct users_entry *e, bool *announced)
{
	struct message_login m = describe(pamh, e->uid);
	if (!stub_usable(o->stub) && e->failure == USERS_STRICT)
		return without_recording(pamh, flags, o, &m, e, "itm-shell can't be executed");
	char why[MESSAGE_TEXT_MAX];
	int r = announce(o->run, &m, why);
	*announced = r == 0;
	if (r == ITM_EPERM && e->failure != USERS_BREAK_GLASS) {
		pam_syslog(pamh, LOG_ERR, "refused login of %s: %s", user, why);
		return refuse(pamh, flags, "this login is refused by policy");
	}
	return r == 0 ? PAM_SUCCESS : without_recording(pamh, flags, o, &m, e, error_text(r));
}

/* The users file is there but can't be believed.  libnss_itm gives the account
 * as it is then, so the login goes on unless the administrator said otherwise;
 * root must get in to repair it. */
static void assume(pam_handle_t *pamh, const struct options *o, const char *user, int found, struct users_entry *e)
{
	bool root = strcmp(user, "root") == 0;
	e->uid = (uid_t)-1;
	e->failure = root ? USERS_BREAK_GLASS : o->strict ? USERS_STRICT : USERS_BEST_EFFORT;
	pam_syslog(pamh, LOG_CRIT, "%s can't be used (%s): nobody's shell is recorded; login of %s is taken as %s",
		   o->file, error_text(found), user, users_failure_name(e->failure));
}

/* Nobody is in scope; without a file that is worth a word. */
static int not_in_scope(pam_handle_t *pamh, const struct options *o)
{
	if (access(o->file, F_OK) != 0)
		pam_syslog(pamh, LOG_WARNING, "there is no %s: nobody is recorded", o->file);
	return PAM_SUCCESS;
}

static const struct answer *recall(pam_handle_t *pamh, const char *user)
{
	const void *data = NULL;
	if (pam_get_data(pamh, data_name, &data) != PAM_SUCCESS || data == NULL)
		return NULL;
	const struct answer *a = data;
	if (strcmp(a->user, user) != 0 || (!a->announced && now_ms() - a->at_ms > AGAIN_MS))
		return NULL;
	return a;
}

/* Failing to remember only costs a second question. */
static void remember(pam_handle_t *pamh, const char *user, int result, bool announced)
{
	struct answer *a = calloc(1, sizeof *a);
	if (a == NULL)
		return;
	copy_text(a->user, sizeof a->user, user);
	a->result = result;
	a->announced = announced;
	a->at_ms = now_ms();
	if (pam_set_data(pamh, data_name, a, forget) != PAM_SUCCESS)
		free(a);
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o = parse_options(argc, argv);
	const void *item = NULL;
	if (pam_get_item(pamh, PAM_USER, &item) != PAM_SUCCESS || item == NULL) {
		pam_syslog(pamh, LOG_ERR, "no user name");
		return PAM_SYSTEM_ERR;
	}
	const char *user = item;
	const struct answer *known = recall(pamh, user);
	if (known != NULL)
		return known->result;
	struct users_entry e;
	bool announced = false;
	int found = users_by_name(o.file, user, &e);
	if (found == ITM_ENOENT)
		return not_in_scope(pamh, &o);
	if (found != 0)
		assume(pamh, &o, user, found, &e);
	int result = decide(pamh, flags, &o, user, &e, &announced);
	remember(pamh, user, result, announced);
	return result;
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options o = parse_options(argc, argv);
	const void *data = NULL;
	if (pam_get_data(pamh, data_name, &data) != PAM_SUCCESS || data == NULL ||
	    !((const struct answer *)data)->announced)
		return PAM_SUCCESS;
	struct message_login m = describe(pamh, (uid_t)-1);
	int sock = send_login(o.run, MESSAGE_LOGOUT, &m, now_ms() + WAIT_MS);
	if (sock >= 0)
		close(sock); /* no answer is waited for: the broker sees our end by itself, too */
	pam_set_data(pamh, data_name, NULL, NULL);
	return PAM_SUCCESS;
}
