#include "itm-shell/recorder/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/meta.h"
#include "itm-shell/recorder/transfer_log.h"
#include "itm-shell/recorder/transfer_scp.h"
#include "itm-shell/recorder/transfer_sftp.h"

enum { EARLY_MAX = 64 * 1024, BEGIN_MAX = 5 }; /* bytes */

enum stage {
	BEGINNING,               /* too little has passed to say */
	FOLLOWING,
	NOT_FOLLOWED,            /* no protocol we know, or lost on the way */
};

/* How a protocol shows itself. */
enum guess { GUESS_WAIT, GUESS_NONE, GUESS_SCP_IN, GUESS_SCP_OUT, GUESS_SFTP };

struct transfer {
	enum stage stage;
	uint8_t begin[2][BEGIN_MAX];
	size_t begin_len[2];
	struct buffer early;     /* u8 stream, u32 length, bytes: until the protocol is clear */
	struct transfer_log log;
	struct transfer_scp *scp;
	struct transfer_sftp *sftp;
	bool out;                /* of scp */
	enum message_program program;
	char path[256];
	bool program_told, loss_told, ended;
	uint64_t left_out_told;
};

struct transfer *transfer_new(void)
{
	struct transfer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	buffer_init(&t->early, EARLY_MAX);
	transfer_log_init(&t->log);
	return t;
}

void transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	buffer_free(&t->early);
	transfer_scp_free(t->scp);
	transfer_sftp_free(t->sftp);
	transfer_log_free(&t->log);
	free(t);
}

/* Statement or complaint of an scp source. */
static bool begins_scp(uint8_t byte)
{
	return byte == 'C' || byte == 'D' || byte == 'T' || byte == 1 || byte == 2;
}

/* SFTP's client begins with u32 length, u8 1; scp's sink with a byte 0, and
 * its source then with a statement. */
static enum guess guess(const struct transfer *t)
{
	const uint8_t *in = t->begin[0], *out = t->begin[1];
	size_t in_len = t->begin_len[0], out_len = t->begin_len[1];

	if (in_len == BEGIN_MAX && in[0] == 0 && in[1] == 0 && in[4] == 1)
		return GUESS_SFTP;
	if (in_len > 0 && out_len > 0) {
		if (in[0] == 0 && begins_scp(out[0]))
			return GUESS_SCP_OUT;
		return out[0] == 0 && begins_scp(in[0]) ? GUESS_SCP_IN : GUESS_NONE;
	}
	if (in_len > 0)
		return in[0] == 0 || begins_scp(in[0]) ? GUESS_WAIT : GUESS_NONE;
	return out_len > 0 && out[0] != 0 ? GUESS_NONE : GUESS_WAIT;
}

static void lose(struct transfer *t)
{
	t->stage = NOT_FOLLOWED;
	buffer_free(&t->early);
	if (t->scp != NULL)
		transfer_scp_end(t->scp);
	if (t->sftp != NULL)
		transfer_sftp_end(t->sftp);
	transfer_scp_free(t->scp);
	transfer_sftp_free(t->sftp);
	t->scp = NULL;
	t->sftp = NULL;
}

/* Not when it speaks another's protocol; rsync's own is not followed. */
static bool fits(const struct transfer *t)
{
	switch (t->program) {
	case MESSAGE_PROGRAM_SCP: return t->sftp == NULL;
	case MESSAGE_PROGRAM_SFTP: return t->scp == NULL;
	case MESSAGE_PROGRAM_RSYNC: return false;
	case MESSAGE_PROGRAM_OTHER: break;
	}
	return true;
}

static void follow(struct transfer *t, unsigned stream, const void *data, size_t len)
{
	bool good = t->sftp != NULL ? transfer_sftp_put(t->sftp, stream == 0, data, len)
				    : transfer_scp_put(t->scp, (stream == 1) == t->out, data, len);
	if (!good)
		lose(t);
}

static void start(struct transfer *t, enum guess g)
{
	struct buffer early = t->early;

	buffer_init(&t->early, EARLY_MAX);
	t->out = g == GUESS_SCP_OUT;
	t->stage = FOLLOWING;
	if (g == GUESS_SFTP)
		t->sftp = transfer_sftp_new(&t->log);
	else
		t->scp = transfer_scp_new(&t->log, t->out);
	if ((t->sftp == NULL && t->scp == NULL) || !fits(t))
		lose(t);
	for (size_t at = 0; at < early.len && t->stage == FOLLOWING; ) {
		uint32_t len;
		memcpy(&len, early.data + at + 1, sizeof len);
		follow(t, early.data[at], early.data + at + 1 + sizeof len, len);
		at += 1 + sizeof len + len;
	}
	buffer_free(&early);
}

