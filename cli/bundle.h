/* bundle: one session as a tar file that a stranger can check: the excerpt of
 * its host's record, the keys, a readable transcript, what is what and how to
 * check it.  Same session, same bytes.
 *
 *   itm-SESSION/README.txt        what this is and how to check it
 *   itm-SESSION/session.txt       whose session, which blocks
 *   itm-SESSION/transcript.txt    what was on the screen
 *   itm-SESSION/evidence.itm      store/excerpt.h
 *   itm-SESSION/identity.public   the host's identity key, as the exporter trusted it
 *   itm-SESSION/log.public        the server's log key, likewise; left out when there was none
 *   itm-SESSION/keylist           the auditors to whom what was typed is sealed, where the exporter has that list,
 *   itm-SESSION/keylist.minisig   and its officer's signature; both or none
 *   itm-SESSION/stamp.checkpoint  the log's checkpoint that proves it, where that was time-stamped
 *   itm-SESSION/stamp.tsr         the stamp (RFC 3161); both or none
 *   itm-SESSION/MANIFEST          SHA-256 of each file before it, as sha256sum(1) writes it */
#ifndef ITM_CLI_BUNDLE_H
#define ITM_CLI_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "format/verify.h"
#include "store/excerpt.h"

enum { BUNDLE_MAX = EXCERPT_MAX, BUNDLE_NAME_SIZE = 256 };

struct bundle_source {
	struct excerpt_info info;
	struct verify_trust trust;
	const char *host_name;           /* "" = unknown */
	const struct buffer *evidence, *transcript;
	const struct buffer *stamped, *stamp; /* NULL: none */
	const struct buffer *keylist, *keylist_signature; /* likewise */
};
/* Append the tar file.  0, ITM_ELIMIT, ITM_ENOMEM. */
int bundle_write(struct buffer *b, const struct bundle_source *s);

struct bundle {
	struct verify_trust trust;       /* what the bundle itself says */
	struct id stream;
	const uint8_t *evidence;         /* borrowed from what was read */
	size_t evidence_len;
	const uint8_t *stamped, *stamp;  /* likewise; NULL = none */
	size_t stamped_len, stamp_len;
	const uint8_t *keylist, *keylist_signature;
	size_t keylist_len, keylist_signature_len;
};
/* Is it a tar file at all? */
bool bundle_is_file(const char *path);
/* Every file must be there, listed, whole, and no other.  0; ITM_EFORMAT,
 * ITM_ETRUNC, ITM_ECRYPTO and fault. */
int bundle_read(const void *data, size_t len, struct bundle *out, struct fault *fault);

#endif
