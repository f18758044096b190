#include "store/ingestd/custodian.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "format/keyfile.h"
#include "format/meta.h"
#include "store/custody.h"
#include "store/evidence_hold.h"
#include "store/evidence_remove.h"
#include "store/ingestd/approved.h"
#include "store/ingestd/auditor.h"

enum { CUSTODIAN_BACKLOG = 8, CUSTODIAN_CLIENT_MS = 30000, CUSTODIAN_RETENTION_MS = 3600 * 1000, CUSTODIAN_BAD_MAX = 256 };

struct custodian_client { int fd; uint64_t since_ms; }; /* fd -1: free */

struct custodian {
	int listen_fd;
	struct evidence *evidence;
	const struct sign_key *log_key;
	const struct settings_server *settings;
	struct custodian_client clients[CUSTODIAN_CLIENTS_MAX];
	size_t polled[CUSTODIAN_CLIENTS_MAX];
	uint64_t retention_ms;           /* when it is looked for old sessions next */
	struct id bad[CUSTODIAN_BAD_MAX];/* sessions that could not be removed: not tried again by this process */
	size_t bad_count;
	bool singly;                     /* a batch failed: one at a time */
};

int custodian_listen(const struct settings_server *settings)
{
	char path[AUDIT_PATH_SIZE];
	custody_path(settings->run, path);
	bool group = settings->custody_group[0] != '\0';
	const struct group *gr = group ? getgrnam(settings->custody_group) : NULL;
	if (group && gr == NULL) {
		log_error("custody_group: there is no group %s", settings->custody_group);
		return ITM_ENOENT;
	}
	int fd = fdpass_listen(path, gr != NULL ? 0660 : 0600, CUSTODIAN_BACKLOG);
	if (fd < 0) {
		log_error("%s: %s", path, error_text(fd));
		return fd;
	}
	if (gr != NULL && chown(path, (uid_t)-1, gr->gr_gid) != 0)
		log_error("%s: group %s: %s", path, settings->custody_group, error_text(ITM_ESYS));
	return fd;
}

