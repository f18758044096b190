/* Export bundles: the tar file, its list, and the record in it. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/bundle.h"
#include "format/unit.h"
#include "store/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fault fault = { 0, NULL };
	struct tar_reader reader;
	struct verifier *v;
	struct tar_file f;
	struct bundle b;
	struct unit u;
	size_t at;

	tar_reader_init(&reader, data, len);
	while (tar_reader_next(&reader, &f, &fault) == 1)
		if (f.data < data || f.len > len || f.data + f.len > data + len)
			abort();
	if (bundle_read(data, len, &b, &fault) != 0) {
		if (fault.reason == NULL)
			abort();
		return 0;
	}
	if (b.evidence < data || b.evidence + b.evidence_len > data + len)
		abort();
	v = verifier_new(&b.trust, NULL);
	if (v == NULL)
		return 0;
	verifier_excerpt(v, &b.stream);
	for (at = SEGMENT_HEADER_SIZE; at < b.evidence_len; at += u.size)
		if (unit_decode(b.evidence + at, b.evidence_len - at, &u, &fault) != 0 || verifier_unit(v, &u, "fuzz", at) != 0)
			break;
	verifier_free(v);
	return 0;
}
