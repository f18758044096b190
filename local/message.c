#include "local/message.h"

#include <string.h>

#include "base/reader.h"

enum { MESSAGE_VERSION = 1, MESSAGE_HEADER_SIZE = 4 }; /* u8 type, u8 version, u16 0 */

static bool known_type(int type)
{
	switch (type) {
	case MESSAGE_ANNOUNCE: case MESSAGE_LOGOUT: case MESSAGE_DECISION: case MESSAGE_SHELL:
	case MESSAGE_START: case MESSAGE_KNOCK: case MESSAGE_TRY: case MESSAGE_RESIZED: case MESSAGE_EXITED: case MESSAGE_DRAINED:
	case MESSAGE_HANGUP: case MESSAGE_SUSPEND: case MESSAGE_RESUME: case MESSAGE_ENDED:
	case MESSAGE_ASK_PROGRAM: case MESSAGE_PROGRAM:
	case MESSAGE_FRAME: case MESSAGE_ACK: case MESSAGE_RESUME_FROM: case MESSAGE_SPACE: case MESSAGE_DURABLE:
	case MESSAGE_RECEIPTS: case MESSAGE_LOG:
		return true;
	}
	return false;
}

/* Encoding appends to b; on failure the caller cuts b back to where it was. */
static int put_header(struct buffer *b, enum message_type type)
{
	int r = buffer_put_u8(b, (uint8_t)type);
	if (r == 0)
		r = buffer_put_u8(b, MESSAGE_VERSION);
	if (r == 0)
		r = buffer_put_u16(b, 0);
	return r;
}

static int put_text(struct buffer *b, const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	if (len == size || len > MESSAGE_TEXT_MAX)
		return ITM_EINVAL;
	int r = buffer_put_u16(b, (uint16_t)len);
	return r != 0 ? r : buffer_put(b, text, len);
}

static int finish(struct buffer *b, size_t start, int result)
{
	if (result == 0 && b->len - start > MESSAGE_MAX)
		result = ITM_ELIMIT;
	if (result != 0)
		b->len = start;
	return result;
}

static void read_header(struct reader *r, const void *data, size_t len, enum message_type type)
{
	reader_init(r, data, len);
	if (len > MESSAGE_MAX)
		reader_fail(r, ITM_ELIMIT, "message is too long");
	uint8_t got = reader_u8(r);
	uint8_t version = reader_u8(r);
	uint16_t zero = reader_u16(r);
	if (r->error != 0)
		return;
	if (got != type)
		reader_fail(r, ITM_EFORMAT, "not the message type expected here");
	else if (version != MESSAGE_VERSION)
		reader_fail(r, ITM_EVERSION, "unknown message version");
	else if (zero != 0)
		reader_fail(r, ITM_EFORMAT, "reserved bytes are not zero");
}

/* Copies a text with its NUL; the limit is the caller's array. */
static void read_text(struct reader *r, char *out, size_t size)
{
	size_t len = reader_u16(r);
	const uint8_t *bytes = reader_bytes(r, len);
	if (bytes == NULL)
		return;
	if (len >= size || len > MESSAGE_TEXT_MAX)
		reader_fail(r, ITM_ELIMIT, "text is too long");
	else if (memchr(bytes, '\0', len) != NULL)
		reader_fail(r, ITM_EFORMAT, "text holds a NUL");
	else {
		memcpy(out, bytes, len);
		out[len] = '\0';
	}
}

static bool read_bool(struct reader *r)
{
	uint8_t v = reader_u8(r);
	if (v > 1)
		reader_fail(r, ITM_EFORMAT, "not 0 or 1");
	return v == 1;
}

int message_type_of(const void *data, size_t len, enum message_type *out)
{
	const uint8_t *bytes = data;
	if (len < MESSAGE_HEADER_SIZE)
		return ITM_ETRUNC;
	if (bytes[1] != MESSAGE_VERSION || !known_type(bytes[0]))
		return ITM_EVERSION;
	*out = (enum message_type)bytes[0];
	return 0;
}

