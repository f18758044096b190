/* make_vectors DIR: writes a record for every history and every verdict into
 * DIR, and list.txt with what each is.  No randomness: keys, ids and salts come
 * from a counter, so that the files are the same each time (README). */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/golden/vector.h"

enum { PATH_MAX_BYTES = 512 };

static const char *folder;

static void write_keys(void)
{
	char path[PATH_MAX_BYTES];
	struct sign_key other;
	struct chain c;

	vector_begin(&c);
	snprintf(path, sizeof(path), "%.200s/identity.public", folder);
	vector_must(sign_save_public(path, c.identity.public_key) == 0, path);
	snprintf(path, sizeof(path), "%.200s/log.public", folder);
	vector_must(sign_save_public(path, c.log.public_key) == 0, path);
	sign_keypair(&other);
	snprintf(path, sizeof(path), "%.200s/other.public", folder);
	vector_must(sign_save_public(path, other.public_key) == 0, path);
	chain_free(&c);
}

static void write_vectors(const struct vector *v, struct buffer *list)
{
	struct chain c;

	for (; v->name != NULL; v++) {
		vector_begin(&c);
		v->make(&c, v->name);
		chain_free(&c);
		vector_must(buffer_printf(list, "%-24s %-11s %s\n", v->name, verdict_name(v->verdict), v->what) == 0, "list");
	}
}

int main(int argc, char **argv)
{
	struct buffer list;

	if (argc != 2) {
		fprintf(stderr, "usage: make_vectors DIR\n");
		return 64;
	}
	folder = argv[1];
	vector_open(folder);
	buffer_init(&list, VECTOR_FILE_MAX);
	vector_must(mkdir(folder, 0755) == 0 || access(folder, W_OK) == 0, folder);
	write_keys();
	write_vectors(history_vectors, &list);
	write_vectors(attack_vectors, &list);
	write_vectors(export_vectors, &list);
	vector_file("list.txt", list.data, list.len);
	buffer_free(&list);
	return 0;
}
