#include "format/keylist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/meta.h"
#include "format/minisign.h"

static const char head[] = "itm key list 1\n";

bool keylist_is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strnlen(text, KEYLIST_NAME_SIZE);
	return len > 0 && len < KEYLIST_NAME_SIZE && strspn(text, allowed) == len;
}

static bool is_note(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	return true;
}

size_t keylist_groups(const struct keylist *list)
{
	size_t groups = 0;

	for (size_t i = 0; i < list->count; i++) {
		size_t before = 0;
		while (before < i && strcmp(list->auditor[before].group, list->auditor[i].group) != 0)
			before++;
		groups += before == i;
	}
	return groups;
}

/* What no list may be; NULL = fine. */
static const char *defect(const struct keylist *l)
{
	if (l->number == 0)
		return "lists are numbered from 1";
	if (l->from < 0 || l->until <= l->from)
		return "it ends before it begins";
	if (!is_note(l->note))
		return "the note is not plain text";
	if (l->count == 0 || l->count > KEYLIST_AUDITORS_MAX)
		return "a list names 1 to 32 auditors";
	for (size_t i = 0; i < l->count; i++) {
		const struct keylist_auditor *a = &l->auditor[i];
		if (!keylist_is_name(a->group) || !keylist_is_name(a->name))
			return "names are 1 to 32 letters, digits, '.', '_' and '-'";
		for (size_t j = 0; j < i; j++)
			if (memcmp(a->key.key, l->auditor[j].key.key, KEYFILE_KEY_SIZE) == 0 ||
			    strcmp(a->name, l->auditor[j].name) == 0)
				return "a name or key is there twice"; /* one person must not be two groups */
	}
	return keylist_groups(l) > KEYLIST_GROUPS_MAX ? "more than 8 groups" : NULL;
}

static int put_auditor(struct buffer *b, const struct keylist_auditor *a)
{
	int r = buffer_printf(b, "auditor %s %s ", a->group, a->name);

	if (r == 0)
		r = keyfile_put_word(b, KEYFILE_AUDITOR, &a->key);
	return r != 0 ? r : buffer_put_u8(b, '\n');
}

int keylist_encode(struct buffer *b, const struct keylist *list)
{
	size_t before = b->len;
	int r = defect(list) != NULL ? ITM_EINVAL : buffer_printf(b, "%snumber %" PRIu64 "\nfrom %" PRId64 "\nuntil %" PRId64 "\n",
								  head, list->number, list->from, list->until);

	if (r == 0 && list->note[0] != '\0')
		r = buffer_printf(b, "note %s\n", list->note);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = put_auditor(b, &list->auditor[i]);
	if (r != 0)
		b->len = before;
	return r;
}

struct lines { const char *at; size_t left; };

/* The next line as text; false at the end, or when it does not fit. */
static bool next_line(struct lines *l, char *out, size_t size)
{
	const char *end = l->left > 0 ? memchr(l->at, '\n', l->left) : NULL;
	size_t len = end != NULL ? (size_t)(end - l->at) : 0;

	if (end == NULL || len >= size || memchr(l->at, '\0', len) != NULL)
		return false;
	memcpy(out, l->at, len);
	out[len] = '\0';
	l->at += len + 1;
	l->left -= len + 1;
	return true;
}

/* "word 123" with a number as printf writes it, up to 18 digits. */
static bool number_line(struct lines *l, const char *word, uint64_t *out)
{
	char line[64], again[64];

	if (!next_line(l, line, sizeof line))
		return false;
	size_t len = strlen(word);
	if (strncmp(line, word, len) != 0 || line[len] != ' ' || strlen(line + len + 1) > 18)
		return false;
	uint64_t v = 0;
	for (const char *p = line + len + 1; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	snprintf(again, sizeof again, "%s %" PRIu64, word, v);
	*out = v;
	return strcmp(line, again) == 0;
}

static bool read_auditor(const char *line, struct keylist_auditor *a)
{
	char key[96];
	int used = 0;

	return sscanf(line, "auditor %32s %32s %95s%n", a->group, a->name, key, &used) == 3 && line[used] == '\0' &&
	       keyfile_get_word(key, strlen(key), KEYFILE_AUDITOR, &a->key) == 0;
}

static const char *read_list(struct lines *l, struct keylist *out)
{
	char line[256];
	uint64_t from, until;

	if (l->left < sizeof head - 1 || memcmp(l->at, head, sizeof head - 1) != 0)
		return "not a key list";
	l->at += sizeof head - 1;
	l->left -= sizeof head - 1;
	if (!number_line(l, "number", &out->number) || !number_line(l, "from", &from) || !number_line(l, "until", &until))
		return "number, from and until come first";
	out->from = (int64_t)from;
	out->until = (int64_t)until;
	while (l->left > 0) {
		if (!next_line(l, line, sizeof line))
			return "a line is too long or has no end";
		if (out->count == 0 && out->note[0] == '\0' && strncmp(line, "note ", 5) == 0 &&
		    strlen(line + 5) < sizeof out->note && line[5] != '\0')
			memcpy(out->note, line + 5, strlen(line + 5) + 1);
		else if (out->count == KEYLIST_AUDITORS_MAX || !read_auditor(line, &out->auditor[out->count++]))
			return "neither a note nor one of up to 32 auditors";
	}
	return defect(out);
}

int keylist_decode(const char *text, size_t len, struct keylist *out, struct fault *fault)
{
	struct keylist list = { .number = 0 };
	struct lines l = { text, len };
	struct buffer again;
	const char *why = len > KEYLIST_MAX ? "longer than lists may be" : read_list(&l, &list);

	if (why != NULL)
		return error_fault(fault, ITM_EFORMAT, (uint64_t)(l.at - text), why);
	/* One list has one text. */
	buffer_init(&again, KEYLIST_MAX);
	int r = keylist_encode(&again, &list);
	if (r != 0 || again.len != len || memcmp(again.data, text, len) != 0)
		r = error_fault(fault, r == ITM_ENOMEM ? r : ITM_EFORMAT, 0, "not written the way lists are");
	buffer_free(&again);
	if (r != 0)
		return r;
	hash_bytes(text, len, list.digest);
	*out = list;
	return 0;
}

int keylist_verify(const char *text, size_t len, const char *signature, size_t signature_len,
		   const struct keyfile_public *officer, struct keylist *out, struct fault *fault)
{
	int r = minisign_verify(officer, text, len, signature, signature_len, NULL, fault);
	return r != 0 ? r : keylist_decode(text, len, out, fault);
}

int keylist_describe(const struct keylist *list, struct buffer *meta)
{
	char line[256];
	size_t before = meta->len;
	int n = snprintf(line, sizeof line, "%" PRIu64 " ", list->number);

	for (size_t i = 0; i < HASH_SIZE; i++)
		n += snprintf(line + n, sizeof line - (size_t)n, "%02x", list->digest[i]);
	int r = meta_put(meta, "seal_list", line);
	if (r == 0 && list->note[0] != '\0')
		r = meta_put(meta, "seal_note", list->note);
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		struct buffer b;
		buffer_init(&b, sizeof line);
		r = buffer_printf(&b, "%s %s ", list->auditor[i].group, list->auditor[i].name);
		if (r == 0)
			r = keyfile_put_word(&b, KEYFILE_AUDITOR, &list->auditor[i].key);
		if (r == 0)
			r = meta_put_bytes(meta, "seal_key", b.data, b.len);
		buffer_free(&b);
	}
	if (r != 0)
		meta->len = before;
	return r;
}