int message_encode_login(struct buffer *b, enum message_type type, const struct message_login *m)
{
	if (type != MESSAGE_ANNOUNCE && type != MESSAGE_LOGOUT)
		return ITM_EINVAL;
	const struct { const char *text; size_t size; } texts[] = {
		{ m->user, sizeof m->user }, { m->service, sizeof m->service },
		{ m->rhost, sizeof m->rhost }, { m->tty, sizeof m->tty }, { m->ruser, sizeof m->ruser },
		{ m->ssh_connection, sizeof m->ssh_connection }, { m->ssh_auth, sizeof m->ssh_auth },
	};
	const uint32_t numbers[] = { (uint32_t)m->pid, m->uid, m->loginuid, m->audit_session };
	size_t start = b->len;
	int r = put_header(b, type);
	for (size_t i = 0; r == 0 && i < sizeof numbers / sizeof numbers[0]; i++)
		r = buffer_put_u32(b, numbers[i]);
	for (size_t i = 0; r == 0 && i < sizeof texts / sizeof texts[0]; i++)
		r = put_text(b, texts[i].text, texts[i].size);
	return finish(b, start, r);
}

int message_decode_login(const void *data, size_t len, struct message_login *out, struct fault *fault)
{
	enum message_type type = MESSAGE_ANNOUNCE;
	if (message_type_of(data, len, &type) == 0 && type != MESSAGE_LOGOUT)
		type = MESSAGE_ANNOUNCE;
	struct message_login m = { 0 };
	struct reader r;
	read_header(&r, data, len, type);
	uint32_t pid = reader_u32(&r);
	if (pid == 0 || pid > INT32_MAX)
		reader_fail(&r, ITM_EFORMAT, "impossible pid");
	m.pid = (pid_t)pid;
	m.uid = reader_u32(&r);
	m.loginuid = reader_u32(&r);
	m.audit_session = reader_u32(&r);
	read_text(&r, m.user, sizeof m.user);
	read_text(&r, m.service, sizeof m.service);
	read_text(&r, m.rhost, sizeof m.rhost);
	read_text(&r, m.tty, sizeof m.tty);
	read_text(&r, m.ruser, sizeof m.ruser);
	read_text(&r, m.ssh_connection, sizeof m.ssh_connection);
	read_text(&r, m.ssh_auth, sizeof m.ssh_auth);
	reader_end(&r);
	if (r.error == 0)
		*out = m;
	return reader_result(&r, fault);
}

int message_encode_shell(struct buffer *b, const struct message_shell *m)
{
	if (m->tty_mask > 7 || m->argv_len > MESSAGE_ARGV_MAX ||
	    (m->argv_len > 0 && m->argv[m->argv_len - 1] != '\0'))
		return ITM_EINVAL;
	size_t start = b->len;
	int r = put_header(b, MESSAGE_SHELL);
	if (r == 0)
		r = buffer_put_u8(b, m->tty_mask);
	if (r == 0)
		r = buffer_put_u8(b, m->login_shell);
	if (r == 0)
		r = buffer_put_u8(b, m->session_leader);
	if (r == 0)
		r = put_text(b, m->term, sizeof m->term);
	if (r == 0)
		r = buffer_put_u32(b, (uint32_t)m->argv_len);
	if (r == 0)
		r = buffer_put(b, m->argv, m->argv_len);
	return finish(b, start, r);
}

int message_decode_shell(const void *data, size_t len, struct message_shell *out, struct fault *fault)
{
	struct message_shell head = { 0 };
	struct reader r;
	read_header(&r, data, len, MESSAGE_SHELL);
	head.tty_mask = reader_u8(&r);
	if (head.tty_mask > 7)
		reader_fail(&r, ITM_EFORMAT, "mask of terminals is over 7");
	head.login_shell = read_bool(&r);
	head.session_leader = read_bool(&r);
	read_text(&r, head.term, sizeof head.term);
	size_t argv_len = reader_u32(&r);
	if (argv_len > MESSAGE_ARGV_MAX)
		reader_fail(&r, ITM_ELIMIT, "argument list is too long");
	const uint8_t *argv = reader_bytes(&r, r.error == 0 ? argv_len : 0);
	if (r.error == 0 && argv_len > 0 && argv[argv_len - 1] != '\0')
		reader_fail(&r, ITM_EFORMAT, "last argument has no end");
	reader_end(&r);
	if (r.error == 0) {
		memset(out, 0, sizeof *out);
		out->tty_mask = head.tty_mask;
		out->login_shell = head.login_shell;
		out->session_leader = head.session_leader;
		memcpy(out->term, head.term, sizeof out->term);
		out->argv_len = argv_len;
		if (argv_len > 0)
			memcpy(out->argv, argv, argv_len);
	}
	return reader_result(&r, fault);
}

int message_encode_start(struct buffer *b, const struct message_start *m)
{
	size_t start = b->len;
	int r = put_header(b, MESSAGE_START);
	if (r == 0)
		r = buffer_put_u8(b, (uint8_t)m->mode);
	if (r == 0)
		r = buffer_put(b, m->stream.bytes, ID_SIZE);
	if (r == 0)
		r = put_text(b, m->shell, sizeof m->shell);
	if (r == 0)
		r = put_text(b, m->notice, sizeof m->notice);
	return finish(b, start, r);
}

