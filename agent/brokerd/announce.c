#include "agent/brokerd/announce.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "agent/brokerd/decide.h"
#include "agent/brokerd/events.h"
#include "agent/brokerd/peer.h"
#include "base/error.h"
#include "local/message.h"

static bool executable(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXUSR) != 0;
}

/* Why a recording can't be expected to start; NULL = it can. */
static const char *obstacle(const struct announce *a)
{
	return !executable(a->stub) ? "itm-shell can't be executed"
		: !executable(a->recorder) ? "itm-recorder can't be executed"
		: a->scope->recorder_uid == (uid_t)-1 ? "there is no account itm-rec" : NULL;
}

static int register_login(const struct announce *a, const struct fdpass_peer *peer, const struct message_login *m,
			  uint64_t start, struct buffer *reply)
{
	const struct users_entry *e = userlist_find(&a->scope->users, m->uid);
	const char *why = obstacle(a);
	bool may_go = e != NULL && decide_may_go_unrecorded(e->failure);
	if (why == NULL || may_go) {
		int pidfd = fcntl(peer->pidfd, F_DUPFD_CLOEXEC, 0);
		if (pidfd < 0 || login_announce(a->logins, m, start, pidfd) != 0)
			why = "too many logins";
	}
	bool allow = why == NULL || may_go;
	if (!allow)
		events_login_refused(a->logins->events, m, why);
	/* The reason goes along with a yes, too: itm doctor shows it. */
	return message_encode_words(reply, MESSAGE_DECISION, allow, why != NULL ? why : "");
}

int announce_take(const struct announce *a, const struct fdpass_peer *peer, const void *packet, size_t len,
		  struct buffer *reply, const char **why)
{
	struct message_login m;
	struct fault fault;
	struct peer opener;
	enum message_type type;
	int r = message_type_of(packet, len, &type);
	if (r != 0) {
		*why = "not a message we know";
		return r;
	}
	r = message_decode_login(packet, len, &m, &fault);
	if (r != 0) {
		*why = fault.reason;
		return r;
	}
	if (peer->uid != 0 || m.pid != peer->pid || peer_read(m.pid, &opener) != 0) {
		*why = "announces a login that is not its own";
		return ITM_EPERM;
	}
	if (type == MESSAGE_LOGOUT) {
		login_end(a->logins, &m, opener.start);
		return 0;
	}
	return register_login(a, peer, &m, opener.start, reply);
}
