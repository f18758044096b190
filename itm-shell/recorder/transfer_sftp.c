#include "itm-shell/recorder/transfer_sftp.h"

#include <stdlib.h>
#include <string.h>

#include "itm-shell/recorder/transfer_pending.h"

/* filexfer-02, section 3. */
enum {
	FXP_INIT = 1, FXP_VERSION = 2, FXP_OPEN = 3, FXP_CLOSE = 4, FXP_READ = 5, FXP_WRITE = 6,
	FXP_SETSTAT = 9, FXP_FSETSTAT = 10, FXP_REMOVE = 13, FXP_MKDIR = 14, FXP_RMDIR = 15,
	FXP_RENAME = 18, FXP_SYMLINK = 20,
	FXP_STATUS = 101, FXP_HANDLE = 102, FXP_DATA = 103, FXP_EXTENDED = 200,
};
enum { OPEN_WRITES = 2 | 4 };                            /* SSH_FXF_WRITE, APPEND */
enum { ATTR_SIZE = 1, ATTR_OWNER = 2, ATTR_PERMISSIONS = 4 };

enum {
	LENGTH = 4,                     /* bytes of a packet's length */
	PACKET_MAX = 1 << 24,           /* OpenSSH takes 256 KiB */
	HEAD_MAX = LENGTH + 1 + 4 + 2 * (4 + TRANSFER_NAME_MAX) + 64,
};

/* One direction: the head of the packet being read, then what is left of it. */
struct side {
	uint8_t head[HEAD_MAX];
	size_t have;
	bool passing;                   /* the head is done: the rest is a file's, or nobody's */
	uint64_t left;
	struct transfer_file *file;     /* that the rest belongs to, or NULL */
	uint64_t offset;
};

struct transfer_sftp {
	struct transfer_log *log;
	struct side client, server;
	struct transfer_pending pending;
};

/* A cursor over a head; running off its end makes all later answers empty. */
struct cursor { const uint8_t *at; size_t left; bool bad; };

struct transfer_sftp *transfer_sftp_new(struct transfer_log *log)
{
	struct transfer_sftp *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->log = log;
	return s;
}

void transfer_sftp_free(struct transfer_sftp *s)
{
	if (s == NULL)
		return;
	transfer_pending_free(&s->pending);
	free(s);
}

static uint32_t number32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t *take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->at;

	if (c->bad || len > c->left) {
		c->bad = true;
		return NULL;
	}
	c->at += len;
	c->left -= len;
	return p;
}

static uint32_t take32(struct cursor *c)
{
	const uint8_t *p = take(c, 4);
	return p != NULL ? number32(p) : 0;
}

static uint64_t take64(struct cursor *c)
{
	uint64_t high = take32(c);
	return high << 32 | take32(c);
}

static const uint8_t *take_text(struct cursor *c, size_t *len)
{
	*len = take32(c);
	const uint8_t *p = take(c, *len);
	if (p == NULL)
		*len = 0;
	return p;
}

/* The permissions among attributes, (uint32_t)-1 when they are not there. */
static uint32_t take_mode(struct cursor *c)
{
	uint32_t flags = take32(c);

	if (flags & ATTR_SIZE)
		take64(c);
	if (flags & ATTR_OWNER)
		take64(c);
	if (!(flags & ATTR_PERMISSIONS))
		return UINT32_MAX;
	uint32_t mode = take32(c);
	return c->bad ? UINT32_MAX : mode & 07777;
}

static struct transfer_request *add(struct transfer_sftp *s, uint32_t id, uint8_t type)
{
	struct transfer_request *r = transfer_pending_add(&s->pending, id, type);

	if (r == NULL)
		s->log->left_out++;
	return r;
}

/* A request about a name, or about two. */
static struct transfer_request *add_named(struct transfer_sftp *s, struct cursor *c, uint32_t id, uint8_t type,
					  const char *operation, bool two)
{
	size_t len, to_len = 0;
	const uint8_t *name = take_text(c, &len), *to = two ? take_text(c, &to_len) : NULL;
	struct transfer_request *r = c->bad ? NULL : add(s, id, type);

	if (r == NULL)
		return NULL;
	r->operation = operation;
	if (transfer_pending_name(&s->pending, &r->name, name, len) &&
	    (to == NULL || transfer_pending_name(&s->pending, &r->to, to, to_len)))
		return r;
	s->log->left_out++;
	transfer_pending_drop(&s->pending, r);
	return NULL;
}

static int take_handle(struct transfer_sftp *s, struct cursor *c)
{
	size_t len;
	const uint8_t *handle = take_text(c, &len);

	return handle != NULL ? transfer_pending_file(&s->pending, handle, len) : -1;
}

