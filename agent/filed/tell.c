#include "agent/filed/tell.h"

#include <stdio.h>
#include <string.h>

#include "agent/filed/difference.h"

static bool differs(const struct look *a, const struct look *b)
{
	return a->there != b->there || (a->there && (memcmp(a->digest, b->digest, HASH_SIZE) != 0 || a->mode != b->mode ||
						    a->uid != b->uid || a->gid != b->gid));
}

static void put_look(struct activity_event *e, const struct look *l, bool after)
{
	const enum activity_tag step = after ? 1 : 0;

	if (!l->there)
		return;
	activity_set_bytes(e, ACTIVITY_BEFORE_SHA256 + step, l->digest, HASH_SIZE);
	e->number[ACTIVITY_BEFORE_SIZE + step] = l->size;
	e->number[ACTIVITY_BEFORE_MODE + step] = l->mode;
	e->number[ACTIVITY_BEFORE_UID + step] = l->uid;
	e->number[ACTIVITY_BEFORE_GID + step] = l->gid;
}

static void put_text(struct activity_event *e, const struct look *before, const struct look *after)
{
	struct difference d;

	difference_find((const char *)before->text.data, before->text.len, (const char *)after->text.data, after->text.len, &d);
	if (d.before_len == 0 && d.after_len == 0)
		return;
	e->number[ACTIVITY_TEXT_LINE] = d.line;
	activity_set_bytes(e, ACTIVITY_BEFORE_TEXT, d.before, d.before_len);
	activity_set_bytes(e, ACTIVITY_AFTER_TEXT, d.after, d.after_len);
}

bool tell_change(const struct watched_file *f, const struct look *before, uint32_t flags, struct activity_event *e)
{
	const struct look *after = &f->look;
	bool changed = differs(before, after), brief = !before->there && !after->there && f->times > 0;

	if (!changed && !brief && !f->wrote)
		return false;
	*e = (struct activity_event){ .kind = ACTIVITY_FILE_CHANGED };
	if (!after->there)
		e->kind = ACTIVITY_FILE_REMOVED;
	else if (!before->there)
		e->kind = ACTIVITY_FILE_CREATED;
	flags |= before->flags | after->flags;
	if (brief)
		flags |= ACTIVITY_FILE_BRIEF;
	if (before->there && after->there && before->inode != after->inode)
		flags |= ACTIVITY_FILE_REPLACED;
	if (before->there && after->there && before->device != after->device)
		flags |= ACTIVITY_FILE_MOUNTED;
	if (f->times == 0 && (flags & ACTIVITY_FILE_AWAY) == 0)
		flags |= ACTIVITY_FILE_FOUND;
	if (f->several)
		flags |= ACTIVITY_FILE_SEVERAL;
	if (f->own)
		flags |= ACTIVITY_FILE_OWN;
	e->number[ACTIVITY_FILE_FLAGS] = flags;
	e->number[ACTIVITY_TIMES] = f->times;
	activity_set_bytes(e, ACTIVITY_PATH, f->path, strlen(f->path));
	put_look(e, before, false);
	put_look(e, after, true);
	put_text(e, before, after);
	writer_put(&f->writer, e);
	return true;
}

const char *tell_alert(const struct watched_file *f, const struct look *before, char *words, size_t size)
{
	char name[80];
	const struct buffer *was = &before->text, *now = &f->look.text;

	if (strcmp(f->path, "/etc/passwd") == 0 && before->there &&
	    difference_root((const char *)was->data, was->len, (const char *)now->data, now->len, name, sizeof name)) {
		snprintf(words, size, "account %s with uid 0 added", name);
		return words;
	}
	if (strcmp(f->path, "/etc/ld.so.preload") == 0 && f->look.there &&
	    (!before->there || memcmp(before->digest, f->look.digest, HASH_SIZE) != 0))
		return "a library is loaded into every program";
	return NULL;
}
