#include "store/ingestd/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "format/act.h"
#include "format/block.h"
#include "format/meta.h"

enum { ALARM_REASON_SIZE = 320, ALARM_TEXT_MAX = 4096 };

/* One host: whether its record goes on. */
struct alarm_host {
	struct id id;
	uint64_t sequence, moved_ms; /* its last block, and when we first saw that number */
	uint64_t closed;             /* block that closed its chain; 0 = none */
	bool told;
};

struct alarm_one {
	enum alert what;
	struct id host;
	int64_t wall_ns;
	uint64_t raised_ms;
	char reason[ALARM_REASON_SIZE];
};

struct alarm {
	struct evidence *evidence;
	uint64_t silence_ms, now_ms, lost;
	struct alarm_host *hosts;
	size_t host_count, host_size;
	struct alarm_one waiting[ALARM_WAITING_MAX];
	size_t count;
	struct alarm_one lately[ALARM_WAITING_MAX]; /* stored; a ring */
	size_t lately_next;
};

/* ---- hosts ---- */

static struct alarm_host *alarm_find(struct alarm *a, const struct id *id)
{
	for (size_t i = 0; i < a->host_count; i++)
		if (id_equal(&a->hosts[i].id, id))
			return &a->hosts[i];
	return NULL;
}

static struct alarm_host *alarm_host(struct alarm *a, const struct id *id)
{
	struct alarm_host *h = alarm_find(a, id);
	if (h != NULL)
		return h;
	if (a->host_count == a->host_size) {
		size_t size = a->host_size != 0 ? 2 * a->host_size : 16;
		struct alarm_host *more = realloc(a->hosts, size * sizeof *more);
		if (more == NULL)
			return NULL;
		a->hosts = more;
		a->host_size = size;
	}
	h = &a->hosts[a->host_count++];
	*h = (struct alarm_host){ .id = *id };
	return h;
}

/* An earlier run may have said that the host ends at this block. */
static int alarm_told_before(void *context, const struct evidence_act *act)
{
	struct alarm *a = context;
	struct id id;
	char number[24], name[32];
	struct act *said = malloc(sizeof *said);
	if (said != NULL && act->text != NULL && act_decode(act->text, act->len, said, NULL) == 0 &&
	    strcmp(said->verb, ACT_ALERT) == 0 && id_parse(said->subject, &id) == 0 &&
	    meta_get(said->detail, strlen(said->detail), "alert", 0, name, sizeof name) > 0 &&
	    meta_get(said->detail, strlen(said->detail), "block", 0, number, sizeof number) > 0 &&
	    (strcmp(name, alert_kind(ALERT_HOST_SILENT)->name) == 0 || strcmp(name, alert_kind(ALERT_HOST_STOPPED)->name) == 0)) {
		struct alarm_host *h = alarm_host(a, &id);
		if (h != NULL) {
			h->sequence = strtoull(number, NULL, 10);
			h->told = true;
			if (strcmp(name, alert_kind(ALERT_HOST_STOPPED)->name) == 0)
				h->closed = h->sequence;
		}
	}
	free(said);
	return 0;
}

struct alarm *alarm_new(struct evidence *e, uint64_t silence_ms)
{
	struct alarm *a = calloc(1, sizeof *a);
	if (a == NULL)
		return NULL;
	a->evidence = e;
	a->silence_ms = silence_ms;
	int rc = evidence_acts(e, 0, alarm_told_before, a);
	if (rc != 0)
		log_error("the log's alerts cannot be read, some may be raised again: %s", error_text(rc));
	return a;
}

void alarm_free(struct alarm *a)
{
	if (a == NULL)
		return;
	free(a->hosts);
	free(a);
}

/* ---- raising ---- */

static bool alarm_repeats(const struct alarm *a, enum alert what, const struct id *host, uint64_t now_ms)
{
	uint64_t repeat_ms = a->silence_ms != 0 ? a->silence_ms : ALARM_REPEAT_MS;
	for (size_t i = 0; i < ALARM_WAITING_MAX; i++) {
		const struct alarm_one *one = &a->lately[i];
		if (one->raised_ms != 0 && one->what == what && id_equal(&one->host, host) && now_ms - one->raised_ms < repeat_ms)
			return true;
	}
	return false;
}

void alarm_raise(struct alarm *a, enum alert what, const struct id *host, const char *reason, uint64_t now_ms)
{
	if (a == NULL || alarm_repeats(a, what, host, now_ms))
		return;
	if (a->count == ALARM_WAITING_MAX) {
		a->lost++;
		return;
	}
	struct alarm_one one = { .what = what, .host = *host, .wall_ns = clock_wall_ns(), .raised_ms = now_ms };
	snprintf(one.reason, sizeof one.reason, "%s", reason);
	a->waiting[a->count++] = one;
	a->lately[a->lately_next++ % ALARM_WAITING_MAX] = one;
}

