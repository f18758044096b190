/* Runs a fuzz target over files: each argument is a file or a folder of files.
 * With libFuzzer this file is left out. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	uint8_t *data = NULL;
	size_t len = 0, size = 0;
	for (;;) {
		if (len == size) {
			size = size ? size * 2 : 65536;
			uint8_t *more = realloc(data, size);
			if (more == NULL)
				abort();
			data = more;
		}
		size_t n = fread(data + len, 1, size - len, f);
		if (n == 0)
			break;
		len += n;
	}
	fclose(f);
	/* An exact allocation, so that a sanitizer sees one byte too far. */
	uint8_t *exact = malloc(len ? len : 1);
	if (exact == NULL)
		abort();
	if (len > 0)
		memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static int run_path(const char *path, unsigned *count)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		*count += 1;
		return run_file(path);
	}
	DIR *d = opendir(path);
	if (d == NULL) {
		perror(path);
		return -1;
	}
	int result = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL; ) {
		if (e->d_name[0] == '.')
			continue;
		char name[4096];
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (run_path(name, count) != 0)
			result = -1;
	}
	closedir(d);
	return result;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int result = 0;
	for (int i = 1; i < argc; i++)
		if (run_path(argv[i], &count) != 0)
			result = 1;
	printf("%u inputs\n", count);
	return count == 0 ? 1 : result;
}
