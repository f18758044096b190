#include "cli/pamstack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* Where libpam looks for a service, in this order. */
static const char *const folders[] = { "/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d" };

struct reading {
	const struct machine *machine;
	struct pamstack *stack;
	const char *type;
	char *error;
	char file[PAMSTACK_WORD_SIZE];
	unsigned line, includes, depth;
};

__attribute__((format(printf, 3, 4)))
static int refuse(const struct reading *r, int code, const char *format, ...)
{
	char words[192];
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	snprintf(r->error, PAMSTACK_ERROR_SIZE, "%.160s:%u: %s", r->file, r->line, words);
	return code;
}

/* A logical line: comments cut, lines that end in a backslash joined. */
static char *next_line(char **at, unsigned *line)
{
	char *start = *at, *to = start, *from = start;
	bool comment = false;
	if (*start == '\0')
		return NULL;
	for (; *from != '\0'; from++) {
		if (*from == '\n') {
			++*line;
			from++;
			break;
		}
		if (comment)
			continue;
		if (from[0] == '\\' && from[1] == '\n') {
			++*line;
			from++;
			*to++ = ' ';
		} else if (from[0] == '\\' && from[1] == '#') {
			*to++ = *++from;
		} else if (*from == '#') {
			comment = true;
		} else {
			*to++ = *from;
		}
	}
	*at = from;
	if (to < from)
		*to = '\0';
	return start;
}

/* The next word, or what stands between [ and ]; NULL at the end. */
static char *next_word(char **at)
{
	char *s = *at + strspn(*at, " \t\r"), *end, *to;
	if (*s == '\0')
		return NULL;
	if (*s != '[') {
		end = s + strcspn(s, " \t\r");
		*at = *end != '\0' ? end + 1 : end;
		*end = '\0';
		return s;
	}
	for (end = to = ++s; *end != '\0' && *end != ']'; end++) {
		if (end[0] == '\\' && end[1] == ']')
			end++;
		*to++ = *end;
	}
	if (*end == '\0')
		return NULL;
	*at = end + 1;
	*to = '\0';
	return s;
}

static int read_file(struct reading *r, const char *name);

static int add_rule(const struct reading *r, const char *control, const char *module)
{
	struct pamstack *s = r->stack;
	if (s->count == PAMSTACK_RULES_MAX)
		return refuse(r, ITM_ELIMIT, "more than %d rules", PAMSTACK_RULES_MAX);
	struct pamstack_rule *rule = &s->rule[s->count];
	*rule = (struct pamstack_rule){ .line = r->line, .depth = r->depth };
	if ((size_t)snprintf(rule->control, sizeof rule->control, "%s", control) >= sizeof rule->control ||
	    (size_t)snprintf(rule->module, sizeof rule->module, "%s", module) >= sizeof rule->module)
		return refuse(r, ITM_ELIMIT, "a word is too long");
	memcpy(rule->file, r->file, sizeof rule->file);
	s->count++;
	return 0;
}

/* Reads another file in place of a line, and comes back to this one. */
static int include(struct reading *r, const char *name, bool substack)
{
	char file[PAMSTACK_WORD_SIZE];
	unsigned line = r->line;
	if (r->includes == PAMSTACK_DEPTH_MAX)
		return refuse(r, ITM_ELIMIT, "files include each other more than %d deep", PAMSTACK_DEPTH_MAX);
	memcpy(file, r->file, sizeof file);
	r->includes++;
	r->depth += substack;
	int result = read_file(r, name);
	r->includes--;
	r->depth -= substack;
	memcpy(r->file, file, sizeof file);
	r->line = line;
	return result == ITM_ENOENT ? refuse(r, ITM_EFORMAT, "includes %.100s, which is not there", name) : result;
}

static int take_line(struct reading *r, char *text)
{
	static const char *const types[] = { "auth", "account", "password", "session" };
	char *type = next_word(&text);
	if (type == NULL)
		return 0;
	if (strcmp(type, "@include") == 0) {
		char *name = next_word(&text);
		return name != NULL ? include(r, name, false) : refuse(r, ITM_EFORMAT, "@include without a file");
	}
	const char *plain = type[0] == '-' ? type + 1 : type;
	size_t i = 0;
	while (i < 4 && strcasecmp(plain, types[i]) != 0)
		i++;
	if (i == 4)
		return refuse(r, ITM_EFORMAT, "\"%.60s\" is no type of rule", type);
	char *control = next_word(&text), *module = control != NULL ? next_word(&text) : NULL;
	if (module == NULL)
		return refuse(r, ITM_EFORMAT, "a rule without its module");
	if (strcasecmp(plain, r->type) != 0)
		return 0;
	if (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0)
		return include(r, module, strcasecmp(control, "substack") == 0);
	return add_rule(r, control, module);
}

static int open_service(struct reading *r, const char *name, struct buffer *b)
{
	int result = ITM_ENOENT;
	if (name[0] == '/') {
		snprintf(r->file, sizeof r->file, "%s", name);
		return machine_read(r->machine, r->file, b);
	}
	for (size_t i = 0; result == ITM_ENOENT && i < sizeof folders / sizeof folders[0]; i++) {
		if ((size_t)snprintf(r->file, sizeof r->file, "%s/%s", folders[i], name) >= sizeof r->file)
			return ITM_ELIMIT;
		result = machine_read(r->machine, r->file, b);
	}
	return result;
}

