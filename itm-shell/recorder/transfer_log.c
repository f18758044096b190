#include "itm-shell/recorder/transfer_log.h"

#include <string.h>

#include "format/meta.h"

void transfer_file_put(struct transfer_file *f, uint64_t offset, const void *data, size_t len)
{
	f->bytes += len;
	if (offset != f->next)
		f->scattered = true;
	if (f->scattered || len == 0)
		return;
	if (f->hash == NULL && (f->hash = hash_new()) == NULL) {
		f->scattered = true;
		return;
	}
	hash_update(f->hash, data, len);
	f->next += len;
}

void transfer_file_free(struct transfer_file *f)
{
	hash_free(f->hash);
	*f = (struct transfer_file){ 0 };
}

void transfer_log_init(struct transfer_log *log)
{
	*log = (struct transfer_log){ 0 };
	buffer_init(&log->notes, TRANSFER_LOG_MAX);
}

void transfer_log_free(struct transfer_log *log)
{
	buffer_free(&log->notes);
}

static int put_name(struct buffer *b, const char *key, const char *name, size_t len)
{
	if (name == NULL)
		return 0;
	return meta_put_bytes(b, key, name, len < TRANSFER_NAME_MAX ? len : TRANSFER_NAME_MAX);
}

static int put_bytes(struct buffer *b, const struct transfer_entry *e)
{
	struct transfer_file *f = e->bytes;
	uint8_t digest[HASH_SIZE];
	char text[2 * HASH_SIZE + 1];
	static const char digits[] = "0123456789abcdef";

	int r = meta_put_number(b, "file_size", f->bytes);
	if (r == 0)
		r = meta_put(b, "file_direction", e->out ? "out" : "in");
	if (r != 0 || f->scattered)
		return r != 0 ? r : meta_put(b, "file_sha256", "not sequential");
	if (f->hash != NULL)
		hash_final(f->hash, digest);
	else
		hash_bytes("", 0, digest);
	for (size_t i = 0; i < HASH_SIZE; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	text[2 * HASH_SIZE] = '\0';
	return meta_put(b, "file_sha256", text);
}

static int put_entry(struct buffer *b, const struct transfer_entry *e)
{
	int r = put_name(b, "file", e->name, e->name_len);
	if (r == 0)
		r = put_name(b, "file_to", e->to, e->to_len);
	if (r == 0 && e->operation != NULL)
		r = meta_put(b, "file_operation", e->operation);
	if (r == 0 && e->mode != UINT32_MAX)
		r = buffer_printf(b, "file_mode=%04o\n", e->mode & 07777u);
	if (r == 0 && e->bytes != NULL)
		r = put_bytes(b, e);
	if (r == 0 && e->result != NULL)
		r = meta_put(b, "file_result", e->result);
	return r;
}

void transfer_log_put(struct transfer_log *log, const struct transfer_entry *e)
{
	size_t before = log->notes.len;
	int r = buffer_put_u32(&log->notes, 0);

	if (r == 0)
		r = put_entry(&log->notes, e);
	if (r != 0) {
		log->notes.len = before;
		log->left_out++;
		return;
	}
	uint32_t len = (uint32_t)(log->notes.len - before - sizeof len);
	memcpy(log->notes.data + before, &len, sizeof len);
}

bool transfer_log_take(struct transfer_log *log, struct buffer *out)
{
	uint32_t len;

	if (log->notes.len < sizeof len)
		return false;
	memcpy(&len, log->notes.data, sizeof len);
	if (buffer_put(out, log->notes.data + sizeof len, len) != 0)
		log->left_out++;
	buffer_consume(&log->notes, sizeof len + len);
	return true;
}
