/* head: what a session's metadata (format/meta.h) says about it, for those who
 * show it.  Every text comes from a recorded host: escape before printing. */
#ifndef ITM_VIEW_HEAD_H
#define ITM_VIEW_HEAD_H

#include <stdbool.h>
#include <stddef.h>

struct head {
	char user[64], hostname[256], service[64], term[64], shell[256], mode[16];
	unsigned columns, rows;
	bool pipe;      /* no terminal: line ends are bare LF */
};

/* 80x24, nothing known. */
void head_init(struct head *h);
/* Take over what the metadata text says; a size it lacks stays. */
void head_read(struct head *h, const void *text, size_t len);

#endif
