/* vector: what the records of tests/golden are made with: a chain whose keys,
 * ids and salts come from a counter, its units apart, files. */
#ifndef ITM_TESTS_GOLDEN_VECTOR_H
#define ITM_TESTS_GOLDEN_VECTOR_H

#include "format/verify.h"
#include "tests/unit/chain.h"

enum { VECTOR_FILE_MAX = 1 << 20, VECTOR_PIECES_MAX = 64 };
#define VECTOR_WALL_START 1795456805000000000ll /* ns: 2026-11-23 20:00:05 UTC */

struct vector {
	const char *name;               /* NULL ends a list */
	enum verdict verdict;
	void (*make)(struct chain *c, const char *name);
	const char *what;
};
extern const struct vector history_vectors[], attack_vectors[], export_vectors[];

/* Files go there; randomness is a counter from here on. */
void vector_open(const char *folder);
void vector_must(int ok, const char *what);
void vector_folder(const char *name);
void vector_file(const char *name, const void *data, size_t len);
/* number: of the segment; file names as in a spool when it has more than one. */
void vector_segment(const char *name, const struct chain *c, uint64_t number, const uint8_t *units, size_t len);
/* Every vector is of the same host and server: the same keys check all. */
void vector_begin(struct chain *c);
/* A session of three chunks over two blocks, then the host's close. */
void vector_whole(struct chain *c);
void vector_close_host(struct chain *c);
void vector_finish(struct chain *c, const char *name);

/* Units apart, to be put together another way. */
struct piece { size_t at, len; uint8_t type; };
struct pieces { struct piece piece[VECTOR_PIECES_MAX]; size_t count; };
void vector_split(const struct chain *c, struct pieces *out);
/* Of a closed record, with which the attacks begin. */
void vector_closed_pieces(struct chain *c, struct pieces *p);
/* The n-th (from 0) unit of a type. */
size_t vector_nth(const struct pieces *p, uint8_t type, size_t n);
void vector_put_piece(struct buffer *b, const struct chain *c, const struct piece *p);
/* The chain's units with `skip` left out (or, as SIZE_MAX, none) and two changed about. */
void vector_join(const char *name, const struct chain *c, const struct pieces *p, size_t skip, size_t a, size_t b);
/* In place of piece `at` another payload. */
void vector_replace(const char *name, const struct chain *c, const struct pieces *p, size_t at, uint8_t type,
		    uint8_t version, const void *payload, size_t len);
struct unit vector_unit_at(const struct chain *c, const struct piece *p);

#endif
