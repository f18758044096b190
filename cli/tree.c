/* itm tree: what ran in a session, as a tree of processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/jobs.h"
#include "cli/startup.h"
#include "format/activity.h"
#include "terminal/text.h"
#include "view/locate.h"
#include "view/ran.h"
#include "view/say.h"
#include "view/when.h"

static const char *const program = "itm tree";

enum { NS_PER_MS = 1000000 };

struct tree_options {
	struct places_options places;
	bool json;
};

static const struct options_entry entries[] = {
	{ "json", 0, NULL, OPTIONS_FLAG, offsetof(struct tree_options, json), 0, 0, "one array of objects" },
	PLACES_STORE(tree_options, places),
	PLACES_INDEX(tree_options, places),
	PLACES_SPOOL(tree_options, places),
	PLACES_CONFIG(tree_options, places),
	PLACES_AGENT_CONFIG(tree_options, places),
	{ 0 },
};

static const struct options_command command = {
	.name = "itm tree",
	.operands = "SESSION[@TIME]",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Show every process that ran in a session, also what its terminal never showed.",
	.entries = entries,
	.more = "With TIME only those that lived then.  SESSION may be an id, its first letters, or 'last'.\n",
};

/* ---- printing ---- */

static bool lived(const struct process_seen *s, int64_t at_wall_ns)
{
	return at_wall_ns == 0 || (s->begin_wall_ns <= at_wall_ns && (!s->ended || s->end_wall_ns >= at_wall_ns));
}

static bool any_lived(const struct processes *p, int64_t at_wall_ns)
{
	for (size_t i = 0; i < p->count; i++)
		if (lived(&p->list[i], at_wall_ns))
			return true;
	return false;
}

static void put_state(struct buffer *b, const struct process_seen *s)
{
	if (!s->ended)
		buffer_put_text(b, "-");
	else if (s->no_status)
		buffer_put_text(b, "ended");
	else if (WIFSIGNALED(s->status))
		buffer_printf(b, "signal %d", WTERMSIG(s->status));
	else
		buffer_printf(b, "exit %d", WEXITSTATUS(s->status));
}

static void print_notes(struct buffer *b, const struct process_seen *s, const char *branch)
{
	const char *at = (const char *)s->notes.data;
	size_t left = s->notes.len;

	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t len = end != NULL ? (size_t)(end - at) : left;
		buffer_printf(b, "%*s   ", 37 + (int)strlen(branch), "");
		text_escape(b, at, len);
		buffer_put_u8(b, '\n');
		at += end != NULL ? len + 1 : len;
		left -= end != NULL ? len + 1 : len;
	}
}

static void print_one(const struct processes *p, const struct process_seen *s, const char *branch)
{
	char when[WHEN_TEXT_SIZE], state[32];
	struct buffer b;

	buffer_init(&b, 1 << 20);
	when_format_wall(s->begin_wall_ns, when);
	put_state(&b, s);
	snprintf(state, sizeof state, "%s", buffer_text(&b) != NULL ? buffer_text(&b) : "");
	buffer_clear(&b);
	buffer_printf(&b, "%s %7u %6u %-10s %s", when + 11, s->pid, s->euid, state, branch);
	ran_put_command(&b, p, s);
	buffer_put_u8(&b, '\n');
	print_notes(&b, s, branch);
	fwrite(b.data, 1, b.len, stdout);
	buffer_free(&b);
}

static int on_process(void *context, const struct processes *p, size_t at, const char *branch)
{
	const int64_t *at_wall_ns = context;

	if (lived(&p->list[at], *at_wall_ns))
		print_one(p, &p->list[at], branch);
	return 0;
}

static int print_forest(const struct processes *p, int64_t at_wall_ns)
{
	return ran_walk(p, on_process, &at_wall_ns) == 0 ? 0 : EX_OSERR;
}

/* ---- jobs ---- */

