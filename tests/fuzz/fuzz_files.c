/* What the kernel's queue, the state on disk, passwd and /proc hand to the
 * watcher of files.  The first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "agent/filed/difference.h"
#include "agent/filed/known.h"
#include "agent/filed/notices.h"
#include "agent/filed/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_home(void *context, const char *home)
{
	(void)context;
	if (home[0] != '/')
		abort();
}

static void try_notices(const uint8_t *data, size_t len)
{
	struct notice n;
	size_t used;

	for (size_t at = 0; at < len && notices_decode(data + at, len - at, &n, &used); at += used)
		if (used == 0 || used > len - at || strlen(n.name) > len)
			abort();
}

/* Its digest is put right, so that what lies behind it is reached. */
static void try_known(const uint8_t *data, size_t len)
{
	struct buffer b;
	struct known k;

	buffer_init(&b, 1 << 20);
	if (buffer_put(&b, data, len) == 0 && known_end(&b) == 0 && known_decode(b.data, b.len, &k) == 0)
		known_free(&k);
	buffer_free(&b);
}

static void try_text(const uint8_t *data, size_t len)
{
	static const uint8_t key[LOOK_KEY];
	struct difference d;
	struct writer w;
	struct buffer b;
	char name[80];
	const char *text = (const char *)data, *half = text + len / 2;

	sensitive_homes(text, len, on_home, NULL);
	difference_find(text, len / 2, half, len - len / 2, &d);
	if (d.before_len > len / 2 || d.after_len > len - len / 2)
		abort();
	(void)difference_root(text, len / 2, half, len - len / 2, name, sizeof name);
	buffer_init(&b, 1 << 20);
	(void)look_mask(&b, key, text, len);
	buffer_clear(&b);
	if (buffer_put(&b, data, len) == 0 && buffer_text(&b) != NULL)
		(void)writer_stat(&w, buffer_text(&b), 100);
	buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	/* Exactly so long, so that a read past it is seen. */
	uint8_t *copy = malloc(len > 1 ? len - 1 : 1);
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, len - 1);
	if (data[0] == 'n')
		try_notices(copy, len - 1);
	else if (data[0] == 'k')
		try_known(copy, len - 1);
	else
		try_text(copy, len - 1);
	free(copy);
	return 0;
}
