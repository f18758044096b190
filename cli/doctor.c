/* itm doctor: would this user's logins be recorded, each way in, and why. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/paths.h"
#include "cli/agentask.h"
#include "cli/command.h"
#include "cli/health.h"
#include "cli/inspect.h"
#include "cli/startup.h"
#include "cli/ways.h"
#include "cli/wayin.h"
#include "view/say.h"
#include "view/table.h"

static const char *const program = "itm doctor";

struct doctor_options {
	const char *root, *agent_config;
	bool json;
};

static const struct options_entry entries[] = {
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct doctor_options, json), 0, 0, "one object" },
	{ "root", 0, "DIR", OPTIONS_TEXT, offsetof(struct doctor_options, root), 0, 0, "the machine whose files are below DIR" },
	{ "agent-config", 0, "FILE", OPTIONS_TEXT, offsetof(struct doctor_options, agent_config), 0, 0, "instead of /etc/itm/agent.conf" },
	{ 0 },
};

static const struct options_command command = {
	.name = "itm doctor",
	.operands = "USER [SERVICE]",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "Say for each way in whether a user would be recorded, and why.",
	.entries = entries,
	.more = "SERVICE: sshd, login, su, su-l, sudo, sudo-i, runuser, runuser-l, polkit-1, dropbear,\n"
		"newgrp, cron, atd, systemd-user, screen, tmux.\n"
		"Exit status: 0 as policy says, 1 something is not.",
};

struct doctor {
	struct machine machine;
	struct settings_agent settings;
	const char *user, *service;
	struct users_entry entry;        /* when in scope */
	bool in_scope;
	char shell[INSPECT_SHELL_SIZE];  /* that a login is given */
	char obstacle[WAYS_WORDS_SIZE];
	struct checks checks;
	struct ways ways;
};

static void find_entry(struct doctor *d)
{
	struct userlist list;
	int r = wayin_accounts(&d->machine, &d->settings, &list);
	if (r != 0) {
		checks_add(&d->checks, CHECKS_WRONG, "accounts", "passwd and group: %s", error_text(r));
		return;
	}
	for (size_t i = 0; i < list.count && !d->in_scope; i++)
		if (strcmp(list.entry[i].name, d->user) == 0) {
			d->entry = list.entry[i];
			d->in_scope = true;
		}
	userlist_free(&list);
}

/* What the agent wrote for the NSS module, against what the settings say. */
static void check_users_file(struct doctor *d)
{
	char path[PATH_MAX];
	struct users_entry e;
	int r = machine_path(&d->machine, d->settings.nss_users, path);
	if (r == 0)
		r = users_by_name(path, d->user, &e);
	if (r == 0 && e.failure == d->entry.failure)
		checks_add(&d->checks, CHECKS_OK, "users file", "%s: %s, real shell %s", e.name, users_failure_name(e.failure), e.shell);
	else if (r == 0)
		checks_add(&d->checks, CHECKS_WRONG, "users file", "says %s, the settings say %s: reload the agent",
			   users_failure_name(e.failure), users_failure_name(d->entry.failure));
	else
		checks_add(&d->checks, CHECKS_WRONG, "users file", "%s does not name %s: %s", d->settings.nss_users, d->user, error_text(r));
}

/* The look-up that sshd, login and su make, in a process of its own. */
static void check_lookup(struct doctor *d)
{
	int r = inspect_account(&d->machine, d->user, d->shell);
	if (r == 0 && strcmp(d->shell, INSPECT_STUB) == 0)
		checks_add(&d->checks, CHECKS_OK, "look-up", "getpwnam and getpwuid give %s as shell", d->shell);
	else if (r == 0)
		checks_add(&d->checks, CHECKS_WRONG, "look-up", "the shell is %.200s, not itm-shell", d->shell);
	else
		checks_add(&d->checks, CHECKS_WRONG, "look-up", "%s", r == ITM_EFORMAT ? "by name and by number the shell differs" : error_text(r));
}

static void check_decision(struct doctor *d)
{
	struct userlist one = { .entry = &d->entry, .count = 1 };
	if (machine_is_here(&d->machine)) {
		agentask_check(&d->settings, &one, &d->checks);
		health_server(&d->settings, &d->checks);
		health_clock(&d->checks);
		health_processes(&d->settings, &d->checks);
	}
}

/* The first thing that keeps the shell from being replaced and recorded. */
static const char *find_obstacle(struct doctor *d)
{
	static const char *const deadly[] = { "itm-shell", "itm-recorder", "account itm-rec", "NSS module", "nsswitch.conf",
					      "users file", "look-up", "agent", "decision", "dry run", "spool" };
	for (size_t i = 0; i < d->checks.count; i++)
		for (size_t k = 0; d->checks.item[i].state == CHECKS_WRONG && k < sizeof deadly / sizeof deadly[0]; k++)
			if (strcmp(d->checks.item[i].name, deadly[k]) == 0) {
				snprintf(d->obstacle, sizeof d->obstacle, "%.20s: %.230s", deadly[k], d->checks.item[i].words);
				return d->obstacle;
			}
	return NULL;
}

