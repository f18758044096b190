#include "format/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/hash.h"

#define NOTE_DASH "\xe2\x80\x94 "   /* EM DASH, space */
#define NOTE_SECRET "PRIVATE+KEY+"
enum { NOTE_BLOB = 1 + SIGN_PUBLIC_SIZE, NOTE_STAMP = 8, NOTE_COSIGNED_MAX = NOTE_MAX + 64 };

static int note_name_ok(const char *name, size_t len)
{
	if (len == 0 || len >= NOTE_NAME_SIZE)
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= 0x20 || (unsigned char)name[i] >= 0x7f || name[i] == '+')
			return 0;
	return 1;
}

int note_key_init(struct note_key *k, const char *name, enum note_type type, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	uint8_t blob[1 + NOTE_BLOB] = { '\n', (uint8_t)type }, hash[HASH_SIZE];
	struct note_key v = { .type = type };
	size_t len = strlen(name);
	if (!note_name_ok(name, len))
		return ITM_EINVAL;
	memcpy(v.name, name, len + 1);
	memcpy(v.key, key, SIGN_PUBLIC_SIZE);
	memcpy(blob + 2, key, SIGN_PUBLIC_SIZE);
	hash_parts(name, len, blob, sizeof blob, NULL, 0, hash);
	memcpy(v.id, hash, NOTE_ID_SIZE);
	*k = v;
	return 0;
}

/* name+id+base64: cut apart; blob gets the NOTE_BLOB bytes. */
static int note_cut(const char *text, size_t len, char name[NOTE_NAME_SIZE], char id[9], uint8_t blob[NOTE_BLOB])
{
	const char *first = memchr(text, '+', len);
	size_t name_len = first != NULL ? (size_t)(first - text) : 0, got;
	if (first == NULL || !note_name_ok(text, name_len) || len < name_len + 10 || first[9] != '+')
		return ITM_EFORMAT;
	memcpy(name, text, name_len);
	name[name_len] = '\0';
	memcpy(id, first + 1, 8);
	id[8] = '\0';
	if (base64_decode(first + 10, len - name_len - 10, blob, NOTE_BLOB, &got) != 0 || got != NOTE_BLOB)
		return ITM_EFORMAT;
	return blob[0] == NOTE_ED25519 || blob[0] == NOTE_COSIGNATURE ? 0 : ITM_EVERSION;
}

static void note_id_text(const uint8_t id[NOTE_ID_SIZE], char out[9])
{
	snprintf(out, 9, "%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
}

int note_key_decode(const char *text, size_t len, struct note_key *out)
{
	char name[NOTE_NAME_SIZE], id[9], real[9];
	uint8_t blob[NOTE_BLOB];
	struct note_key k;
	int e = note_cut(text, len, name, id, blob);
	if (e == 0)
		e = note_key_init(&k, name, blob[0], blob + 1);
	if (e != 0)
		return e;
	note_id_text(k.id, real);
	if (strcmp(id, real) != 0)
		return ITM_EFORMAT;
	*out = k;
	return 0;
}

static int note_put_key(struct buffer *b, const char *before, const struct note_key *k, const uint8_t bytes[SIGN_PUBLIC_SIZE])
{
	uint8_t blob[NOTE_BLOB] = { (uint8_t)k->type };
	char id[9];
	memcpy(blob + 1, bytes, SIGN_PUBLIC_SIZE);
	note_id_text(k->id, id);
	int e = buffer_printf(b, "%s%s+%s+", before, k->name, id);
	if (e == 0)
		e = base64_put(b, blob, sizeof blob);
	sign_wipe(blob, sizeof blob);
	return e;
}

int note_key_put(struct buffer *b, const struct note_key *k)
{
	return note_put_key(b, "", k, k->key);
}

int note_secret_put(struct buffer *b, const struct note_key *k, const struct sign_key *secret)
{
	return note_put_key(b, NOTE_SECRET, k, secret->secret);
}

int note_secret_decode(const char *text, size_t len, struct note_key *out, struct sign_key *secret)
{
	char name[NOTE_NAME_SIZE], id[9], real[9];
	size_t skip = strlen(NOTE_SECRET);
	uint8_t blob[NOTE_BLOB];
	struct note_key k;
	struct sign_key s;
	if (len < skip || memcmp(text, NOTE_SECRET, skip) != 0)
		return ITM_EFORMAT;
	int e = note_cut(text + skip, len - skip, name, id, blob);
	if (e == 0) {
		sign_keypair_of(blob + 1, &s);
		e = note_key_init(&k, name, blob[0], s.public_key);
	}
	sign_wipe(blob, sizeof blob);
	if (e != 0)
		return e;
	note_id_text(k.id, real);
	if (strcmp(id, real) != 0)
		e = ITM_EFORMAT;
	if (e == 0) {
		*out = k;
		*secret = s;
	}
	sign_wipe(&s, sizeof s);
	return e;
}

/* Notes */

static int note_line(const char *line, size_t len, struct note_signature *out)
{
	size_t dash = strlen(NOTE_DASH), got;
	uint8_t bytes[NOTE_ID_SIZE + sizeof out->bytes];
	if (len <= dash || memcmp(line, NOTE_DASH, dash) != 0)
		return ITM_EFORMAT;
	const char *name = line + dash, *space = memchr(name, ' ', len - dash);
	if (space == NULL || !note_name_ok(name, (size_t)(space - name)))
		return ITM_EFORMAT;
	const char *base64 = space + 1;
	if (base64_decode(base64, len - (size_t)(base64 - line), bytes, sizeof bytes, &got) != 0 || got <= NOTE_ID_SIZE)
		return ITM_EFORMAT;
	*out = (struct note_signature){ .name = name, .name_len = (size_t)(space - name), .len = got - NOTE_ID_SIZE };
	memcpy(out->id, bytes, NOTE_ID_SIZE);
	memcpy(out->bytes, bytes + NOTE_ID_SIZE, out->len);
	return 0;
}

/* The text ends at the last empty line. */
static size_t note_text_end(const char *data, size_t len)
{
	for (size_t i = len; i >= 2; i--)
		if (data[i - 1] == '\n' && data[i - 2] == '\n')
			return i - 1;
	return 0;
}

int note_decode(const void *data, size_t len, struct note *out, struct fault *fault)
{
	const char *p = data;
	struct note n = { .text = p };
	if (len > NOTE_MAX)
		return error_fault(fault, ITM_ELIMIT, 0, "note is too long");
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)p[i] < 0x20 && p[i] != '\n') || p[i] == 0x7f)
			return error_fault(fault, ITM_EFORMAT, i, "note holds a control character");
	n.text_len = note_text_end(p, len);
	if (n.text_len == 0 || p[len - 1] != '\n')
		return error_fault(fault, ITM_EFORMAT, 0, "note has no text or no end");
	for (size_t at = n.text_len + 1; at < len; ) {
		size_t line = (size_t)((const char *)memchr(p + at, '\n', len - at) - (p + at));
		if (n.count == NOTE_SIGNATURES_MAX)
			return error_fault(fault, ITM_ELIMIT, at, "note has too many signatures");
		if (note_line(p + at, line, &n.signature[n.count]) != 0)
			return error_fault(fault, ITM_EFORMAT, at, "signature line of a note");
		n.count++;
		at += line + 1;
	}
	if (n.count == 0)
		return error_fault(fault, ITM_EFORMAT, len, "note is not signed");
	*out = n;
	return 0;
}