/* What the job ran, in its own list. */
static int read_job(const struct job *job, const struct places *places, const struct located *at, struct processes *p)
{
	static struct located then;
	size_t streams;

	then = *at;
	then.session.stream = job->login;
	then.session.start_wall_ns = job->began_wall_ns;
	then.session.last_wall_ns = INT64_MAX;
	processes_init(p);
	return ran_read(p, places, &then, &streams);
}

static void print_job_head(const struct job *job, const struct process_seen *by)
{
	char when[WHEN_TEXT_SIZE];
	struct buffer b;

	buffer_init(&b, 65536);
	when_format_wall(job->began_wall_ns, when);
	buffer_printf(&b, "\n%s  job of ", when);
	text_escape(&b, job->service, strlen(job->service));
	buffer_put_text(&b, ", ");
	text_escape(&b, job->path, strlen(job->path));
	buffer_printf(&b, ": begun by %u here\n", by->pid);
	fwrite(b.data, 1, b.len, stdout);
	buffer_free(&b);
}

/* After the session's own: they ran later, outside of it. */
static int print_jobs(const struct jobs *jobs, const struct places *places, const struct located *at,
		      const struct processes *p)
{
	int status = 0;

	for (size_t i = 0; i < jobs->count && status == 0; i++) {
		struct processes ran;
		print_job_head(&jobs->list[i], &p->list[jobs->list[i].by]);
		if (read_job(&jobs->list[i], places, at, &ran) == 0)
			status = print_forest(&ran, 0);
		processes_free(&ran);
	}
	if (jobs->more > 0)
		printf("\nand %llu jobs after these\n", (unsigned long long)jobs->more);
	return status;
}

static int print_text(const struct processes *p, int64_t at_wall_ns)
{
	printf("%-8s %7s %6s %-10s %s\n", "BEGAN", "PID", "UID", "STATE", "COMMAND");
	return print_forest(p, at_wall_ns);
}

static void put_name(struct json *j, const char *pid_key, const char *start_key, uint32_t pid, uint64_t start)
{
	json_key(j, pid_key);
	json_uint(j, pid);
	json_key(j, start_key);
	json_uint(j, start);
}

static void put_object(struct json *j, const struct process_seen *s, const struct job *job, const struct process_seen *by)
{
	char time[CLOCK_TEXT_SIZE];
	const char *at = (const char *)s->arguments.data;

	json_object(j);
	put_name(j, "pid", "start_ns", s->pid, s->start);
	put_name(j, "parent_pid", "parent_start_ns", s->parent_pid, s->parent_start);
	clock_format(s->begin_wall_ns, time);
	json_key(j, "began");
	json_text(j, time);
	clock_format(s->end_wall_ns, time);
	json_key(j, "ended");
	json_text(j, s->ended ? time : NULL);
	json_key(j, "status");
	json_int(j, s->ended && !s->no_status ? s->status : -1);
	json_key(j, "uid");
	json_uint(j, s->uid);
	json_key(j, "euid");
	json_uint(j, s->euid);
	json_key(j, "execs");
	json_uint(j, s->execs);
	json_key(j, "exe");
	json_text(j, s->exe);
	json_key(j, "script");
	json_text(j, s->script);
	json_key(j, "cwd");
	json_text(j, s->cwd);
	json_key(j, "file_without_name");
	json_bool(j, (s->flags & ACTIVITY_DELETED) != 0);
	json_key(j, "gone");
	json_bool(j, (s->flags & ACTIVITY_GONE) != 0);
	json_key(j, "by_login");
	json_bool(j, (s->flags & ACTIVITY_BY_LOGIN) != 0);
	json_key(j, "argv_bytes");
	json_uint(j, s->arguments_size);
	json_key(j, "argv");
	json_array(j);
	for (size_t left = s->arguments.len; left > 0; ) {
		const char *end = memchr(at, '\0', left);
		size_t len = end != NULL ? (size_t)(end - at) : left;
		json_bytes(j, at, len);
		at += end != NULL ? len + 1 : len;
		left -= end != NULL ? len + 1 : len;
	}
	json_array_end(j);
	json_key(j, "sockets");
	json_bytes(j, s->notes.data, s->notes.len);
	if (job != NULL) {
		json_key(j, "job");
		json_text(j, job->path);
		json_key(j, "service");
		json_text(j, job->service);
		put_name(j, "begun_by_pid", "begun_by_start_ns", by->pid, by->start);
	}
	json_object_end(j);
}

