#include "store/custody.h"

#include <stdio.h>

void custody_path(const char *run, char out[AUDIT_PATH_SIZE])
{
	snprintf(out, AUDIT_PATH_SIZE, "%.300s/custody.sock", run);
}

int custody_ask(const char *run, const struct act *act, struct audit_answer *out, char words[AUDIT_ERROR_SIZE])
{
	char path[AUDIT_PATH_SIZE];
	custody_path(run, path);
	return audit_send(path, CUSTODY_WAIT_MS, act, out, words);
}
