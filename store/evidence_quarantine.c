/* What is kept aside, bounded: a host that is taken over sends what it likes,
 * as often as it likes, and all of it is told anyway. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomicfile.h"
#include "base/log.h"
#include "store/evidence_state.h"

struct kept { uint64_t host_files, host_bytes, bytes; };

/* What there is, looked for anew: files may have been taken away by hand. */
static int quarantine_look(const char *dir, const char *host, struct kept *out)
{
	DIR *d = opendir(dir);
	*out = (struct kept){ 0 };
	if (d == NULL)
		return ITM_ESYS;
	for (struct dirent *e; (e = readdir(d)) != NULL; ) {
		struct stat st;
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		out->bytes += (uint64_t)st.st_size;
		if (strncmp(e->d_name, host, strlen(host)) != 0)
			continue;
		out->host_files++;
		out->host_bytes += (uint64_t)st.st_size;
	}
	closedir(d);
	return 0;
}

static bool quarantine_has_room(const char *dir, const char *host, size_t len)
{
	struct kept k;
	return quarantine_look(dir, host, &k) == 0 && k.host_files < EVIDENCE_QUARANTINE_FILES &&
	       k.host_bytes + len <= EVIDENCE_QUARANTINE_HOST && k.bytes + len <= EVIDENCE_QUARANTINE_ALL;
}

int evidence_quarantine(struct evidence *e, const struct id *host, const char *why, const void *data, size_t len)
{
	char text[ID_TEXT_SIZE], dir[EVIDENCE_PATH_SIZE - 64], path[EVIDENCE_PATH_SIZE], words[512];
	uint8_t hash[HASH_SIZE];
	id_format(host, text);
	hash_bytes(data, len, hash);
	snprintf(dir, sizeof dir, "%.*s/quarantine", EVIDENCE_DIR_MAX, e->dir);
	/* Named by content: the same bytes sent a thousand times are one file. */
	snprintf(path, sizeof path, "%s/%s-%02x%02x%02x%02x%02x%02x%02x%02x", dir, text, hash[0], hash[1], hash[2], hash[3],
		 hash[4], hash[5], hash[6], hash[7]);
	struct buffer probe;
	buffer_init(&probe, 1);
	int rc = atomicfile_read(path, &probe);
	buffer_free(&probe);
	if (rc != ITM_ENOENT)
		return 0;
	if (!quarantine_has_room(dir, text, len)) {
		uint64_t n = ++e->quarantine_left_out;
		snprintf(words, sizeof words, "%s; not kept, the quarantine is full; so far %" PRIu64 " were not", why, n);
		log_error("%s: %s", text, words);
		/* Told the 1st, 2nd, 4th, ... time: a host must not fill the database instead. */
		rc = (n & (n - 1)) == 0 ? evidence_event(e, host, "quarantine-full", words) : 0;
		return rc != 0 ? rc : ITM_ELIMIT;
	}
	rc = atomicfile_write(path, data, len, 0440);
	if (rc != 0)
		log_error("%s: %s", path, error_text(rc));
	snprintf(words, sizeof words, "%s; kept as %s", why, strrchr(path, '/') + 1);
	int noted = evidence_event(e, host, "quarantined", words);
	return rc != 0 ? rc : noted;
}

uint64_t evidence_quarantine_left_out(const struct evidence *e)
{
	return e->quarantine_left_out;
}