static int read_file(struct reading *r, const char *name)
{
	struct buffer b;
	buffer_init(&b, MACHINE_FILE_MAX);
	int result = open_service(r, name, &b);
	char *at = result == 0 && buffer_text(&b) != NULL ? (char *)b.data : NULL;
	unsigned next = 1;
	if (result == 0 && (at == NULL || strlen(at) != b.len))
		result = refuse(r, ITM_EFORMAT, "not a text file");
	while (result == 0) {
		r->line = next;
		char *text = next_line(&at, &next);
		if (text == NULL)
			break;
		result = take_line(r, text);
	}
	buffer_free(&b);
	return result;
}

int pamstack_load(const struct machine *m, const char *service, const char *type, struct pamstack *out,
		  char error[PAMSTACK_ERROR_SIZE])
{
	struct pamstack s = { .rule = calloc(PAMSTACK_RULES_MAX, sizeof *s.rule) };
	struct reading r = { .machine = m, .stack = &s, .type = type, .error = error };
	error[0] = '\0';
	if (s.rule == NULL)
		return ITM_ENOMEM;
	int result = read_file(&r, service);
	if (result == ITM_ENOENT && error[0] == '\0')
		result = read_file(&r, "other");
	if (result == 0) {
		*out = s;
		return 0;
	}
	if (error[0] == '\0')
		snprintf(error, PAMSTACK_ERROR_SIZE, "PAM file of %.100s: %s", service, error_text(result));
	pamstack_free(&s);
	return result;
}

void pamstack_free(struct pamstack *s)
{
	free(s->rule);
	*s = (struct pamstack){ 0 };
}

bool pamstack_has(const struct machine *m, const char *service)
{
	char path[PATH_MAX];
	struct stat st;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], service);
		if (machine_stat(m, path, &st) == 0)
			return true;
	}
	return false;
}

/* Where the stack goes on from rule i when its action is `action`; count =
 * the stack is at its end. */
static size_t follow(const struct pamstack *s, size_t i, const char *action)
{
	unsigned depth = s->rule[i].depth;
	long jump = strtol(action, NULL, 10);
	if (strncmp(action, "done", 4) == 0) {
		for (i++; i < s->count && s->rule[i].depth >= depth; i++)
			;
		/* Without a substack around it, this was the end of everything. */
		return depth == 0 ? s->count : i;
	}
	for (i++; jump > 0 && i < s->count && s->rule[i].depth >= depth; jump--) {
		/* A substack is one rule to whoever jumps over it. */
		bool inside = s->rule[i].depth > depth;
		for (i++; inside && i < s->count && s->rule[i].depth > depth; i++)
			;
	}
	return i;
}

/* One "name=action" after the other of a control in brackets. */
static const char *next_action(const char *at, size_t *name_len, const char **action)
{
	at += strspn(at, " \t");
	*name_len = strcspn(at, "= \t");
	if (at[*name_len] != '=')
		return NULL;
	*action = at + *name_len + 1;
	return at;
}

static bool may_lead_past(const struct pamstack *s, size_t i, size_t target)
{
	const char *action;
	size_t len;
	if (strcasecmp(s->rule[i].control, "sufficient") == 0)
		return follow(s, i, "done") > target;
	for (const char *at = s->rule[i].control; (at = next_action(at, &len, &action)) != NULL;
	     at = action + strcspn(action, " \t"))
		if (follow(s, i, action) > target)
			return true;
	return false;
}

/* What a rule does when its module succeeds. */
static const char *success_action(const struct pamstack_rule *rule)
{
	const char *action, *otherwise = "ok";
	size_t len;
	if (strcasecmp(rule->control, "sufficient") == 0)
		return "done";
	for (const char *at = rule->control; (at = next_action(at, &len, &action)) != NULL;
	     at = action + strcspn(action, " \t")) {
		if (len == 7 && strncmp(at, "success", 7) == 0)
			return action;
		if (len == 7 && strncmp(at, "default", 7) == 0)
			otherwise = action;
	}
	return otherwise;
}

static bool is_module(const struct pamstack_rule *rule, const char *module)
{
	const char *slash = strrchr(rule->module, '/');
	return strcmp(slash != NULL ? slash + 1 : rule->module, module) == 0;
}

struct pamstack_found pamstack_find(const struct pamstack *s, const char *module)
{
	struct pamstack_found found = { .place = PAMSTACK_ABSENT };
	size_t target = 0;
	while (target < s->count && !is_module(&s->rule[target], module))
		target++;
	if (target == s->count)
		return found;
	found.rule = &s->rule[target];
	found.place = PAMSTACK_LAST;
	for (size_t i = target + 1; i < s->count && found.other == NULL; i++)
		if (strcmp(s->rule[i].file, found.rule->file) == 0 && !is_module(&s->rule[i], module)) {
			found.place = PAMSTACK_EARLY;
			found.other = &s->rule[i];
		}
	for (size_t i = target; i-- > 0; )
		if (may_lead_past(s, i, target)) {
			found.place = PAMSTACK_SKIPPABLE;
			found.other = &s->rule[i];
		}
	/* The rules a login meets when each of them succeeds. */
	for (size_t i = 0, next; i < target; i = next) {
		next = follow(s, i, success_action(&s->rule[i]));
		if (next <= target)
			continue;
		found.place = PAMSTACK_SKIPPED;
		found.other = &s->rule[i];
	}
	return found;
}
