#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/reader.h"

void audit_path(const char *run, char out[AUDIT_PATH_SIZE])
{
	snprintf(out, AUDIT_PATH_SIZE, "%.300s/audit.sock", run);
}

uint32_t audit_login(pid_t pid)
{
	char path[64], text[16] = "";
	snprintf(path, sizeof path, "/proc/%d/loginuid", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ACT_NO_LOGIN;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 ? (uint32_t)strtoul(text, NULL, 10) : ACT_NO_LOGIN;
}

int audit_put_answer(struct buffer *b, int result, uint64_t leaf, const char *text)
{
	int e = buffer_put_u32(b, (uint32_t)-result);
	e = e ? e : buffer_put_u64(b, leaf);
	return e ? e : buffer_put_text(b, text);
}

int audit_answer_decode(const void *data, size_t len, int *result, uint64_t *leaf, char *text, size_t size)
{
	struct reader r;
	reader_init(&r, data, len);
	uint32_t code = reader_u32(&r);
	uint64_t number = reader_u64(&r);
	size_t left = reader_left(&r);
	const uint8_t *words = reader_bytes(&r, left);
	if (r.error != 0 || code > 64 || (left > 0 && memchr(words, 0, left) != NULL))
		return ITM_EFORMAT;
	if (left >= size)
		left = 0;
	if (left > 0)
		memcpy(text, words, left);
	text[left] = '\0';
	*result = -(int)code;
	*leaf = number;
	return 0;
}

static int audit_say(char words[AUDIT_ERROR_SIZE], int code, const char *what)
{
	snprintf(words, AUDIT_ERROR_SIZE, "%.500s", what);
	return code;
}

static int audit_connect(const char *path, char words[AUDIT_ERROR_SIZE])
{
	int fd = fdpass_connect(path, AUDIT_WAIT_MS);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED) {
		snprintf(words, AUDIT_ERROR_SIZE, "%s: the server is not running, so the act cannot be logged and is not done: "
			 "start itm-server", path);
		return ITM_ENOENT;
	}
	if (errno == EACCES || errno == EPERM) {
		snprintf(words, AUDIT_ERROR_SIZE, "%s: may not be used: be root, or a member of its group", path);
		return ITM_EPERM;
	}
	snprintf(words, AUDIT_ERROR_SIZE, "%s: %s", path, error_text(fd));
	return fd;
}

/* The answer, or ITM_ETIMEOUT. */
static ssize_t audit_wait(int fd, uint8_t *data, size_t size, uint64_t wait_ms)
{
	uint64_t until_ms = clock_boot_ns() / 1000000 + wait_ms;
	for (;;) {
		uint64_t now_ms = clock_boot_ns() / 1000000;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (now_ms >= until_ms)
			return ITM_ETIMEOUT;
		int n = poll(&p, 1, (int)(until_ms - now_ms));
		if (n < 0 && errno != EINTR)
			return ITM_ESYS;
		if (n == 1)
			return fdpass_recv(fd, data, size, NULL, NULL);
	}
}

static int audit_exchange(int fd, const struct buffer *text, uint64_t wait_ms, struct audit_answer *out,
			  char words[AUDIT_ERROR_SIZE])
{
	uint8_t data[AUDIT_ANSWER_MAX];
	char said[sizeof out->checkpoint];
	int result;
	uint64_t leaf;
	int rc = fdpass_send(fd, text->data, text->len, NULL, 0);
	ssize_t n = rc == 0 ? audit_wait(fd, data, sizeof data, wait_ms) : rc;
	if (n == ITM_ETIMEOUT)
		return audit_say(words, ITM_ETIMEOUT, "the server did not log the act in time: look at its log, then try again");
	if (n == ITM_ECLOSED)
		return audit_say(words, ITM_ECLOSED, "the server closed before the act was logged: try again");
	if (n < 0)
		return audit_say(words, (int)n, error_text((int)n));
	rc = audit_answer_decode(data, (size_t)n, &result, &leaf, said, sizeof said);
	if (rc != 0)
		return audit_say(words, rc, "the server's answer makes no sense");
	if (result != 0)
		return audit_say(words, result, said);
	if (out != NULL) {
		out->leaf = leaf;
		memcpy(out->checkpoint, said, sizeof said);
	}
	return 0;
}

static int audit_fill(struct act *a, const char *verb, const char *subject, const char *reason, const char *const *detail)
{
	int n = snprintf(a->verb, sizeof a->verb, "%s", verb);
	if (n < 0 || (size_t)n >= sizeof a->verb)
		return ITM_EINVAL;
	n = snprintf(a->subject, sizeof a->subject, "%s", subject != NULL ? subject : "");
	if (n < 0 || (size_t)n >= sizeof a->subject)
		return ITM_ELIMIT;
	n = snprintf(a->reason, sizeof a->reason, "%s", reason != NULL ? reason : "");
	if (n < 0 || (size_t)n >= sizeof a->reason)
		return ITM_ELIMIT;
	int e = 0;
	for (; e == 0 && detail != NULL && *detail != NULL; detail++)
		e = act_detail(a, *detail);
	return e;
}

static int audit_unfit(char words[AUDIT_ERROR_SIZE], int code)
{
	return audit_say(words, code, code == ITM_ELIMIT ? "the reason or its details are too long" : "a reason is one line of text");
}

int audit_act(const char *run, const char *verb, const char *subject, const char *reason, const char *const *detail,
	      struct audit_answer *out, char words[AUDIT_ERROR_SIZE])
{
	struct act act = { .login = ACT_NO_LOGIN };
	char path[AUDIT_PATH_SIZE];
	int rc = audit_fill(&act, verb, subject, reason, detail);
	if (rc != 0)
		return audit_unfit(words, rc);
	audit_path(run, path);
	return audit_send(path, AUDIT_WAIT_MS, &act, out, words);
}

int audit_send(const char *path, uint64_t wait_ms, const struct act *act, struct audit_answer *out,
	       char words[AUDIT_ERROR_SIZE])
{
	struct act bare = *act;
	struct buffer text;
	/* The kernel says who, the server when. */
	bare.wall_ns = 0;
	bare.uid = 0;
	bare.login = ACT_NO_LOGIN;
	words[0] = '\0';
	buffer_init(&text, ACT_TEXT_MAX);
	int rc = act_encode(&text, &bare);
	if (rc != 0) {
		buffer_free(&text);
		return audit_unfit(words, rc);
	}
	int fd = audit_connect(path, words);
	rc = fd < 0 ? fd : audit_exchange(fd, &text, wait_ms, out, words);
	if (fd >= 0)
		close(fd);
	buffer_free(&text);
	return rc;
}
