/* The entries of store/hosts/: what root says of the hosts. */
#include "store/enroll.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/config.h"
#include "base/log.h"

enum { ENROLL_ENTRY_MAX = 4096, ENROLL_ENTRY_PATH_SIZE = 4096, ENROLL_ENTRY_DIR_MAX = 3900 };

/* An entry as its text has it. */
struct enroll_text {
	char id[ID_TEXT_SIZE];
	char name[ENROLL_NAME_MAX + 1];
	char identity[2 * SIGN_PUBLIC_SIZE + 1];
	bool revoked;
};

static const struct config_key enroll_keys[] = {
	{ "id", CONFIG_TEXT, offsetof(struct enroll_text, id), ID_TEXT_SIZE, 0, 0, NULL },
	{ "name", CONFIG_TEXT, offsetof(struct enroll_text, name), ENROLL_NAME_MAX + 1, 0, 0, NULL },
	{ "identity", CONFIG_TEXT, offsetof(struct enroll_text, identity), 2 * SIGN_PUBLIC_SIZE + 1, 0, 0, NULL },
	{ "revoked", CONFIG_BOOL, offsetof(struct enroll_text, revoked), 0, 0, 0, NULL },
	{ 0 },
};

static void enroll_entry_path(const char *store_dir, const struct id *id, char out[ENROLL_ENTRY_PATH_SIZE])
{
	char text[ID_TEXT_SIZE];
	id_format(id, text);
	snprintf(out, ENROLL_ENTRY_PATH_SIZE, "%.*s/hosts/%s", ENROLL_ENTRY_DIR_MAX, store_dir, text);
}

int enroll_entry_write(const char *store_dir, const struct enroll_entry *entry)
{
	char path[ENROLL_ENTRY_PATH_SIZE], text[ID_TEXT_SIZE];
	struct buffer b;
	enroll_entry_path(store_dir, &entry->id, path);
	id_format(&entry->id, text);
	buffer_init(&b, ENROLL_ENTRY_MAX);
	int rc = buffer_printf(&b, "id = %s\nname = %s\nrevoked = %s\nidentity = ", text, entry->name,
			       entry->revoked ? "yes" : "no");
	for (size_t i = 0; rc == 0 && i < SIGN_PUBLIC_SIZE; i++)
		rc = buffer_printf(&b, "%02x", entry->identity[i]);
	if (rc == 0)
		rc = buffer_put_text(&b, "\n");
	if (rc == 0)
		rc = atomicfile_write(path, b.data, b.len, 0644);
	buffer_free(&b);
	return rc;
}

static int enroll_nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int enroll_entry_parse(const char *path, const struct buffer *b, struct enroll_entry *out)
{
	struct enroll_text text = { 0 };
	char error[CONFIG_ERROR_SIZE];
	struct enroll_entry entry = { 0 };
	if (config_parse(path, (const char *)b->data, b->len, enroll_keys, &text, sizeof text, error) != 0) {
		log_error("%s", error);
		return ITM_EFORMAT;
	}
	if (id_parse(text.id, &entry.id) != 0 || text.name[0] == '\0' || strlen(text.identity) != 2 * SIGN_PUBLIC_SIZE)
		return ITM_EFORMAT;
	for (size_t i = 0; i < SIGN_PUBLIC_SIZE; i++) {
		int high = enroll_nibble(text.identity[2 * i]), low = enroll_nibble(text.identity[2 * i + 1]);
		if (high < 0 || low < 0)
			return ITM_EFORMAT;
		entry.identity[i] = (uint8_t)(high << 4 | low);
	}
	snprintf(entry.name, sizeof entry.name, "%s", text.name);
	entry.revoked = text.revoked;
	*out = entry;
	return 0;
}

static int enroll_entry_read(const char *path, struct enroll_entry *out)
{
	struct buffer b;
	buffer_init(&b, ENROLL_ENTRY_MAX);
	int rc = atomicfile_read(path, &b);
	if (rc == 0)
		rc = enroll_entry_parse(path, &b, out);
	buffer_free(&b);
	return rc;
}

int enroll_entries(const char *store_dir, int (*each)(void *context, const struct enroll_entry *entry), void *context)
{
	char path[ENROLL_ENTRY_PATH_SIZE];
	snprintf(path, sizeof path, "%.*s/hosts", ENROLL_ENTRY_DIR_MAX, store_dir);
	DIR *d = opendir(path);
	if (d == NULL)
		return errno == ENOENT ? 0 : ITM_ESYS;
	int rc = 0;
	for (struct dirent *file; rc == 0 && (file = readdir(d)) != NULL; ) {
		struct id id;
		struct enroll_entry entry;
		if (id_parse(file->d_name, &id) != 0)
			continue;
		enroll_entry_path(store_dir, &id, path);
		int broken = enroll_entry_read(path, &entry);
		if (broken == 0 && !id_equal(&id, &entry.id))
			broken = ITM_EFORMAT;
		if (broken != 0)
			log_error("%s: %s", path, error_text(broken));
		else
			rc = each(context, &entry);
	}
	closedir(d);
	return rc;
}

int enroll_host_revoke(const struct settings_server *s, const struct id *host, char error[ENROLL_ERROR_SIZE])
{
	char path[ENROLL_ENTRY_PATH_SIZE];
	struct enroll_entry entry;
	enroll_entry_path(s->store, host, path);
	int rc = enroll_entry_read(path, &entry);
	if (rc == 0) {
		entry.revoked = true;
		rc = enroll_entry_write(s->store, &entry);
	}
	if (rc != 0)
		snprintf(error, ENROLL_ERROR_SIZE, "%.400s: %s", path, rc == ITM_ENOENT ? "no such host" : error_text(rc));
	return rc;
}