static void begin(struct transfer *t, unsigned stream, const void *data, size_t len)
{
	size_t room = BEGIN_MAX - t->begin_len[stream];
	size_t n = len < room ? len : room;
	uint32_t whole = (uint32_t)len;

	memcpy(t->begin[stream] + t->begin_len[stream], data, n);
	t->begin_len[stream] += n;
	if (len > EARLY_MAX || buffer_reserve(&t->early, 1 + sizeof whole + len) != 0) {
		lose(t);
		return;
	}
	(void)(buffer_put_u8(&t->early, (uint8_t)stream) | buffer_put(&t->early, &whole, sizeof whole) |
	       buffer_put(&t->early, data, len)); /* room was made */
	enum guess g = guess(t);
	if (g == GUESS_NONE)
		lose(t);
	else if (g != GUESS_WAIT)
		start(t, g);
}

void transfer_put(struct transfer *t, unsigned stream, const void *data, size_t len)
{
	if (stream > 1 || len == 0)
		return;
	if (t->stage == FOLLOWING) {
		follow(t, stream, data, len);
		return;
	}
	size_t room = BEGIN_MAX - t->begin_len[stream];
	if (t->stage == BEGINNING) {
		begin(t, stream, data, len);
	} else if (stream == 1 && room > 0) {
		size_t n = len < room ? len : room;
		memcpy(t->begin[1] + t->begin_len[1], data, n);
		t->begin_len[1] += n;
	}
}

void transfer_program(struct transfer *t, enum message_program program, const char *path)
{
	if (transfer_known(t) || program == MESSAGE_PROGRAM_OTHER)
		return;
	t->program = program;
	snprintf(t->path, sizeof t->path, "%s", path);
	if (!fits(t) && t->stage != NOT_FOLLOWED)
		lose(t);
}

void transfer_end(struct transfer *t)
{
	if (t->stage == FOLLOWING) {
		if (t->scp != NULL)
			transfer_scp_end(t->scp);
		if (t->sftp != NULL)
			transfer_sftp_end(t->sftp);
	}
	t->ended = true;
}

bool transfer_known(const struct transfer *t)
{
	return t->program != MESSAGE_PROGRAM_OTHER;
}

/* rsync's server begins with its protocol version as a little-endian u32. */
static bool begins_rsync(const struct transfer *t)
{
	const uint8_t *out = t->begin[1];
	return t->begin_len[1] >= 4 && out[0] >= 20 && out[0] < 64 && (out[1] | out[2] | out[3]) == 0;
}

bool transfer_likely(const struct transfer *t)
{
	return !transfer_known(t) && (t->stage == FOLLOWING || t->stage == BEGINNING || begins_rsync(t));
}

bool transfer_followed(const struct transfer *t)
{
	return transfer_known(t) && t->stage == FOLLOWING;
}

static const char *name_of(enum message_program program)
{
	switch (program) {
	case MESSAGE_PROGRAM_SCP: return "scp";
	case MESSAGE_PROGRAM_SFTP: return "sftp";
	case MESSAGE_PROGRAM_RSYNC: return "rsync";
	case MESSAGE_PROGRAM_OTHER: break;
	}
	return "other";
}

bool transfer_note(struct transfer *t, struct buffer *note)
{
	buffer_clear(note);
	if (!transfer_known(t))
		return false;
	int r = 0;
	if (!t->program_told) {
		t->program_told = true;
		r = meta_put(note, "transfer", name_of(t->program));
	} else if (transfer_log_take(&t->log, note)) {
		if (note->len == 0)
			return transfer_note(t, note);
	} else if (t->stage == NOT_FOLLOWED && !t->loss_told) {
		t->loss_told = true;
		r = meta_put(note, "transfer_files", t->program == MESSAGE_PROGRAM_RSYNC ? "not listed" : "not followed");
	} else if (t->ended && t->log.left_out > t->left_out_told) {
		t->left_out_told = t->log.left_out;
		r = meta_put_number(note, "transfer_left_out", t->log.left_out);
	} else {
		return false;
	}
	return (r == 0 ? meta_put(note, "file_program", t->path) : r) == 0;
}
