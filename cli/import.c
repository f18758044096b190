/* itm import: takes over recordings of other programs, as what they are. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "base/hash.h"
#include "cli/command.h"
#include "cli/imported.h"
#include "cli/startup.h"
#include "store/audit.h"
#include "view/say.h"

static const char *const program = "itm import";

enum {
	IMPORT_MAX = 256 << 20,      /* bytes of one file; a recording is read as a whole */
	IMPORT_PATH = 4096,
	IMPORT_HEX = 2 * HASH_SIZE + 1,
};

struct import_options {
	struct places_options places;
	const char *format, *timing, *output, *reason;
};

static const struct options_entry entries[] = {
	{ "output", 'o', "DIR", OPTIONS_TEXT, offsetof(struct import_options, output), 0, 0, "a new folder for the sessions (needed)" },
	{ "format", 'f', "FORMAT", OPTIONS_TEXT, offsetof(struct import_options, format), 0, 0, "asciicast, ttyrec, typescript, tlog or sudo, instead of a look at the file" },
	{ "timing", 't', "FILE", OPTIONS_TEXT, offsetof(struct import_options, timing), 0, 0, "typescript: its timing, instead of FILE.timing" },
	{ "reason", 0, "TEXT", OPTIONS_TEXT, offsetof(struct import_options, reason), 0, 0, "why; for the server's log" },
	PLACES_CONFIG(import_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm import",
	.operands = "FILE...",
	.operands_min = 1,
	.operands_max = 1000,
	.summary = "Take over recordings of asciinema, script, ttyrec, tlog and sudo.",
	.entries = entries,
};

/* One recording: its files, and what is known of them. */
struct recording {
	struct buffer data, timing, log;
	struct imported imported;
	char sha256[IMPORT_HEX];
};

static int read_file(const char *path, struct buffer *out)
{
	int r = atomicfile_read(path, out);

	if (r == ITM_ELIMIT)
		say_error(program, "%s is over %d MB", path, IMPORT_MAX >> 20);
	else if (r != 0)
		say_error(program, "cannot read %s: %s", path, error_text(r));
	return r;
}

static int read_in(const char *dir, const char *name, struct buffer *out, bool needed)
{
	char path[IMPORT_PATH];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return ITM_ELIMIT;
	return !needed && access(path, F_OK) != 0 ? 0 : read_file(path, out);
}

static int read_timing(const struct import_options *o, const char *path, struct buffer *out)
{
	char beside[IMPORT_PATH];

	if (o->timing != NULL)
		return read_file(o->timing, out);
	if (snprintf(beside, sizeof(beside), "%s.timing", path) >= (int)sizeof(beside) || access(beside, F_OK) != 0)
		return 0;
	return read_file(beside, out);
}

/* A folder is an I/O log of sudo. */
static int read_recording(const struct import_options *o, const char *path, struct recording *rec)
{
	struct stat st;
	bool sudo = o->format != NULL && strcmp(o->format, "sudo") == 0;
	int r;

	if (sudo || (stat(path, &st) == 0 && S_ISDIR(st.st_mode))) {
		rec->imported.format = foreign_find("sudo");
		r = read_in(path, "ttyout", &rec->data, true);
		if (r == 0)
			r = read_in(path, "timing", &rec->timing, true);
		return r != 0 ? r : read_in(path, "log", &rec->log, false);
	}
	r = read_file(path, &rec->data);
	if (r != 0)
		return r;
	rec->imported.format = o->format != NULL ? foreign_find(o->format) : foreign_guess(rec->data.data, rec->data.len);
	if (rec->imported.format == NULL) {
		say_error(program, "%s: not a recording that is known here; name its --format", path);
		return ITM_EFORMAT;
	}
	return strcmp(rec->imported.format->name, "typescript") == 0 ? read_timing(o, path, &rec->timing) : 0;
}

static struct foreign_input input_of(const struct recording *rec)
{
	/* A file that is there is one, though empty. */
	return (struct foreign_input){
		.data = rec->data.data != NULL ? rec->data.data : (const uint8_t *)"", .len = rec->data.len,
		.timing = rec->timing.data, .timing_len = rec->timing.len,
		.log = rec->log.data, .log_len = rec->log.len,
	};
}

static void hash_recording(struct recording *rec)
{
	uint8_t digest[HASH_SIZE];

	hash_parts(rec->data.data, rec->data.len, rec->timing.data, rec->timing.len, rec->log.data, rec->log.len, digest);
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(rec->sha256 + 2 * i, 3, "%02x", digest[i]);
}

/* What enters stands in the log before it is there. */
static int tell_server(const struct places *places, const struct import_options *o, const struct recording *rec,
		       const char *path)
{
	char words[AUDIT_ERROR_SIZE], id[ID_TEXT_SIZE], format[64], file[IMPORT_PATH + 8], sha256[IMPORT_HEX + 8];
	const char *detail[] = { format, file, sha256, NULL };
	int r;

	snprintf(format, sizeof(format), "format %s", rec->imported.format->name);
	snprintf(file, sizeof(file), "file %s", path);
	snprintf(sha256, sizeof(sha256), "sha256 %s", rec->sha256);
	id_format(&rec->imported.stream, id);
	r = audit_act(places->server.run, "import", id, o->reason != NULL ? o->reason : "", detail, NULL, words);
	if (r == ITM_ENOENT)
		say_error(program, "no server runs here: that %s was imported is in no log", path);
	else if (r != 0)
		say_error(program, "%s is not imported: %s", path, words);
	return r == ITM_ENOENT ? 0 : r;
}

static int import_read(const struct places *places, const struct import_options *o, struct spool *spool, const char *path,
		       struct recording *rec)
{
	struct fault fault = { 0, "" };
	char id[ID_TEXT_SIZE];
	int r = read_recording(o, path, rec);

	if (r != 0)
		return r == ITM_ENOENT ? EX_NOINPUT : say_status(r);
	hash_recording(rec);
	rec->imported.input = input_of(rec);
	rec->imported.stream = id_random();
	r = imported_check(&rec->imported, &fault);
	if (r != 0) {
		say_error(program, "%s: %s at byte %llu: %s", path, rec->imported.format->name,
			  (unsigned long long)fault.offset, fault.reason[0] != '\0' ? fault.reason : error_text(r));
		return say_status(r);
	}
	if (tell_server(places, o, rec, path) != 0)
		return EX_UNAVAILABLE;
	r = imported_write(&rec->imported, spool, &fault);
	if (r != 0) {
		say_error(program, "cannot write %s: %s", o->output, error_text(r));
		return EX_IOERR;
	}
	id_format(&rec->imported.stream, id);
	printf("%s  %s\n", id, rec->imported.format->name);
	return 0;
}

static int import_one(const struct places *places, const struct import_options *o, struct spool *spool, const char *path,
		      const char *by)
{
	struct recording rec = { .imported = { .file = path, .by = by } };
	int status;

	rec.imported.sha256 = rec.sha256;
	buffer_init(&rec.data, IMPORT_MAX);
	buffer_init(&rec.timing, IMPORT_MAX);
	buffer_init(&rec.log, IMPORT_MAX);
	status = import_read(places, o, spool, path, &rec);
	buffer_free(&rec.data);
	buffer_free(&rec.timing);
	buffer_free(&rec.log);
	return status;
}

/* Only a new folder: nothing is ever put among what was recorded. */
static struct spool *make_folder(const char *dir, int *status)
{
	struct id host = id_random();
	struct spool *spool;
	int r = 0;

	*status = EX_CANTCREAT;
	if (mkdir(dir, 0700) != 0) {
		say_error(program, errno == EEXIST ? "%s is there already: choose a new folder" : "cannot make %s: %s", dir,
			  strerror(errno));
		return NULL;
	}
	spool = spool_open(dir, &host, &r);
	if (spool != NULL)
		r = spool_begin(spool);
	if (spool == NULL || r != 0) {
		say_error(program, "cannot write to %s: %s", dir, error_text(r));
		spool_close(spool);
		return NULL;
	}
	*status = 0;
	return spool;
}

static int run(int argc, char **argv)
{
	struct import_options options = { 0 };
	struct passwd *pw = getpwuid(getuid());
	struct places places;
	struct spool *spool;
	int status, one;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	if (options.output == NULL) {
		say_error(program, "say where the sessions go: --output DIR, a new folder");
		return EX_USAGE;
	}
	if (options.format != NULL && foreign_find(options.format) == NULL) {
		say_error(program, "no format '%s': asciicast, ttyrec, typescript, tlog or sudo", options.format);
		return EX_USAGE;
	}
	spool = make_folder(options.output, &status);
	if (spool == NULL)
		return status;
	for (int i = 0; i < argc; i++) {
		one = import_one(&places, &options, spool, argv[i], pw != NULL ? pw->pw_name : "");
		status = one != 0 ? one : status;
	}
	spool_close(spool);
	return say_finish(program, status);
}

const struct command import_command = { "import", &command, run };
