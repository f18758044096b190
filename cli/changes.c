#include "cli/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char manifest[] = CHANGES_FOLDER "/manifest";
static const char first_line[] = "itm changes 1";

static void copy_path(const struct changes *c, const struct changes_file *f, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, CHANGES_FOLDER "/%zu", (size_t)(f - c->file));
}

void changes_init(struct changes *c, const struct machine *m)
{
	*c = (struct changes){ .machine = m };
}

static struct changes_file *find(const struct changes *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->file[i].path, path) == 0)
			return (struct changes_file *)(uintptr_t)&c->file[i];
	return NULL;
}

/* Whether the file is there, and the hash of what is in it. */
static int look(const struct machine *m, const char *path, bool *there, uint8_t hash[HASH_SIZE], struct buffer *out)
{
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = machine_read(m, path, &b);
	if (r == 0)
		hash_bytes(b.data, b.len, hash);
	*there = r == 0;
	if (r == 0 && out != NULL)
		r = buffer_put(out, b.data, b.len);
	buffer_free(&b);
	return r == ITM_ENOENT ? 0 : r;
}

static struct changes_file *add(struct changes *c, enum changes_kind kind, const char *path)
{
	if (c->count == CHANGES_MAX || strlen(path) >= sizeof c->file[0].path || strpbrk(path, " \n") != NULL)
		return NULL;
	struct changes_file *f = &c->file[c->count];
	*f = (struct changes_file){ .kind = kind, .mode = 0644 };
	snprintf(f->path, sizeof f->path, "%s", path);
	return f;
}

static int make_backup_folder(const struct machine *m)
{
	int r = machine_mkdir(m, "/var/lib/itm", 0755);
	return r == 0 ? machine_mkdir(m, CHANGES_FOLDER, 0700) : r;
}

int changes_keep(struct changes *c, enum changes_kind kind, const char *path)
{
	char copy[PATH_MAX];
	struct buffer b;
	struct stat st;
	if (find(c, path) != NULL)
		return 0;
	if (machine_is_link(c->machine, path))
		return ITM_EPERM;
	struct changes_file *f = add(c, kind, path);
	if (f == NULL)
		return ITM_ELIMIT;
	copy_path(c, f, copy);
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = look(c->machine, path, &f->before, f->before_hash, &b);
	if (r == 0 && f->before) {
		r = machine_stat(c->machine, path, &st);
		f->mode = st.st_mode & 07777;
		f->uid = st.st_uid;
		f->gid = st.st_gid;
		if (r == 0)
			r = make_backup_folder(c->machine);
		if (r == 0)
			r = machine_write(c->machine, copy, b.data, b.len, 0600, 0, 0);
	}
	buffer_free(&b);
	c->count += r == 0;
	return r;
}

int changes_keep_folder(struct changes *c, const char *path)
{
	struct stat st;
	if (find(c, path) != NULL || machine_stat(c->machine, path, &st) == 0)
		return 0;
	if (add(c, CHANGES_FOLDER_MADE, path) == NULL)
		return ITM_ELIMIT;
	c->count++;
	return 0;
}

int changes_mkdir(struct changes *c, const char *path, mode_t mode)
{
	int r = changes_keep_folder(c, path);
	return r == 0 ? machine_mkdir(c->machine, path, mode) : r;
}

static int put_hash(struct buffer *b, bool there, const uint8_t hash[HASH_SIZE])
{
	int r = there ? 0 : buffer_put_text(b, " -");
	for (size_t i = 0; there && r == 0 && i < HASH_SIZE; i++)
		r = buffer_printf(b, i == 0 ? " %02x" : "%02x", hash[i]);
	return r;
}

static int write_manifest(const struct changes *c)
{
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = buffer_printf(&b, "%s\nstate %s\nhow %s\n", first_line, c->done ? "done" : "begun",
			      c->how[0] != '\0' ? c->how : "-");
	for (size_t i = 0; r == 0 && i < c->count; i++) {
		const struct changes_file *f = &c->file[i];
		r = buffer_printf(&b, "file %c %o %u %u", f->kind, (unsigned)f->mode, (unsigned)f->uid, (unsigned)f->gid);
		if (r == 0)
			r = put_hash(&b, f->before, f->before_hash);
		if (r == 0)
			r = put_hash(&b, f->after, f->after_hash);
		if (r == 0)
			r = buffer_printf(&b, " %s\n", f->path);
	}
	if (r == 0)
		r = make_backup_folder(c->machine);
	if (r == 0)
		r = machine_write(c->machine, manifest, b.data, b.len, 0600, 0, 0);
	buffer_free(&b);
	return r;
}

int changes_begin(struct changes *c)
{
	c->done = false;
	return write_manifest(c);
}

int changes_write(const struct changes *c, const char *path, const void *data, size_t len)
{
	const struct changes_file *f = find(c, path);
	if (f == NULL)
		return ITM_EINVAL;
	return machine_write(c->machine, path, data, len, f->mode, f->uid, f->gid);
}

int changes_finish(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct changes_file *f = &c->file[i];
		int r = f->kind == CHANGES_FOLDER_MADE ? 0 : look(c->machine, f->path, &f->after, f->after_hash, NULL);
		if (r != 0)
			return r;
	}
	c->done = true;
	return write_manifest(c);
}

