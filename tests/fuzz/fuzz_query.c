/* The search language, and the stored bodies of text blocks. */
#include <stdint.h>
#include <stdlib.h>

#include "format/compress.h"
#include "store/narrow.h"
#include "store/query.h"
#include "store/tblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void match(const struct query *q, const struct narrow *n, const uint8_t *data, size_t len)
{
	struct query_facts f = { .user = "john", .hostname = "db", .host = "7K", .tty = "pts/1", .src = "10.0.0.1" };
	struct query_span spans[4];
	uint64_t given_up = 0;
	struct signature signature = { 0 };
	signature_add(&signature, (const char *)data, len);
	for (unsigned kind = 0; kind <= LINES_PROGRAM; kind++) {
		f.kind = kind;
		f.text = NULL;
		enum query_answer block = query_match(q, &f, &given_up);
		f.text = (const char *)data;
		f.len = len;
		f.path_len = len / 2;
		enum query_answer line = query_match(q, &f, &given_up);
		/* What is known without the text must hold with it. */
		if (line == QUERY_PERHAPS || (block != QUERY_PERHAPS && block != line && kind < LINES_COMMAND))
			abort();
		/* What matches is never passed over. */
		if (line == QUERY_YES && n != NULL && !narrow_block(n, &signature))
			abort();
		size_t count = query_spans(q, &f, spans, 4);
		for (size_t i = 0; i < count; i++)
			if (spans[i].start + spans[i].len > len || (i > 0 && spans[i].start <= spans[i - 1].start))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct query q;
	static struct narrow n;
	struct fault fault = { 0, NULL };
	if (query_parse((const char *)data, len, &q, &fault) == 0) {
		match(&q, narrow_query(&n, &q) ? &n : NULL, data, len);
		query_free(&q);
	} else if (fault.reason == NULL || fault.offset > len) {
		abort();
	}
	struct tblock t;
	struct inflate *inflate = inflate_new();
	tblock_init(&t);
	(void)tblock_decode(&t, data, len, 0, inflate, NULL);
	tblock_free(&t);
	inflate_free(inflate);
	return 0;
}
