/* The first byte of the input chooses the decoder, so that one corpus and one
 * program serve every small decoder of base and format. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "format/act.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/meta.h"
#include "format/receipt.h"
#include "format/removal.h"
#include "format/unit.h"
#include "format/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fuzz_chunk(const uint8_t *data, size_t len)
{
	struct chunk_reader *r = chunk_reader_new();
	struct chunk c;
	struct record_cursor cursor;
	struct record_event e;
	uint8_t digest[HASH_SIZE];
	if (r != NULL && chunk_reader_next(r, data, len, &c, &cursor, digest, NULL) == 0)
		while (record_cursor_next(&cursor, &e, NULL) > 0)
			;
	chunk_reader_free(r);
}

static void fuzz_frame(const uint8_t *data, size_t len)
{
	struct frame f;
	struct record_run run;
	struct record_event e;
	if (frame_decode(data, len, &f, NULL) != 0)
		return;
	record_run_init(&run, f.run, f.run_len);
	while (record_run_next(&run, &e, NULL) > 0)
		;
}

/* Units one after the other, through the verifier. */
static void fuzz_verify(const uint8_t *data, size_t len)
{
	struct verifier *v = verifier_new(NULL, NULL);
	struct verify_result result;
	struct fault fault;
	struct unit u;
	for (size_t at = 0; v != NULL && at < len && unit_decode(data + at, len - at, &u, &fault) == 0; at += u.size)
		if (verifier_unit(v, &u, "fuzz", at) != 0)
			break;
	if (v != NULL)
		verifier_finish(v, &result);
	verifier_free(v);
}

struct settings { char text[16]; uint64_t number; bool flag; };

static void fuzz_config(const uint8_t *data, size_t len)
{
	static const struct config_key keys[] = {
		{ .name = "text", .type = CONFIG_TEXT, .offset = offsetof(struct settings, text), .size = 16 },
		{ .name = "number", .type = CONFIG_SIZE, .offset = offsetof(struct settings, number) },
		{ .name = "flag", .type = CONFIG_BOOL, .offset = offsetof(struct settings, flag) },
		{ .name = NULL },
	};
	struct settings s = { .number = 0 };
	char error[CONFIG_ERROR_SIZE];
	config_parse("fuzz", (const char *)data, len, keys, &s, sizeof s, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct segment_header segment;
	struct block_context context = { .sequence = 1, .wall_ns = INT64_MAX / 2, .boot_ns = 1000000 };
	struct block block;
	struct receipt receipt;
	struct note note;
	struct note_key key;
	struct checkpoint checkpoint;
	static struct act act;
	struct removal removal;
	struct unit unit;
	char text[64];

	if (len == 0 || sign_init() != 0)
		return 0;
	uint8_t which = data[0];
	data++;
	len--;
	switch (which) {
	case 'u': unit_decode(data, len, &unit, NULL); break;
	case 's': unit_segment_decode(data, len, &segment, NULL); break;
	case 'c': fuzz_chunk(data, len); break;
	case 'b':
		context.known = true;
		block_decode(data, len, &block, NULL);
		block_decode_after(&context, data, len, &block, NULL);
		break;
	case 'r': receipt_decode(data, len, &receipt, NULL); break;
	case 'n':
		if (note_decode(data, len, &note, NULL) == 0)
			checkpoint_decode(note.text, note.text_len, &checkpoint, NULL);
		note_key_decode((const char *)data, len, &key);
		break;
	case 'a': act_decode(data, len, &act, NULL); break;
	case 'x':
		if (removal_decode(data, len, &removal, NULL) == 0)
			removal_words(&removal, text, sizeof text);
		break;
	case 'f': fuzz_frame(data, len); break;
	case 'm': meta_get((const char *)data, len, "user", 0, text, sizeof text); break;
	case 'v': fuzz_verify(data, len); break;
	case 'k': fuzz_config(data, len); break;
	}
	return 0;
}