static void extended(struct transfer_sftp *s, struct cursor *c, uint32_t id)
{
	static const struct { const char *name, *operation; } known[] = {
		{ "posix-rename@openssh.com", "rename" }, { "hardlink@openssh.com", "link" },
	};
	size_t len;
	const uint8_t *name = take_text(c, &len);

	for (size_t i = 0; name != NULL && i < sizeof known / sizeof known[0]; i++)
		if (len == strlen(known[i].name) && memcmp(name, known[i].name, len) == 0)
			add_named(s, c, id, FXP_EXTENDED, known[i].operation, true);
	/* Bytes that a server copies by itself are not seen here. */
	static const char copy[] = "copy-data";
	if (name != NULL && len == sizeof copy - 1 && memcmp(name, copy, len) == 0) {
		take_handle(s, c);
		take64(c);
		take64(c);
		int to = take_handle(s, c);
		if (to >= 0)
			s->pending.open[to].in.scattered = true;
	}
}

static void about_file(struct transfer_sftp *s, struct cursor *c, uint32_t id, uint8_t type)
{
	int open = take_handle(s, c);

	if (open < 0)
		return;                 /* a folder's */
	struct transfer_request *r = add(s, id, type);
	if (r == NULL) {
		s->pending.open[open].out.scattered |= type == FXP_READ;
		return;
	}
	r->open = open;
	if (type == FXP_READ || type == FXP_WRITE)
		r->offset = take64(c);
	else if (type == FXP_FSETSTAT)
		r->mode = take_mode(c);
}

static void request(struct transfer_sftp *s, struct cursor *c, uint8_t type)
{
	uint32_t id = take32(c);
	struct transfer_request *r;

	switch (type) {
	case FXP_OPEN:
		r = add_named(s, c, id, type, NULL, false);
		if (r != NULL) {
			r->flags = take32(c);
			r->mode = r->flags & OPEN_WRITES ? take_mode(c) : UINT32_MAX;
		}
		break;
	case FXP_REMOVE: add_named(s, c, id, type, "remove", false); break;
	case FXP_RMDIR: add_named(s, c, id, type, "rmdir", false); break;
	case FXP_RENAME: add_named(s, c, id, type, "rename", true); break;
	case FXP_SYMLINK: add_named(s, c, id, type, "symlink", true); break;
	case FXP_MKDIR:
	case FXP_SETSTAT:
		r = add_named(s, c, id, type, type == FXP_MKDIR ? "mkdir" : "setstat", false);
		if (r != NULL)
			r->mode = take_mode(c);
		break;
	case FXP_CLOSE: case FXP_READ: case FXP_WRITE: case FXP_FSETSTAT:
		about_file(s, c, id, type);
		break;
	case FXP_EXTENDED: extended(s, c, id); break;
	default: break;                 /* questions that change nothing */
	}
}

static void log_change(struct transfer_sftp *s, const struct transfer_request *r, bool good)
{
	struct transfer_entry e = {
		.name = r->name.data, .name_len = r->name.len, .to = r->to.data, .to_len = r->to.len,
		.operation = r->operation, .result = good ? NULL : "failed", .mode = r->mode,
	};

	/* OpenSSH's PROTOCOL, 4.1: first what the link points to, then its name. */
	if (r->type == FXP_SYMLINK) {
		e.name = r->to.data;
		e.name_len = r->to.len;
		e.to = r->name.data;
		e.to_len = r->name.len;
	}
	transfer_log_put(s->log, &e);
}

static void log_refusal(struct transfer_sftp *s, const struct transfer_request *r)
{
	struct transfer_file none = { 0 };
	const struct transfer_entry e = {
		.name = r->name.data, .name_len = r->name.len, .result = "refused", .mode = r->mode,
		.out = (r->flags & OPEN_WRITES) == 0, .bytes = &none,
	};

	transfer_log_put(s->log, &e);
}

static void log_file(struct transfer_sftp *s, struct transfer_open *o, const char *result)
{
	struct transfer_entry e = {
		.name = o->name.data, .name_len = o->name.len, .mode = o->mode,
		.result = o->failed ? "failed" : result,
	};
	bool in = o->in.bytes > 0 || o->in.scattered, out = o->out.bytes > 0 || o->out.scattered;

	for (int i = 0; i < 2; i++) {
		e.out = i == 1;
		e.bytes = e.out ? &o->out : &o->in;
		if (e.out ? out || (!in && !o->writes) : in || (!out && o->writes))
			transfer_log_put(s->log, &e);
	}
	/* A packet for it may be half through, when a client does not wait. */
	if (s->client.file == &o->in)
		s->client.file = NULL;
	if (s->server.file == &o->out)
		s->server.file = NULL;
	transfer_pending_closed(o);
}

static void status(struct transfer_sftp *s, const struct transfer_request *r, bool good)
{
	struct transfer_open *o = r->open >= 0 ? &s->pending.open[r->open] : NULL;

	if (r->operation != NULL) {
		log_change(s, r, good);
	} else if (r->type == FXP_OPEN) {
		log_refusal(s, r);
	} else if (o != NULL && o->used) {
		if (r->type == FXP_WRITE && !good)
			o->failed = true;
		else if (r->type == FXP_FSETSTAT && good && r->mode != UINT32_MAX)
			o->mode = r->mode;
		else if (r->type == FXP_CLOSE)
			log_file(s, o, good ? NULL : "failed");
	}
}

