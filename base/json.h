/* json: writes JSON text (RFC 8259), one value at a time, into a buffer;
 * bytes that are not UTF-8 become U+FFFD, control bytes are escaped. */
#ifndef ITM_BASE_JSON_H
#define ITM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct json { struct buffer *out; bool comma; int error; };

void json_init(struct json *j, struct buffer *out);
void json_object(struct json *j);        /* { */
void json_object_end(struct json *j);    /* } */
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *name);
void json_text(struct json *j, const char *s);                    /* NULL = null */
void json_bytes(struct json *j, const void *data, size_t len);    /* as a string */
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_seconds(struct json *j, uint64_t us);                   /* 1.234567 */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
int json_result(const struct json *j);   /* 0 or the first error of the buffer */

#endif