void alarm_block(struct alarm *a, const struct block *b, uint64_t now_ms)
{
	char words[128];
	if (b->flags & BLOCK_CLOSE) {
		snprintf(words, sizeof words, "block %" PRIu64 " closes the chain", b->sequence);
		alarm_raise(a, ALERT_HOST_STOPPED, &b->host, words, now_ms);
		struct alarm_host *h = a != NULL ? alarm_host(a, &b->host) : NULL;
		if (h != NULL)
			h->closed = b->sequence;
	}
	if (!(b->flags & BLOCK_GENESIS) || b->sequence == 1)
		return;
	bool reboot = b->genesis.reason == BLOCK_REBOOT;
	const struct alarm_host *known = a != NULL ? alarm_find(a, &b->host) : NULL;
	/* The one before it was closed in good order, and that was said. */
	if (!reboot && known != NULL && known->closed == b->sequence - 1)
		return;
	snprintf(words, sizeof words, "block %" PRIu64 " begins a chain: %s", b->sequence,
		 reboot ? "another boot" : b->genesis.reason == BLOCK_KEY_LOST ? "the key was lost" : "installed anew");
	alarm_raise(a, reboot ? ALERT_HOST_REBOOTED : ALERT_CHAIN_RESTARTED, &b->host, words, now_ms);
}

/* ---- silence ---- */

static int alarm_look(void *context, const struct evidence_host *known)
{
	struct alarm *a = context;
	struct alarm_host *h = known->last_sequence > 0 && !known->revoked ? alarm_host(a, &known->id) : NULL;
	char words[ALARM_REASON_SIZE], hash[17];
	if (h == NULL)
		return 0;
	if (h->sequence != known->last_sequence) {
		h->sequence = known->last_sequence;
		h->moved_ms = a->now_ms;
		h->told = h->closed == h->sequence; /* that it stops was said */
		return 0;
	}
	if (h->moved_ms == 0)
		h->moved_ms = a->now_ms;
	if (h->told || a->now_ms - h->moved_ms < a->silence_ms)
		return 0;
	h->told = true;
	for (size_t i = 0; i < sizeof hash / 2; i++)
		snprintf(hash + 2 * i, 3, "%02x", known->last_hash[i]);
	snprintf(words, sizeof words, "no block for %" PRIu64 " s; the last is %" PRIu64 ", %s", a->silence_ms / 1000,
		 known->last_sequence, hash);
	alarm_raise(a, ALERT_HOST_SILENT, &known->id, words, a->now_ms);
	return 0;
}

/* ---- storing ---- */

static int alarm_write(struct act *act, const struct alarm_one *one, const struct evidence_host *h)
{
	struct buffer b;
	buffer_init(&b, ALARM_TEXT_MAX);
	*act = (struct act){ .wall_ns = one->wall_ns, .uid = (uint32_t)getuid(), .login = ACT_NO_LOGIN, .verb = ACT_ALERT };
	id_format(&one->host, act->subject);
	snprintf(act->reason, sizeof act->reason, "%s", alert_kind(one->what)->words);
	int rc = alert_begin(&b, one->what);
	if (rc == 0)
		rc = meta_put(&b, "hostname", h->name);
	if (rc == 0)
		rc = meta_put(&b, "reason", one->reason);
	if (rc == 0)
		rc = meta_put_number(&b, "block", h->last_sequence);
	const char *line = rc == 0 ? buffer_text(&b) : NULL;
	while (rc == 0 && line != NULL && *line != '\0') {
		char one_line[ALARM_TEXT_MAX];
		size_t len = strcspn(line, "\n");
		snprintf(one_line, sizeof one_line, "%.*s", (int)len, line);
		rc = act_detail(act, one_line);
		line += len + (line[len] == '\n');
	}
	buffer_free(&b);
	return rc;
}

static int alarm_store(struct alarm *a, const struct alarm_one *one)
{
	struct evidence_host host = { 0 };
	struct buffer text;
	uint64_t leaf;
	struct act *act = malloc(sizeof *act);
	if (act == NULL)
		return ITM_ENOMEM;
	int rc = evidence_host_get(a->evidence, &one->host, &host);
	if (rc == 0 || rc == ITM_ENOENT)
		rc = alarm_write(act, one, &host);
	buffer_init(&text, ACT_TEXT_MAX);
	if (rc == 0)
		rc = act_encode(&text, act);
	if (rc == 0)
		rc = evidence_act_put(a->evidence, text.data, text.len, act->wall_ns, &leaf);
	if (rc == 0)
		log_error("alert: %s: %s: %s", host.name, alert_kind(one->what)->name, one->reason);
	buffer_free(&text);
	free(act);
	return rc;
}

bool alarm_flush(struct alarm *a)
{
	if (a->lost > 0)
		log_error("%" PRIu64 " alerts were too many at once, and are only in this log", a->lost);
	a->lost = 0;
	if (a->count == 0)
		return false;
	int rc = evidence_begin(a->evidence);
	for (size_t i = 0; i < a->count && rc == 0; i++)
		rc = alarm_store(a, &a->waiting[i]);
	if (rc == 0)
		rc = evidence_commit(a->evidence);
	else
		evidence_give_up(a->evidence);
	if (rc != 0) {
		log_error("alerts could not be stored, trying again: %s", error_text(rc));
		return false;
	}
	a->count = 0;
	return true;
}

bool alarm_tick(struct alarm *a, uint64_t now_ms)
{
	a->now_ms = now_ms;
	if (a->silence_ms > 0)
		(void)evidence_host_list(a->evidence, alarm_look, a);
	return alarm_flush(a);
}
