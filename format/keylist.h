/* keylist: the officer's signed list of auditors to whom keystrokes are
 * sealed.  Text, one item a line, in this order:
 *
 *   itm key list 1
 *   number 7                    rises with each list; hosts refuse an older one
 *   from 1795555555             seconds since 1970, UTC
 *   until 1827091555
 *   note demonstration keys     optional; shown wherever the keys are used
 *   auditor GROUP NAME KEY      1 to 32; KEY as keyfile.h writes it
 *
 * Any one of a group's keys opens that group's share; where there are several
 * groups one key of each is needed.  The signature beside it is minisign's. */
#ifndef ITM_FORMAT_KEYLIST_H
#define ITM_FORMAT_KEYLIST_H

#include "base/hash.h"
#include "format/keyfile.h"

/* The note of the list that ./quickstart makes. */
#define KEYLIST_DEMONSTRATION "demonstration keys"

enum {
	KEYLIST_AUDITORS_MAX = 32, KEYLIST_GROUPS_MAX = 8,
	KEYLIST_NAME_SIZE = 33,           /* letters, digits, '.', '_', '-', and NUL */
	KEYLIST_NOTE_SIZE = 128,
	KEYLIST_MAX = 8192,               /* bytes of a list */
};

struct keylist_auditor {
	char group[KEYLIST_NAME_SIZE], name[KEYLIST_NAME_SIZE];
	struct keyfile_public key;
};
struct keylist {
	uint64_t number;
	int64_t from, until;              /* seconds since 1970 */
	char note[KEYLIST_NOTE_SIZE];     /* "" = none */
	size_t count;
	struct keylist_auditor auditor[KEYLIST_AUDITORS_MAX];
	uint8_t digest[HASH_SIZE];        /* SHA-256 of the text; filled by decode */
};

bool keylist_is_name(const char *text);
/* ITM_EINVAL: what decode would refuse. */
int keylist_encode(struct buffer *b, const struct keylist *list);
int keylist_decode(const char *text, size_t len, struct keylist *out, struct fault *fault);
/* The same after its signature was found right. */
int keylist_verify(const char *text, size_t len, const char *signature, size_t signature_len,
		   const struct keyfile_public *officer, struct keylist *out, struct fault *fault);
/* Different groups in it. */
size_t keylist_groups(const struct keylist *list);
/* Appends what sealed.h needs to session metadata: seal_list, seal_note and
 * seal_key lines. */
int keylist_describe(const struct keylist *list, struct buffer *meta);

#endif
