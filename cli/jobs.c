#include "cli/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/hostnotes.h"
#include "format/meta.h"
#include "view/catalog.h"

/* The monitor tells of a process some 50 ms after it began, more on a busy
 * host; a file's time is that of the kernel's last tick. */
enum { SLACK_NS = 1000 * 1000 * 1000 };

struct search { struct jobs *jobs; const struct processes *p; const struct id *host; };

/* What leaves jobs with atd, or else with cron. */
static bool leaves_jobs(const struct process_seen *s, bool with_atd)
{
	const char *name = s->exe != NULL ? strrchr(s->exe, '/') : NULL;
	return name != NULL && strcmp(name, with_atd ? "/at" : "/crontab") == 0;
}

/* Which of the session's processes wrote it: SIZE_MAX = none. */
static size_t writer(const struct processes *p, const char *service, int64_t written_wall_ns, uint32_t uid)
{
	for (size_t i = p->count; i-- > 0; ) {
		const struct process_seen *s = &p->list[i];
		if (leaves_jobs(s, strcmp(service, "atd") == 0) && (s->uid == uid || s->uid == 0) && s->begin_wall_ns - SLACK_NS <= written_wall_ns &&
		    (!s->ended || s->end_wall_ns + SLACK_NS >= written_wall_ns))
			return i;
	}
	return SIZE_MAX;
}

static uint64_t number(const struct index_event *e, const char *key)
{
	char text[24];
	return meta_get(e->text, e->text_len, key, 0, text, sizeof text) > 0 ? strtoull(text, NULL, 10) : 0;
}

static int add(void *context, const struct index_event *e)
{
	struct search *s = context;
	struct jobs *j = s->jobs;
	struct job job = { .began_wall_ns = e->wall_ns };
	char when[CLOCK_TEXT_SIZE];
	int64_t written_wall_ns;

	if (!id_equal(&e->host, s->host) || meta_get(e->text, e->text_len, "job", 0, job.path, sizeof job.path) <= 0 ||
	    meta_get(e->text, e->text_len, "job_written", 0, when, sizeof when) <= 0 ||
	    clock_parse(when, &written_wall_ns) != 0)
		return 0;
	(void)meta_get(e->text, e->text_len, "service", 0, job.service, sizeof job.service);
	job.by = writer(s->p, job.service, written_wall_ns, (uint32_t)number(e, "uid"));
	if (job.by == SIZE_MAX)
		return 0;
	job.login = e->login;
	if (j->count == JOBS_MAX) { /* they come newest first: the first ones stay */
		memmove(j->list, j->list + 1, (JOBS_MAX - 1) * sizeof *j->list);
		j->count--;
		j->more++;
	}
	if (j->count == j->size) {
		struct job *more = realloc(j->list, (j->size + 16) * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		j->list = more;
		j->size += 16;
	}
	j->list[j->count++] = job;
	return 0;
}

static void oldest_first(struct jobs *j)
{
	for (size_t a = 0, b = j->count; a + 1 < b; a++, b--) {
		struct job swap = j->list[a];
		j->list[a] = j->list[b - 1];
		j->list[b - 1] = swap;
	}
}

int jobs_find(struct jobs *j, const struct places *places, const struct located *at, const struct processes *p)
{
	const struct index_event_filter filter = { .kind = "login-opened", .after_wall_ns = at->session.start_wall_ns,
						   .limit = HOSTNOTES_MAX };
	struct search s = { j, p, &at->session.host };
	struct catalog c;
	bool any = false;
	int r;

	*j = (struct jobs){ 0 };
	for (size_t i = 0; i < p->count && !any; i++)
		any = leaves_jobs(&p->list[i], true) || leaves_jobs(&p->list[i], false);
	if (!any)
		return 0;
	struct index *index = places->use_spool ? NULL : index_open(places->server.index, false, &r);
	if (index != NULL) {
		r = index_events(index, &filter, add, &s);
		index_close(index);
	} else {
		r = catalog_read(&c, at->dir);
		if (r == 0) {
			r = hostnotes_read(at->dir, &c, &filter, add, &s);
			catalog_free(&c);
		}
	}
	oldest_first(j);
	return r;
}

void jobs_free(struct jobs *j)
{
	free(j->list);
	*j = (struct jobs){ 0 };
}