static void answer(struct transfer_sftp *s, struct cursor *c, uint8_t type)
{
	uint32_t id = take32(c);
	struct transfer_request *r = transfer_pending_find(&s->pending, id);
	size_t len;

	if (r == NULL || c->bad)
		return;
	if (type == FXP_STATUS) {
		status(s, r, take32(c) == 0);
	} else if (type == FXP_HANDLE && r->type == FXP_OPEN) {
		const uint8_t *handle = take_text(c, &len);
		struct transfer_open *o = handle != NULL ? transfer_pending_opened(&s->pending, r, handle, len) : NULL;
		if (o != NULL)
			o->writes = (r->flags & OPEN_WRITES) != 0;
		else
			s->log->left_out++;
	}
	transfer_pending_drop(&s->pending, r);
}

/* The rest of a WRITE or DATA packet belongs to a file. */
static void begin_bytes(struct transfer_sftp *s, struct side *side, struct cursor *c, uint8_t type)
{
	struct transfer_request *r;

	if (type == FXP_WRITE) {
		uint32_t id = take32(c);
		int open = take_handle(s, c);
		side->offset = take64(c);
		take32(c);
		if (open < 0 || c->bad)
			return;
		side->file = &s->pending.open[open].in;
		r = add(s, id, type);
		if (r != NULL)
			r->open = open;
		return;
	}
	r = transfer_pending_find(&s->pending, take32(c));
	if (r == NULL || r->type != FXP_READ || r->open < 0)
		return;
	side->file = &s->pending.open[r->open].out;
	side->offset = r->offset;
	transfer_pending_drop(&s->pending, r);
}

/* How much of the packet is wanted at once, as far as that can be said; 0 =
 * this is no packet. */
static size_t wanted(const struct side *side, bool from_client)
{
	if (side->have < LENGTH + 1)
		return LENGTH + 1;
	uint32_t len = number32(side->head);
	uint8_t type = side->head[LENGTH];
	bool clients = (type < FXP_STATUS && type != FXP_VERSION) || type == FXP_EXTENDED;
	if (len == 0 || len > PACKET_MAX || from_client != clients)
		return 0;
	size_t all = LENGTH + (size_t)len, want = all;
	if (type == FXP_DATA) {
		want = LENGTH + 1 + 4 + 4;
	} else if (type == FXP_WRITE) {
		want = LENGTH + 1 + 4 + 4;
		if (side->have >= want) {
			uint32_t handle = number32(side->head + LENGTH + 1 + 4);
			want += (handle < TRANSFER_HANDLE_MAX ? handle : TRANSFER_HANDLE_MAX) + 8 + 4;
		}
	}
	if (want > all)
		want = all;
	return want < HEAD_MAX ? want : HEAD_MAX;
}

static void take_head(struct transfer_sftp *s, struct side *side, bool from_client)
{
	struct cursor c = { side->head + LENGTH + 1, side->have - LENGTH - 1, false };
	uint8_t type = side->head[LENGTH];

	side->passing = true;
	side->left = LENGTH + (uint64_t)number32(side->head) - side->have;
	side->file = NULL;
	if (type == FXP_INIT || type == FXP_VERSION)
		return;
	if (type == FXP_WRITE || type == FXP_DATA)
		begin_bytes(s, side, &c, type);
	else if (from_client)
		request(s, &c, type);
	else
		answer(s, &c, type);
}

static size_t pass(struct side *side, const uint8_t *data, size_t len)
{
	size_t n = len < side->left ? len : (size_t)side->left;

	if (side->file != NULL)
		transfer_file_put(side->file, side->offset, data, n);
	side->offset += n;
	side->left -= n;
	return n;
}

bool transfer_sftp_put(struct transfer_sftp *s, bool from_client, const void *data, size_t len)
{
	struct side *side = from_client ? &s->client : &s->server;
	const uint8_t *at = data;

	while (len > 0 || (side->passing && side->left == 0)) {
		size_t n = 0;
		if (side->passing) {
			n = pass(side, at, len);
			if (side->left == 0) {
				side->passing = false;
				side->have = 0;
			}
		} else {
			size_t want = wanted(side, from_client);
			if (want == 0)
				return false;
			n = want - side->have < len ? want - side->have : len;
			memcpy(side->head + side->have, at, n);
			side->have += n;
			want = wanted(side, from_client);
			if (want == 0)
				return false;
			if (side->have == want)
				take_head(s, side, from_client);
		}
		at += n;
		len -= n;
	}
	return true;
}

void transfer_sftp_end(struct transfer_sftp *s)
{
	for (size_t i = 0; i < TRANSFER_OPEN_MAX; i++)
		if (s->pending.open[i].used)
			log_file(s, &s->pending.open[i], "incomplete");
}
