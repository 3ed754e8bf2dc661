/*
 * override: the settings that pluginctl keeps (enable, disable, scale), in a
 * file of their own beside what people write.
 *
 * Reads the file, changes one entry and replaces it whole: a temporary file
 * in the same directory, synced, renamed, the directory synced. Whoever
 * reads it sees the old one or the new one, also after a power cut. A file
 * with anything else in it is left alone. Blocks on the disk.
 */
#include "conffile.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_BLOCK = 16 * 1024, TREE_LIMIT = 16 * 1024 * 1024 };

struct change {
	const char *name;
	int enabled;
	int64_t instances;
	bool written;
};

static void
put_entry(struct buf *out, const char *name, int enabled, int64_t instances)
{
	if (enabled < 0 && instances < 0)
		return;
	buf_printf(out, "  %s:\n", name);
	if (enabled >= 0)
		buf_printf(
		    out, "    enabled: %s\n", enabled != 0 ? "true" : "false");
	if (instances >= 0)
		buf_printf(out, "    instances: %" PRId64 "\n", instances);
}

static int
read_enabled(const struct node *n, int *ret)
{
	if (n == NULL)
		return 0;
	if (n->kind != NODE_SCALAR ||
	    (strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0))
		return -EINVAL;
	*ret = n->text[0] == 't';
	return 0;
}

static int
read_instances(const struct node *n, int64_t *ret)
{
	if (n == NULL)
		return 0;
	if (n->kind != NODE_SCALAR)
		return -EINVAL;
	return number_type_get(VAL_INT)->parse(n->text, ret);
}

/* One entry of the old file, with the change if it is about this plugin. */
static int
copy_entry(struct buf *out, const struct node *n, struct change *change)
{
	const struct node *enabled = node_get(n, "enabled");
	const struct node *instances = node_get(n, "instances");
	uint32_t known = (enabled != NULL) + (instances != NULL ? 1U : 0U);
	int on = -1;
	int64_t count = -1;

	if (!config_name_valid(n->key->text) || n->count != known ||
	    read_enabled(enabled, &on) < 0 ||
	    read_instances(instances, &count) < 0)
		return -EINVAL;
	if (strcmp(n->key->text, change->name) == 0) {
		on = change->enabled >= 0 ? change->enabled : on;
		count = change->instances >= 0 ? change->instances : count;
		change->written = true;
	}
	put_entry(out, n->key->text, on, count);
	return 0;
}

static int
copy_entries(struct buf *out, const struct node *root, struct change *change)
{
	const struct node *plugins = node_get(root, "plugins");
	int err = 0;

	if (root == NULL || node_is_null(root))
		return 0;
	if (plugins == NULL || root->count != 1)
		return -EINVAL;
	for (const struct node *v = plugins->first; v != NULL && err == 0;
	     v = v->next)
		err = copy_entry(out, v, change);
	return err;
}

static int
copy_old(struct buf *out, const char *path, struct change *change)
{
	const struct config_host host = {.uid = geteuid()};
	struct arena *arena = arena_new(TREE_BLOCK, TREE_LIMIT);
	struct conf_errors errs = {0};
	struct node *root = NULL;
	char *data = NULL;
	size_t len = 0;
	int err = arena == NULL ? -ENOMEM : 0;

	if (err == 0)
		err = conffile_read(&host, path, &errs, &data, &len);
	if (err == 0)
		err = tree_parse(arena, path, data, len, &errs, &root);
	if (err == 0 && errs.nerrors > 0)
		err = -EINVAL;
	if (err == 0)
		err = copy_entries(out, root, change);
	free(data);
	conf_errors_fini(&errs);
	arena_free(arena);
	return err == -ENOENT ? 0 : err;
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
write_new(int dir, const char *name, const struct buf *content)
{
	int fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, content->data, content->len);
	/* Whatever the umask: the file is no secret. */
	if (err == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		err = -errno;
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err < 0)
		(void)unlinkat(dir, name, 0);
	return err;
}

static int
replace_file(const char *path, const struct buf *content)
{
	char temporary[64];
	int err;
	int dir;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	(void)snprintf(temporary, sizeof(temporary), ".%s.%ld",
	    CONFFILE_OVERRIDE, (long)getpid());
	/* One that a process of this number has left behind. */
	(void)unlinkat(dir, temporary, 0);
	err = write_new(dir, temporary, content);
	if (err == 0 && renameat(dir, temporary, dir, CONFFILE_OVERRIDE) < 0) {
		err = -errno;
		(void)unlinkat(dir, temporary, 0);
	}
	if (err == 0 && fsync(dir) < 0)
		err = -errno;
	(void)close(dir);
	return err;
}

/* plugins.d beside the main file, and the file of pluginctl in it. */
static int
place(const struct config *c, struct buf *dir, struct buf *path)
{
	const char *slash = strrchr(c->path, '/');

	if (slash == NULL)
		return -EINVAL;
	buf_printf(dir, "%.*s/plugins.d", (int)(slash - c->path), c->path);
	buf_printf(path, "%s/%s", buf_cstr(dir), CONFFILE_OVERRIDE);
	return buf_error(dir) < 0 ? buf_error(dir) : buf_error(path);
}

int
config_override(
    const struct config *c, const char *name, int enabled, int64_t instances)
{
	struct change change = {name, enabled, instances, false};
	struct buf content;
	struct buf dir;
	struct buf path;
	int err;

	if (!config_name_valid(name) || instances == 0 ||
	    instances > CONFIG_INSTANCES_MAX)
		return -EINVAL;
	buf_init(&content, CONFIG_FILE_MAX);
	buf_init(&dir, CONFIG_FILE_MAX);
	buf_init(&path, CONFIG_FILE_MAX);
	err = place(c, &dir, &path);
	buf_puts(&content,
	    "# Written by pluginctl (enable, disable, scale), which replaces "
	    "it whole:\n# nothing but these two keys may stand here.\n"
	    "plugins:\n");
	if (err == 0)
		err = copy_old(&content, buf_cstr(&path), &change);
	if (err == 0 && !change.written)
		put_entry(&content, name, enabled, instances);
	if (err == 0)
		err = buf_error(&content);
	if (err == 0)
		err = replace_file(buf_cstr(&dir), &content);
	buf_fini(&content);
	buf_fini(&dir);
	buf_fini(&path);
	return err;
}
