#include "cli/keydestroy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "format/keylist.h"
#include "format/sign.h"
#include "store/custody.h"
#include "view/approval.h"
#include "view/keyread.h"
#include "view/say.h"

static const char *const program = "itm key destroy";

enum { PATH_SIZE = 4096 };

/* A list that still names the key would seal more to it. */
static int check_list(const char *path, const uint8_t id[KEYFILE_ID_SIZE])
{
	struct keylist list;
	struct buffer text;
	int status = 0;

	buffer_init(&text, KEYLIST_MAX);
	if (atomicfile_read(path, &text) == 0 && buffer_text(&text) != NULL &&
	    keylist_decode(buffer_text(&text), text.len, &list, NULL) == 0)
		for (size_t i = 0; i < list.count; i++)
			if (memcmp(list.auditor[i].key.id, id, KEYFILE_ID_SIZE) == 0) {
				say_error(program, "%s still seals to this key, of %s: 'itm key rotate' or 'itm key remove' first", path,
					  list.auditor[i].name);
				status = EX_DATAERR;
			}
	buffer_free(&text);
	return status;
}

/* Secret, or public alone: *whole says which. */
static int read_key(const char *file, struct keyfile_public *out, bool *whole)
{
	char error[KEYREAD_ERROR_SIZE];
	struct keyfile_secret secret;

	*whole = keyread_public(file, KEYFILE_AUDITOR, out, error) != 0;
	if (!*whole)
		return 0;
	int r = keyread_secret(file, &secret, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return r == ITM_EPERM ? EX_NOPERM : EX_NOINPUT;
	}
	bool opens = secret.kind == KEYFILE_AUDITOR;
	keyfile_public(&secret, out);
	sign_wipe(&secret, sizeof secret);
	if (opens)
		return 0;
	say_error(program, "%s: an officer's key opens nothing: remove it like any file", file);
	return EX_DATAERR;
}

/* The server's log has it before it is done; a hold or a missing approval
 * stops it there. */
static int log_it(const struct keyring_options *o, const struct places *places, const struct keyfile_public *key)
{
	char id[KEYFILE_ID_TEXT_SIZE], words[AUDIT_ERROR_SIZE];
	struct audit_answer answer;
	struct buffer line;
	struct act act;

	keyfile_id_text(key->id, id);
	int status = approval_begin(program, &act, "destroy-key", id, o->reason);
	if (status != 0)
		return status;
	buffer_init(&line, KEYFILE_MAX);
	int r = buffer_put_text(&line, "key=");
	r = r != 0 ? r : keyfile_put_word(&line, KEYFILE_AUDITOR, key);
	r = r != 0 || buffer_text(&line) == NULL ? ITM_ENOMEM : act_detail(&act, buffer_text(&line));
	buffer_free(&line);
	if (r != 0)
		return EX_OSERR;
	status = approval_attach(program, &places->server, o->approval, &act);
	if (status != 0)
		return status;
	r = custody_ask(places->server.run, &act, &answer, words);
	if (r != 0) {
		say_error(program, "%s", words);
		return say_status(r);
	}
	printf("%s; leaf %" PRIu64 " of the log\n", answer.checkpoint, answer.leaf);
	return 0;
}

static int overwrite(int fd, uint64_t len)
{
	static const uint8_t zeros[4096];

	for (uint64_t done = 0; done < len; ) {
		size_t want = len - done < sizeof zeros ? (size_t)(len - done) : sizeof zeros;
		ssize_t n = write(fd, zeros, want);
		if (n <= 0)
			return ITM_ESYS;
		done += (uint64_t)n;
	}
	return fsync(fd) == 0 ? 0 : ITM_ESYS;
}

static int destroy(const char *file)
{
	char path[PATH_SIZE];
	struct stat st;
	int fd = open(file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? overwrite(fd, (uint64_t)st.st_size) : ITM_ESYS;

	if (fd >= 0)
		close(fd);
	if (r == 0 && unlink(file) != 0)
		r = ITM_ESYS;
	snprintf(path, sizeof path, "%.4000s", file);
	if (r == 0)
		r = atomicfile_sync_dir(dirname(path));
	if (r == 0) {
		printf("%s is overwritten and removed. Copies of it, if there are any, still open what was sealed to it.\n", file);
		return 0;
	}
	say_error(program, "%s: logged as destroyed, but it is still there: %s: destroy it by hand", file, strerror(errno));
	return EX_IOERR;
}

int keydestroy_run(const struct keyring_options *o, const struct places *places, const char *file)
{
	struct keyfile_public key;
	bool whole;

	if (o->reason == NULL || o->reason[0] == '\0') {
		say_error(program, "--reason is needed: why, in words that will stand in the record");
		return EX_USAGE;
	}
	int status = read_key(file, &key, &whole);
	if (status == 0)
		status = check_list(o->list != NULL ? o->list : places->agent.keylist, key.id);
	if (status == 0)
		status = log_it(o, places, &key);
	if (status == 0 && whole)
		return destroy(file);
	if (status == 0)
		printf("Logged alone: this was the public half. Who has the secret one destroys it now.\n");
	return status;
}
