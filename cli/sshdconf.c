#include "cli/sshdconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const char *sshdconf_program(const struct machine *m)
{
	static const char *const paths[] = { "/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd", NULL };
	return machine_first(m, paths);
}

int sshdconf_load(const struct machine *m, const char *config, const char *user, struct sshdconf *out)
{
	char about[256];
	struct buffer b;
	*out = (struct sshdconf){ 0 };
	const char *argv[10] = { sshdconf_program(m), "-T" };
	size_t n = 2;
	if (argv[0] == NULL) {
		snprintf(out->why, sizeof out->why, "there is no sshd");
		return ITM_ENOENT;
	}
	if (config != NULL) {
		argv[n++] = "-f";
		argv[n++] = config;
	}
	if (user != NULL) {
		/* A documentation address: which one is not known before the login. */
		snprintf(about, sizeof about, "user=%s,host=client.example,addr=192.0.2.1", user);
		argv[n++] = "-C";
		argv[n++] = about;
	}
	buffer_init(&b, 256 * 1024);
	int status = machine_run(m, argv, &b);
	const char *text = buffer_text(&b);
	int r = text == NULL ? ITM_ENOMEM : status < 0 ? status : status != 0 ? ITM_EFORMAT : 0;
	if (r == 0)
		out->text = strdup(text);
	else
		snprintf(out->why, sizeof out->why, "sshd -T: %.200s", text != NULL && *text != '\0' ? text : error_text(r));
	out->why[strcspn(out->why, "\n")] = '\0';
	buffer_free(&b);
	return r == 0 && out->text == NULL ? ITM_ENOMEM : r;
}

void sshdconf_free(struct sshdconf *c)
{
	free(c->text);
	c->text = NULL;
}

void sshdconf_value(const struct sshdconf *c, const char *key, const char *sub, char out[SSHDCONF_VALUE_SIZE])
{
	char wanted[128];
	out[0] = '\0';
	int n = snprintf(wanted, sizeof wanted, "%s%s%s ", key, sub != NULL ? " " : "", sub != NULL ? sub : "");
	if (n < 0 || (size_t)n >= sizeof wanted)
		return;
	for (const char *line = c->text; line != NULL && *line != '\0'; ) {
		size_t len = strcspn(line, "\n");
		if (len > (size_t)n && strncmp(line, wanted, (size_t)n) == 0) {
			snprintf(out, SSHDCONF_VALUE_SIZE, "%.*s", (int)(len - (size_t)n), line + n);
			return;
		}
		line += len + (line[len] == '\n');
	}
}
