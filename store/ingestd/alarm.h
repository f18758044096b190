/* alarm: what the server notices by itself: raised anywhere in the loop, put
 * into the central log as acts of verb "alert" once a second, so that whoever
 * owns the database can't take one out unseen.  Subject: the host; details:
 * the alert's text (format/alert.h) with hostname. */
#ifndef ITM_STORE_INGESTD_ALARM_H
#define ITM_STORE_INGESTD_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "format/alert.h"
#include "store/evidence.h"

enum {
	ALARM_WAITING_MAX = 256,     /* between two ticks; more are counted in the log */
	ALARM_REPEAT_MS = 60000,     /* the same of the same host is one alert in this time, or in silence_ms */
};

struct alarm;
/* silence_ms: without a signed block for so long a host is silent; 0 = never.
 * NULL out of memory. */
struct alarm *alarm_new(struct evidence *e, uint64_t silence_ms);
void alarm_free(struct alarm *a);
/* reason: one line. */
void alarm_raise(struct alarm *a, enum alert what, const struct id *host, const char *reason, uint64_t now_ms);
/* A block was taken: what its flags say. */
struct block;
void alarm_block(struct alarm *a, const struct block *b, uint64_t now_ms);
/* Not while a batch is open: looks for silent hosts, stores what waits.  True:
 * the log has new leaves. */
bool alarm_tick(struct alarm *a, uint64_t now_ms);
/* Only stores what waits: before the end. */
bool alarm_flush(struct alarm *a);

#endif
