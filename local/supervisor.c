/* The messages, and the child's side of them. */
#include "local/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/reader.h"

enum { VERSION = 1, OFFER_TIMEOUT_MS = 1000 };
static_assert((int)SUPERVISOR_FDS_MAX <= (int)FDPASS_MAX, "an entry travels in one message");

static int put_text(struct buffer *b, const char *s)
{
	size_t len = strlen(s);
	if (len >= SUPERVISOR_KEY_MAX)
		return ITM_ELIMIT;
	int r = buffer_put_u16(b, (uint16_t)len);
	return r ? r : buffer_put(b, s, len);
}

int supervisor_encode(struct buffer *b, const struct supervisor_message *m)
{
	size_t before = b->len;
	int r = m->blob_len > SUPERVISOR_BLOB_MAX ? ITM_ELIMIT : 0;
	if (r == 0)
		r = buffer_put_u8(b, (uint8_t)m->type);
	if (r == 0)
		r = buffer_put_u8(b, VERSION);
	if (r == 0)
		r = buffer_put_u16(b, 0);
	if (r == 0)
		r = put_text(b, m->name);
	if (r == 0)
		r = put_text(b, m->key);
	if (r == 0)
		r = buffer_put_u32(b, (uint32_t)m->blob_len);
	if (r == 0)
		r = buffer_put(b, m->blob, m->blob_len);
	if (r != 0)
		b->len = before;
	return r;
}

static void read_text(struct reader *r, char out[SUPERVISOR_KEY_MAX])
{
	size_t len = reader_u16(r);
	const uint8_t *p = reader_bytes(r, len);
	if (p == NULL)
		return;
	if (len >= SUPERVISOR_KEY_MAX)
		reader_fail(r, ITM_ELIMIT, "name or key is too long");
	else if (memchr(p, 0, len) != NULL)
		reader_fail(r, ITM_EFORMAT, "name or key holds a NUL");
	else
		memcpy(out, p, len);
}

int supervisor_decode(const void *data, size_t len, struct supervisor_message *out, struct fault *fault)
{
	struct supervisor_message m = { 0 };
	struct reader r;

	reader_init(&r, data, len);
	m.type = reader_u8(&r);
	if (r.error == 0 && (m.type < SUPERVISOR_STORE || m.type > SUPERVISOR_PONG))
		reader_fail(&r, ITM_EVERSION, "unknown supervisor message");
	uint8_t version = reader_u8(&r);
	if (r.error == 0 && version != VERSION)
		reader_fail(&r, ITM_EVERSION, "unknown version of a supervisor message");
	if (reader_u16(&r) != 0)
		reader_fail(&r, ITM_EFORMAT, "reserved bytes are not zero");
	read_text(&r, m.name);
	read_text(&r, m.key);
	m.blob_len = reader_u32(&r);
	if (m.blob_len > SUPERVISOR_BLOB_MAX)
		reader_fail(&r, ITM_ELIMIT, "blob is too long");
	m.blob = reader_bytes(&r, m.blob_len);
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
	*out = m;
	return 0;
}

static int send_message(int sock, const struct supervisor_message *m, const int *fds, size_t count)
{
	struct buffer b;
	buffer_init(&b, SUPERVISOR_BLOB_MAX + 4 * SUPERVISOR_KEY_MAX);
	int r = supervisor_encode(&b, m);
	if (r == 0)
		r = fdpass_send(sock, b.data, b.len, fds, count);
	buffer_free(&b);
	return r;
}

static int set_text(char out[SUPERVISOR_KEY_MAX], const char *s)
{
	size_t len = strlen(s);
	if (len >= SUPERVISOR_KEY_MAX)
		return ITM_ELIMIT;
	memcpy(out, s, len + 1);
	return 0;
}

/* A child whose socket is non-blocking waits a moment for a supervisor that is
 * busy, and gives up rather than hang. */
static int send_patiently(int sock, const struct supervisor_message *m, const int *fds, size_t count)
{
	int r = send_message(sock, m, fds, count);
	for (int tries = 0; r == ITM_ESYS && errno == EAGAIN && tries < 10; tries++) {
		struct pollfd p = { .fd = sock, .events = POLLOUT };
		(void)poll(&p, 1, 100);
		r = send_message(sock, m, fds, count);
	}
	return r;
}

int supervisor_store(int sock, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	struct supervisor_message m = { .type = SUPERVISOR_STORE, .blob = blob, .blob_len = len };
	if (count > SUPERVISOR_FDS_MAX)
		return ITM_ELIMIT;
	int r = set_text(m.key, key);
	return r ? r : send_patiently(sock, &m, fds, count);
}

int supervisor_remove(int sock, const char *key)
{
	struct supervisor_message m = { .type = SUPERVISOR_REMOVE };
	int r = set_text(m.key, key);
	return r ? r : send_patiently(sock, &m, NULL, 0);
}

int supervisor_pair(int sock, const char *target, const char *key, const void *blob, size_t len)
{
	struct supervisor_message m = { .type = SUPERVISOR_PAIR, .blob = blob, .blob_len = len };
	int r = set_text(m.name, target);
	if (r == 0)
		r = set_text(m.key, key);
	return r ? r : send_patiently(sock, &m, NULL, 0);
}

int supervisor_ready(int sock)
{
	struct supervisor_message m = { .type = SUPERVISOR_READY };
	return send_patiently(sock, &m, NULL, 0);
}

int supervisor_pong(int sock)
{
	struct supervisor_message m = { .type = SUPERVISOR_PONG };
	return send_message(sock, &m, NULL, 0);
}

int supervisor_offer(const char *control_path, const char *name)
{
	struct supervisor_message m = { .type = SUPERVISOR_ADOPT };
	int r = set_text(m.name, name);
	if (r != 0)
		return r;
	int sock = fdpass_connect(control_path, OFFER_TIMEOUT_MS);
	if (sock < 0)
		return sock;
	r = send_message(sock, &m, NULL, 0);
	if (r != 0) {
		close(sock);
		return r;
	}
	return sock;
}

int supervisor_recv(int sock, void *data, size_t size, struct supervisor_message *out, int *fds, size_t *fd_count)
{
	ssize_t n = fdpass_recv(sock, data, size, fds, fd_count);
	if (n < 0)
		return (int)n;
	int r = supervisor_decode(data, (size_t)n, out, NULL);
	if (r != 0 && fd_count != NULL) {
		for (size_t i = 0; i < *fd_count; i++)
			close(fds[i]);
		*fd_count = 0;
	}
	return r;
}
