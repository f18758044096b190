/* itm enable, itm disable: the recording of this machine's logins, on and off. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/paths.h"
#include "cli/agentask.h"
#include "cli/command.h"
#include "cli/disabling.h"
#include "cli/enabling.h"
#include "cli/pamedit.h"
#include "cli/sshdrop.h"
#include "cli/startup.h"
#include "view/say.h"

struct enable_options {
	const char *root, *agent_config, *strict, *break_glass;
	bool json, dry_run, sshd, refuse_forwarding, reload;
};

#define ROOT { "root", 0, "DIR", OPTIONS_TEXT, offsetof(struct enable_options, root), 0, 0, "the machine whose files are below DIR" }
#define AGENT_CONFIG { "agent-config", 0, "FILE", OPTIONS_TEXT, offsetof(struct enable_options, agent_config), 0, 0, "instead of /etc/itm/agent.conf" }
#define JSON { "json", 0, NULL, OPTIONS_FLAG, offsetof(struct enable_options, json), 0, 0, "one object" }
#define DRY_RUN { "dry-run", 'n', NULL, OPTIONS_FLAG, offsetof(struct enable_options, dry_run), 0, 0, "check and say what would be done, change nothing" }

static const struct options_entry enable_entries[] = {
	{ "sshd", 0, NULL, OPTIONS_FLAG, offsetof(struct enable_options, sshd), 0, 0, "also write /etc/ssh/sshd_config.d/itm.conf" },
	{ "refuse-forwarding", 0, NULL, OPTIONS_FLAG, offsetof(struct enable_options, refuse_forwarding), 0, 0, "with --sshd: no forwarding for those who are recorded" },
	{ "reload", 0, NULL, OPTIONS_FLAG, offsetof(struct enable_options, reload), 0, 0, "tell the running sshd to read its files again" },
	{ "strict", 0, "WHO", OPTIONS_TEXT, offsetof(struct enable_options, strict), 0, 0, "of these: no login that can't be recorded" },
	{ "break-glass", 0, "WHO", OPTIONS_TEXT, offsetof(struct enable_options, break_glass), 0, 0, "of these: always let in" },
	DRY_RUN, JSON, ROOT, AGENT_CONFIG,
	{ 0 },
};
static const struct options_entry disable_entries[] = { DRY_RUN, JSON, ROOT, AGENT_CONFIG, { 0 } };

static const struct options_command enable_page = {
	.name = "itm enable",
	.operands = "[USER|@GROUP...]",
	.operands_max = 1000,
	.summary = "Record this machine's logins: PAM, nsswitch.conf, settings, all or nothing.",
	.entries = enable_entries,
	.more = "Adds to those who are recorded already. 'itm disable' takes everything back.",
};
static const struct options_command disable_page = {
	.name = "itm disable",
	.operands = "",
	.summary = "Stop recording this machine's logins; files become what they were.",
	.entries = disable_entries,
};

/* 0 = go on; else *status is what to exit with, and why has been said. */
static int start(const struct options_command *page, int *argc, char **argv, struct enable_options *o,
		 struct machine *m, int *status)
{
	char error[OPTIONS_ERROR_SIZE];
	int r = options_parse(page, argc, argv, o, error);
	if (r == OPTIONS_SHOWN) {
		*status = say_finish(page->name, 0);
		return r;
	}
	*status = EX_USAGE;
	if (r != 0) {
		say_error(page->name, "%s", error);
		return r;
	}
	r = machine_init(m, o->root);
	if (r != 0) {
		say_error(page->name, "--root %s: no such folder (it has to begin with /)", o->root);
		return r;
	}
	if (geteuid() != 0 && !o->dry_run && machine_is_here(m)) {
		say_error(page->name, "files of the system are changed by root: run it as root, or with --dry-run");
		*status = EX_NOPERM;
		return ITM_EPERM;
	}
	return 0;
}

static void print_json(const char *state, bool changed, const char *error, const struct checks *c)
{
	struct buffer text;
	struct json j;
	buffer_init(&text, 1 << 20);
	json_init(&j, &text);
	json_object(&j);
	json_key(&j, "state");
	json_text(&j, state);
	json_key(&j, "changed");
	json_bool(&j, changed);
	json_key(&j, "error");
	json_text(&j, error[0] != '\0' ? error : NULL);
	if (c != NULL) {
		json_key(&j, "checks");
		checks_json(c, &j);
	}
	json_object_end(&j);
	startup_print_line(&text);
	buffer_free(&text);
}

static void say_plan(const struct enabling *e)
{
	enum pamedit_how how = pamedit_how(e->machine);
	if (e->again) {
		printf("Logins are recorded already; would write %s anew.\n", ENABLING_SETTINGS);
	} else {
		printf("Would write %s, put pam_itm.so into the session stacks by %s and itm first into the passwd line of %s.\n",
		       ENABLING_SETTINGS, how == PAMEDIT_DIRECT ? "editing them" : pamedit_how_name(how),
		       how == PAMEDIT_AUTHSELECT ? "a profile of its own" : "/etc/nsswitch.conf");
	}
	if (e->sshd)
		printf("Would write %s.\n", ENABLING_SSHD);
	printf("Recorded would be: %s\n", e->settings.record);
}

