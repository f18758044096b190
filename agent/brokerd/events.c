#include "agent/brokerd/events.h"

#include <stdio.h>
#include <string.h>

#include "agent/brokerd/job.h"
#include "agent/brokerd/login.h"
#include "agent/brokerd/session.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/reader.h"
#include "format/meta.h"

enum {
	KEPT_VERSION = 1,
	META_ROOM = 4096,        /* bytes of a session's metadata in its event */
	RETRY_MS = 1000,
};
static const char kept_key[] = "events";

/* ---- one note ---- */

static void begin(struct buffer *b, const char *event)
{
	buffer_init(b, HOSTSTREAM_NOTE_MAX);
	meta_put(b, "event", event);
}

/* What finds no room is left out: the texts have limits of their own. */
static void put_text(struct buffer *b, const char *key, const char *value)
{
	if (value[0] != '\0')
		meta_put(b, key, value);
}

static void put_id(struct buffer *b, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];
	id_format(id, text);
	if (!id_is_zero(id))
		meta_put(b, key, text);
}

static void put_user(const struct events *e, struct buffer *b, uid_t uid)
{
	const struct users_entry *entry = userlist_find(&e->scope->users, uid);
	if (entry != NULL)
		put_text(b, "user", entry->name);
	meta_put_number(b, "uid", uid);
}

