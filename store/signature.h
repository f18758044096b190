/* signature: which words a block of text may have, in a fixed number of bits:
 * a Bloom filter in slices.  A word picks one slice and some bits in it; the
 * starts of words are in it too, so that word* can be asked.
 *
 * It may say yes where there is no such word (about once in 1,000 blocks),
 * never no where there is one: who asks looks at the text then. */
#ifndef ITM_STORE_SIGNATURE_H
#define ITM_STORE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIGNATURE_SLICES = 112,
	SIGNATURE_SLICE_BITS = 126,      /* 256 blocks' worth of a slice fits one page of the database */
	SIGNATURE_SLICE_SIZE = 16,       /* bytes */
	SIGNATURE_PROBES = 4,
};

/* Stored as it stands: bit b of a slice is bit b % 8 of byte b / 8. */
struct signature { uint8_t slice[SIGNATURE_SLICES][SIGNATURE_SLICE_SIZE]; };
/* The words of a text, added to what is there. */
void signature_add(struct signature *s, const char *text, size_t len);

/* What to ask: all bits of one of the probes. */
struct signature_probe { uint8_t slice, bit[SIGNATURE_PROBES]; };
struct signature_word { struct signature_probe probe[2]; unsigned count; };
/* word: as words_split gives it.  prefix: it, or words that begin so; false
 * when the signature knows nothing of that. */
bool signature_word(struct signature_word *w, const char *word, size_t len, bool prefix);
bool signature_has(const struct signature *s, const struct signature_word *w);

/* A slice of many blocks' signatures: for each of its bits a row, in which bit
 * i belongs to block i.  What is asked of it is answered for all at once. */
enum { SIGNATURE_SHELF = 256, SIGNATURE_ROW_SIZE = SIGNATURE_SHELF / 8 };
struct signature_shelf { uint8_t row[SIGNATURE_SLICE_BITS][SIGNATURE_ROW_SIZE]; };
struct signature_set { uint8_t bytes[SIGNATURE_ROW_SIZE]; };
/* count blocks, at most SIGNATURE_SHELF. */
void signature_shelve(struct signature_shelf *out, const struct signature *blocks, size_t count, unsigned slice);
/* Adds the blocks that have all bits of the probe, whose slice this is. */
void signature_ask(const struct signature_shelf *s, const struct signature_probe *p, struct signature_set *out);

#endif
