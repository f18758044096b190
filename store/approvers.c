#include "store/approvers.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "format/minisign.h"

int approvers_find(const char *path, const void *data, size_t len, const char *signature, size_t signature_len,
		   struct approvers_one *out)
{
	char line[256], who[APPROVERS_NAME_SIZE], word[96];
	struct keyfile_public key;
	int r = ITM_ENOENT;
	FILE *f = fopen(path, "re");

	while (f != NULL && r != 0 && fgets(line, sizeof line, f) != NULL)
		if (line[0] != '#' && sscanf(line, "%63s %95s", who, word) == 2 &&
		    keyfile_get_word(word, strlen(word), KEYFILE_OFFICER, &key) == 0 &&
		    minisign_verify(&key, data, len, signature, signature_len, NULL, NULL) == 0)
			r = 0;
	if (r == 0) {
		snprintf(out->name, sizeof out->name, "%s", who);
		keyfile_id_text(key.id, out->key);
	}
	if (f != NULL)
		fclose(f);
	return r;
}
