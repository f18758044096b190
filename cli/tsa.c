#include "cli/tsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/machine.h"
#include "format/note.h"
#include "store/stamps.h"

enum { SAID_MAX = 65536, FD_NAME_SIZE = 32, FILES = 3 };

/* Files in memory that the program opens by /proc/self/fd: nothing to clean up. */
struct run {
	struct machine machine;
	const char *openssl;
	int fds[FILES];
	size_t count;
	struct buffer said;
	char *words;
};

/* ca: NULL = not needed. */
static int run_begin(struct run *r, const char *ca, char words[TSA_WORDS_SIZE])
{
	static const char *const places[] = { "/usr/bin/openssl", "/bin/openssl", "/usr/local/bin/openssl", NULL };

	*r = (struct run){ .words = words };
	buffer_init(&r->said, SAID_MAX);
	words[0] = '\0';
	if (machine_init(&r->machine, NULL) != 0)
		return ITM_ESYS;
	r->openssl = machine_first(&r->machine, places);
	if (r->openssl == NULL) {
		snprintf(words, TSA_WORDS_SIZE, "time stamps need openssl, which is not here: install the package openssl");
		return ITM_ENOENT;
	}
	if (ca == NULL || access(ca, R_OK) == 0)
		return 0;
	snprintf(words, TSA_WORDS_SIZE, "%.300s: the authority's CA certificate can't be read", ca);
	return ITM_EINVAL;
}

static void run_end(struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		close(r->fds[i]);
	buffer_free(&r->said);
}

/* A file with these bytes; its name is for the program alone. */
static int run_file(struct run *r, const void *data, size_t len, char name[FD_NAME_SIZE])
{
	int fd = memfd_create("itm-stamp", 0);

	if (fd < 0)
		return ITM_ESYS;
	r->fds[r->count++] = fd;
	snprintf(name, FD_NAME_SIZE, "/proc/self/fd/%d", fd);
	return len == 0 || write(fd, data, len) == (ssize_t)len ? 0 : ITM_ESYS;
}

/* What openssl said before it gave up: the last line is its reason. */
static int run_failed(struct run *r, const char *what)
{
	const char *text = buffer_text(&r->said), *line = NULL;

	for (const char *at = text; at != NULL && *at != '\0'; at += at[strcspn(at, "\n")] == '\n' ? strcspn(at, "\n") + 1 : strlen(at))
		if (strstr(at, "error:") != NULL || line == NULL)
			line = at;
	snprintf(r->words, TSA_WORDS_SIZE, "%s: openssl says: %.300s", what, line != NULL ? line : "nothing");
	r->words[strcspn(r->words, "\n")] = '\0';
	return ITM_ECRYPTO;
}

static int run_openssl(struct run *r, const char *const *argv, const char *what)
{
	buffer_clear(&r->said);
	int status = machine_run(&r->machine, argv, &r->said);
	if (status == 0)
		return 0;
	if (status > 0)
		return run_failed(r, what);
	snprintf(r->words, TSA_WORDS_SIZE, "openssl can't be run: %s", error_text(status));
	return status;
}

static int read_back(int fd, struct buffer *out)
{
	uint8_t piece[TSA_QUERY_MAX];
	ssize_t n = pread(fd, piece, sizeof piece, 0);

	return n <= 0 ? ITM_ESYS : buffer_put(out, piece, (size_t)n);
}

int tsa_ready(const char *ca, char words[TSA_WORDS_SIZE])
{
	struct run run;
	int r = run_begin(&run, ca, words);

	run_end(&run);
	return r;
}

int tsa_query(const void *data, size_t len, struct buffer *query, char words[TSA_WORDS_SIZE])
{
	char in[FD_NAME_SIZE], out[FD_NAME_SIZE];
	struct run run;
	int r = run_begin(&run, NULL, words);

	r = r != 0 ? r : run_file(&run, data, len, in);
	r = r != 0 ? r : run_file(&run, NULL, 0, out);
	if (r == 0) {
		const char *const argv[] = { run.openssl, "ts", "-query", "-data", in, "-sha256", "-cert", "-out", out, NULL };
		r = run_openssl(&run, argv, "no query was made");
	}
	if (r == 0)
		r = read_back(run.fds[1], query);
	run_end(&run);
	return r;
}

