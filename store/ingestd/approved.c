#include "store/ingestd/approved.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/minisign.h"
#include "format/request.h"
#include "store/approvers.h"

static bool is_account(uint32_t uid, const char *name)
{
	const struct passwd *pw = uid != ACT_NO_LOGIN ? getpwuid(uid) : NULL;
	return pw != NULL && strcmp(pw->pw_name, name) == 0;
}

struct approved_proof {
	uint8_t request[REQUEST_MAX], signature[MINISIGN_MAX];
	size_t request_len, signature_len;
	struct act asked;
};

static int approved_by(const struct settings_server *settings, const struct act *act, struct approved_proof *p,
		       struct approvers_one *who, const char **why)
{
	*why = request_decode(p->request, p->request_len, &p->asked, NULL) != 0 ? "the approval is for no request"
									       : request_difference(&p->asked, act);
	if (*why != NULL)
		return ITM_EPERM;
	*why = "nobody whom server.conf names in approvers has signed it";
	if (settings->approvers[0] == '\0' || approvers_find(settings->approvers, p->request, p->request_len,
							     (const char *)p->signature, p->signature_len, who) != 0)
		return ITM_EPERM;
	*why = "who asks can't approve: the key is his own";
	return is_account(act->uid, who->name) || is_account(act->login, who->name) ? ITM_EPERM : 0;
}

/* "boss (KEYID) request SHA-256" */
static void approved_words(const struct approvers_one *who, const uint8_t hash[HASH_SIZE], char out[REMOVAL_TEXT_SIZE])
{
	int n = snprintf(out, REMOVAL_TEXT_SIZE, "%s (%s) request ", who->name, who->key);
	for (size_t i = 0; i < HASH_SIZE; i++)
		n += snprintf(out + n, REMOVAL_TEXT_SIZE - (size_t)n, "%02x", hash[i]);
}

static int approved_given(struct evidence *e, const struct settings_server *settings, const struct act *act,
			  struct approved_proof *p, char approval[REMOVAL_TEXT_SIZE], const char **why)
{
	struct approvers_one who;
	uint8_t hash[HASH_SIZE];
	int rc = approved_by(settings, act, p, &who, why);
	if (rc != 0)
		return rc;
	hash_bytes(p->request, p->request_len, hash);
	*why = "it was used already: one approval is for one act";
	rc = evidence_approval_use(e, hash, act->wall_ns);
	if (rc != 0)
		return rc == ITM_EBUSY ? ITM_EPERM : rc;
	approved_words(&who, hash, approval);
	return 0;
}

int approved_check(struct evidence *e, const struct settings_server *settings, const struct act *act,
		   char approval[REMOVAL_TEXT_SIZE], const char **why)
{
	struct approved_proof *p = malloc(sizeof *p);
	approval[0] = '\0';
	if (p == NULL)
		return ITM_ENOMEM;
	int rc = request_attached(act, REQUEST_LINE, p->request, sizeof p->request, &p->request_len);
	bool given = rc != ITM_ENOENT;
	if (rc == 0)
		rc = request_attached(act, REQUEST_SIGNATURE, p->signature, sizeof p->signature, &p->signature_len);
	*why = "server.conf wants a second person for this: 'itm approve' signs the request, --approval brings it";
	if (!given)
		rc = settings_lists(settings->approval, act->verb) ? ITM_EPERM : 0;
	else if (rc == 0)
		rc = approved_given(e, settings, act, p, approval, why);
	else {
		*why = "the approval is damaged";
		rc = ITM_EPERM;
	}
	free(p);
	return rc;
}
