/* Layout of a header: pax(1), "ustar Interchange Format". */
#include "store/tar.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a tar header is one block");

static const uint8_t tar_zeros[TAR_BLOCK];

/* The checksum counts its own field as spaces. */
static unsigned tar_sum(const struct tar_header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	size_t from = offsetof(struct tar_header, checksum), i;
	unsigned sum = 0;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= from && i < from + sizeof(h->checksum) ? ' ' : p[i];
	return sum;
}

static void tar_octal(char *field, size_t size, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*" PRIo64, (int)size - 1, value);
	memcpy(field, text, size);
}

static bool tar_make_header(struct tar_header *h, const char *name, int64_t time_s, size_t len)
{
	if (strlen(name) >= TAR_NAME_SIZE || len >= 1ull << 33 || time_s < 0 || time_s >= 1ll << 33)
		return false;
	*h = (struct tar_header){ .type = '0', .magic = "ustar", .version = { '0', '0' }, .user = "root", .group = "root" };
	memcpy(h->name, name, strlen(name));
	tar_octal(h->mode, sizeof(h->mode), 0444);
	tar_octal(h->uid, sizeof(h->uid), 0);
	tar_octal(h->gid, sizeof(h->gid), 0);
	tar_octal(h->size, sizeof(h->size), len);
	tar_octal(h->mtime, sizeof(h->mtime), (uint64_t)time_s);
	tar_octal(h->checksum, sizeof(h->checksum) - 1, tar_sum(h));
	h->checksum[7] = ' ';
	return true;
}

int tar_put(struct buffer *b, const char *name, int64_t time_s, const void *data, size_t len)
{
	size_t fill = (TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK;
	struct tar_header h;
	int r;

	if (!tar_make_header(&h, name, time_s, len))
		return ITM_EINVAL;
	r = buffer_reserve(b, sizeof(h) + len + fill);
	if (r != 0)
		return r;
	buffer_put(b, &h, sizeof(h));
	buffer_put(b, data, len);
	return buffer_put(b, tar_zeros, fill);
}

int tar_end(struct buffer *b)
{
	int r = buffer_put(b, tar_zeros, TAR_BLOCK);

	return r != 0 ? r : buffer_put(b, tar_zeros, TAR_BLOCK);
}

void tar_reader_init(struct tar_reader *r, const void *data, size_t len)
{
	*r = (struct tar_reader){ .data = data, .len = len };
}

static bool tar_number(const char *field, size_t size, uint64_t *out)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i == 0 || i > 12 || (i < size && field[i] != '\0' && field[i] != ' '))
		return false;
	*out = value;
	return true;
}

static const char *tar_header_fault(const struct tar_header *h, uint64_t *len)
{
	uint64_t sum;

	if (memcmp(h->magic, "ustar", 6) != 0)
		return "not a tar file";
	if (!tar_number(h->checksum, sizeof(h->checksum), &sum) || sum != tar_sum(h))
		return "checksum of a file's header does not match";
	if (h->type != '0' || h->prefix[0] != '\0')
		return "holds something else than plain files";
	if (h->name[0] == '\0' || h->name[TAR_NAME_SIZE - 1] != '\0')
		return "a file's name is too long, or missing";
	if (!tar_number(h->size, sizeof(h->size), len))
		return "a file's size is no number";
	return NULL;
}

static int tar_at_end(struct tar_reader *r, struct fault *fault)
{
	size_t i;

	for (i = r->pos; i < r->len; i++)
		if (r->data[i] != 0)
			return error_fault(fault, ITM_EFORMAT, i, "something follows the archive's end");
	if (r->len - r->pos < 2 * TAR_BLOCK)
		return error_fault(fault, ITM_ETRUNC, r->len, "the archive's end is missing");
	return 0;
}

int tar_reader_next(struct tar_reader *r, struct tar_file *out, struct fault *fault)
{
	struct tar_header h;
	const char *wrong;
	uint64_t len = 0;

	if (r->len - r->pos < TAR_BLOCK)
		return error_fault(fault, ITM_ETRUNC, r->pos, "the archive is cut off");
	if (memcmp(r->data + r->pos, tar_zeros, TAR_BLOCK) == 0)
		return tar_at_end(r, fault);
	memcpy(&h, r->data + r->pos, sizeof(h));
	wrong = tar_header_fault(&h, &len);
	if (wrong != NULL)
		return error_fault(fault, ITM_EFORMAT, r->pos, wrong);
	if (len > r->len - r->pos - TAR_BLOCK)
		return error_fault(fault, ITM_ETRUNC, r->pos, "the archive is cut off inside a file");
	snprintf(out->name, sizeof(out->name), "%.99s", h.name);
	out->data = r->data + r->pos + TAR_BLOCK;
	out->len = (size_t)len;
	r->pos += TAR_BLOCK + (size_t)len;
	for (; r->pos % TAR_BLOCK != 0 && r->pos < r->len; r->pos++)
		if (r->data[r->pos] != 0)
			return error_fault(fault, ITM_EFORMAT, r->pos, "a file is not filled up with zeros");
	return 1;
}
