#include "agent/brokerd/sealing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/minisign.h"
#include "format/sign.h"

enum { PATH_SIZE = 300 };
enum { LIST, SIGNATURE, OFFICER };

struct paper { struct buffer text, signature; struct keylist list; };

static void paper_init(struct paper *p)
{
	buffer_init(&p->text, KEYLIST_MAX);
	buffer_init(&p->signature, MINISIGN_MAX);
	p->list.number = 0;
}

static void paper_free(struct paper *p)
{
	buffer_free(&p->text);
	buffer_free(&p->signature);
}

static void signature_path(const char *list, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s.minisig", list);
}

static int read_officer(const char *path, struct keyfile_public *out)
{
	struct fault fault;
	struct buffer b;

	buffer_init(&b, KEYFILE_MAX);
	int r = atomicfile_read(path, &b);
	if (r == 0)
		r = keyfile_get_public((const char *)b.data, b.len, KEYFILE_OFFICER, out, &fault);
	buffer_free(&b);
	return r;
}

static int read_paper(const char *path, const struct keyfile_public *officer, struct paper *p, const char **why)
{
	struct fault fault = { 0, NULL };
	char signature[PATH_SIZE];

	signature_path(path, signature);
	int r = atomicfile_read(path, &p->text);
	if (r == 0)
		r = atomicfile_read(signature, &p->signature);
	if (r == 0)
		r = keylist_verify((const char *)p->text.data, p->text.len, (const char *)p->signature.data,
				   p->signature.len, officer, &p->list, &fault);
	*why = fault.reason != NULL ? fault.reason : error_text(r);
	return r;
}

static void say(struct sealing *s, bool refused, const char *words)
{
	snprintf(s->words, sizeof s->words, "%s", words);
	s->refused = refused;
	s->changes++;
	if (refused)
		log_error("key list: %s%s", words, s->list.number != 0 ? "; the last good one stays" : "; keystrokes are counted only");
	else
		log_info("key list %" PRIu64 " is in force: keystrokes are sealed to %zu keys", s->list.number, s->list.count);
}

/* A copy that survives a restart: an older list is then still known as such. */
static void remember(const struct settings_agent *settings, const struct paper *p)
{
	char signature[PATH_SIZE];

	signature_path(settings->keylist_seen, signature);
	if (atomicfile_write(signature, p->signature.data, p->signature.len, 0644) != 0 ||
	    atomicfile_write(settings->keylist_seen, p->text.data, p->text.len, 0644) != 0)
		log_error("%s can't be written: after a restart an older key list would be taken", settings->keylist_seen);
}

static void consider(struct sealing *s, const struct settings_agent *settings, const struct keyfile_public *officer)
{
	struct paper p, seen;
	const char *why, *unused;

	paper_init(&p);
	paper_init(&seen);
	if (s->list.number == 0 && read_paper(settings->keylist_seen, officer, &seen, &unused) == 0)
		s->list = seen.list;
	if (read_paper(settings->keylist, officer, &p, &why) != 0) {
		say(s, true, why);
	} else if (p.list.number < s->list.number) {
		say(s, true, "older than the one in force");
	} else if (p.list.number == s->list.number && memcmp(p.list.digest, s->list.digest, HASH_SIZE) != 0) {
		say(s, true, "another list with the number of the one in force");
	} else {
		s->list = p.list;
		remember(settings, &p);
		say(s, false, "");
	}
	paper_free(&p);
	paper_free(&seen);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void sealing_refresh(struct sealing *s, const struct settings_agent *settings)
{
	const char *paths[3] = { [LIST] = settings->keylist, [OFFICER] = settings->officer_key };
	char signature[PATH_SIZE];
	struct stat stamp[3];
	struct keyfile_public officer;
	bool changed = !s->read;

	signature_path(settings->keylist, signature);
	paths[SIGNATURE] = signature;
	for (int i = 0; i < 3; i++) {
		if (lstat(paths[i], &stamp[i]) != 0)
			memset(&stamp[i], 0, sizeof stamp[i]);
		changed |= !same(&stamp[i], &s->stamp[i]);
	}
	if (!changed)
		return;
	bool had = s->read && s->stamp[OFFICER].st_ino != 0;
	memcpy(s->stamp, stamp, sizeof stamp);
	s->read = true;
	/* Without a pinned key the host is not set up for sealing. */
	if (stamp[OFFICER].st_ino == 0 && !had)
		return;
	if (sign_init() != 0 || read_officer(settings->officer_key, &officer) != 0) {
		s->list.number = 0;
		say(s, true, stamp[OFFICER].st_ino == 0 ? "the officer's key was taken away" : "the officer's key can't be read");
		return;
	}
	consider(s, settings, &officer);
}

const struct keylist *sealing_list(const struct sealing *s)
{
	int64_t now = clock_wall_ns() / 1000000000;
	return s->list.number != 0 && now >= s->list.from && now < s->list.until ? &s->list : NULL;
}
