#include "format/receipt.h"

#include <string.h>

#include "base/reader.h"

enum { DOMAIN_RECEIPT = 0x15 };

/* Domain byte and record, the bytes that are signed. */
static void signed_bytes(const struct receipt *r, uint8_t out[1 + RECEIPT_RECORD_SIZE])
{
	struct buffer b;
	buffer_init(&b, 1 + RECEIPT_RECORD_SIZE);
	int e = buffer_put_u8(&b, DOMAIN_RECEIPT);
	e |= buffer_put(&b, "ITML", 4);
	e |= buffer_put_u8(&b, 1);
	e |= buffer_put_u8(&b, (uint8_t)r->type);
	e |= buffer_put_u16(&b, 0);
	e |= buffer_put(&b, r->host.bytes, ID_SIZE);
	e |= buffer_put_u64(&b, r->sequence);
	e |= buffer_put(&b, r->block_hash, HASH_SIZE);
	e |= buffer_put_u64(&b, (uint64_t)r->received_wall_ns);
	e |= buffer_put(&b, r->server.bytes, ID_SIZE);
	e |= buffer_put(&b, r->nonce, sizeof r->nonce);
	e |= buffer_put_u64(&b, 0);
	memset(out, 0, 1 + RECEIPT_RECORD_SIZE);
	if (e == 0 && b.len == 1 + RECEIPT_RECORD_SIZE)
		memcpy(out, b.data, b.len);
	buffer_free(&b);
}

int receipt_record(const struct receipt *r, uint8_t out[RECEIPT_RECORD_SIZE])
{
	uint8_t bytes[1 + RECEIPT_RECORD_SIZE];
	signed_bytes(r, bytes);
	if (bytes[0] != DOMAIN_RECEIPT)
		return ITM_ENOMEM;
	memcpy(out, bytes + 1, RECEIPT_RECORD_SIZE);
	return 0;
}

int receipt_encode(struct buffer *b, struct receipt *r, const struct sign_key *log_key)
{
	uint8_t bytes[1 + RECEIPT_RECORD_SIZE];
	int e = buffer_reserve(b, RECEIPT_SIZE);
	if (e != 0)
		return e;
	signed_bytes(r, bytes);
	if (bytes[0] != DOMAIN_RECEIPT)
		return ITM_ENOMEM;
	memcpy(r->log_key, log_key->public_key, SIGN_PUBLIC_SIZE);
	sign_detached(bytes, sizeof bytes, log_key, r->signature);
	(void)buffer_put(b, bytes + 1, RECEIPT_RECORD_SIZE); /* reserved above */
	(void)buffer_put(b, r->log_key, SIGN_PUBLIC_SIZE);
	(void)buffer_put(b, r->signature, SIGN_SIZE);
	return 0;
}

int receipt_decode(const void *data, size_t len, struct receipt *out, struct fault *fault)
{
	struct receipt v;
	struct reader r;
	static const uint8_t zeros[8];

	reader_init(&r, data, len);
	const uint8_t *magic = reader_bytes(&r, 4);
	if (magic != NULL && memcmp(magic, "ITML", 4) != 0)
		reader_fail(&r, ITM_EFORMAT, "not a receipt");
	if (reader_u8(&r) != 1)
		reader_fail(&r, ITM_EVERSION, "receipt of an unknown version");
	uint8_t type = reader_u8(&r);
	if (type != RECEIPT_BLOCK && type != RECEIPT_GENESIS)
		reader_fail(&r, ITM_EVERSION, "receipt of an unknown type");
	v.type = type;
	if (reader_u16(&r) != 0)
		reader_fail(&r, ITM_EFORMAT, "reserved bytes of a receipt are not zero");
	reader_copy(&r, v.host.bytes, ID_SIZE);
	v.sequence = reader_u64(&r);
	reader_copy(&r, v.block_hash, HASH_SIZE);
	v.received_wall_ns = (int64_t)reader_u64(&r);
	reader_copy(&r, v.server.bytes, ID_SIZE);
	reader_copy(&r, v.nonce, sizeof v.nonce);
	const uint8_t *reserved = reader_bytes(&r, 8);
	if (reserved != NULL && memcmp(reserved, zeros, 8) != 0)
		reader_fail(&r, ITM_EFORMAT, "reserved bytes of a receipt are not zero");
	reader_copy(&r, v.log_key, SIGN_PUBLIC_SIZE);
	reader_copy(&r, v.signature, SIGN_SIZE);
	reader_end(&r);
	if (r.error != 0)
		return reader_result(&r, fault);
	*out = v;
	return 0;
}

int receipt_check(const struct receipt *r, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE])
{
	uint8_t bytes[1 + RECEIPT_RECORD_SIZE];
	if (memcmp(r->log_key, trusted_log_key, SIGN_PUBLIC_SIZE) != 0)
		return ITM_ECRYPTO;
	signed_bytes(r, bytes);
	return sign_verify(bytes, sizeof bytes, trusted_log_key, r->signature);
}
