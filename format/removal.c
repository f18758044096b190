#include "format/removal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/reader.h"
#include "format/chunk.h"
#include "format/unit.h"

enum {
	DOMAIN_REMOVAL = 0x18,
	PROOF_SIZE = SIGN_PUBLIC_SIZE + SIGN_SIZE,
	SECTIONS_KNOWN = 1 << CHUNK_OUT | 1 << CHUNK_IN | 1 << CHUNK_META | 1 << CHUNK_EVT,
};
static const char magic[4] = { 'I', 'T', 'M', 'R' };

static const char *removal_fault(const struct removal *r)
{
	if (r->act < REMOVAL_REDACTION || r->act > REMOVAL_RETENTION)
		return "removal of an unknown kind";
	if ((r->act == REMOVAL_REDACTION) != (r->sections != 0) || (r->sections & ~SECTIONS_KNOWN))
		return "removal of sections that can't be removed";
	if (r->first == 0 || r->last < r->first)
		return "removal of no chunk";
	if (r->who[0] == '\0' || r->reason[0] == '\0')
		return "removal without who or why";
	return NULL;
}

static int put_text(struct buffer *b, const char *text)
{
	size_t len = strlen(text);
	return buffer_put_u16(b, (uint16_t)len) | buffer_put(b, text, len);
}

/* What is signed is hashed by Ed25519 itself; the domain byte goes before it. */
static int sign_body(const uint8_t *data, size_t len, const struct sign_key *key, const uint8_t *trusted,
		     uint8_t signature[SIGN_SIZE])
{
	struct buffer b;
	buffer_init(&b, UNIT_PAYLOAD_MAX + 1);
	int r = buffer_put_u8(&b, DOMAIN_REMOVAL) | buffer_put(&b, data, len);
	if (r != 0)
		r = ITM_ENOMEM;
	else if (key != NULL)
		sign_detached(b.data, b.len, key, signature);
	else
		r = sign_verify(b.data, b.len, trusted, signature);
	buffer_free(&b);
	return r;
}

int removal_encode(struct buffer *b, struct removal *r, const struct sign_key *log_key)
{
	size_t before = b->len;
	if (removal_fault(r) != NULL)
		return ITM_EINVAL;
	int e = buffer_put(b, magic, sizeof magic);
	e |= buffer_put_u8(b, 1);
	e |= buffer_put_u8(b, (uint8_t)r->act);
	e |= buffer_put_u8(b, r->sections);
	e |= buffer_put_u8(b, 0);
	e |= buffer_put(b, r->server.bytes, ID_SIZE);
	e |= buffer_put(b, r->host.bytes, ID_SIZE);
	e |= buffer_put(b, r->stream.bytes, ID_SIZE);
	e |= buffer_put_u64(b, r->first);
	e |= buffer_put_u64(b, r->last);
	e |= buffer_put_u64(b, (uint64_t)r->wall_ns);
	e |= put_text(b, r->who);
	e |= put_text(b, r->reason);
	e |= put_text(b, r->approval);
	memcpy(r->log_key, log_key->public_key, SIGN_PUBLIC_SIZE);
	if (e == 0)
		e = sign_body(b->data + before, b->len - before, log_key, NULL, r->signature);
	e |= buffer_put(b, r->log_key, SIGN_PUBLIC_SIZE);
	e |= buffer_put(b, r->signature, SIGN_SIZE);
	if (e == 0)
		return 0;
	b->len = before;
	return ITM_ENOMEM;
}

static void take_text(struct reader *r, char out[REMOVAL_TEXT_SIZE])
{
	size_t len = reader_u16(r);
	if (r->error == 0 && len >= REMOVAL_TEXT_SIZE)
		reader_fail(r, ITM_ELIMIT, "removal's text is too long");
	const uint8_t *text = reader_bytes(r, len);
	if (text == NULL)
		return;
	if (memchr(text, '\0', len) != NULL)
		reader_fail(r, ITM_EFORMAT, "removal's text has a NUL");
	memcpy(out, text, len);
	out[len] = '\0';
}

int removal_decode(const void *data, size_t len, struct removal *out, struct fault *fault)
{
	struct removal v = { .sections = 0 };
	struct reader r;
	reader_init(&r, data, len);
	const uint8_t *begin = reader_bytes(&r, sizeof magic);
	if (begin != NULL && memcmp(begin, magic, sizeof magic) != 0)
		reader_fail(&r, ITM_EFORMAT, "not a removal");
	if (reader_u8(&r) != 1)
		reader_fail(&r, ITM_EVERSION, "removal of an unknown version");
	v.act = reader_u8(&r);
	v.sections = reader_u8(&r);
	if (reader_u8(&r) != 0)
		reader_fail(&r, ITM_EFORMAT, "removal's spare byte is used");
	reader_copy(&r, v.server.bytes, ID_SIZE);
	reader_copy(&r, v.host.bytes, ID_SIZE);
	reader_copy(&r, v.stream.bytes, ID_SIZE);
	v.first = reader_u64(&r);
	v.last = reader_u64(&r);
	v.wall_ns = (int64_t)reader_u64(&r);
	take_text(&r, v.who);
	take_text(&r, v.reason);
	take_text(&r, v.approval);
	reader_copy(&r, v.log_key, SIGN_PUBLIC_SIZE);
	reader_copy(&r, v.signature, SIGN_SIZE);
	reader_end(&r);
	const char *wrong = r.error == 0 ? removal_fault(&v) : NULL;
	if (wrong != NULL)
		reader_fail(&r, ITM_EFORMAT, wrong);
	if (r.error != 0)
		return reader_result(&r, fault);
	*out = v;
	return 0;
}

int removal_check(const void *data, size_t len, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE])
{
	const uint8_t *bytes = data;
	uint8_t signature[SIGN_SIZE];
	if (len < PROOF_SIZE || memcmp(bytes + len - PROOF_SIZE, trusted_log_key, SIGN_PUBLIC_SIZE) != 0)
		return ITM_ECRYPTO;
	memcpy(signature, bytes + len - SIGN_SIZE, SIGN_SIZE);
	return sign_body(bytes, len - PROOF_SIZE, NULL, trusted_log_key, signature);
}

void removal_words(const struct removal *r, char *out, size_t size)
{
	static const struct { uint8_t bit; const char *name; } names[] = {
		{ 1 << CHUNK_OUT, "output" }, { 1 << CHUNK_IN, "keystrokes" }, { 1 << CHUNK_META, "notes" },
		{ 1 << CHUNK_EVT, "events" },
	};
	char what[64] = "", when[32] = "?";
	time_t seconds = (time_t)(r->wall_ns / 1000000000);
	struct tm tm;
	size_t used = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (r->sections & names[i].bit)
			used += (size_t)snprintf(what + used, sizeof what - used, "%s%s", used > 0 ? ", " : "", names[i].name);
	if (gmtime_r(&seconds, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
	snprintf(out, size, "%s of chunks %" PRIu64 " to %" PRIu64 " %s %s by %s: %s%s%s",
		 r->sections != 0 ? what : "all", r->first, r->last,
		 r->act == REMOVAL_REDACTION ? "redacted" : r->act == REMOVAL_DELETION ? "deleted" : "removed by retention",
		 when, r->who, r->reason, r->approval[0] != '\0' ? "; approved by " : "", r->approval);
}
