/* sealed: keystrokes that only auditors can read, on both sides.
 *
 * A session's metadata name the auditors (seal_key=GROUP NAME KEY, keylist.h).
 * The recorder makes a root, splits it by XOR into one share a group, and adds
 * one box a key, in the order of the keys: seal_box=BASE64 of crypto_box_seal
 * of the group's share; then seal_check=BASE64 (seal.h) and
 * keystrokes=sealed.  From then on an event SEAL tells the step of the ratchet
 * that the IN events after it are encrypted with, byte 0 on; so whoever lost
 * what came before can go on reading at the next SEAL. */
#ifndef ITM_FORMAT_SEALED_H
#define ITM_FORMAT_SEALED_H

#include "format/keyfile.h"
#include "format/record.h"
#include "format/seal.h"

/* The recorder's side: adds boxes to metadata that name keys, and starts the
 * state.  0; ITM_ENOENT: they name none; other ITM_E*: they make no sense, or
 * do not fit.  On failure meta is as it was. */
int sealed_begin(struct buffer *meta, const struct id *stream, struct seal_state *out);

/* The auditor's side. */
struct sealed;
struct sealed *sealed_new(void);                  /* owned; NULL out of memory */
void sealed_free(struct sealed *s);
/* Copies a key; up to 8, ITM_ELIMIT after that, ITM_EINVAL for an officer's. */
int sealed_add(struct sealed *s, const struct keyfile_secret *key);
/* Open the session with these metadata.  0; ITM_ENOENT: its keystrokes are not
 * sealed; ITM_EPERM: keys are missing; ITM_EFORMAT, ITM_ECRYPTO: the boxes are
 * not whole.  words (may be NULL) says it for people. */
enum { SEALED_WORDS_SIZE = 256 };
int sealed_open(struct sealed *s, const struct id *stream, const void *meta, size_t meta_len,
		char words[SEALED_WORDS_SIZE]);
bool sealed_is_open(const struct sealed *s);
/* What the key list was called ("demonstration keys"); "" = nothing. */
const char *sealed_note(const struct sealed *s);
/* Whose keys opened it: names of the key list, with commas. */
const char *sealed_auditors(const struct sealed *s);
/* Every event of the stream, in order: IN gets its plain bytes, borrowed until
 * the next call, or none where they can't be known. */
void sealed_event(struct sealed *s, struct record_event *event);
/* Something before the next event was lost: nothing until the next SEAL. */
void sealed_lost(struct sealed *s);

#endif