static uint64_t note_be64(const uint8_t *p)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static int note_cosigned(struct buffer *b, const char *text, size_t len, uint64_t at)
{
	int e = buffer_printf(b, "cosignature/v1\ntime %" PRIu64 "\n", at);
	return e ? e : buffer_put(b, text, len);
}

static int note_verify(const struct note *n, const struct note_signature *s, const struct note_key *key, uint64_t *at)
{
	struct buffer b;
	if (key->type == NOTE_ED25519)
		return s->len == SIGN_SIZE ? sign_verify(n->text, n->text_len, key->key, s->bytes) : ITM_ECRYPTO;
	if (s->len != NOTE_STAMP + SIGN_SIZE)
		return ITM_ECRYPTO;
	uint64_t time = note_be64(s->bytes);
	buffer_init(&b, NOTE_COSIGNED_MAX);
	int e = note_cosigned(&b, n->text, n->text_len, time);
	if (e == 0)
		e = sign_verify(b.data, b.len, key->key, s->bytes + NOTE_STAMP);
	buffer_free(&b);
	if (e == 0 && at != NULL)
		*at = time;
	return e;
}

int note_check(const struct note *n, const struct note_key *key, uint64_t *at)
{
	int result = ITM_ENOENT;
	for (size_t i = 0; i < n->count; i++) {
		const struct note_signature *s = &n->signature[i];
		if (s->name_len != strlen(key->name) || memcmp(s->name, key->name, s->name_len) != 0 ||
		    memcmp(s->id, key->id, NOTE_ID_SIZE) != 0)
			continue;
		result = note_verify(n, s, key, at);
		if (result == 0)
			return 0;
	}
	return result;
}

int note_put_line(struct buffer *b, const struct note_signature *s)
{
	uint8_t bytes[NOTE_ID_SIZE + sizeof s->bytes];
	memcpy(bytes, s->id, NOTE_ID_SIZE);
	memcpy(bytes + NOTE_ID_SIZE, s->bytes, s->len);
	int e = buffer_printf(b, NOTE_DASH "%.*s ", (int)s->name_len, s->name);
	e = e ? e : base64_put(b, bytes, NOTE_ID_SIZE + s->len);
	return e ? e : buffer_put_u8(b, '\n');
}

int note_put_signature(struct buffer *b, const char *text, size_t len, const struct note_key *key,
		       const struct sign_key *secret, uint64_t at)
{
	uint8_t bytes[NOTE_ID_SIZE + NOTE_STAMP + SIGN_SIZE];
	size_t used = NOTE_ID_SIZE;
	struct buffer message;
	buffer_init(&message, NOTE_COSIGNED_MAX);
	memcpy(bytes, key->id, NOTE_ID_SIZE);
	for (int i = 0; key->type == NOTE_COSIGNATURE && i < NOTE_STAMP; i++)
		bytes[used++] = (uint8_t)(at >> (56 - 8 * i));
	int e = key->type == NOTE_COSIGNATURE ? note_cosigned(&message, text, len, at) : buffer_put(&message, text, len);
	if (e == 0) {
		sign_detached(message.data, message.len, secret, bytes + used);
		e = buffer_printf(b, NOTE_DASH "%s ", key->name);
	}
	buffer_free(&message);
	if (e == 0)
		e = base64_put(b, bytes, used + SIGN_SIZE);
	return e ? e : buffer_put_u8(b, '\n');
}
