/* eye: the ways to see what runs where the kernel refuses the probe, one below
 * the other: the kernel's audit records, fanotify's word on each file opened
 * to be run, the proc connector, and looking at /proc again and again.  Each is
 * opened as root and read without any right but CAP_SYS_PTRACE, for the paths
 * in /proc of other people's processes.
 *
 * All of them look at /proc as well, now and then: for ends, and for what they
 * were not told. */
#ifndef ITM_AGENT_WATCHD_EYE_H
#define ITM_AGENT_WATCHD_EYE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/watchd/observer.h"
#include "base/buffer.h"
#include "local/settings.h"

enum { EYE_ERROR_SIZE = 200 };

struct eye_counts {
	uint64_t received;       /* words of the kernel */
	uint64_t dropped;        /* words that found no room, as far as the kernel says how many; at least */
	uint64_t strange;        /* words nobody understands */
	uint64_t gone;           /* programs that had ended before they could be looked at */
};

/* One way to see.  open: as root; 0, or ITM_ESYS with words why.  read: all that
 * there is, while l->room; true: look again in a few ms. */
struct eye_way {
	int (*open)(void **state, char error[EYE_ERROR_SIZE]);
	int (*fd)(const void *state);
	bool (*read)(void *state, struct observer *l, struct eye_counts *c);
	void (*close)(void *state);
	int scan_ms;
};

struct eye;
/* The best way there is, from highest (enum settings_level, below bpf) down.
 * why gets "level: reason" for each that was refused, "; " between.  NULL: none. */
struct eye *eye_open(int highest, observer_event *event, void *context, struct buffer *why);
void eye_close(struct eye *e);
int eye_level(const struct eye *e);
const char *eye_name(int level);         /* "fanotify" */
int eye_fd(const struct eye *e);         /* to poll(2) on; -1 = none */
/* Hand out what there is.  Returns ms until it wants to be called again at the
 * latest, -1: event found no room. */
int eye_read(struct eye *e, int64_t now_ms);
void eye_tie(struct eye *e, uint32_t pid, uint64_t start_ticks, const struct id *session);
void eye_counts(const struct eye *e, struct eye_counts *out);

extern const struct eye_way audit_way, fanotify_way, connector_way;

#endif