struct custodian *custodian_new(int listen_fd, struct evidence *evidence, const struct sign_key *log_key,
				const struct settings_server *settings)
{
	struct custodian *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->listen_fd = listen_fd;
	c->evidence = evidence;
	c->log_key = log_key;
	c->settings = settings;
	for (size_t i = 0; i < CUSTODIAN_CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	return c;
}

static void custodian_drop(struct custodian_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

void custodian_free(struct custodian *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CUSTODIAN_CLIENTS_MAX; i++)
		custodian_drop(&c->clients[i]);
	free(c);
}

static int custodian_say(char words[CUSTODIAN_WORDS], int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int custodian_say(char words[CUSTODIAN_WORDS], int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(words, CUSTODIAN_WORDS, format, args);
	va_end(args);
	return code;
}

/* What an act asks for */

static void put_name(uint32_t uid, char *out, size_t size)
{
	const struct passwd *pw = getpwuid(uid);
	if (pw != NULL)
		snprintf(out, size, "%.64s", pw->pw_name);
	else
		snprintf(out, size, "uid %u", (unsigned)uid);
}

/* "root (login alice)" */
static void custodian_who(const struct act *act, char out[REMOVAL_TEXT_SIZE])
{
	char user[96], login[96];
	put_name(act->uid, user, sizeof user);
	if (act->login == ACT_NO_LOGIN || act->login == act->uid) {
		snprintf(out, REMOVAL_TEXT_SIZE, "%s", user);
		return;
	}
	put_name(act->login, login, sizeof login);
	snprintf(out, REMOVAL_TEXT_SIZE, "%s (login %s)", user, login);
}

/* Detail lines are key=value; "" when there is none. */
static int custodian_detail(const struct act *act, const char *key, char *out, size_t size)
{
	int n = meta_get(act->detail, strlen(act->detail), key, 0, out, size);
	if (n < 0)
		out[0] = '\0';
	return n == ITM_ENOENT ? 0 : n < 0 ? n : 0;
}

/* The two-person rule, asked for every act in this one place: who approved it
 * is part of the signed declaration. */
static int custodian_approved(const struct custodian *c, const struct act *act, char approval[REMOVAL_TEXT_SIZE],
			      char words[CUSTODIAN_WORDS])
{
	const char *why;
	int rc = approved_check(c->evidence, c->settings, act, approval, &why);
	return rc == ITM_EPERM ? custodian_say(words, rc, "not approved: %s", why) : rc;
}

static int custodian_sections(const struct act *act, uint8_t *out, char words[CUSTODIAN_WORDS])
{
	static const struct { const char *word; uint8_t bit; } known[] = {
		{ "out", 1 << CHUNK_OUT }, { "in", 1 << CHUNK_IN }, { "meta", 1 << CHUNK_META },
	};
	char text[64];
	size_t named = 0;
	*out = 0;
	if (custodian_detail(act, "section", text, sizeof text) != 0)
		return custodian_say(words, ITM_EINVAL, "sections are out, in and meta");
	for (const char *at = text; *at != '\0'; at++)
		named += at == text || at[-1] == ',';
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (settings_lists(text, known[i].word)) {
			*out |= known[i].bit;
			named--;
		}
	if (*out == 0 || named != 0)
		return custodian_say(words, ITM_EINVAL, "sections are out, in and meta");
	return 0;
}

static int custodian_time(const struct act *act, const char *key, int64_t *out)
{
	char text[32], *end;
	*out = 0;
	if (custodian_detail(act, key, text, sizeof text) != 0)
		return ITM_EINVAL;
	if (text[0] == '\0')
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *out >= 0 ? 0 : ITM_EINVAL;
}

static int custodian_remove(struct custodian *c, const struct act *act, char words[CUSTODIAN_WORDS])
{
	struct evidence_removal r = { .declaration = { .act = REMOVAL_DELETION, .wall_ns = act->wall_ns } };
	struct removal *d = &r.declaration;
	bool redact = strcmp(act->verb, "redact") == 0;
	int rc = custodian_approved(c, act, d->approval, words);
	if (rc == 0 && redact) {
		d->act = REMOVAL_REDACTION;
		rc = custodian_sections(act, &d->sections, words);
		if (rc == 0 && (custodian_time(act, "from", &r.from_wall_ns) != 0 || custodian_time(act, "to", &r.to_wall_ns) != 0))
			rc = custodian_say(words, ITM_EINVAL, "the time makes no sense");
	}
	if (rc == 0 && id_parse(act->subject, &d->stream) != 0)
		rc = custodian_say(words, ITM_EINVAL, "'%.64s' is no session id", act->subject);
	if (rc != 0)
		return rc;
	custodian_who(act, d->who);
	snprintf(d->reason, sizeof d->reason, "%.500s", act->reason);
	rc = evidence_remove(c->evidence, &r, 1, c->log_key, words);
	if (rc == 0)
		custodian_say(words, 0, "%s: %" PRIu64 " chunks, %" PRIu64 " to %" PRIu64,
			      redact ? "redacted" : "deleted", r.chunks, d->first, d->last);
	return rc;
}

/* A host by id or by name, as its id. */
struct find_host { const char *name; struct id id; unsigned count; };

static int find_host(void *context, const struct evidence_host *h)
{
	struct find_host *f = context;
	char id[ID_TEXT_SIZE];
	id_format(&h->id, id);
	if (strcmp(f->name, h->name) == 0 || strcmp(f->name, id) == 0) {
		f->id = h->id;
		f->count++;
	}
	return 0;
}

static int custodian_hold(struct custodian *c, const struct act *act, char words[CUSTODIAN_WORDS])
{
	char kind_text[16], who[REMOVAL_TEXT_SIZE], value[ACT_SUBJECT_SIZE];
	enum evidence_hold_kind kind = EVIDENCE_HOLD_USER;
	struct find_host host = { .name = act->subject };
	uint64_t number;
	struct id id;
	if (custodian_detail(act, "kind", kind_text, sizeof kind_text) != 0 || act->subject[0] == '\0')
		return custodian_say(words, ITM_EINVAL, "a hold is on a session, a user or a host");
	snprintf(value, sizeof value, "%s", act->subject);
	if (strcmp(kind_text, "session") == 0) {
		kind = EVIDENCE_HOLD_SESSION;
		if (id_parse(act->subject, &id) != 0)
			return custodian_say(words, ITM_EINVAL, "'%.64s' is no session id", act->subject);
		id_format(&id, value);
	} else if (strcmp(kind_text, "host") == 0) {
		kind = EVIDENCE_HOLD_HOST;
		if (evidence_host_list(c->evidence, find_host, &host) != 0 || host.count != 1)
			return custodian_say(words, ITM_ENOENT, host.count > 1 ? "several hosts have the name %.64s: name its id"
					     : "no host %.64s is enrolled", act->subject);
		id_format(&host.id, value);
	} else if (strcmp(kind_text, "user") != 0) {
		return custodian_say(words, ITM_EINVAL, "a hold is on a session, a user or a host");
	}
	custodian_who(act, who);
	int rc = evidence_hold_set(c->evidence, kind, value, who, act->reason, act->wall_ns, &number);
	if (rc == 0)
		custodian_say(words, 0, "hold %" PRIu64 " stands on %s %.200s", number, kind_text, value);
	return rc;
}

static int custodian_release(struct custodian *c, const struct act *act, char words[CUSTODIAN_WORDS])
{
	char approval[REMOVAL_TEXT_SIZE], who[REMOVAL_TEXT_SIZE], *end;
	int rc = custodian_approved(c, act, approval, words);
	if (rc != 0)
		return rc;
	errno = 0;
	uint64_t number = strtoull(act->subject, &end, 10);
	if (errno != 0 || *end != '\0' || number == 0)
		return custodian_say(words, ITM_EINVAL, "'%.64s' is no number of a hold", act->subject);
	custodian_who(act, who);
	rc = evidence_hold_end(c->evidence, number, who, act->reason, act->wall_ns);
	if (rc == ITM_ENOENT)
		return custodian_say(words, rc, "no hold %" PRIu64 " stands", number);
	if (rc == 0)
		custodian_say(words, 0, "hold %" PRIu64 " is released", number);
	return rc;
}

static int first_hold(void *context, const struct evidence_hold *h)
{
	*(uint64_t *)context = h->number;
	return 1;
}

/* A key that is gone takes what was sealed to it out of every copy.  What a
 * hold covers may be sealed to it: while one stands, none goes. */
static int custodian_destroy_key(struct custodian *c, const struct act *act, char words[CUSTODIAN_WORDS])
{
	char approval[REMOVAL_TEXT_SIZE];
	uint64_t hold = 0;
	int rc = custodian_approved(c, act, approval, words);
	if (rc != 0)
		return rc;
	rc = evidence_hold_list(c->evidence, false, first_hold, &hold);
	if (rc < 0)
		return rc;
	if (hold != 0)
		return custodian_say(words, ITM_EPERM, "hold %" PRIu64 " stands, and what it covers may be sealed to this key", hold);
	if (strlen(act->subject) != KEYFILE_ID_TEXT_SIZE - 1 || strspn(act->subject, "0123456789ABCDEF") != KEYFILE_ID_TEXT_SIZE - 1)
		return custodian_say(words, ITM_EINVAL, "'%.64s' is no key's id", act->subject);
	custodian_say(words, 0, "key %s may be destroyed, and that it was is logged", act->subject);
	return 0;
}

static const struct {
	const char *verb;
	int (*run)(struct custodian *c, const struct act *act, char words[CUSTODIAN_WORDS]);
} custodian_verbs[] = {
	{ "redact", custodian_remove }, { "delete", custodian_remove },
	{ "hold", custodian_hold }, { "release", custodian_release },
	{ "destroy-key", custodian_destroy_key },
};

/* The act's leaf first: what could not be logged is not done. */
static int custodian_leaf(struct custodian *c, const struct act *act, uint64_t *leaf)
{
	struct buffer text;
	buffer_init(&text, ACT_TEXT_MAX);
	int rc = act_encode(&text, act);
	if (rc == 0)
		rc = evidence_act_put(c->evidence, text.data, text.len, act->wall_ns, leaf);
	buffer_free(&text);
	return rc;
}

int custodian_act(struct custodian *c, const struct act *act, uint64_t *leaf, char words[CUSTODIAN_WORDS])
{
	size_t i = 0;
	words[0] = '\0';
	while (i < sizeof custodian_verbs / sizeof *custodian_verbs && strcmp(act->verb, custodian_verbs[i].verb) != 0)
		i++;
	if (i == sizeof custodian_verbs / sizeof *custodian_verbs)
		return custodian_say(words, ITM_EINVAL, "'%.32s' is no act of custody", act->verb);
	if (act->reason[0] == '\0')
		return custodian_say(words, ITM_EINVAL, "a reason is needed");
	int rc = evidence_begin(c->evidence);
	if (rc != 0)
		return custodian_say(words, rc, "the store cannot be written: the server's log says why");
	rc = custodian_leaf(c, act, leaf);
	if (rc == 0)
		rc = custodian_verbs[i].run(c, act, words);
	int committed = rc == 0 ? evidence_commit(c->evidence) : evidence_give_up(c->evidence);
	if (rc == 0 && committed != 0)
		rc = custodian_say(words, committed, "it could not be stored, and is not done: the server's log says why");
	if (rc != 0 && words[0] == '\0')
		custodian_say(words, rc, "%s", error_text(rc));
	log_info("custody: uid %u: %s %s: %s", (unsigned)act->uid, act->verb, act->subject, words);
	return rc;
}

/* Retention */

static bool is_bad(const struct custodian *c, const struct id *stream)
{
	for (size_t i = 0; i < c->bad_count; i++)
		if (id_equal(&c->bad[i], stream))
			return true;
	return false;
}

static int custodian_expire(struct custodian *c, const struct id *streams, size_t count, int64_t wall_ns)
{
	struct evidence_removal *items = calloc(count, sizeof *items);
	struct act *act = calloc(1, sizeof *act);
	char words[EVIDENCE_REMOVE_ERROR_SIZE] = "", id[ID_TEXT_SIZE];
	uint64_t leaf;
	int rc = items != NULL && act != NULL ? evidence_begin(c->evidence) : ITM_ENOMEM;
	if (rc == 0) {
		*act = (struct act){ .wall_ns = wall_ns, .uid = geteuid(), .login = ACT_NO_LOGIN };
		snprintf(act->verb, sizeof act->verb, "retention");
		snprintf(act->subject, sizeof act->subject, "%zu sessions", count);
		snprintf(act->reason, sizeof act->reason, "older than %" PRIu64 " days", c->settings->retention_ms / 86400000);
		for (size_t i = 0; i < count; i++) {
			struct removal *d = &items[i].declaration;
			*d = (struct removal){ .act = REMOVAL_RETENTION, .stream = streams[i], .wall_ns = wall_ns };
			snprintf(d->who, sizeof d->who, "retention");
			snprintf(d->reason, sizeof d->reason, "%.500s", act->reason);
			id_format(&streams[i], id);
			act_detail(act, id);
		}
		rc = custodian_leaf(c, act, &leaf);
		if (rc == 0)
			rc = evidence_remove(c->evidence, items, count, c->log_key, words);
		int committed = rc == 0 ? evidence_commit(c->evidence) : evidence_give_up(c->evidence);
		rc = rc == 0 ? committed : rc;
	}
	if (rc == 0)
		log_info("retention: %zu sessions removed", count);
	else
		log_error("retention: %zu sessions: %s", count, words[0] != '\0' ? words : error_text(rc));
	free(items);
	free(act);
	return rc;
}

/* A batch of old sessions.  true: there may be more. */
static bool custodian_retain(struct custodian *c, int64_t wall_ns)
{
	struct id due[EVIDENCE_REMOVE_MAX];
	size_t count = 0;
	int found = evidence_remove_due(c->evidence, wall_ns - (int64_t)c->settings->retention_ms * 1000000, due);
	for (int i = 0; i < found; i++)
		if (!is_bad(c, &due[i]))
			due[count++] = due[i];
	if (count == 0) {
		c->singly = false;
		return false;
	}
	if (c->singly)
		count = 1;
	if (custodian_expire(c, due, count, wall_ns) == 0)
		return true;
	if (count == 1 && c->bad_count < CUSTODIAN_BAD_MAX)
		c->bad[c->bad_count++] = due[0];
	else if (count == 1)
		return false;
	c->singly = true;
	return true;
}

void custodian_tick(struct custodian *c, uint64_t now_ms, int64_t wall_ns)
{
	for (size_t i = 0; i < CUSTODIAN_CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && now_ms - c->clients[i].since_ms >= CUSTODIAN_CLIENT_MS)
			custodian_drop(&c->clients[i]);
	evidence_remove_tidy(c->evidence, EVIDENCE_REMOVE_GRACE_MS);
	if (c->settings->retention_ms == 0 || now_ms < c->retention_ms)
		return;
	if (!custodian_retain(c, wall_ns))
		c->retention_ms = now_ms + CUSTODIAN_RETENTION_MS;
}

/* Clients */

size_t custodian_fds(struct custodian *c, struct pollfd *out)
{
	size_t n = 0;
	out[n++] = (struct pollfd){ .fd = c->listen_fd, .events = POLLIN };
	for (size_t i = 0; i < CUSTODIAN_CLIENTS_MAX; i++) {
		if (c->clients[i].fd < 0)
			continue;
		c->polled[n - 1] = i;
		out[n++] = (struct pollfd){ .fd = c->clients[i].fd, .events = POLLIN };
	}
	return n;
}

static void custodian_answer(struct custodian_client *client, int result, uint64_t leaf, const char *words)
{
	struct buffer b;
	buffer_init(&b, AUDIT_ANSWER_MAX);
	if (audit_put_answer(&b, result, leaf, words) != 0 || fdpass_send(client->fd, b.data, b.len, NULL, 0) != 0)
		log_debug("custody: the asker is gone");
	buffer_free(&b);
	custodian_drop(client);
}

static void custodian_read(struct custodian *c, struct custodian_client *client)
{
	uint8_t data[ACT_TEXT_MAX];
	char words[CUSTODIAN_WORDS];
	struct fault fault = { .reason = "not readable" };
	uint64_t leaf = 0;
	ssize_t n = fdpass_recv(client->fd, data, sizeof data, NULL, NULL);
	if (n == ITM_ESYS && (errno == EAGAIN || errno == EINTR))
		return;
	struct act *act = malloc(sizeof *act);
	if (n < 0 || act == NULL) {
		custodian_drop(client);
	} else if (act_decode(data, (size_t)n, act, &fault) != 0) {
		custodian_answer(client, ITM_EFORMAT, 0, fault.reason);
	} else {
		int rc = auditor_sign_in(client->fd, act);
		if (rc == 0)
			rc = custodian_act(c, act, &leaf, words);
		else
			custodian_say(words, rc, "who asks cannot be told");
		custodian_answer(client, rc, leaf, words);
	}
	free(act);
}

void custodian_work(struct custodian *c, const struct pollfd *fds, size_t count, uint64_t now_ms)
{
	for (size_t i = 1; i < count; i++)
		if (fds[i].revents != 0)
			custodian_read(c, &c->clients[c->polled[i - 1]]);
	for (size_t i = 0; count > 0 && fds[0].revents != 0 && i < CUSTODIAN_CLIENTS_MAX; i++) {
		if (c->clients[i].fd >= 0)
			continue;
		int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		c->clients[i] = (struct custodian_client){ fd, now_ms };
	}
}
