#include "cli/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "terminal/text.h"

static const struct { enum verdict verdict; const char *words; } meanings[] = {
	{ VERDICT_OK, "Every byte is signed by the host, in order, from beginning to end, and the server's log has it." },
	{ VERDICT_UNANCHORED, "Every byte is signed by the host, in order. The server's log has not confirmed it, so a "
		"host that was taken over could still have rewritten what was not sent." },
	{ VERDICT_OPEN_TAIL, "All that is there is signed and in order, but the end is missing or not signed yet: the "
		"session or host is still running, or was cut off." },
	{ VERDICT_GAP, "The host itself declared that it lost data; the rest is signed and in order." },
	{ VERDICT_REDACTED, "Parts were removed by declaration; the rest is signed and in order." },
	{ VERDICT_UNATTESTED, "The signatures hold together, but nobody we trust vouches for the key they begin with: "
		"give --identity and --log-key, or ask whether the server countersigned this chain." },
	{ VERDICT_FORK, "Two different blocks carry one number: the host was copied, or somebody signs with its key." },
	{ VERDICT_TAMPERED, "What is here is not what the host signed: it was changed, cut, reordered or damaged." },
};

const char *explain_meaning(enum verdict v)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].verdict == v)
			return meanings[i].words;
	return "";
}

static void print_key(const char *what, const uint8_t key[SIGN_PUBLIC_SIZE])
{
	size_t i;

	printf("  - %s ", what);
	for (i = 0; i < SIGN_PUBLIC_SIZE; i++)
		printf("%02x", key[i]);
	putchar('\n');
}

static void print_proved(const struct verify_result *r, bool one_session)
{
	if (r->blocks == 0) {
		printf("  - Nothing: there is no block whose signature could be checked.\n");
		return;
	}
	printf("  - The host signed blocks %" PRIu64 " to %" PRIu64 ", each with a key that the block before it announced\n"
	       "    and that was erased after use. None is missing between them, none was added, changed or moved.\n",
	       r->first_sequence, r->last_sequence);
	printf("  - %" PRIu64 " chunks of recorded events were hashed again, and are what these blocks cover.\n", r->chunks);
	if (r->links > 0)
		printf("  - %" PRIu64 " of the blocks were checked as links of the chain alone: what they cover belongs to other\n"
		       "    sessions. Nothing of this session can hide there: its chunks are counted.\n", r->links);
	if (one_session)
		printf("  - The session is judged from its first chunk on; other sessions of the host are not.\n");
	if (r->receipts > 0)
		printf("  - The server's log proves that it holds %" PRIu64 " of them, and so all that stand before: it had them when it says.\n", r->receipts);
}

static void print_witnessed(const struct verify_result *r, const struct verify_trust *trust)
{
	char time[CLOCK_TEXT_SIZE];

	if (!trust->has_witness || r->witnessed_sequence == 0)
		return;
	clock_format((int64_t)r->witnessed_at * 1000000000, time);
	printf("  - The witness %s saw the log with block %" PRIu64 " in it, and cosigned it as going on from all it\n"
	       "    cosigned before, at %s by its clock. Since then the server can't show another history\n"
	       "    up to there without the witness's consent.\n", trust->witness.name, r->witnessed_sequence, time);
}

static void print_stamped(const struct verify_result *r)
{
	char time[CLOCK_TEXT_SIZE];

	if (r->stamped_sequence == 0)
		return;
	clock_format((int64_t)r->stamped_at * 1000000000, time);
	printf("  - A time-stamping authority stamped the log with block %" PRIu64 " in it at %s: by then the record\n"
	       "    to there was as it is here, whatever the clocks of host and server say.\n", r->stamped_sequence, time);
}

static void print_broken(const struct verify_result *r)
{
	if (r->verdict == VERDICT_FORK)
		printf("  - Up to block %" PRIu64 " there is one history. From there on there are two, both signed: ask which\n"
		       "    machine is the true one, and take nothing after this block as proved.\n", r->last_sequence);
	else if (r->blocks > 0)
		printf("  - Only blocks %" PRIu64 " to %" PRIu64 ", before the place named above. What follows it was not looked at.\n",
		       r->first_sequence, r->last_sequence);
	else
		printf("  - Nothing.\n");
}

static const char *source_of(bool given, const struct explain_keys *keys)
{
	if (given)
		return "given on the command line";
	if (keys->bundle)
		return keys->officer ? "from the bundle, on the officer's word" : "from the bundle itself: not trusted";
	return "as this machine knows it";
}

