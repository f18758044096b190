#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/explain.h"
#include "cli/startup.h"
#include "format/keylist.h"
#include "terminal/text.h"

static void json_host(struct json *j, const struct walk_host *h)
{
	const struct verify_result *r = &h->result;
	char id[ID_TEXT_SIZE];

	id_format(&h->id, id);
	json_object(j);
	json_key(j, "host_id");
	json_text(j, id);
	json_key(j, "name");
	json_text(j, h->name[0] ? h->name : NULL);
	json_key(j, "verdict");
	json_text(j, verdict_name(r->verdict));
	json_key(j, "detail");
	json_text(j, r->detail);
	json_key(j, "blocks");
	json_uint(j, r->blocks);
	json_key(j, "chunks");
	json_uint(j, r->chunks);
	json_key(j, "first_block");
	json_uint(j, r->first_sequence);
	json_key(j, "last_block");
	json_uint(j, r->last_sequence);
	json_key(j, "receipts");
	json_uint(j, r->receipts);
	json_key(j, "witnessed_block");
	json_uint(j, r->witnessed_sequence);
	json_key(j, "stamped_block");
	json_uint(j, r->stamped_sequence);
	json_key(j, "stamped_at");
	json_uint(j, r->stamped_at);
	json_key(j, "lost_bytes");
	json_uint(j, r->lost_bytes);
	json_key(j, "links");
	json_uint(j, r->links);
	json_key(j, "clock_steps");
	json_uint(j, r->clock_steps);
	json_key(j, "key_list");
	json_text(j, r->seal_list[0] ? r->seal_list : NULL);
	json_key(j, "key_list_note");
	json_text(j, r->seal_note[0] ? r->seal_note : NULL);
	json_key(j, "demonstration_keys");
	json_bool(j, strcmp(r->seal_note, KEYLIST_DEMONSTRATION) == 0);
	json_key(j, "closed");
	json_bool(j, r->closed);
	json_object_end(j);
}

void verdict_json(const struct walk *w, enum verdict worst)
{
	struct buffer text;
	struct json j;
	size_t i;

	buffer_init(&text, 256 << 20);
	json_init(&j, &text);
	json_object(&j);
	json_key(&j, "verdict");
	json_text(&j, verdict_name(worst));
	json_key(&j, "exit");
	json_uint(&j, worst);
	json_key(&j, "meaning");
	json_text(&j, explain_meaning(worst));
	json_key(&j, "flaws");
	json_uint(&j, w->flaws);
	json_key(&j, "flaw");
	json_text(&j, w->flaws > 0 ? w->flaw : NULL);
	json_key(&j, "keys_destroyed");
	json_uint(&j, w->keys_destroyed);
	json_key(&j, "hosts");
	json_array(&j);
	for (i = 0; i < w->host_count; i++)
		json_host(&j, &w->hosts[i]);
	json_array_end(&j);
	json_object_end(&j);
	startup_print_line(&text);
	buffer_free(&text);
}

static void print_escaped(const char *text)
{
	struct buffer b;

	buffer_init(&b, 64 * 1024);
	if (text_escape(&b, text, strlen(text)) == 0)
		fwrite(b.data, 1, b.len, stdout);
	buffer_free(&b);
}

static void show_host(const struct walk_host *h)
{
	const struct verify_result *r = &h->result;
	char id[ID_TEXT_SIZE];

	id_format(&h->id, id);
	printf("%-11s host ", verdict_name(r->verdict));
	print_escaped(h->name[0] ? h->name : id);
	printf(": blocks %llu to %llu, %llu chunks, %llu receipts\n", (unsigned long long)r->first_sequence,
	       (unsigned long long)r->last_sequence, (unsigned long long)r->chunks, (unsigned long long)r->receipts);
	if (r->detail[0] != '\0') {
		printf("            ");
		print_escaped(r->detail);
		putchar('\n');
	}
}

/* What everybody who relies on these keys must know. */
static void show_note(const struct verify_result *r)
{
	if (r->seal_note[0] == '\0')
		return;
	if (strcmp(r->seal_note, KEYLIST_DEMONSTRATION) == 0) {
		printf("            DEMONSTRATION KEYS, as ./quickstart makes them: they lie on the machine they speak of, and\n"
		       "            who rules it could have signed all of this. Good to try, not to prove.\n");
		return;
	}
	printf("            note of the key list it is sealed by: ");
	print_escaped(r->seal_note);
	putchar('\n');
}

void verdict_text(const struct walk *w, enum verdict worst)
{
	size_t i;

	if (w->flaws > 0) {
		printf("%-11s ", verdict_name(VERDICT_TAMPERED));
		print_escaped(w->flaw);
		if (w->flaws > 1)
			printf(" (and %llu places more)", (unsigned long long)w->flaws - 1);
		putchar('\n');
	}
	for (i = 0; i < w->host_count; i++) {
		show_host(&w->hosts[i]);
		show_note(&w->hosts[i].result);
	}
	if (w->host_count != 1 || w->flaws > 0)
		printf("%s\n", verdict_name(worst));
}