static void examine(struct doctor *d)
{
	struct sshdconf sshd;
	find_entry(d);
	if (d->in_scope) {
		inspect_programs(&d->machine, &d->checks);
		inspect_modules(&d->machine, &d->checks);
		inspect_nsswitch(&d->machine, true, &d->checks);
		inspect_stacks(&d->machine, true, &d->checks);
		check_users_file(d);
		check_lookup(d);
		health_spool(&d->machine, &d->settings, &d->checks);
		check_decision(d);
		health_caches(&d->machine, &d->checks);
		health_shells(&d->machine, d->entry.shell, &d->checks);
		health_sudoers(&d->machine, &d->checks);
	}
	(void)sshdconf_load(&d->machine, NULL, d->user, &sshd);
	struct ways_facts facts = { .machine = &d->machine, .in_scope = d->in_scope, .failure = d->entry.failure,
				    .obstacle = d->in_scope ? find_obstacle(d) : NULL, .sshd = &sshd };
	ways_judge(&facts, d->service, &d->ways);
	sshdconf_free(&sshd);
}

static bool all_well(const struct doctor *d)
{
	bool well = checks_count(&d->checks, CHECKS_WRONG) == 0;
	for (size_t i = 0; i < d->ways.count; i++)
		well &= d->ways.way[i].as_policy;
	return well;
}

static void show_text(const struct doctor *d)
{
	static const struct table_column columns[] = {
		{ "WAY IN", 10, 40, 0 }, { "RECORDED", 8, 14, 0 }, { "WHY", 20, WAYS_WORDS_SIZE, 1 },
	};
	struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);
	if (d->in_scope)
		printf("%s is recorded: %s when it can't be.\n\n", d->user,
		       d->entry.failure == USERS_STRICT ? "kept out" : "let in all the same");
	else
		printf("%s is not recorded: agent.conf does not name it.\n\n", d->user);
	for (size_t i = 0; t != NULL && i < d->ways.count; i++) {
		const struct ways_way *w = &d->ways.way[i];
		const char *row[] = { w->name, ways_recorded_name(w->recorded), w->why };
		table_add(t, row);
	}
	if (t != NULL)
		table_print(t, 0, stdout);
	table_free(t);
	if (d->checks.count > 0)
		putchar('\n');
	if (d->checks.count > 0)
		checks_print(&d->checks, CHECKS_OK);
	if (d->in_scope && geteuid() != 0)
		printf("\nAs root it would also ask the broker for its decision.\n");
}

static void show_json(const struct doctor *d)
{
	struct buffer text;
	struct json j;
	buffer_init(&text, 1 << 20);
	json_init(&j, &text);
	json_object(&j);
	json_key(&j, "user");
	json_text(&j, d->user);
	json_key(&j, "ok");
	json_bool(&j, all_well(d));
	json_key(&j, "in_scope");
	json_bool(&j, d->in_scope);
	json_key(&j, "failure");
	json_text(&j, d->in_scope ? users_failure_name(d->entry.failure) : NULL);
	json_key(&j, "ways");
	json_array(&j);
	for (size_t i = 0; i < d->ways.count; i++) {
		const struct ways_way *w = &d->ways.way[i];
		static const char *const words[] = { "pty", "pipe", "inside", "metadata", "no", "refused" };
		json_object(&j);
		json_key(&j, "way");
		json_text(&j, w->name);
		json_key(&j, "service");
		json_text(&j, w->service);
		json_key(&j, "recorded");
		json_text(&j, words[w->recorded]);
		json_key(&j, "as_policy");
		json_bool(&j, w->as_policy);
		json_key(&j, "why");
		json_text(&j, w->why);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "checks");
	checks_json(&d->checks, &j);
	json_object_end(&j);
	startup_print_line(&text);
	buffer_free(&text);
}

/* 0 = go on, else what to exit with; why has been said. */
static int start(struct doctor *d, const struct doctor_options *o, int argc, char **argv)
{
	char error[CONFIG_ERROR_SIZE], path[PATH_MAX];
	d->user = argv[0];
	d->service = argc > 1 ? argv[1] : NULL;
	if (machine_init(&d->machine, o->root) != 0) {
		say_error(program, "--root %s: no such folder (it has to begin with /)", o->root);
		return EX_USAGE;
	}
	if (d->user[0] == '@' || d->user[0] == '*' || !wayin_known(&d->machine, d->user)) {
		say_error(program, "there is no user %s in this machine's own files, and no other is recorded", d->user);
		return EX_NOUSER;
	}
	if (machine_path(&d->machine, o->agent_config ? o->agent_config : PATHS_AGENT_CONF, path) != 0 ||
	    settings_read_agent(path, &d->settings, error) != 0) {
		say_error(program, "%s", error);
		return EX_CONFIG;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	static struct doctor d;
	struct doctor_options o = { 0 };
	char error[OPTIONS_ERROR_SIZE];
	int r = options_parse(&command, &argc, argv, &o, error);
	if (r == OPTIONS_SHOWN)
		return say_finish(program, 0);
	if (r != 0) {
		say_error(program, "%s", error);
		return EX_USAGE;
	}
	int status = start(&d, &o, argc, argv);
	if (status != 0)
		return status;
	examine(&d);
	if (d.ways.count == 0) {
		say_error(program, "'%s' is no service it knows: 'itm doctor --help' lists them", d.service ? d.service : "");
		return EX_USAGE;
	}
	if (o.json)
		show_json(&d);
	else
		show_text(&d);
	return say_finish(program, all_well(&d) ? 0 : 1);
}

const struct command doctor_command = { "doctor", &command, run };
