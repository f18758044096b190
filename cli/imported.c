#include "cli/imported.h"

#include "format/frame.h"
#include "format/meta.h"

enum {
	RUN_GOAL = 64 * 1024,            /* bytes after which a frame is closed */
	BOOT_NS = 1000000000,            /* the clock of a host that never was starts at a second */
};
#define TIME_MAX_MS UINT64_C(3155760000000) /* a hundred years: times in ns stay in 63 bits */

struct writer {
	const struct imported *what;
	struct spool *spool;             /* NULL: only looking */
	struct buffer run, payload;
	uint64_t number, base_ms, last_ms, time_ms;
	int64_t wall_ns;
};

static int put_frame(struct writer *w, uint8_t flags)
{
	struct frame f = {
		.stream = w->what->stream, .number = w->number + 1, .boot_ns = BOOT_NS + w->base_ms * 1000000,
		.wall_ns = w->wall_ns + (int64_t)(w->base_ms * 1000000), .flags = flags,
		.run = w->run.data, .run_len = w->run.len,
	};
	int r;

	buffer_clear(&w->payload);
	r = frame_encode(&w->payload, &f);
	if (r == 0)
		r = spool_append(w->spool, UNIT_FRAME, 1, w->payload.data, w->payload.len);
	if (r == 0)
		r = spool_flush(w->spool);
	buffer_clear(&w->run);
	w->number++;
	w->base_ms = w->time_ms;
	w->last_ms = 0;
	return r;
}

static int put_event(void *context, const struct record_event *e)
{
	struct writer *w = context;
	int r = 0;

	if (e->time_ms > TIME_MAX_MS)
		return ITM_ELIMIT;
	if (w->spool == NULL)
		return 0;
	w->time_ms = e->time_ms;
	if (w->run.len > 0 && w->run.len + e->len > RUN_GOAL)
		r = put_frame(w, 0);
	return r != 0 ? r : record_put(&w->run, &w->last_ms, e->time_ms - w->base_ms, e->kind, e->code, e->data);
}

static int put_text(struct buffer *b, const char *key, const char *value, int r)
{
	return r != 0 || *value == '\0' ? r : meta_put(b, key, value);
}

/* What marks the session as imported stands before what the file says. */
static int put_head(void *context, const struct foreign_head *h)
{
	struct writer *w = context;
	struct buffer b;
	int r;

	if (w->spool == NULL)
		return 0;
	w->wall_ns = h->wall_ns;
	buffer_init(&b, META_MAX);
	r = meta_put_number(&b, "v", 1);
	r = put_text(&b, "imported", w->what->format->name, r);
	r = put_text(&b, "imported_file", w->what->file, r);
	r = put_text(&b, "imported_sha256", w->what->sha256, r);
	r = put_text(&b, "imported_by", w->what->by, r);
	r = put_text(&b, "service", "import", r);
	r = put_text(&b, "mode", "imported", r);
	r = put_text(&b, "rhost", w->what->format->name, r);
	r = put_text(&b, "user", h->user, r);
	r = put_text(&b, "hostname", h->hostname, r);
	r = put_text(&b, "term", h->term, r);
	r = put_text(&b, "shell", h->shell, r);
	r = put_text(&b, "argv", h->command, r);
	if (r == 0 && h->columns > 0)
		r = meta_put_number(&b, "columns", h->columns);
	if (r == 0 && h->rows > 0)
		r = meta_put_number(&b, "rows", h->rows);
	if (r == 0)
		r = record_put(&w->run, &w->last_ms, 0, RECORD_ENV, b.len, b.data);
	buffer_free(&b);
	return r;
}

static int run(struct writer *w, struct fault *fault)
{
	struct foreign_taker to = { put_head, put_event, w };
	int r;

	buffer_init(&w->run, FRAME_RUN_MAX);
	buffer_init(&w->payload, UNIT_PAYLOAD_MAX);
	r = w->what->format->decode(&w->what->input, &to, fault);
	if (r == 0 && w->spool != NULL)
		r = put_frame(w, FRAME_END);
	if (r == 0 && w->spool != NULL)
		r = spool_sync(w->spool);
	buffer_free(&w->run);
	buffer_free(&w->payload);
	return r;
}

int imported_check(const struct imported *i, struct fault *fault)
{
	struct writer w = { .what = i };

	return run(&w, fault);
}

int imported_write(struct imported *i, struct spool *spool, struct fault *fault)
{
	struct writer w = { .what = i, .spool = spool };

	return run(&w, fault);
}
