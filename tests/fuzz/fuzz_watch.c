/* What the process monitor reads below the kernel's probe: audit records, the
 * proc connector's messages, texts of /proc with names their owner chose, and
 * the broker's line.  The first byte says which. */
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "agent/watchd/audit_text.h"
#include "agent/watchd/connector.h"
#include "agent/watchd/procfile.h"
#include "local/monitor_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Lines, each a type (its last three bits) and a record. */
static void try_audit(const char *data, size_t len)
{
	static const unsigned types[8] = { AUDIT_SYSCALL, AUDIT_EXECVE, AUDIT_CWD, AUDIT_EOE, AUDIT_PATH, AUDIT_EXECVE,
					   AUDIT_EOE, AUDIT_PROCTITLE };
	struct audit_text *a = malloc(sizeof *a);

	if (a == NULL)
		return;
	audit_text_init(a);
	for (const char *at = data, *end = data + len; at < end; ) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((line != NULL ? line : end) - at);
		/* A copy of its own: what is read beyond it shows. */
		char *text = n > 0 ? malloc(n) : NULL;
		if (text != NULL) {
			memcpy(text, at, n);
			const struct audit_text_event *e = audit_text_add(a, types[*at & 7], text + 1, n - 1);
			if (e != NULL && (e->told.arguments_len > PROCFILE_ARGUMENTS || e->told.pid == 0))
				abort();
		}
		free(text);
		at += n + 1;
	}
	audit_text_free(a);
	free(a);
}

static void try_line(const uint8_t *data, size_t len)
{
	uint8_t again[MONITOR_LINE_MAX];
	struct monitor_line m;

	if (monitor_line_decode(data, len, &m) == 0 && (monitor_line_encode(&m, again) != len || memcmp(again, data, len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct connector_word word;
	struct procfile_stat stat;
	struct procfile_rights rights;

	if (len == 0)
		return 0;
	const char *text = (const char *)data + 1;
	switch (data[0]) {
	case 'a': try_audit(text, len - 1); break;
	case 'c': (void)connector_decode(text, len - 1, &word); break;
	case 's': (void)procfile_decode_stat(text, len - 1, 10000000, &stat); break;
	case 'u': (void)procfile_decode_status(text, len - 1, &rights); break;
	case 'l': try_line(data + 1, len - 1); break;
	default: break;
	}
	return 0;
}
