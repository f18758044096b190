/* The search language, and the stored bodies of text blocks. */
#include <stdint.h>
#include <stdlib.h>

#include "format/compress.h"
#include "store/query.h"
#include "store/tblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct query q;
	struct fault fault = { 0, NULL };
	struct buffer b;
	size_t start, match_len;
	buffer_init(&b, (size_t)QUERY_MAX * 16);
	if (query_parse((const char *)data, len, &q, &fault) == 0) {
		if (query_expression(&q, &b) != 0 || b.len == 0)
			abort();
		/* Nothing but quoted words may reach the full-text index. */
		size_t quotes = 0;
		for (size_t i = 0; i < b.len; i++)
			quotes += b.data[i] == '"';
		if (quotes % 2 != 0)
			abort();
		if (query_match(&q, (const char *)data, len, &start, &match_len) && start + match_len > len)
			abort();
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