static void print_objects(const struct processes *p, int64_t at_wall_ns, const struct job *job,
			  const struct process_seen *by, size_t *printed)
{
	struct buffer b;

	buffer_init(&b, 1 << 20);
	for (size_t i = 0; i < p->count; i++) {
		struct json j;
		if (!lived(&p->list[i], at_wall_ns))
			continue;
		json_init(&j, &b);
		put_object(&j, &p->list[i], job, by);
		printf((*printed)++ > 0 ? ",\n " : "");
		fwrite(b.data, 1, b.len, stdout);
		buffer_clear(&b);
	}
	buffer_free(&b);
}

static int print_json(const struct processes *p, int64_t at_wall_ns, const struct jobs *jobs, const struct places *places,
		      const struct located *at)
{
	size_t printed = 0;

	printf("[");
	print_objects(p, at_wall_ns, NULL, NULL, &printed);
	for (size_t i = 0; i < jobs->count; i++) {
		struct processes ran;
		if (read_job(&jobs->list[i], places, at, &ran) == 0)
			print_objects(&ran, 0, &jobs->list[i], &p->list[jobs->list[i].by], &printed);
		processes_free(&ran);
	}
	printf("]\n");
	return 0;
}

/* ---- the command ---- */

static int show(const struct places *places, const struct located *at, bool json, int64_t at_wall_ns)
{
	struct processes p;
	struct jobs jobs = { 0 };
	size_t streams;
	int status, r;

	processes_init(&p);
	r = ran_read(&p, places, at, &streams);
	if (r == 0 && at_wall_ns == 0)
		r = jobs_find(&jobs, places, at, &p);
	if (r != 0) {
		say_error(program, "cannot read the host's processes: %s", error_text(r));
		status = say_status(r);
	} else if (p.count == 0 && !json) {
		say_error(program, streams == 0 ? "no process monitor ran on this host then"
						      : "the process monitor saw nothing of this session");
		status = EX_NOINPUT;
	} else if (!json && at_wall_ns != 0 && !any_lived(&p, at_wall_ns)) {
		say_error(program, "no process of this session lived then");
		status = EX_NOINPUT;
	} else {
		status = json ? print_json(&p, at_wall_ns, &jobs, places, at) : print_text(&p, at_wall_ns);
		if (!json && status == 0)
			status = print_jobs(&jobs, places, at, &p);
	}
	jobs_free(&jobs);
	if (p.cut)
		say_error(program, "more than %d processes, or %d MiB of them: the rest is left out", PROCESSES_MAX, PROCESSES_BYTES_MAX >> 20);
	processes_free(&p);
	return status;
}

static int run(int argc, char **argv)
{
	struct tree_options options = { 0 };
	char error[LOCATE_ERROR_SIZE];
	static struct located at;
	struct places places;
	uint64_t ms = 0;
	int status;

	if (startup_parse(&command, &argc, argv, &options, &options.places, &places, &status) != 0)
		return status;
	const char *time = locate_split(argv[0]);
	int r = locate_session(&places, argv[0], &at, error);
	if (r != 0) {
		say_error(program, "%s", error);
		return say_status(r);
	}
	if (time != NULL && when_parse(time, at.session.start_wall_ns, &ms) != 0) {
		say_error(program, "@%s: not a time: use 1:30 from the session's start, or 2026-11-23T18:00:05 (UTC)", time);
		return EX_USAGE;
	}
	status = show(&places, &at, options.json,
		      time != NULL ? at.session.start_wall_ns + (int64_t)ms * NS_PER_MS : 0);
	return say_finish(program, status);
}

const struct command tree_command = { "tree", &command, run };
