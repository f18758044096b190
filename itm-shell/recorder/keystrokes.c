#include "itm-shell/recorder/keystrokes.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "format/meta.h"
#include "format/sealed.h"
#include "format/sign.h"

enum { PIECE = 4096 /* bytes encrypted at a time; a read is at most 64 KiB */ };
#define KEY_TIME_NS UINT64_C(5000000000)

struct keystrokes {
	struct seal_state state;
	uint64_t until_ns;               /* this key's time is over; 0 = not used yet */
};

struct keystrokes *keystrokes_open(struct buffer *meta, const struct id *stream)
{
	struct keystrokes *k = sign_init() == 0 ? seal_alloc(sizeof *k) : NULL;
	int r = k == NULL ? ITM_ENOMEM : sealed_begin(meta, stream, &k->state);

	if (r == 0) {
		k->until_ns = 0;
		return k;
	}
	if (r != ITM_ENOENT)
		log_error("keystrokes are counted only: they can't be sealed: %s", error_text(r));
	if (k != NULL)
		seal_free(k);
	(void)meta_put(meta, "keystrokes", "counted");
	return NULL;
}

void keystrokes_close(struct keystrokes *k)
{
	if (k != NULL)
		seal_free(k);
}

/* The next key, told at its first use. */
static bool turn(struct keystrokes *k)
{
	k->until_ns = 0;
	return seal_advance(&k->state, k->state.step + 1) == 0;
}

void keystrokes_typed(struct keystrokes *k, struct recording *r, uint64_t now_ns, const uint8_t *data, size_t len)
{
	uint8_t piece[PIECE];

	keystrokes_tick(k, now_ns);
	if (k == NULL || k->state.step >= SEAL_STEPS_MAX) {
		recording_code(r, now_ns, RECORD_COUNTED, (uint64_t)len << 2);
		return;
	}
	while (len > 0) {
		size_t n = len < sizeof piece ? len : sizeof piece;
		uint64_t lost = r->lost_bytes;
		if (k->until_ns == 0) {
			k->until_ns = now_ns + KEY_TIME_NS;
			recording_code(r, now_ns, RECORD_SEAL, k->state.step);
		}
		seal_crypt(&k->state, data, n, piece);
		recording_bytes(r, now_ns, RECORD_IN, piece, n);
		if (r->lost_bytes != lost)
			(void)turn(k); /* a reader can't know where in the key's stream it is now */
		data += n;
		len -= n;
	}
}

void keystrokes_tick(struct keystrokes *k, uint64_t now_ns)
{
	if (k != NULL && k->until_ns != 0 && now_ns >= k->until_ns)
		(void)turn(k);
}

uint64_t keystrokes_due_ns(const struct keystrokes *k)
{
	return k != NULL ? k->until_ns : 0;
}
