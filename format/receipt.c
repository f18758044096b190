#include "format/receipt.h"

#include <string.h>

#include "base/reader.h"

static void put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void receipt_record_encode(const struct receipt_record *r, uint8_t out[RECEIPT_RECORD_SIZE])
{
	memset(out, 0, RECEIPT_RECORD_SIZE);
	memcpy(out, "ITML", 4);
	out[4] = 1;
	out[5] = (uint8_t)r->type;
	memcpy(out + 8, r->host.bytes, ID_SIZE);
	put_u64(out + 24, r->sequence);
	memcpy(out + 32, r->block_hash, HASH_SIZE);
	put_u64(out + 64, (uint64_t)r->received_wall_ns);
	memcpy(out + 72, r->server.bytes, ID_SIZE);
	memcpy(out + 88, r->nonce, sizeof r->nonce);
}

static void read_record(struct reader *r, struct receipt_record *v)
{
	static const uint8_t zeros[8];
	const uint8_t *magic = reader_bytes(r, 4);
	if (magic != NULL && memcmp(magic, "ITML", 4) != 0)
		reader_fail(r, ITM_EFORMAT, "not a receipt");
	if (reader_u8(r) != 1)
		reader_fail(r, ITM_EVERSION, "receipt of an unknown version");
	uint8_t type = reader_u8(r);
	if (type < RECEIPT_BLOCK || type > RECEIPT_ACT)
		reader_fail(r, ITM_EVERSION, "receipt of an unknown type");
	v->type = type;
	if (reader_u16(r) != 0)
		reader_fail(r, ITM_EFORMAT, "reserved bytes of a receipt are not zero");
	reader_copy(r, v->host.bytes, ID_SIZE);
	v->sequence = reader_u64(r);
	reader_copy(r, v->block_hash, HASH_SIZE);
	v->received_wall_ns = (int64_t)reader_u64(r);
	reader_copy(r, v->server.bytes, ID_SIZE);
	reader_copy(r, v->nonce, sizeof v->nonce);
	const uint8_t *reserved = reader_bytes(r, 8);
	if (reserved != NULL && memcmp(reserved, zeros, 8) != 0)
		reader_fail(r, ITM_EFORMAT, "reserved bytes of a receipt are not zero");
}

int receipt_record_decode(const void *data, size_t len, struct receipt_record *out, struct fault *fault)
{
	struct receipt_record v = { 0 };
	struct reader r;
	reader_init(&r, data, len);
	read_record(&r, &v);
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
	*out = v;
	return 0;
}

void receipt_leaf(const struct receipt_record *r, uint8_t out[HASH_SIZE])
{
	uint8_t record[RECEIPT_RECORD_SIZE];
	receipt_record_encode(r, record);
	merkle_leaf(record, sizeof record, out);
}

static int put_proof(struct buffer *b, const struct merkle_proof *p)
{
	int e = p->count <= MERKLE_PROOF_MAX ? buffer_put_u8(b, (uint8_t)p->count) : ITM_EINVAL;
	return e ? e : buffer_put(b, p->hash, p->count * HASH_SIZE);
}

int receipt_encode(struct buffer *b, const struct receipt *r)
{
	uint8_t record[RECEIPT_RECORD_SIZE];
	size_t before = b->len;
	receipt_record_encode(&r->record, record);
	int e = buffer_put(b, record, sizeof record);
	e = e ? e : buffer_put_u64(b, r->leaf);
	e = e ? e : put_proof(b, &r->inclusion);
	e = e ? e : buffer_put_u64(b, r->old_size);
	e = e ? e : put_proof(b, &r->consistency);
	e = e ? e : buffer_put(b, r->note, r->note_len);
	if (e != 0)
		b->len = before;
	return e;
}

static void read_proof(struct reader *r, struct merkle_proof *p)
{
	p->count = reader_u8(r);
	if (p->count > MERKLE_PROOF_MAX) {
		reader_fail(r, ITM_ELIMIT, "proof of a receipt is too long");
		p->count = 0;
	}
	reader_copy(r, p->hash, p->count * HASH_SIZE);
}

int receipt_decode(const void *data, size_t len, struct receipt *out, struct fault *fault)
{
	struct receipt v;
	struct reader r;
	struct note note;

	memset(&v, 0, sizeof v);
	reader_init(&r, data, len);
	read_record(&r, &v.record);
	v.leaf = reader_u64(&r);
	read_proof(&r, &v.inclusion);
	v.old_size = reader_u64(&r);
	read_proof(&r, &v.consistency);
	v.note_len = reader_left(&r);
	v.note = (const char *)reader_bytes(&r, v.note_len);
	if (r.error != 0)
		return reader_result(&r, fault);
	int e = note_decode(v.note, v.note_len, &note, fault);
	if (e == 0)
		e = checkpoint_decode(note.text, note.text_len, &v.checkpoint, fault);
	if (e != 0)
		return e;
	*out = v;
	return 0;
}

int receipt_check(const struct receipt *r, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE])
{
	char origin[NOTE_NAME_SIZE];
	uint8_t leaf[HASH_SIZE];
	struct checkpoint c;
	if (checkpoint_open(r->note, r->note_len, trusted_log_key, &c, NULL, NULL) != 0)
		return ITM_ECRYPTO;
	checkpoint_origin(&r->record.server, origin);
	if (strcmp(origin, c.origin) != 0)
		return ITM_ECRYPTO;
	receipt_leaf(&r->record, leaf);
	return merkle_check_inclusion(c.size, r->leaf, leaf, &r->inclusion, c.root);
}

int receipt_follow(const struct receipt *r, struct receipt_seen *seen, const char **why)
{
	const struct checkpoint *c = &r->checkpoint;
	*why = NULL;
	if (c->size < seen->size) {
		*why = "the server's log is shorter than it was: it went back";
		return ITM_ECRYPTO;
	}
	if (seen->size > 0 && r->old_size != seen->size && c->size != seen->size)
		return ITM_EBUSY;
	if (c->size == seen->size && memcmp(c->root, seen->root, HASH_SIZE) != 0) {
		*why = "the server's log was forked: two roots of one size";
		return ITM_ECRYPTO;
	}
	if (seen->size > 0 && c->size > seen->size &&
	    merkle_check_consistency(seen->size, c->size, seen->root, c->root, &r->consistency) != 0) {
		*why = "the server's log was forked: it does not go on from what was seen";
		return ITM_ECRYPTO;
	}
	seen->size = c->size;
	memcpy(seen->root, c->root, HASH_SIZE);
	return 0;
}
