/* locate: from what a person calls a session to where it is. */
#ifndef ITM_VIEW_LOCATE_H
#define ITM_VIEW_LOCATE_H

#include <stdbool.h>

#include "store/index.h"
#include "view/places.h"

enum { LOCATE_ERROR_SIZE = 512, LOCATE_DIR_SIZE = 4096 };

struct located {
	char dir[LOCATE_DIR_SIZE];      /* for source_open */
	struct index_session session;   /* stream always; the rest when known */
	bool known;
};

/* name: an id, a unique prefix of at least 4 characters, "last", or DIR:ID
 * with a store or spool DIR.  0, or ITM_E* with error in words: what is
 * wrong and what to do. */
int locate_session(const struct places *places, const char *name, struct located *out,
		   char error[LOCATE_ERROR_SIZE]);

/* Whether something was removed of this session of the store, and of which
 * host it is; words (may be NULL) say what was done last. */
bool locate_removed(const char *store, const struct id *stream, struct id *host, char words[LOCATE_ERROR_SIZE]);

/* Split "SESSION@TIME" in place: returns TIME or NULL. */
char *locate_split(char *name);

/* Why the index at places cannot be opened, in words. */
void locate_explain(const struct places *places, int code, char error[LOCATE_ERROR_SIZE]);

#endif
