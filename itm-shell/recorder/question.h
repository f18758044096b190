/* question: when to ask the broker which program runs in a command without a
 * terminal, and how long output waits for the answer.
 *
 * A program that transfers files can't go on before its first words are
 * answered: holding them back for a moment makes sure that the broker sees it
 * alive.  Output that does not begin like a transfer is never held. */
#ifndef ITM_SHELL_RECORDER_QUESTION_H
#define ITM_SHELL_RECORDER_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "local/message.h"

enum { QUESTION_HOLD_MS = 50 };

struct question {
	int sock;                /* to the broker, borrowed; -1 = nobody to ask (any more) */
	unsigned asked, answered; /* times */
	unsigned wanted;         /* the answer that ends the hold */
	bool spoken;             /* the program has written to stdout */
	bool done;               /* the answer is there */
	uint64_t next_ns;        /* not asked again before */
	uint64_t hold_ns;        /* output is held until then; 0 = not */
};

struct question_answer { enum message_program program; char path[256]; };

void question_init(struct question *q, int sock);
/* Data passed: on stdout (is_out) or stdin.  known: nothing more to ask;
 * likely: it begins as a transfer does. */
void question_data(struct question *q, bool is_out, bool known, bool likely, uint64_t now_ns);
/* When poll(2) reported something.  True: *out is filled. */
bool question_receive(struct question *q, struct question_answer *out, uint64_t now_ns);
bool question_holds(const struct question *q, uint64_t now_ns);
/* After every wake-up: a hold whose time is over ends. */
void question_tick(struct question *q, uint64_t now_ns);
/* ms until the hold ends, -1 = there is none. */
int question_wait_ms(const struct question *q, uint64_t now_ns);

#endif