int64_t tsa_time(const char *text)
{
	static const char word[] = "Time stamp: ", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char month[4], zone[4];
	struct tm tm = { 0 };
	int read = 0;

	while (text != NULL && strncmp(text, word, sizeof word - 1) != 0) {
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	if (text == NULL || sscanf(text + sizeof word - 1, "%3s %2d %2d:%2d:%2d%n", month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
				   &tm.tm_sec, &read) != 5)
		return ITM_EFORMAT;
	text += sizeof word - 1 + (size_t)read;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	const char *at = strstr(months, month);
	if (strlen(month) != 3 || at == NULL || (at - months) % 3 != 0 || sscanf(text, " %4d %3s", &tm.tm_year, zone) != 2 ||
	    strcmp(zone, "GMT") != 0 || tm.tm_year < 1970 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
	    tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return ITM_EFORMAT;
	tm.tm_mon = (int)((at - months) / 3);
	tm.tm_year -= 1900;
	return (int64_t)timegm(&tm);
}

/* The time is read from the token alone: it is what the authority signed; the
 * words around it are anybody's. */
static int read_time(struct run *run, const char *response, int64_t *at)
{
	char token[FD_NAME_SIZE];
	int r = run_file(run, NULL, 0, token);

	if (r == 0) {
		const char *const argv[] = { run->openssl, "ts", "-reply", "-in", response, "-token_out", "-out", token, NULL };
		r = run_openssl(run, argv, "that is no stamp of a time-stamping authority");
	}
	if (r == 0) {
		const char *const argv[] = { run->openssl, "ts", "-reply", "-in", token, "-token_in", "-text", NULL };
		r = run_openssl(run, argv, "the stamp can't be read");
	}
	if (r != 0)
		return r;
	*at = tsa_time(buffer_text(&run->said));
	if (*at > 0)
		return 0;
	snprintf(run->words, TSA_WORDS_SIZE, "the stamp has no time that makes sense");
	return ITM_ECRYPTO;
}

int tsa_check(const void *data, size_t len, const struct buffer *response, const char *ca, int64_t *at,
	      char words[TSA_WORDS_SIZE])
{
	char stamped[FD_NAME_SIZE], answer[FD_NAME_SIZE], when[24];
	struct run run;
	int64_t seconds = 0;
	int r = run_begin(&run, ca, words);

	r = r != 0 ? r : run_file(&run, data, len, stamped);
	r = r != 0 ? r : run_file(&run, response->data, response->len, answer);
	r = r != 0 ? r : read_time(&run, answer, &seconds);
	if (r == 0) {
		/* A certificate may have run out since; it must have been good then. */
		snprintf(when, sizeof when, "%lld", (long long)seconds);
		const char *const argv[] = { run.openssl, "ts", "-verify", "-in", answer, "-data", stamped, "-CAfile", ca,
					     "-attime", when, NULL };
		r = run_openssl(&run, argv, "the stamp does not fit");
	}
	if (r == 0)
		*at = seconds;
	run_end(&run);
	return r;
}

/* Stamps for a verifier */

void tsa_stamps_init(struct tsa_stamps *s, const char *ca)
{
	*s = (struct tsa_stamps){ .ca = ca };
	buffer_init(&s->note, NOTE_MAX);
	buffer_init(&s->response, STAMPS_RESPONSE_MAX);
}

void tsa_stamps_free(struct tsa_stamps *s)
{
	buffer_free(&s->note);
	buffer_free(&s->response);
}

/* One receipt after the other asks for the same checkpoint. */
int64_t tsa_stamps_at(void *context, uint64_t size, const void *note, size_t len)
{
	struct tsa_stamps *s = context;
	char dir[STAMPS_PATH_SIZE];

	if (s->log[0] != '\0' && s->size != size) {
		buffer_clear(&s->note);
		buffer_clear(&s->response);
		snprintf(dir, sizeof dir, "%.4000s/stamps", s->log);
		if (stamps_read(dir, size, &s->note, &s->response) != 0)
			buffer_clear(&s->note);
	}
	if (s->note.len != len || len == 0 || memcmp(s->note.data, note, len) != 0)
		return 0;
	if (s->size == size)
		return s->at;
	s->size = size;
	s->at = 0;
	if (tsa_check(note, len, &s->response, s->ca, &s->at, s->words) != 0)
		s->at = 0;
	return s->at;
}
