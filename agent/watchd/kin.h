/* kin: the processes of the host by pid, those that live and, for a while,
 * those that have ended: children of the dead keep their session by them. */
#ifndef ITM_AGENT_WATCHD_KIN_H
#define ITM_AGENT_WATCHD_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/watchd/procfile.h"
#include "base/id.h"

enum { KIN_MAX = 32768, KIN_BUCKETS = 8192, KIN_LINGER = 4 };  /* processes; rounds that the ended stay */

struct kin {
	uint32_t pid, parent, group, leader;
	uint64_t start, parent_start, image;
	dev_t device;            /* of the file it runs */
	ino_t inode;
	struct id session;       /* zero = none */
	uint32_t loginuid, audit_session;
	uint32_t round;          /* the last in which it was there */
	uint64_t bare_ns;        /* since when it runs another file without arguments; 0 = it does not */
	uint32_t next;           /* in its bucket, plus 1 */
	char comm[PROCFILE_COMM];
	bool by_login;           /* its session is known by the audit session alone */
	bool ended;
};

struct kin_table {
	struct kin *list;        /* pid 0 = a free place */
	uint32_t bucket[KIN_BUCKETS]; /* plus 1 */
	uint32_t used, free;     /* places ever used; the first that is free again, plus 1 */
	uint32_t count;
};

int kin_open(struct kin_table *t);                     /* 0 or ITM_ENOMEM */
void kin_close(struct kin_table *t);
struct kin *kin_find(struct kin_table *t, uint32_t pid); /* NULL = unknown; places stay where they are */
/* Takes the place of one with that pid.  NULL: there are KIN_MAX. */
struct kin *kin_add(struct kin_table *t, uint32_t pid);
void kin_remove(struct kin_table *t, struct kin *k);

#endif
