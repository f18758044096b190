#include "format/request.h"

#include <string.h>

#include "base/base64.h"

#define REQUEST_MAGIC "ITM request 1\n"
enum { REQUEST_MAGIC_SIZE = sizeof REQUEST_MAGIC - 1 };
static const char request_own[] = "approval-";

int request_encode(struct buffer *b, const struct act *asked)
{
	size_t before = b->len;
	int e = buffer_put_text(b, REQUEST_MAGIC);
	e = e ? e : act_encode(b, asked);
	if (e == 0 && b->len - before > REQUEST_MAX)
		e = ITM_ELIMIT;
	if (e != 0)
		b->len = before;
	return e;
}

int request_decode(const void *data, size_t len, struct act *out, struct fault *fault)
{
	if (len > REQUEST_MAX)
		return error_fault(fault, ITM_ELIMIT, 0, "request is too long");
	if (len < REQUEST_MAGIC_SIZE || memcmp(data, REQUEST_MAGIC, REQUEST_MAGIC_SIZE) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "not a request");
	return act_decode((const char *)data + REQUEST_MAGIC_SIZE, len - REQUEST_MAGIC_SIZE, out, fault);
}

/* The next line that is not of the approval; NULL at the end. */
static const char *request_line(const char **at, size_t *len)
{
	while (**at != '\0') {
		const char *line = *at;
		*len = strcspn(line, "\n");
		*at = line + *len + (line[*len] == '\n');
		if (strncmp(line, request_own, sizeof request_own - 1) != 0)
			return line;
	}
	return NULL;
}

static bool request_same_details(const char *a, const char *b)
{
	size_t a_len = 0, b_len = 0;
	for (;;) {
		const char *of_a = request_line(&a, &a_len), *of_b = request_line(&b, &b_len);
		if (of_a == NULL || of_b == NULL)
			return of_a == of_b;
		if (a_len != b_len || memcmp(of_a, of_b, a_len) != 0)
			return false;
	}
}

const char *request_difference(const struct act *asked, const struct act *act)
{
	if (strcmp(asked->verb, act->verb) != 0)
		return "it is for another act";
	if (strcmp(asked->subject, act->subject) != 0)
		return "it is for another subject";
	if (strcmp(asked->reason, act->reason) != 0)
		return "it gives another reason";
	if (!request_same_details(asked->detail, act->detail))
		return "it is for another part of it, or with other keys";
	if (asked->uid != act->uid || asked->login != act->login)
		return "somebody else asked";
	if (act->wall_ns > asked->wall_ns)
		return "its day is over";
	if (asked->wall_ns - act->wall_ns > (int64_t)REQUEST_DAY_S * 1000000000)
		return "it is good for longer than a day";
	return NULL;
}

int request_attached(const struct act *act, const char *line, uint8_t *out, size_t size, size_t *len)
{
	size_t skip = strlen(line);
	for (const char *at = act->detail; *at != '\0'; at += strcspn(at, "\n") + 1)
		if (strncmp(at, line, skip) == 0)
			return base64_decode(at + skip, strcspn(at + skip, "\n"), out, size, len);
	return ITM_ENOENT;
}

/* Under sudo everybody is root: then the account that logged in tells. */
bool request_is_by(const struct act *asked, uint32_t uid, uint32_t login)
{
	if (asked->login != ACT_NO_LOGIN && login != ACT_NO_LOGIN)
		return asked->login == login;
	return asked->uid == uid;
}
