/* The search language, and the stored bodies of text blocks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/compress.h"
#include "store/query.h"
#include "store/tblock.h"
#include "store/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Nothing but quoted words, their stars, parentheses and the two operators
 * may reach the full-text index. */
static void check_expression(const struct buffer *b)
{
	bool quoted = false;
	int open = 0;
	for (size_t i = 0; i < b->len; i++) {
		uint8_t c = b->data[i];
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c < 0x80 && !words_is(c))
			abort();
		else if (!quoted && (c == 0 || strchr("ANDOR ()*", c) == NULL))
			abort();
		open += !quoted && c == '(' ? 1 : !quoted && c == ')' ? -1 : 0;
	}
	if (quoted || open != 0)
		abort();
}

static void match(const struct query *q, const uint8_t *data, size_t len)
{
	struct query_facts f = { .user = "john", .hostname = "db", .host = "7K", .tty = "pts/1", .src = "10.0.0.1" };
	struct query_span spans[4];
	uint64_t given_up = 0;
	for (unsigned kind = 0; kind <= LINES_COMMAND; kind++) {
		f.kind = kind;
		f.text = NULL;
		enum query_answer block = query_match(q, &f, &given_up);
		f.text = (const char *)data;
		f.len = len;
		enum query_answer line = query_match(q, &f, &given_up);
		/* What is known without the text must hold with it. */
		if (line == QUERY_PERHAPS || (block != QUERY_PERHAPS && block != line && kind != LINES_COMMAND))
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
	struct fault fault = { 0, NULL };
	struct buffer b;
	buffer_init(&b, (size_t)QUERY_MAX * 16);
	if (query_parse((const char *)data, len, &q, &fault) == 0) {
		int result = query_expression(&q, &b);
		if (result < 0 || result != (b.len > 0))
			abort();
		check_expression(&b);
		match(&q, data, len);
		query_free(&q);
	} else if (fault.reason == NULL || fault.offset > len) {
		abort();
	}
	buffer_free(&b);
	struct tblock t;
	struct inflate *inflate = inflate_new();
	tblock_init(&t);
	(void)tblock_decode(&t, data, len, 0, inflate, NULL);
	tblock_free(&t);
	inflate_free(inflate);
	return 0;
}