static void put_login(struct buffer *b, const struct message_login *m)
{
	const struct { const char *key, *value; } texts[] = {
		{ "user", m->user }, { "service", m->service }, { "rhost", m->rhost }, { "tty", m->tty },
		{ "ruser", m->ruser }, { "ssh_connection", m->ssh_connection }, { "ssh_auth", m->ssh_auth },
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		put_text(b, texts[i].key, texts[i].value);
	meta_put_number(b, "uid", m->uid);
	meta_put_number(b, "loginuid", m->loginuid);
	meta_put_number(b, "audit_session", m->audit_session);
	meta_put_number(b, "pid", (unsigned long long)m->pid);
}

/* Whole lines, and a word when some are missing. */
static void put_meta(struct buffer *b, const struct buffer *meta)
{
	size_t len = meta->len;
	if (len > META_ROOM)
		for (len = META_ROOM; len > 0 && meta->data[len - 1] != '\n'; len--)
			;
	if (len > 0)
		buffer_put(b, meta->data, len);
	if (len < meta->len)
		meta_put(b, "cut", "yes");
}

static bool tell(struct events *e, struct buffer *b)
{
	bool kept = hoststream_put(&e->stream, b);
	buffer_free(b);
	return kept;
}

/* An event that is an alert too: the same facts, without the event's name. */
static bool tell_alert(struct events *e, enum alert a, struct buffer *b)
{
	const uint8_t *rest = b->len > 0 ? memchr(b->data, '\n', b->len) : NULL;
	size_t skip = rest != NULL ? (size_t)(rest - b->data) + 1 : b->len;
	const struct buffer facts = { .data = b->data + skip, .len = b->len - skip };
	bool kept = hoststream_put(&e->stream, b);
	kept &= hoststream_alert(&e->stream, a, &facts);
	buffer_free(b);
	return kept;
}

/* ---- the stream ---- */

void events_init(struct events *e, struct loop *loop, struct control *control, const struct scope *scope)
{
	*e = (struct events){ .scope = scope };
	hoststream_init(&e->stream, loop, control);
	notices_init(&e->notices, &e->stream, control);
	e->stream.vital = true;
}

void events_recall(struct events *e, const void *blob, size_t len)
{
	struct reader r;
	struct id id;
	reader_init(&r, blob, len);
	uint8_t version = reader_u8(&r);
	reader_copy(&r, id.bytes, ID_SIZE);
	reader_end(&r);
	if (r.error == 0 && version == KEPT_VERSION)
		e->before = id;
}

static void keep(const struct events *e)
{
	uint8_t blob[1 + ID_SIZE] = { KEPT_VERSION };
	memcpy(blob + 1, e->stream.id.bytes, ID_SIZE);
	control_store(e->stream.control, kept_key, blob, sizeof blob, NULL, 0);
}

static int describe(const struct events *e, struct buffer *b)
{
	int r = meta_put_number(b, "v", 1);
	if (r == 0)
		r = meta_put(b, "host", e->scope->host_id);
	if (r == 0)
		r = meta_put(b, "hostname", e->scope->hostname);
	if (r == 0)
		r = meta_put(b, "mode", "host");
	return r;
}

static void begin_stream(struct events *e, const char *reason)
{
	struct buffer b;
	struct id before = e->before;
	buffer_init(&b, HOSTSTREAM_NOTE_MAX);
	int r = describe(e, &b);
	if (r == 0)
		r = hoststream_begin(&e->stream, &b);
	buffer_free(&b);
	if (r != 0) {
		log_error("the host's events can't be recorded: %s", error_text(r));
		return;
	}
	e->before = e->stream.id;
	e->sealer_restarts = 0;
	e->scope_changes = e->scope->changes;
	begin(&b, "agent-started");
	put_text(&b, "reason", reason);
	put_id(&b, "stream", &before);
	meta_put_number(&b, "accounts", e->scope->users.count);
	tell(e, &b);
	keep(e);
}

void events_start(struct events *e)
{
	begin_stream(e, id_is_zero(&e->before) ? "start" : "the broker was restarted");
}

void events_renewed(struct events *e)
{
	hoststream_renewed(&e->stream);
	if (!id_is_zero(&e->stream.id))
		keep(e);
}

void events_stop(struct events *e)
{
	struct buffer b;
	begin(&b, "agent-stopped");
	put_text(&b, "reason", "asked to");
	tell(e, &b);
	hoststream_end(&e->stream);
}

/* ---- what is noticed in passing ---- */

static const char *const often_words[EVENTS_OFTEN] = { "session-direct", "stub-refused" };

/* Whether this one is told in full. */
static bool allowed(struct events *e, enum events_often which, int64_t now_ms)
{
	struct events_rate *r = &e->rate[which];
	if (r->told == 0)
		r->since_ms = now_ms;
	if (r->told < EVENTS_RATE_MAX) {
		r->told++;
		return true;
	}
	r->more++;
	return false;
}

/* The window's end: the count of what was not told.  ms until then, or -1. */
static int close_window(struct events *e, enum events_often which, int64_t now_ms)
{
	struct events_rate *r = &e->rate[which];
	struct buffer b;
	if (r->told == 0)
		return -1;
	if (now_ms < r->since_ms + EVENTS_RATE_MS)
		return (int)(r->since_ms + EVENTS_RATE_MS - now_ms);
	if (r->more > 0) {
		begin(&b, often_words[which]);
		meta_put_number(&b, "count", r->more);
		put_text(&b, "reason", "that many more, not told one by one");
		tell(e, &b);
	}
	*r = (struct events_rate){ 0 };
	return -1;
}

/* Told at each crossing, up and down. */
static void notice_space(struct events *e)
{
	static const char *const words[SPACE_LEVELS] = { "spool-recovered", "spool-low", "spool-full", "spool-exhausted" };
	static const char *const reasons[SPACE_LEVELS] = {
		"there is room in the spool again",
		"80 % of the spool's space is taken",
		"95 % of the spool's space is taken",
		"the spool's space is used up: only its reserve is left",
	};
	const struct outbox *o = &e->stream.recording.outbox;
	struct buffer b;
	if (o->level == e->space)
		return;
	e->space = o->level;
	begin(&b, words[e->space]);
	put_text(&b, "reason", reasons[e->space]);
	put_text(&b, "policy", space_policy_name(o->policy));
	if (e->space >= SPACE_FULL)
		tell_alert(e, ALERT_SPOOL_FULL, &b);
	else
		tell(e, &b);
}

bool events_spool_refuses(const struct events *e, enum users_failure failure)
{
	return e != NULL && space_refuses(e->stream.recording.outbox.level, e->stream.recording.outbox.policy, failure);
}

static void notice_changes(struct events *e)
{
	struct buffer b;
	notice_space(e);
	uint32_t restarts = e->stream.recording.outbox.restarts;
	if (restarts != e->sealer_restarts) {
		e->sealer_restarts = restarts;
		begin(&b, "sealer-restarted");
		tell(e, &b);
	}
	if (e->scope->changes != e->scope_changes) {
		e->scope_changes = e->scope->changes;
		begin(&b, "policy-changed");
		meta_put_number(&b, "accounts", e->scope->users.count);
		tell(e, &b);
	}
	const struct sealing *s = &e->scope->sealing;
	if (s->changes != e->sealing_changes) {
		e->sealing_changes = s->changes;
		begin(&b, s->refused ? "keylist-refused" : "keylist-accepted");
		if (s->list.number != 0)
			keylist_describe(&s->list, &b);
		put_text(&b, "reason", s->words);
		if (s->refused)
			tell_alert(e, ALERT_KEYLIST_REFUSED, &b);
		else
			tell(e, &b);
	}
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

int events_tick(struct events *e, int64_t now_ms)
{
	int wait = -1;
	if (hoststream_broken(&e->stream)) {
		if (e->retry_ms == 0)
			e->retry_ms = now_ms + RETRY_MS;
		if (now_ms < e->retry_ms)
			return (int)(e->retry_ms - now_ms);
		e->retry_ms = 0;
		begin_stream(e, "the sealer lost the stream before");
	}
	notice_changes(e);
	wait = notices_tick(&e->notices);
	for (int i = 0; i < EVENTS_OFTEN; i++)
		wait = earlier(wait, close_window(e, (enum events_often)i, now_ms));
	return earlier(wait, hoststream_tick(&e->stream));
}

void events_log(struct events *e, const char *refused)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, refused[0] != '\0' ? "log-refused" : "log-resumed");
	put_text(&b, "reason", refused[0] != '\0' ? refused : "the server's log goes on from what was seen of it");
	if (refused[0] != '\0')
		tell_alert(e, ALERT_LOG_REFUSED, &b);
	else
		tell(e, &b);
}

