/* The alerts of index.h. */
#include "store/index.h"

#include <stdio.h>
#include <string.h>

#include "format/meta.h"
#include "store/index_state.h"
#include "store/index_write.h"
#include "store/words.h"

enum { DEFAULT_LIMIT = 100 };

static bool is_name(const char *s, size_t len)
{
	return len > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int index_alert_read(const char *text, size_t len, struct index_alert *out)
{
	char name[sizeof out->name], word[16], about[64];
	int n = meta_get(text, len, "alert", 0, name, sizeof name);
	if (n <= 0 || !is_name(name, (size_t)n))
		return ITM_ENOENT;
	snprintf(out->name, sizeof out->name, "%s", name);
	out->severity = ALERT_MEDIUM;
	if (meta_get(text, len, "severity", 0, word, sizeof word) > 0 && alert_severity_read(word) != 0)
		out->severity = alert_severity_read(word);
	if (meta_get(text, len, "stream", 0, about, sizeof about) <= 0 || id_parse(about, &out->about) != 0)
		out->about = (struct id){ 0 };
	out->text = text;
	out->text_len = len;
	return 0;
}

int index_write_alert(struct index *x, int64_t session, const struct index_alert *a)
{
	int result = index_state_prepare(x, &x->put_alert,
		"INSERT INTO alert (session, number, wall_ns, host, hostname, name, severity, about, state, provisional, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'new', ?9, ?10) ON CONFLICT (session, number) DO UPDATE SET"
		" wall_ns = ?3, host = ?4, hostname = ?5, name = ?6, severity = ?7, about = ?8, provisional = ?9, text = ?10");
	if (result != 0)
		return result;
	struct sql_statement *q = x->put_alert;
	sql_bind_int(q, 1, session);
	sql_bind_int(q, 2, (int64_t)a->number);
	sql_bind_int(q, 3, a->wall_ns);
	sql_bind_blob(q, 4, a->host.bytes, ID_SIZE);
	sql_bind_text(q, 5, a->hostname);
	sql_bind_text(q, 6, a->name);
	sql_bind_int(q, 7, (int64_t)a->severity);
	sql_bind_blob(q, 8, a->about.bytes, ID_SIZE);
	sql_bind_int(q, 9, a->provisional);
	sql_bind_text_len(q, 10, a->text, a->text_len);
	return sql_finish(q);
}

/* Columns of the SELECT in index_alerts. */
static int read_alert(struct sql_statement *q, struct index_alert *a)
{
	*a = (struct index_alert){ 0 };
	int result = sql_blob_copy(q, 0, a->host.bytes, ID_SIZE);
	if (result == 0)
		result = sql_blob_copy(q, 1, a->about.bytes, ID_SIZE);
	if (result == 0 && !sql_is_null(q, 2))
		result = sql_blob_copy(q, 2, a->stream.bytes, ID_SIZE);
	if (result != 0)
		return result;
	a->number = (uint64_t)sql_int(q, 3);
	a->wall_ns = sql_int(q, 4);
	snprintf(a->hostname, sizeof a->hostname, "%s", sql_text(q, 5));
	snprintf(a->name, sizeof a->name, "%s", sql_text(q, 6));
	a->severity = (enum alert_severity)sql_int(q, 7);
	snprintf(a->state, sizeof a->state, "%s", sql_text(q, 8));
	a->provisional = sql_int(q, 9) != 0;
	a->text = sql_blob(q, 10, &a->text_len);
	return 0;
}

bool index_alert_wanted(const struct index_alert_filter *f, const struct index_alert *a)
{
	char host[ID_TEXT_SIZE], about[ID_TEXT_SIZE];
	id_format(&a->host, host);
	id_format(&a->about, about);
	return (f->host == NULL || words_glob(f->host, a->hostname) || words_glob(f->host, host)) &&
	       (f->name == NULL || words_glob(f->name, a->name)) && a->severity >= f->severity &&
	       (f->session == NULL || (!id_is_zero(&a->about) && strncmp(about, f->session, strlen(f->session)) == 0)) &&
	       (f->after_wall_ns == 0 || a->wall_ns >= f->after_wall_ns) &&
	       (f->before_wall_ns == 0 || a->wall_ns < f->before_wall_ns);
}

int index_alerts(struct index *x, const struct index_alert_filter *f,
		 int (*each)(void *context, const struct index_alert *a), void *context)
{
	struct sql_statement *q;
	uint64_t left = f->limit != 0 ? f->limit : DEFAULT_LIMIT;
	int result = sql_prepare(x->db,
		"SELECT a.host, a.about, s.stream, a.number, a.wall_ns, a.hostname, a.name, a.severity, a.state, a.provisional,"
		" CAST(a.text AS BLOB) FROM alert a LEFT JOIN session s ON s.id = a.session"
		" WHERE a.wall_ns >= ?1 AND a.wall_ns < ?2 ORDER BY a.wall_ns DESC, a.id DESC", &q);
	if (result != 0)
		return result;
	sql_bind_int(q, 1, f->after_wall_ns ? f->after_wall_ns : INT64_MIN);
	sql_bind_int(q, 2, f->before_wall_ns ? f->before_wall_ns : INT64_MAX);
	while (left > 0 && (result = sql_step(q)) == 1) {
		struct index_alert a;
		result = read_alert(q, &a);
		if (result != 0)
			break;
		if (!index_alert_wanted(f, &a))
			continue;
		left--;
		result = each(context, &a);
		if (result != 0)
			break;
	}
	sql_finalize(q);
	return result == 1 ? 0 : result;
}
