/*
 * replay_main: runs the seeds of a fuzz target without a fuzzer, so that
 * every build checks them: replay NAME DIRECTORY... One TAP line; a file
 * that breaks a promise aborts, and the last "#" line names it. No seeds at
 * all is a failure, since a moved folder would pass for ever.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bytes of a file in a block of exactly their size, for ASan. */
static uint8_t *
read_all(const char *path, size_t *ret_size)
{
	uint8_t *data = NULL;
	struct stat st;
	size_t size;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		goto out;
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1);
	if (data && read(fd, data, size) != (ssize_t)size) {
		free(data);
		data = NULL;
	}
	*ret_size = size;
out:
	if (fd >= 0)
		close(fd);
	return data;
}

static int
replay_file(const char *path)
{
	uint8_t *data;
	size_t size = 0;

	printf("# %s\n", path);
	data = read_all(path, &size);
	if (!data) {
		printf("# cannot be read\n");
		return -1;
	}
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

/* Returns the number of seeds, or -1. */
static int
replay_directory(const char *dir)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *d = opendir(dir);
	int count = 0, len;

	if (!d)
		return -1;
	while (count >= 0 && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		len = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (len < 0 || (size_t)len >= sizeof(path) || replay_file(path))
			count = -1;
		else
			count++;
	}
	closedir(d);
	return count;
}

int
main(int argc, char **argv)
{
	int total = 0, n;

	/* The name of the last file must be out before it aborts. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..1\n");
	if (argc < 3) {
		printf("not ok 1 - usage: replay NAME DIRECTORY...\n");
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		n = replay_directory(argv[i]);
		if (n <= 0) {
			printf("not ok 1 - %s: no readable seeds in %s\n",
			    argv[1], argv[i]);
			return 1;
		}
		total += n;
	}
	printf("ok 1 - %s: %d seeds\n", argv[1], total);
	return 0;
}