enum changes_now changes_now(const struct changes *c, const struct changes_file *f)
{
	uint8_t hash[HASH_SIZE] = { 0 };
	bool there;
	if (f->kind == CHANGES_FOLDER_MADE)
		return CHANGES_AS_AFTER;
	if (look(c->machine, f->path, &there, hash, NULL) != 0 || machine_is_link(c->machine, f->path))
		return CHANGES_OTHERWISE;
	if (there == f->before && (!there || memcmp(hash, f->before_hash, HASH_SIZE) == 0))
		return CHANGES_AS_BEFORE;
	if (c->done && there == f->after && (!there || memcmp(hash, f->after_hash, HASH_SIZE) == 0))
		return CHANGES_AS_AFTER;
	return CHANGES_OTHERWISE;
}

int changes_before(const struct changes *c, const struct changes_file *f, struct buffer *out)
{
	uint8_t hash[HASH_SIZE];
	char copy[PATH_MAX];
	bool there;
	copy_path(c, f, copy);
	int r = look(c->machine, copy, &there, hash, out);
	/* A backup that is not what was kept must not become /etc/nsswitch.conf. */
	return r != 0 ? r : !there || memcmp(hash, f->before_hash, HASH_SIZE) != 0 ? ITM_EFORMAT : 0;
}

int changes_restore(const struct changes *c, const struct changes_file *f)
{
	struct buffer b;
	if (f->kind == CHANGES_FOLDER_MADE) {
		(void)machine_rmdir(c->machine, f->path); /* not empty: somebody uses it */
		return 0;
	}
	if (changes_now(c, f) == CHANGES_AS_BEFORE)
		return 0;
	if (!f->before)
		return machine_remove(c->machine, f->path);
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = changes_before(c, f, &b);
	if (r == 0)
		r = machine_write(c->machine, f->path, b.data, b.len, f->mode, f->uid, f->gid);
	buffer_free(&b);
	return r;
}

int changes_undo(struct changes *c)
{
	int result = 0;
	for (size_t i = c->count; i-- > 0; ) {
		int r = changes_restore(c, &c->file[i]);
		if (result == 0)
			result = r;
	}
	return result == 0 ? changes_forget(c) : result;
}

int changes_forget(struct changes *c)
{
	char copy[PATH_MAX];
	/* The manifest first: without it the copies mean nothing. */
	int r = machine_remove(c->machine, manifest);
	/* One more: the keeping of it may have been cut off. */
	for (size_t i = 0; i <= c->count && i < CHANGES_MAX; i++) {
		copy_path(c, &c->file[i], copy);
		if (r == 0)
			r = machine_remove(c->machine, copy);
	}
	if (r == 0)
		(void)machine_rmdir(c->machine, CHANGES_FOLDER);
	return r;
}

static int parse_hash(const char *text, bool *there, uint8_t hash[HASH_SIZE])
{
	*there = strcmp(text, "-") != 0;
	if (!*there)
		return 0;
	if (strlen(text) != 2 * HASH_SIZE)
		return ITM_EFORMAT;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };
		char *end;
		hash[i] = (uint8_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return ITM_EFORMAT;
	}
	return 0;
}

static int parse_file(struct changes *c, const char *line)
{
	char kind, before[2 * HASH_SIZE + 1], after[2 * HASH_SIZE + 1], path[256];
	unsigned mode, uid, gid;
	if (sscanf(line, "file %c %o %u %u %64s %64s %255s", &kind, &mode, &uid, &gid, before, after, path) != 7 ||
	    strchr("nposd", kind) == NULL || path[0] != '/' || strstr(path, "/../") != NULL)
		return ITM_EFORMAT;
	struct changes_file *f = add(c, (enum changes_kind)kind, path);
	if (f == NULL)
		return ITM_ELIMIT;
	f->mode = (mode_t)(mode & 07777);
	f->uid = uid;
	f->gid = gid;
	int r = parse_hash(before, &f->before, f->before_hash);
	if (r == 0)
		r = parse_hash(after, &f->after, f->after_hash);
	c->count += r == 0;
	return r;
}

static int parse_line(struct changes *c, const char *line, unsigned number)
{
	if (number == 1)
		return strcmp(line, first_line) == 0 ? 0 : ITM_EVERSION;
	if (number == 2) {
		c->done = strcmp(line, "state done") == 0;
		return c->done || strcmp(line, "state begun") == 0 ? 0 : ITM_EFORMAT;
	}
	if (number == 3) {
		if (strncmp(line, "how ", 4) != 0)
			return ITM_EFORMAT;
		snprintf(c->how, sizeof c->how, "%s", line + 4);
		return 0;
	}
	return parse_file(c, line);
}

int changes_load(struct changes *c, const struct machine *m)
{
	struct buffer b;
	unsigned number = 0;
	changes_init(c, m);
	buffer_init(&b, MACHINE_FILE_MAX);
	int r = machine_read(m, manifest, &b);
	if (r == 0 && buffer_text(&b) == NULL)
		r = ITM_ENOMEM;
	for (char *line = (char *)b.data, *end; r == 0 && *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		r = parse_line(c, line, ++number);
	}
	if (r == 0 && number < 3)
		r = ITM_EFORMAT;
	buffer_free(&b);
	return r;
}
