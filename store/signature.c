#include "store/signature.h"

#include <assert.h>
#include <string.h>

#include "store/words.h"

static_assert(sizeof(struct signature) == SIGNATURE_SLICES * SIGNATURE_SLICE_SIZE, "stored as it stands");
static_assert(SIGNATURE_SLICE_BITS <= SIGNATURE_SLICE_SIZE * 8, "bits of a slice");
static_assert(SIGNATURE_SLICES <= 256, "a probe's slice is a byte");

/* Bytes of the starts that are kept of longer words. */
enum { SHORT_START = 3, LONG_START = 5 };
/* Starts are told from whole words of the same letters. */
#define START_SEED 0x9ddfea08eb382d69u

#define FNV_BASE 0xcbf29ce484222325u   /* FNV-1a */
static uint64_t hash_byte(uint64_t h, char c)
{
	return (h ^ (uint8_t)c) * 0x100000001b3u;
}

/* Murmur3's last step: FNV leaves the high bits of short words alike. */
static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

static struct signature_probe probe_of(uint64_t hash)
{
	struct signature_probe p;
	hash = mix(hash);
	p.slice = (uint8_t)((hash >> 48) * SIGNATURE_SLICES >> 16);
	for (unsigned i = 0; i < SIGNATURE_PROBES; i++)
		p.bit[i] = (uint8_t)((hash >> 12 * i & 0xfff) * SIGNATURE_SLICE_BITS >> 12);
	return p;
}

static inline void set(struct signature *s, uint64_t hash)
{
	struct signature_probe p = probe_of(hash);
	for (unsigned i = 0; i < SIGNATURE_PROBES; i++)
		s->slice[p.slice][p.bit[i] / 8] |= (uint8_t)(1 << p.bit[i] % 8);
}

static int add_word(void *handle, const char *word, size_t len, size_t start, size_t end)
{
	struct signature *s = handle;
	uint64_t h = FNV_BASE;
	(void)start;
	(void)end;
	for (size_t i = 0; i < len; i++) {
		if (i == SHORT_START || i == LONG_START)
			set(s, h ^ START_SEED);
		h = hash_byte(h, word[i]);
	}
	set(s, h);
	return 0;
}

void signature_add(struct signature *s, const char *text, size_t len)
{
	(void)words_split(text, len, s, add_word);
}

bool signature_word(struct signature_word *w, const char *word, size_t len, bool prefix)
{
	size_t used = !prefix ? len : len >= LONG_START ? LONG_START : SHORT_START;
	uint64_t h = FNV_BASE;
	if (len < used)
		return false;
	for (size_t i = 0; i < used; i++)
		h = hash_byte(h, word[i]);
	w->count = 0;
	if (!prefix || used == len)
		w->probe[w->count++] = probe_of(h);
	if (prefix)
		w->probe[w->count++] = probe_of(h ^ START_SEED);
	return true;
}

static bool has_bits(const uint8_t slice[SIGNATURE_SLICE_SIZE], const struct signature_probe *p)
{
	unsigned all = 1;
	for (unsigned i = 0; i < SIGNATURE_PROBES; i++)
		all &= slice[p->bit[i] / 8] >> p->bit[i] % 8;
	return all & 1;
}

bool signature_has(const struct signature *s, const struct signature_word *w)
{
	for (unsigned i = 0; i < w->count; i++)
		if (has_bits(s->slice[w->probe[i].slice], &w->probe[i]))
			return true;
	return false;
}

/* Bit c of byte r becomes bit r of byte c (Warren, Hacker's Delight, 7-3). */
static uint64_t turn(uint64_t m)
{
	uint64_t t = (m ^ m >> 7) & 0x00aa00aa00aa00aau;
	m ^= t ^ t << 7;
	t = (m ^ m >> 14) & 0x0000cccc0000ccccu;
	m ^= t ^ t << 14;
	t = (m ^ m >> 28) & 0x00000000f0f0f0f0u;
	return m ^ t ^ t << 28;
}

void signature_shelve(struct signature_shelf *out, const struct signature *blocks, size_t count, unsigned slice)
{
	memset(out, 0, sizeof *out);
	for (size_t n = 0; n < count; n += 8)
		for (unsigned i = 0; i < SIGNATURE_SLICE_SIZE; i++) {
			uint64_t m = 0;
			for (size_t k = 0; k < 8 && n + k < count; k++)
				m |= (uint64_t)blocks[n + k].slice[slice][i] << 8 * k;
			m = turn(m);
			for (unsigned b = i * 8; m != 0; b++, m >>= 8)
				out->row[b][n / 8] = (uint8_t)m;
		}
}

void signature_ask(const struct signature_shelf *s, const struct signature_probe *p, struct signature_set *out)
{
	for (unsigned i = 0; i < SIGNATURE_ROW_SIZE; i++) {
		uint8_t all = 0xff;
		for (unsigned k = 0; k < SIGNATURE_PROBES; k++)
			all &= s->row[p->bit[k]][i];
		out->bytes[i] |= all;
	}
}