void events_alert(struct events *e, enum alert a, const struct buffer *facts)
{
	if (e != NULL)
		(void)hoststream_alert(&e->stream, a, facts);
}

/* ---- logins ---- */

void events_login_opened(struct events *e, const struct login *l)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, "login-opened");
	put_id(&b, "login_id", &l->id);
	put_login(&b, &l->says);
	job_put(&b, &l->says);
	tell(e, &b);
}

/* A login that we knew all along and that never asked for a shell was there
 * to forward ports or agents, or for what sshd does itself (internal-sftp).
 * Other services have logins without a shell of the user's as a rule (cron). */
static bool only_forwarded(const struct login *l)
{
	return l->shells == 0 && !l->recalled && strncmp(l->says.service, "sshd", 4) == 0;
}

void events_login_closed(struct events *e, const struct login *l, const char *reason)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, only_forwarded(l) ? "forward-only" : "login-closed");
	put_id(&b, "login_id", &l->id);
	put_login(&b, &l->says);
	meta_put_number(&b, "shells", l->shells);
	if (l->recalled)
		put_text(&b, "shells_known", "no"); /* some may have come while there was no broker */
	meta_put_number(&b, "seconds", (clock_boot_ns() - l->opened_ns) / 1000000000);
	put_text(&b, "reason", reason);
	tell(e, &b);
}

void events_login_refused(struct events *e, const struct message_login *m, const char *reason)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, "login-refused");
	put_login(&b, m);
	put_text(&b, "reason", reason);
	tell(e, &b);
}

bool events_missed(struct events *e, const struct missed *m, const char *name)
{
	struct buffer b;
	char when[CLOCK_TEXT_SIZE];
	clock_format(m->wall_ns, when);
	begin(&b, m->what == MISSED_REFUSED ? "login-refused" : "login-unrecorded");
	put_login(&b, &m->login);
	put_text(&b, "reason", m->reason);
	put_text(&b, "when", when);
	put_text(&b, "note", name);
	return m->what == MISSED_REFUSED ? tell(e, &b) : tell_alert(e, ALERT_UNRECORDED, &b);
}

bool events_missed_unreadable(struct events *e, const char *name, const char *reason)
{
	struct buffer b;
	begin(&b, "login-unrecorded");
	put_text(&b, "reason", reason);
	put_text(&b, "note", name);
	return tell(e, &b);
}

/* ---- sessions ---- */

void events_session_started(struct events *e, const struct session *s, const struct buffer *meta)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, "session-started");
	put_id(&b, "stream", &s->stream);
	meta_put_number(&b, "pid", (unsigned long long)s->stub);
	put_text(&b, "mode", s->pty ? "pty" : "pipe");
	put_meta(&b, meta);
	tell(e, &b);
}

void events_session_ended(struct events *e, const struct session *s, const char *how, int status)
{
	struct buffer b;
	if (e == NULL)
		return;
	/* After our own restart nobody can tell how a recorder ended. */
	begin(&b, status > 0 ? "recorder-lost" : "session-ended");
	put_id(&b, "stream", &s->stream);
	put_user(e, &b, s->uid);
	meta_put_number(&b, "pid", (unsigned long long)s->stub);
	char reason[96];
	snprintf(reason, sizeof reason, "the recorder %s", how);
	put_text(&b, "reason", reason);
	if (status > 0)
		tell_alert(e, ALERT_RECORDER_LOST, &b);
	else
		tell(e, &b);
}

void events_session_failed(struct events *e, bool refused, const struct id *stream, pid_t pid,
			   const struct buffer *meta, const char *reason)
{
	struct buffer b;
	if (e == NULL)
		return;
	begin(&b, refused ? "session-refused" : "session-unrecorded");
	put_text(&b, "reason", reason);
	put_id(&b, "stream", stream);
	meta_put_number(&b, "pid", (unsigned long long)pid);
	put_meta(&b, meta);
	if (refused)
		tell(e, &b);
	else
		tell_alert(e, ALERT_UNRECORDED, &b);
}

void events_session_direct(struct events *e, const char *user, uid_t uid, pid_t pid, const struct login *l)
{
	struct buffer b;
	if (e == NULL || !allowed(e, EVENTS_DIRECT, loop_now_ms()))
		return;
	begin(&b, "session-direct");
	put_text(&b, "user", user);
	meta_put_number(&b, "uid", uid);
	meta_put_number(&b, "pid", (unsigned long long)pid);
	if (l != NULL)
		put_id(&b, "login_id", &l->id);
	tell(e, &b);
}

void events_stub_refused(struct events *e, uid_t uid, pid_t pid, const char *reason)
{
	struct buffer b;
	if (e == NULL || userlist_find(&e->scope->users, uid) == NULL ||
	    !allowed(e, EVENTS_STUB_REFUSED, loop_now_ms()))
		return;
	begin(&b, "stub-refused");
	put_user(e, &b, uid);
	meta_put_number(&b, "pid", (unsigned long long)pid);
	put_text(&b, "reason", reason);
	tell(e, &b);
}