static void say_done(const struct enabling *e, bool reload)
{
	printf("Logins of %s are recorded from now on, by ssh, console, su and sudo -i.\n", e->settings.record);
	if (e->sshd && (!reload || sshdrop_reload(e->machine) != 0))
		printf("sshd has to read its files again: systemctl reload ssh, or a HUP.\n");
	printf("Keep this shell open, log in once from another one, and look at: itm sessions\n"
	       "What is recorded and why: itm doctor USER      The way back: itm disable\n");
}

static int enable_on(struct enabling *e, const struct enable_options *o)
{
	static struct checks checks;
	enabling_check(e, &checks);
	bool refused = checks_count(&checks, CHECKS_WRONG) > 0;
	int r = 0;
	if (!refused && !o->dry_run)
		r = enabling_apply(e);
	if (o->json)
		print_json(refused ? "refused" : r != 0 ? "failed" : o->dry_run ? "checked" : "enabled",
			   !refused && r == 0 && !o->dry_run, e->error, &checks);
	else if (refused || o->dry_run)
		checks_print(&checks, o->dry_run ? CHECKS_OK : CHECKS_NOTE);
	if (refused) {
		say_error("itm enable", "not enabled, nothing is changed: %s", checks_first(&checks, CHECKS_WRONG)->words);
		return 1;
	}
	if (r != 0) {
		say_error("itm enable", "not enabled, all is as before: %s", e->error);
		return 1;
	}
	if (!o->json && o->dry_run)
		say_plan(e);
	else if (!o->json)
		say_done(e, o->reload);
	return 0;
}

static int enable(int argc, char **argv)
{
	static struct enabling e;
	struct enable_options o = { 0 };
	struct machine m;
	int status, r;
	if (start(&enable_page, &argc, argv, &o, &m, &status) != 0)
		return status;
	if (o.refuse_forwarding && !o.sshd) {
		say_error("itm enable", "--refuse-forwarding is said to sshd: it needs --sshd");
		return EX_USAGE;
	}
	r = o.dry_run ? 0 : enabling_recover(&m, e.error);
	if (r == 1)
		say_error("itm enable", "an earlier one was cut off; its changes are taken back first");
	e = (struct enabling){ .machine = &m, .agent_conf = o.agent_config ? o.agent_config : PATHS_AGENT_CONF,
			       .sshd = o.sshd, .refuse_forwarding = o.refuse_forwarding };
	snprintf(e.strict, sizeof e.strict, "%s", o.strict ? o.strict : "");
	snprintf(e.break_glass, sizeof e.break_glass, "%s", o.break_glass ? o.break_glass : "");
	if (r >= 0)
		r = enabling_plan(&e, argv, (size_t)argc);
	if (r != 0) {
		say_error("itm enable", "%s", e.error);
		return r == ITM_EINVAL ? EX_USAGE : r == ITM_EFORMAT ? EX_CONFIG : say_status(r);
	}
	return say_finish("itm enable", enable_on(&e, &o));
}

static int disable_on(struct disabling *d, const struct enable_options *o)
{
	struct settings_agent settings;
	char error[CONFIG_ERROR_SIZE], path[PATH_MAX];
	int r = o->dry_run ? 0 : disabling_run(d);
	if (!o->dry_run && machine_is_here(d->machine) &&
	    machine_path(d->machine, o->agent_config ? o->agent_config : PATHS_AGENT_CONF, path) == 0 &&
	    settings_read_agent(path, &settings, error) == 0)
		(void)agentask_reload(&settings);
	if (o->json)
		print_json(r != 0 ? "failed" : o->dry_run ? "checked" : "disabled", r == 0 && !o->dry_run, d->error, NULL);
	if (r != 0) {
		say_error("itm disable", "%s; the rest is done, and 'itm disable' again goes on from here", d->error);
		return 1;
	}
	if (o->json)
		return 0;
	if (o->dry_run) {
		for (size_t i = 0; i < d->changes.count; i++)
			if (changes_now(&d->changes, &d->changes.file[i]) == CHANGES_OTHERWISE)
				printf("Changed by others since, would lose our lines alone: %s\n", d->changes.file[i].path);
		printf("Everything else would become what it was, byte for byte.\n");
		return 0;
	}
	printf("Logins are not recorded any more: %u files are as they were", d->restored + d->kept);
	printf(d->edited > 0 ? ", %u that others changed since lost our lines alone.\n" : ".\n", d->edited);
	return 0;
}

static int disable(int argc, char **argv)
{
	static struct disabling d;
	struct enable_options o = { 0 };
	struct machine m;
	int status, r;
	if (start(&disable_page, &argc, argv, &o, &m, &status) != 0)
		return status;
	r = disabling_load(&d, &m);
	if (r == ITM_ENOENT) {
		if (o.json)
			print_json("disabled", false, "", NULL);
		else
			printf("Logins are not recorded by 'itm enable': nothing to do.\n");
		return say_finish("itm disable", 0);
	}
	if (r != 0) {
		say_error("itm disable", "%s", d.error);
		return say_status(r);
	}
	return say_finish("itm disable", disable_on(&d, &o));
}

const struct command enable_command = { "enable", &enable_page, enable };
const struct command enable_off_command = { "disable", &disable_page, disable };
