#include "itm-shell/recorder/transfer_pending.h"

#include <stdlib.h>
#include <string.h>

static void drop_text(struct transfer_pending *p, struct transfer_text *t)
{
	p->names_len -= t->data != NULL ? t->len : 0;
	free(t->data);
	*t = (struct transfer_text){ 0 };
}

void transfer_pending_free(struct transfer_pending *p)
{
	for (size_t i = 0; i < TRANSFER_REQUESTS_MAX; i++)
		if (p->request[i].used)
			transfer_pending_drop(p, &p->request[i]);
	for (size_t i = 0; i < TRANSFER_OPEN_MAX; i++)
		transfer_pending_closed(&p->open[i]);
}

struct transfer_request *transfer_pending_find(struct transfer_pending *p, uint32_t id)
{
	/* Answers mostly come in the order of the requests. */
	for (size_t i = 0; i < TRANSFER_REQUESTS_MAX && p->count > 0; i++) {
		size_t at = (p->first + i) % TRANSFER_REQUESTS_MAX;
		if (at == p->next && i > 0)
			break;
		if (p->request[at].used && p->request[at].id == id)
			return &p->request[at];
	}
	return NULL;
}

struct transfer_request *transfer_pending_add(struct transfer_pending *p, uint32_t id, uint8_t type)
{
	struct transfer_request *r = &p->request[p->next];

	if (r->used || transfer_pending_find(p, id) != NULL)
		return NULL;
	p->next = (p->next + 1) % TRANSFER_REQUESTS_MAX;
	p->count++;
	*r = (struct transfer_request){ .used = true, .id = id, .type = type, .open = -1, .mode = UINT32_MAX };
	return r;
}

void transfer_pending_drop(struct transfer_pending *p, struct transfer_request *r)
{
	drop_text(p, &r->name);
	drop_text(p, &r->to);
	r->used = false;
	p->count--;
	while (p->first != p->next && !p->request[p->first].used)
		p->first = (p->first + 1) % TRANSFER_REQUESTS_MAX;
}

bool transfer_pending_name(struct transfer_pending *p, struct transfer_text *text, const void *data, size_t len)
{
	if (len > TRANSFER_NAME_MAX)
		len = TRANSFER_NAME_MAX;
	if (p->names_len + len > TRANSFER_NAMES_MAX || (text->data = malloc(len + 1)) == NULL)
		return false;
	memcpy(text->data, data, len);
	text->len = len;
	p->names_len += len;
	return true;
}

int transfer_pending_file(const struct transfer_pending *p, const void *handle, size_t len)
{
	for (int i = 0; i < TRANSFER_OPEN_MAX; i++)
		if (p->open[i].used && p->open[i].handle_len == len && memcmp(p->open[i].handle, handle, len) == 0)
			return i;
	return -1;
}

struct transfer_open *transfer_pending_opened(struct transfer_pending *p, struct transfer_request *r,
					      const void *handle, size_t len)
{
	if (len == 0 || len > TRANSFER_HANDLE_MAX || transfer_pending_file(p, handle, len) >= 0)
		return NULL;
	for (int i = 0; i < TRANSFER_OPEN_MAX; i++) {
		struct transfer_open *o = &p->open[i];
		if (o->used)
			continue;
		*o = (struct transfer_open){ .used = true, .handle_len = len, .name = r->name, .mode = r->mode };
		memcpy(o->handle, handle, len);
		p->names_len -= r->name.data != NULL ? r->name.len : 0;
		r->name = (struct transfer_text){ 0 };
		return o;
	}
	return NULL;
}

void transfer_pending_closed(struct transfer_open *o)
{
	free(o->name.data);
	transfer_file_free(&o->in);
	transfer_file_free(&o->out);
	*o = (struct transfer_open){ 0 };
}
