#include "cli/disabling.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/nsswitch.h"
#include "cli/pamedit.h"

int disabling_load(struct disabling *d, const struct machine *m)
{
	*d = (struct disabling){ .machine = m };
	int r = changes_load(&d->changes, m);
	if (r != 0 && r != ITM_ENOENT)
		snprintf(d->error, sizeof d->error, CHANGES_FOLDER "/manifest: %s", error_text(r));
	return r;
}

/* Lines that we wrote begin like this; whatever an administrator added to a
 * file of ours is theirs and stays. */
static bool is_our_line(const char *line, size_t len)
{
	static const char *const starts[] = { "# Written by itm enable", "record =", "strict =", "break_glass =",
					      "UsePAM", "Match User", "Match Group", "\tAllow", "\tPermitTunnel", "\tX11Forwarding" };
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (len >= strlen(starts[i]) && memcmp(line, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static int strip_own(const char *text, struct buffer *out)
{
	int r = 0;
	for (const char *line = text; r == 0 && *line != '\0'; ) {
		size_t len = strcspn(line, "\n"), whole = len + (line[len] == '\n');
		if (!is_our_line(line, len))
			r = buffer_put(out, line, whole);
		line += whole;
	}
	return r;
}

/* Takes our part out of a file that somebody else changed. */
static int take_out(const struct disabling *d, const struct changes_file *f)
{
	int (*edit)(const char *, struct buffer *) = f->kind == CHANGES_NSSWITCH ? nsswitch_remove
		: f->kind == CHANGES_PAM ? pamedit_strip : strip_own;
	struct buffer in, out;
	buffer_init(&in, MACHINE_FILE_MAX);
	buffer_init(&out, MACHINE_FILE_MAX);
	int r = machine_read(d->machine, f->path, &in);
	const char *text = r == 0 ? buffer_text(&in) : NULL;
	if (r == 0)
		r = text != NULL ? edit(text, &out) : ITM_ENOMEM;
	if (r == 0 && out.len == 0 && !f->before)
		r = machine_remove(d->machine, f->path);
	else if (r == 0 && (out.len != in.len || memcmp(out.data, in.data, in.len) != 0))
		r = changes_write(&d->changes, f->path, out.data, out.len);
	buffer_free(&in);
	buffer_free(&out);
	/* Gone, or without its passwd line: nothing of ours is left in it. */
	return r == ITM_ENOENT ? 0 : r;
}

static int put_back(struct disabling *d, const struct changes_file *f)
{
	enum changes_now now = changes_now(&d->changes, f);
	if (now == CHANGES_AS_BEFORE) {
		d->kept++;
		return 0;
	}
	if (now == CHANGES_AS_AFTER) {
		d->restored += f->kind != CHANGES_FOLDER_MADE;
		return changes_restore(&d->changes, f);
	}
	/* Cut off in the middle: how a file looks says nothing about who did it. */
	if (!d->changes.done) {
		d->restored++;
		return changes_restore(&d->changes, f);
	}
	d->edited++;
	return f->kind == CHANGES_STATE ? 0 : take_out(d, f);
}

/* PAM files hang together: when one was changed, the tool that keeps them
 * takes us out of all of them before their lines are looked at. */
static int ask_tool(struct disabling *d)
{
	bool changed = false;
	for (size_t i = 0; i < d->changes.count; i++) {
		const struct changes_file *f = &d->changes.file[i];
		if (f->kind == CHANGES_PAM || f->kind == CHANGES_STATE)
			changed |= changes_now(&d->changes, f) == CHANGES_OTHERWISE;
	}
	return changed && d->changes.done ? pamedit_take_out(&d->changes, d->error) : 0;
}

int disabling_run(struct disabling *d)
{
	/* What the tool cannot do, the lines will. */
	(void)ask_tool(d);
	int result = 0;
	for (size_t i = d->changes.count; i-- > 0; ) {
		const struct changes_file *f = &d->changes.file[i];
		int r = put_back(d, f);
		if (r != 0)
			snprintf(d->error, sizeof d->error, "%s: %s", f->path, error_text(r));
		if (result == 0)
			result = r;
	}
	return result == 0 ? changes_forget(&d->changes) : result;
}
