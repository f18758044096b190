/* foreign: recordings that other programs made, as events of ours.  Every
 * decoder is pure and takes any bytes. */
#ifndef ITM_VIEW_FOREIGN_H
#define ITM_VIEW_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/record.h"

struct foreign_head {
	unsigned columns, rows;      /* 0 = not told */
	int64_t wall_ns;             /* of the start; 0 = not told */
	char term[64], shell[256], user[64], hostname[256], command[1024]; /* "" = not told */
};

/* Where a recording goes: its head once, before all events.  Events: OUT, ERR,
 * RESIZE, MARKER, SIGNAL, EXIT, and COUNTED for what was typed, of which only
 * the number of bytes is taken over; times never run back, data is borrowed. */
struct foreign_taker {
	int (*head)(void *context, const struct foreign_head *head);
	int (*event)(void *context, const struct record_event *event);
	void *context;
};

struct foreign_input {
	const void *data, *timing, *log; /* NULL = none */
	size_t len, timing_len, log_len;
};

struct foreign {
	const char *name;
	/* 0; what the taker said; or ITM_E* and fault. */
	int (*decode)(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault);
};

/* asciicast (2 and 3), ttyrec, typescript (timing: its timing file, or NULL),
 * tlog, sudo (data: ttyout, timing: timing, log: log or log.json). */
const struct foreign *foreign_find(const char *name);
/* By the first bytes of a file; NULL = none of ours. */
const struct foreign *foreign_guess(const void *data, size_t len);

/* For the decoders: hand on an event; sizes out of bounds are left out. */
struct foreign_clock { uint64_t time_ms; };
int foreign_bytes(const struct foreign_taker *to, const struct foreign_clock *c, enum record_kind kind, const void *data,
		  size_t len);
int foreign_typed(const struct foreign_taker *to, const struct foreign_clock *c, uint64_t len);
int foreign_number(const struct foreign_taker *to, const struct foreign_clock *c, enum record_kind kind, uint64_t code);
int foreign_resize(const struct foreign_taker *to, const struct foreign_clock *c, uint64_t columns, uint64_t rows);
void foreign_head_size(struct foreign_head *head, uint64_t columns, uint64_t rows);
/* Microseconds since 1970 as wall time; 0 for what no clock says. */
int64_t foreign_wall(int64_t us);
/* Text cut at its first NUL and at size. */
void foreign_text(char *out, size_t size, const void *data, size_t len);

/* A decimal number at *at, moved on behind it; false: none, or over max. */
bool foreign_decimal(const uint8_t **at, const uint8_t *end, uint64_t max, uint64_t *out);
/* "12.345678" as nanoseconds. */
bool foreign_seconds(const uint8_t **at, const uint8_t *end, uint64_t *ns);

extern const struct foreign foreign_cast, foreign_ttyrec, foreign_script, foreign_tlog, foreign_sudo;

#endif
