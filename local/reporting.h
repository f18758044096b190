/* reporting: the supervisor's alerts about its children, kept for the one that
 * puts them into the record (notice.h). */
#ifndef ITM_LOCAL_REPORTING_H
#define ITM_LOCAL_REPORTING_H

#include <stdint.h>
#include <sys/types.h>

#include "local/notice.h"
#include "local/ward.h"

/* Zeroed: nobody is told. */
struct reporting { struct ward *reporter; uint64_t number; };

void reporting_init(struct reporting *r, struct ward *reporter);
void reporting_alert(struct reporting *r, enum alert a, const struct buffer *facts);
/* A child died that was not to. */
void reporting_death(struct reporting *r, struct ward *w, pid_t pid);
/* It left so many questions unanswered (pulse.h): told, let go on if somebody
 * stopped it, killed when that does not help. */
void reporting_silence(struct reporting *r, struct ward *w, unsigned silent, int64_t every_ms);
/* The supervisor before us, process pid, died. */
void reporting_predecessor(struct reporting *r, pid_t pid);

#endif
