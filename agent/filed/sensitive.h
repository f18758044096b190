/* sensitive: the files whose change is told: those by which somebody gets in,
 * stays in, gets rights, or blinds us. */
#ifndef ITM_AGENT_FILED_SENSITIVE_H
#define ITM_AGENT_FILED_SENSITIVE_H

#include <stdbool.h>
#include <stddef.h>

enum sensitive_kind { SENSITIVE_FILE, SENSITIVE_FOLDER, SENSITIVE_TREE }; /* TREE: and the folders in it */
enum sensitive_care {
	SENSITIVE_PLAIN,
	SENSITIVE_MASKED,        /* second field of a line (passwd(5), shadow(5)) is a secret */
	SENSITIVE_HIDDEN,        /* nothing of it leaves the host but keyed digests */
};

struct sensitive_place {
	const char *path;        /* absolute; in a home: below it; no slash at the end */
	enum sensitive_kind kind;
	enum sensitive_care care;
	bool own;                /* ITM's */
};

/* Ends with a NULL path. */
extern const struct sensitive_place sensitive_system[];
/* In each account's home; files. */
extern const struct sensitive_place sensitive_home[];

/* Calls each with the home of every line of passwd(5) text, without those no
 * one can have files in.  Text of any kind is taken. */
void sensitive_homes(const char *passwd, size_t len, void (*each)(void *context, const char *home), void *context);
/* Calls each with the words of a list of agent.conf; a slash at the end makes
 * it a folder.  Words that begin with no slash are passed over. */
void sensitive_words(const char *list, enum sensitive_care care,
		     void (*each)(void *context, const struct sensitive_place *p), void *context);

#endif
