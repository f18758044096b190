/* opening: sealed keystrokes are opened for a reason, which the server logs
 * before anything is shown. */
#ifndef ITM_VIEW_OPENING_H
#define ITM_VIEW_OPENING_H

#include "store/source.h"
#include "view/options.h"
#include "view/places.h"

/* Embed in a command's settings; the options go into its table. */
struct opening_options { const char *key, *reason, *approval; };
#define OPENING_OPTIONS(type, member) \
	{ "key", 'k', "FILE[,FILE]", OPTIONS_TEXT, offsetof(struct type, member.key), 0, 0, "open sealed keystrokes with these auditors' keys" }, \
	{ "reason", 0, "TEXT", OPTIONS_TEXT, offsetof(struct type, member.reason), 0, 0, "why keystrokes are opened, or a bundle is written; goes into the server's log" }, \
	{ "approval", 0, "FILE", OPTIONS_TEXT, offsetof(struct type, member.approval), 0, 0, "request to open that a second person has signed" }

/* What the options ask for, done to source: nothing without --key.  0 and
 * *keys (to be freed by sealed_free once source is closed; NULL: sealed it
 * stays), or an exit status, said in words. */
int opening_begin(const char *program, const struct opening_options *o, const struct places *places,
		  struct source *source, const struct id *stream, struct sealed **keys);

#endif
