#include "agent/filed/known.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/reader.h"

static const uint8_t magic[] = { 'I', 'T', 'M', 'F', 1 };
enum { TEXT_MAX = 1 << 20 };

int known_begin(struct buffer *b, const uint8_t key[LOOK_KEY], size_t count)
{
	int r = buffer_put(b, magic, sizeof magic);

	if (r == 0)
		r = buffer_put(b, key, LOOK_KEY);
	return r == 0 ? buffer_put_varint(b, count) : r;
}

int known_put(struct buffer *b, const char *path, const struct look *l)
{
	const uint64_t numbers[] = { l->flags, l->device, l->inode, l->size, l->changed_ns, l->mode, l->uid, l->gid };
	int r = buffer_put_varint(b, strlen(path));

	if (r == 0)
		r = buffer_put_text(b, path);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && r == 0; i++)
		r = buffer_put_varint(b, numbers[i]);
	if (r == 0)
		r = buffer_put(b, l->digest, HASH_SIZE);
	if (r == 0)
		r = buffer_put_varint(b, l->text.len);
	return r == 0 && l->text.len > 0 ? buffer_put(b, l->text.data, l->text.len) : r;
}

int known_end(struct buffer *b)
{
	uint8_t digest[HASH_SIZE];

	hash_bytes(b->data, b->len, digest);
	return buffer_put(b, digest, HASH_SIZE);
}

static int read_file(struct reader *r, struct known_file *f)
{
	uint64_t len = reader_varint(r), v[8] = { 0 };

	if (len >= PATH_MAX || len == 0)
		reader_fail(r, ITM_EFORMAT, "bad path");
	const uint8_t *path = reader_bytes(r, len);
	for (size_t i = 0; i < 8; i++)
		v[i] = reader_varint(r);
	f->look = (struct look){ .there = true, .flags = (uint32_t)v[0], .device = v[1], .inode = v[2], .size = v[3],
				 .changed_ns = v[4], .mode = (uint32_t)v[5], .uid = (uint32_t)v[6], .gid = (uint32_t)v[7] };
	reader_copy(r, f->look.digest, HASH_SIZE);
	uint64_t text_len = reader_varint(r);
	if (text_len > TEXT_MAX)
		reader_fail(r, ITM_EFORMAT, "bad text");
	const uint8_t *text = reader_bytes(r, text_len);
	if (r->error != 0 || memchr(path, '\0', len) != NULL)
		return r->error != 0 ? r->error : ITM_EFORMAT;
	buffer_init(&f->look.text, TEXT_MAX);
	f->path = strndup((const char *)path, len);
	if (f->path == NULL || (text_len > 0 && buffer_put(&f->look.text, text, text_len) != 0))
		return ITM_ENOMEM;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct known_file *)a)->path, ((const struct known_file *)b)->path);
}

int known_decode(const void *data, size_t len, struct known *out)
{
	uint8_t digest[HASH_SIZE];
	struct known k = { .list = NULL };
	struct reader r;

	if (len < sizeof magic + HASH_SIZE)
		return ITM_ETRUNC;
	hash_bytes(data, len - HASH_SIZE, digest);
	if (memcmp(digest, (const uint8_t *)data + len - HASH_SIZE, HASH_SIZE) != 0)
		return ITM_ECRYPTO;
	reader_init(&r, data, len - HASH_SIZE);
	const uint8_t *head = reader_bytes(&r, sizeof magic);
	if (head == NULL || memcmp(head, magic, sizeof magic) != 0)
		return ITM_EFORMAT;
	reader_copy(&r, k.key, LOOK_KEY);
	uint64_t count = reader_varint(&r);
	if (r.error != 0 || count > KNOWN_FILES)
		return r.error != 0 ? r.error : ITM_EFORMAT;
	k.list = calloc(count + 1, sizeof *k.list);
	int result = k.list != NULL ? 0 : ITM_ENOMEM;
	while (result == 0 && k.count < count) {
		result = read_file(&r, &k.list[k.count]);
		k.count++;           /* what it has must be freed, also after a failure */
	}
	if (result == 0 && reader_left(&r) > 0)
		result = ITM_EFORMAT;
	if (result != 0) {
		known_free(&k);
		return result;
	}
	qsort(k.list, k.count, sizeof *k.list, by_path);
	*out = k;
	return 0;
}

const struct known_file *known_find(const struct known *k, const char *path)
{
	const struct known_file wanted = { .path = (char *)(uintptr_t)path };

	return k->count > 0 ? bsearch(&wanted, k->list, k->count, sizeof *k->list, by_path) : NULL;
}

void known_free(struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		free(k->list[i].path);
		look_free(&k->list[i].look);
	}
	free(k->list);
	*k = (struct known){ .list = NULL };
}
