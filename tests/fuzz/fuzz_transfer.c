/* scp and SFTP as they pass: input is a row of pieces, u8 (bit 0: side, rest:
 * length) and the bytes. */
#include <stddef.h>
#include <stdint.h>

#include "itm-shell/recorder/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct transfer *t = transfer_new();
	struct buffer note;

	if (t == NULL)
		return 0;
	buffer_init(&note, TRANSFER_NOTE_MAX);
	enum message_program program = len % 2 ? MESSAGE_PROGRAM_SCP : MESSAGE_PROGRAM_SFTP;
	while (len > 0) {
		unsigned side = data[0] & 1;
		size_t n = data[0] >> 1;
		data++;
		len--;
		if (n > len)
			n = len;
		transfer_put(t, side, data, n);
		data += n;
		len -= n;
	}
	transfer_program(t, program, "/usr/bin/x");
	transfer_end(t);
	while (transfer_note(t, &note))
		;
	buffer_free(&note);
	transfer_free(t);
	return 0;
}
