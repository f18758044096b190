#include "cli/sshdrop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/sshdconf.h"

static const char main_file[] = "/etc/ssh/sshd_config";
static const char trial[] = CHANGES_FOLDER "/sshd.trial", trial_drop[] = CHANGES_FOLDER "/sshd.drop";

static bool includes_folder(const struct machine *m)
{
	struct buffer b;
	bool found = false;
	buffer_init(&b, MACHINE_FILE_MAX);
	const char *line = machine_read(m, main_file, &b) == 0 ? buffer_text(&b) : NULL;
	while (line != NULL && *line != '\0' && !found) {
		size_t len = strcspn(line, "\n"), blank = strspn(line, " \t");
		found = strncasecmp(line + blank, "Include", 7) == 0 &&
			memmem(line, len, "/etc/ssh/sshd_config.d/", 23) != NULL;
		/* Match blocks go on to the end: an Include in one is not for all. */
		if (strncasecmp(line + blank, "Match", 5) == 0)
			break;
		line += len + (line[len] == '\n');
	}
	buffer_free(&b);
	return found;
}

void sshdrop_check(const struct machine *m, struct checks *c)
{
	char value[SSHDCONF_VALUE_SIZE];
	struct sshdconf conf;
	if (sshdconf_load(m, NULL, NULL, &conf) != 0) {
		checks_add(c, CHECKS_WRONG, "sshd", "%s", conf.why);
		return;
	}
	if (!includes_folder(m))
		checks_add(c, CHECKS_WRONG, "sshd", "%s does not include /etc/ssh/sshd_config.d/*.conf before its first Match", main_file);
	else
		checks_add(c, CHECKS_OK, "sshd", "%s reads sshd_config.d", main_file);
	sshdconf_value(&conf, "subsystem", "sftp", value);
	if (strncmp(value, "internal-sftp", 13) == 0)
		checks_add(c, CHECKS_NOTE, "sshd", "Subsystem sftp internal-sftp starts no shell and is not recorded: name sftp-server instead in %s",
			   main_file);
	sshdconf_free(&conf);
}

/* "john @ops" as Match lines; root stays out of "*". */
static int put_refusals(struct buffer *b, const char *record)
{
	static const char rules[] = "\tAllowTcpForwarding no\n\tAllowStreamLocalForwarding no\n\tAllowAgentForwarding no\n"
				    "\tPermitTunnel no\n\tX11Forwarding no\n";
	int r = 0;
	for (size_t len; r == 0 && *(record += strspn(record, " \t")) != '\0'; record += len) {
		len = strcspn(record, " \t");
		if (len == 1 && record[0] == '*')
			r = buffer_printf(b, "Match User *,!root\n%s", rules);
		else if (record[0] == '@')
			r = buffer_printf(b, "Match Group %.*s\n%s", (int)len - 1, record + 1, rules);
		else
			r = buffer_printf(b, "Match User %.*s\n%s", (int)len, record, rules);
	}
	return r;
}

int sshdrop_describe(const struct settings_agent *settings, bool refuse_forwarding, struct buffer *out)
{
	int r = buffer_put_text(out, "# Written by itm enable --sshd; itm disable takes it away.\nUsePAM yes\n");
	bool refuse = refuse_forwarding || settings->forwarding == SETTINGS_FORWARDING_REFUSE;
	return r == 0 && refuse ? put_refusals(out, settings->record) : r;
}

/* The whole configuration as it would be, in a file of its own. */
static int try_it(const struct machine *m, const struct buffer *drop, char *error)
{
	static const char both[] = "Include /var/lib/itm/backup/sshd.drop\nInclude /etc/ssh/sshd_config\n";
	const char *const argv[] = { sshdconf_program(m), "-t", "-f", trial, NULL };
	struct buffer said;
	buffer_init(&said, 64 * 1024);
	int r = machine_write(m, trial_drop, drop->data, drop->len, 0600, 0, 0);
	if (r == 0)
		r = machine_write(m, trial, both, sizeof both - 1, 0600, 0, 0);
	if (r == 0 && argv[0] == NULL)
		r = ITM_ENOENT;
	if (r == 0)
		r = machine_run(m, argv, &said);
	const char *text = buffer_text(&said);
	if (r != 0)
		snprintf(error, SSHDROP_ERROR_SIZE, "sshd -t: %.*s", text != NULL ? (int)strcspn(text, "\n") : 0,
			 r < 0 || text == NULL || *text == '\0' ? error_text(r < 0 ? r : ITM_EFORMAT) : text);
	if (machine_remove(m, trial) != 0 || machine_remove(m, trial_drop) != 0)
		r = r != 0 ? r : ITM_ESYS;
	buffer_free(&said);
	return r > 0 ? ITM_EFORMAT : r;
}

int sshdrop_put(const struct changes *c, const struct settings_agent *settings, bool refuse_forwarding,
		char error[SSHDROP_ERROR_SIZE])
{
	struct buffer drop;
	buffer_init(&drop, MACHINE_FILE_MAX);
	int r = sshdrop_describe(settings, refuse_forwarding, &drop);
	if (r == 0)
		r = try_it(c->machine, &drop, error);
	if (r == 0)
		r = changes_write(c, SSHDROP_PATH, drop.data, drop.len);
	if (r != 0 && error[0] == '\0')
		snprintf(error, SSHDROP_ERROR_SIZE, SSHDROP_PATH ": %s", error_text(r));
	buffer_free(&drop);
	return r;
}

int sshdrop_reload(const struct machine *m)
{
	char *end;
	struct buffer b;
	buffer_init(&b, 64);
	int r = machine_read(m, "/run/sshd.pid", &b);
	const char *text = r == 0 ? buffer_text(&b) : NULL;
	long pid = text != NULL ? strtol(text, &end, 10) : 0;
	buffer_free(&b);
	if (!machine_is_here(m) || pid <= 1)
		return ITM_ENOENT;
	return kill((pid_t)pid, SIGHUP) == 0 ? 0 : errno == ESRCH ? ITM_ENOENT : ITM_ESYS;
}
