/* lending: the memory that all peers have together for large messages.  What a
 * message needs is lent whole or not at all: so whoever has begun can finish,
 * and nobody holds a part that another one waits for. */
#ifndef ITM_STORE_INGESTD_LENDING_H
#define ITM_STORE_INGESTD_LENDING_H

#include <stdbool.h>
#include <stddef.h>

enum { LENDING_MAX = 256 << 20 /* bytes */ };

struct lending { size_t max, lent, waiting; };
/* Of one peer; zero at first. */
struct loan { size_t bytes; bool waits; };

/* False: not now; ask again when something was given back. */
bool lending_take(struct lending *l, struct loan *loan, size_t bytes);
/* Give all back, and wait no more. */
void lending_repay(struct lending *l, struct loan *loan);

#endif
