#include "view/locate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/id.h"
#include "format/removal.h"
#include "store/evidence_remove.h"
#include "view/catalog.h"

char *locate_split(char *name)
{
	char *at = strrchr(name, '@');

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

void locate_explain(const struct places *places, int code, char error[LOCATE_ERROR_SIZE])
{
	const char *index = places->server.index;

	if (code == ITM_ENOENT || (code == ITM_ESYS && errno == ENOENT))
		snprintf(error, LOCATE_ERROR_SIZE,
			 "no index at %.200s: is the server on this machine? try --index DIR, or --spool DIR on a host",
			 index);
	else if (code == ITM_EPERM || (code == ITM_ESYS && errno == EACCES))
		snprintf(error, LOCATE_ERROR_SIZE,
			 "may not read the index at %.200s: run as root, or as a member of group itm-read", index);
	else
		snprintf(error, LOCATE_ERROR_SIZE, "cannot open the index at %.200s: %s", index, error_text(code));
}

static int explain_name(int code, const char *name, const char *dir, char *error)
{
	if (code == ITM_ENOENT && strcmp(name, "last") == 0)
		snprintf(error, LOCATE_ERROR_SIZE, "no session has been recorded yet in %.200s", dir);
	else if (code == ITM_ENOENT)
		snprintf(error, LOCATE_ERROR_SIZE,
			 "no session %.64s in %.200s: 'itm sessions' lists them", name, dir);
	else if (code == ITM_EBUSY)
		snprintf(error, LOCATE_ERROR_SIZE,
			 "%.64s is the beginning of more than one session's id: give more of it", name);
	else
		snprintf(error, LOCATE_ERROR_SIZE, "cannot read the sessions in %.200s: %s", dir, error_text(code));
	return code;
}

static int set_dir(struct located *out, const char *dir, char *error)
{
	size_t len = strlen(dir);

	if (len >= sizeof(out->dir)) {
		snprintf(error, LOCATE_ERROR_SIZE, "the path is over %zu bytes", sizeof(out->dir) - 1);
		return ITM_EINVAL;
	}
	memcpy(out->dir, dir, len + 1);
	return 0;
}

static int in_spool(const char *dir, const char *name, struct located *out, char *error)
{
	struct catalog c;
	int r = catalog_read(&c, dir);

	if (r == ITM_ENOENT) {
		snprintf(error, LOCATE_ERROR_SIZE, "no spool at %.200s: is the agent on this machine? try --spool DIR", dir);
		return r;
	}
	if (r == 0) {
		r = catalog_find(&c, name, &out->session);
		catalog_free(&c);
	}
	if (r != 0)
		return explain_name(r, name, dir, error);
	out->known = true;
	return set_dir(out, dir, error);
}

static int in_index(const struct places *places, const char *name, struct located *out, char *error)
{
	int r = 0;
	struct index *index = index_open(places->server.index, false, &r);

	if (index == NULL) {
		locate_explain(places, r, error);
		return r;
	}
	r = index_session_find(index, name, &out->session);
	index_close(index);
	if (r != 0)
		return explain_name(r, name, places->server.index, error);
	out->known = true;
	return set_dir(out, places->server.store, error);
}

/* Without an index a full id still names a session of the store. */
static int in_store(const char *dir, const char *name, struct located *out, char *error)
{
	if (id_parse(name, &out->session.stream) != 0) {
		snprintf(error, LOCATE_ERROR_SIZE,
			 "%.64s is not a whole session id, and %.200s has no index to look it up in: try --index DIR",
			 name, dir);
		return ITM_EINVAL;
	}
	out->known = false;
	return set_dir(out, dir, error);
}

struct removed { struct id *host; char *words; bool found; };

static int take_removed(void *context, const struct evidence_removed *e)
{
	struct removed *out = context;
	struct removal r = { .act = e->act, .sections = e->sections, .first = e->first, .last = e->last, .wall_ns = e->wall_ns };

	snprintf(r.who, sizeof(r.who), "%s", e->who);
	snprintf(r.reason, sizeof(r.reason), "%s", e->reason);
	snprintf(r.approval, sizeof(r.approval), "%s", e->approval);
	*out->host = e->host;
	if (out->words != NULL)
		removal_words(&r, out->words, LOCATE_ERROR_SIZE);
	out->found = true;
	return 0;
}

bool locate_removed(const char *store, const struct id *stream, struct id *host, char words[LOCATE_ERROR_SIZE])
{
	struct removed out = { .host = host, .words = words };
	int r = 0;
	struct evidence *e = evidence_open(store, NULL, false, &r);

	if (e != NULL)
		evidence_removed_of(e, stream, take_removed, &out);
	evidence_close(e);
	return out.found;
}

/* What was deleted is not only not found. */
static void explain_removed(const char *store, const char *name, char *error)
{
	char words[LOCATE_ERROR_SIZE];
	struct id stream, host;

	if (id_parse(name, &stream) == 0 && places_is_store(store) && locate_removed(store, &stream, &host, words))
		snprintf(error, LOCATE_ERROR_SIZE, "session %.32s is not there any more: %.400s", name, words);
}

/* A file of units, as of a bundle, has no list of sessions: the id must be whole. */
static int in_file(const char *path, const char *name, struct located *out, char *error)
{
	if (id_parse(name, &out->session.stream) != 0) {
		snprintf(error, LOCATE_ERROR_SIZE, "%.200s is a file: after it the whole id of a session is needed", path);
		return ITM_EINVAL;
	}
	return set_dir(out, path, error);
}

/* DIR:ID or FILE:ID */
static int in_named_dir(const struct places *places, const char *name, struct located *out, char *error)
{
	char dir[LOCATE_DIR_SIZE];
	const char *colon = strrchr(name, ':');
	struct stat st;
	size_t len = (size_t)(colon - name);

	if (len >= sizeof(dir)) {
		snprintf(error, LOCATE_ERROR_SIZE, "the path is over %zu bytes", sizeof(dir) - 1);
		return ITM_EINVAL;
	}
	memcpy(dir, name, len);
	dir[len] = '\0';
	if (stat(dir, &st) == 0 && S_ISREG(st.st_mode))
		return in_file(dir, colon + 1, out, error);
	if (places_is_store(dir))
		return in_store(dir, colon + 1, out, error);
	return in_spool(dir, colon + 1, out, error);
}

int locate_session(const struct places *places, const char *name, struct located *out,
		   char error[LOCATE_ERROR_SIZE])
{
	int r;

	*out = (struct located){ 0 };
	if (strchr(name, ':') != NULL)
		return in_named_dir(places, name, out, error);
	if (places->use_spool)
		return in_spool(places->agent.spool, name, out, error);
	if (!places->index_given)
		return in_store(places->server.store, name, out, error);
	r = in_index(places, name, out, error);
	/* A host without a server has its own spool to look in. */
	if (r != 0 && !places_is_store(places->server.store) && places_is_spool(places->agent.spool))
		return in_spool(places->agent.spool, name, out, error);
	if (r == ITM_ENOENT)
		explain_removed(places->server.store, name, error);
	return r;
}