int message_decode_start(const void *data, size_t len, struct message_start *out, struct fault *fault)
{
	struct message_start m = { 0 };
	struct reader r;
	read_header(&r, data, len, MESSAGE_START);
	uint8_t mode = reader_u8(&r);
	if (mode > MESSAGE_PIPE)
		reader_fail(&r, ITM_EFORMAT, "unknown mode");
	m.mode = (enum message_mode)mode;
	reader_copy(&r, m.stream.bytes, ID_SIZE);
	read_text(&r, m.shell, sizeof m.shell);
	read_text(&r, m.notice, sizeof m.notice);
	reader_end(&r);
	if (r.error == 0)
		*out = m;
	return reader_result(&r, fault);
}

int message_encode_words(struct buffer *b, enum message_type type, uint32_t number, const char *text)
{
	if (type != MESSAGE_DECISION && type != MESSAGE_ENDED && type != MESSAGE_PROGRAM)
		return ITM_EINVAL;
	size_t start = b->len;
	int r = put_header(b, type);
	if (r == 0)
		r = buffer_put_u32(b, number);
	if (r == 0)
		r = put_text(b, text, MESSAGE_TEXT_MAX);
	return finish(b, start, r);
}

int message_decode_words(const void *data, size_t len, enum message_type type, uint32_t *number,
			 char *text, size_t text_size, struct fault *fault)
{
	struct reader r;
	read_header(&r, data, len, type);
	uint32_t n = reader_u32(&r);
	char words[MESSAGE_TEXT_MAX];
	words[0] = '\0';
	read_text(&r, words, sizeof words < text_size ? sizeof words : text_size);
	reader_end(&r);
	if (r.error == 0) {
		*number = n;
		memcpy(text, words, strlen(words) + 1);
	}
	return reader_result(&r, fault);
}

static bool carries_numbers(enum message_type type)
{
	switch (type) {
	case MESSAGE_KNOCK: case MESSAGE_TRY: case MESSAGE_RESIZED: case MESSAGE_EXITED: case MESSAGE_DRAINED:
	case MESSAGE_HANGUP: case MESSAGE_SUSPEND: case MESSAGE_RESUME: case MESSAGE_ACK:
	case MESSAGE_RESUME_FROM: case MESSAGE_SPACE: case MESSAGE_DURABLE: case MESSAGE_LOG: case MESSAGE_ASK_PROGRAM:
		return true;
	default:
		return false;
	}
}

int message_encode_numbers(struct buffer *b, enum message_type type, uint64_t a, uint64_t c)
{
	if (!carries_numbers(type))
		return ITM_EINVAL;
	size_t start = b->len;
	int r = put_header(b, type);
	if (r == 0)
		r = buffer_put_u64(b, a);
	if (r == 0)
		r = buffer_put_u64(b, c);
	return finish(b, start, r);
}

int message_decode_numbers(const void *data, size_t len, enum message_type type, uint64_t *a, uint64_t *c,
			   struct fault *fault)
{
	struct reader r;
	if (!carries_numbers(type))
		return error_fault(fault, ITM_EINVAL, 0, "this type carries no numbers");
	read_header(&r, data, len, type);
	uint64_t first = reader_u64(&r), second = reader_u64(&r);
	reader_end(&r);
	if (r.error == 0) {
		if (a != NULL)
			*a = first;
		if (c != NULL)
			*c = second;
	}
	return reader_result(&r, fault);
}

int message_encode_bytes(struct buffer *b, enum message_type type, const void *payload, size_t len)
{
	if (type != MESSAGE_FRAME && type != MESSAGE_RECEIPTS)
		return ITM_EINVAL;
	if (len > MESSAGE_MAX - MESSAGE_HEADER_SIZE)
		return ITM_ELIMIT;
	size_t start = b->len;
	int r = put_header(b, type);
	if (r == 0)
		r = buffer_put(b, payload, len);
	return finish(b, start, r);
}

int message_decode_bytes(const void *data, size_t len, enum message_type type,
			 const uint8_t **payload, size_t *payload_len, struct fault *fault)
{
	struct reader r;
	read_header(&r, data, len, type);
	size_t left = reader_left(&r);
	const uint8_t *bytes = reader_bytes(&r, left);
	if (r.error == 0) {
		*payload = bytes;
		*payload_len = left;
	}
	return reader_result(&r, fault);
}