static void print_keys(const struct walk_host *h, const struct explain_keys *keys)
{
	const struct verify_trust *t = &h->trust;
	char words[96];

	if (t->has_identity) {
		snprintf(words, sizeof(words), "identity of the host (%s):", source_of(keys->given_identity, keys));
		print_key(words, t->identity);
	} else {
		printf("  - no identity key of the host was given: nothing says whose signatures these are\n");
	}
	if (t->has_log) {
		snprintf(words, sizeof(words), "key of the server's log (%s):", source_of(keys->given_log, keys));
		print_key(words, t->log);
	} else {
		printf("  - no log key of the server was given: its receipts were not looked at\n");
	}
	if (t->has_witness) {
		snprintf(words, sizeof(words), "witness %.60s (given):", t->witness.name);
		print_key(words, t->witness.key);
	}
	printf("  - %" PRIu64 " of %" PRIu64 " beginnings of a chain of keys are vouched for (enrolment, or the server's countersignature)\n",
	       h->result.attested, h->result.geneses);
}

/* Who can open what was typed; the record names the same list by its digest. */
static void print_list(const struct explain_keys *keys)
{
	char id[KEYFILE_ID_TEXT_SIZE];

	if (!keys->has_list)
		return;
	printf("  - what was typed is sealed by key list %" PRIu64 ", which the record names, %s\n", keys->list.number,
	       keys->list_signed ? "and the officer given has signed:" : keys->officer ? "and the officer given has NOT signed:"
	       : "signed by an officer nobody gave (--officer):");
	for (size_t i = 0; i < keys->list.count; i++) {
		keyfile_id_text(keys->list.auditor[i].key.id, id);
		printf("      %s %s %s\n", keys->list.auditor[i].group, keys->list.auditor[i].name, id);
	}
}

static void print_unproved(const struct verify_result *r, const struct walk *w)
{
	if (r->receipts == 0 || r->verdict == VERDICT_UNANCHORED)
		printf("  - That the server's log holds all of it. Whoever ruled the host could still exchange what the log never had.\n");
	if (w->trust.has_witness && r->witnessed_sequence < r->last_sequence)
		printf("  - That the witness saw all of it: only what is in the log it cosigned. The rest has the server's word alone.\n");
	if (r->verdict == VERDICT_OPEN_TAIL)
		printf("  - What came after the end that is here. A tail that never left the host looks like a power cut.\n");
	if (r->lost_bytes > 0 || r->verdict == VERDICT_GAP)
		printf("  - What was in the declared gap: %" PRIu64 " bytes by the recorder's count.\n", r->lost_bytes);
	if (r->verdict == VERDICT_REDACTED)
		printf("  - What the removed parts said. Their hashes are still signed: who has a copy can show that it is the one.\n");
	if (r->clock_steps > 0)
		printf("  - The hour. The host's wall clock was set %" PRIu64 " times, by up to %+.1f s (block %" PRIu64 "). Order and\n"
		       "    durations do not depend on it.\n", r->clock_steps, (double)r->clock_step_ns / 1e9, r->clock_step_sequence);
	printf("  - That the host told the truth. Who rules a host as root can make it sign invented events from then on,\n"
	       "    never change what was signed before.\n"
	       "  - That nothing happened beside it: what runs without a recorded session, and what was done after the last block.\n"
	       "  - Who sat at the keyboard: only which account was used, and from where.\n");
	if (w->keys_destroyed > 0)
		printf("  - What was typed in sessions sealed to the %" PRIu64 " keys that the log says were destroyed: nobody opens it, unless\n"
		       "    a copy of a key was kept or another key of its group is there. The record itself is whole.\n", w->keys_destroyed);
	if (w->unsigned_yet)
		printf("  - What is shown as \"not yet sealed\": it is no evidence before a block covers it.\n");
}

static void print_host(const struct walk_host *h)
{
	struct buffer b;
	char id[ID_TEXT_SIZE];
	const char *name = h->name;

	if (name[0] == '\0') {
		id_format(&h->id, id);
		name = id;
	}
	buffer_init(&b, 4 * sizeof(h->name));
	if (text_escape(&b, name, strlen(name)) == 0)
		printf("\nHost %.*s\n", (int)b.len, (const char *)b.data);
	buffer_free(&b);
}

void explain_print(const struct walk *w, enum verdict worst, const struct explain_keys *keys)
{
	const struct walk_host *h;
	size_t i;

	printf("\n%s\n", explain_meaning(worst));
	for (i = 0; i < w->host_count; i++) {
		h = &w->hosts[i];
		if (w->host_count > 1)
			print_host(h);
		printf("\nWhat is proved:\n");
		if (h->result.verdict >= VERDICT_FORK)
			print_broken(&h->result);
		else
			print_proved(&h->result, w->one_stream || w->excerpt);
		if (h->result.verdict < VERDICT_FORK) {
			print_witnessed(&h->result, &h->trust);
			print_stamped(&h->result);
		}
		printf("\nBy which keys:\n");
		print_keys(h, keys);
		print_list(keys);
		printf("\nWhat is not proved:\n");
		print_unproved(&h->result, w);
	}
}
