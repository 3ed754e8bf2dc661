/*
 * image: serializes a plugin's configuration into the launcher's format.
 *
 * Must never: be needed between an exit and the respawn that follows; only
 * image_set_generation is called there.
 */
#include "image.h"

#include "common/buf.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	GENERATION_DIGITS = 20,
	NSS_BUFFER = 16384,
	SOCKETS_MAX = 108,
	TAIL_MAX = SOCKETS_MAX + 3 * GENERATION_DIGITS + 48,
};

static const char sockets_key[] = "PLUGIND_SOCKET_DIR=";
static const char generation_key[] = "PLUGIND_GENERATION=";

static struct rlimit nofile_at_start;

void
image_note_limits(void)
{
	if (getrlimit(RLIMIT_NOFILE, &nofile_at_start) != 0)
		nofile_at_start = (struct rlimit){1024, 4096};
}

static int
lookup_user(
    const char *user, uid_t own, struct account *a, char *why, size_t cap)
{
	char scratch[NSS_BUFFER];
	struct passwd pw;
	struct passwd *found = NULL;
	int r = user != NULL
	            ? getpwnam_r(user, &pw, scratch, sizeof(scratch), &found)
	            : getpwuid_r(own, &pw, scratch, sizeof(scratch), &found);

	if (found == NULL && user != NULL) {
		snprintf(why, cap, "user %s: %s", user,
		    r != 0 ? strerror(r) : "no such user");
		return r != 0 ? -r : -ENOENT;
	}
	snprintf(a->user, sizeof(a->user), "%s", found ? pw.pw_name : "");
	snprintf(a->home, sizeof(a->home), "%s", found ? pw.pw_dir : "/");
	if (user != NULL) {
		gid_t groups[LAUNCH_GROUPS_MAX];
		int n = LAUNCH_GROUPS_MAX;

		a->uid = pw.pw_uid;
		a->gid = pw.pw_gid;
		if (getgrouplist(user, pw.pw_gid, groups, &n) < 0)
			n = LAUNCH_GROUPS_MAX;
		for (int i = 0; i < n; i++)
			a->groups[i] = groups[i];
		a->ngroups = (uint32_t)n;
	}
	return 0;
}

static int
lookup_group(const char *group, struct account *a, char *why, size_t cap)
{
	char scratch[NSS_BUFFER];
	struct group gr;
	struct group *found = NULL;
	int r = getgrnam_r(group, &gr, scratch, sizeof(scratch), &found);

	if (found == NULL) {
		snprintf(why, cap, "group %s: %s", group,
		    r != 0 ? strerror(r) : "no such group");
		return r != 0 ? -r : -ENOENT;
	}
	a->gid = gr.gr_gid;
	if (a->ngroups == 0) {
		a->groups[0] = gr.gr_gid;
		a->ngroups = 1;
	}
	return 0;
}

int
account_lookup(
    const struct plugin_conf *conf, struct account *ret, char *why, size_t cap)
{
	struct account a = {.uid = UINT32_MAX, .gid = UINT32_MAX};
	int r = lookup_user(conf->user, geteuid(), &a, why, cap);

	if (r == 0 && conf->group != NULL)
		r = lookup_group(conf->group, &a, why, cap);
	if (r != 0)
		return r;
	/* Not root, and ourselves is who is asked for: there is nothing to
	 * switch, and setgroups would be refused. */
	if (geteuid() != 0 && a.uid == geteuid())
		a.uid = a.gid = UINT32_MAX;
	*ret = a;
	return 0;
}

static uint32_t
here(const struct buf *b)
{
	return (uint32_t)b->len;
}

static void
put_string(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s) + 1);
}

static bool
is_set(const struct strv *environment, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < environment->n; i++) {
		if (strncmp(environment->v[i], key, len) == 0 &&
		    environment->v[i][len] == '=')
			return true;
	}
	return false;
}

struct env_writer {
	struct buf *out;
	const struct strv *own; /* what the configuration sets itself wins */
	uint32_t count;
};

__attribute__((format(printf, 3, 4))) static void
put_env(struct env_writer *w, const char *key, const char *fmt, ...)
{
	va_list ap;

	if (is_set(w->own, key))
		return;
	buf_printf(w->out, "%s=", key);
	va_start(ap, fmt);
	buf_vprintf(w->out, fmt, ap);
	va_end(ap);
	buf_append(w->out, "", 1);
	w->count++;
}

static void
put_inherited(struct env_writer *w, const char *key, const char *fallback)
{
	const char *value = getenv(key);

	if (value == NULL || value[0] == '\0')
		value = fallback;
	if (value != NULL)
		put_env(w, key, "%s", value);
}

static uint32_t
put_environment(struct buf *b, const struct image_input *in,
    const struct account *a, size_t *ret_tail_at)
{
	static const char zeros[TAIL_MAX];
	struct env_writer w = {.out = b, .own = &in->conf->environment};

	for (size_t i = 0; i < w.own->n; i++, w.count++)
		put_string(b, w.own->v[i]);
	put_inherited(&w, "PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	put_inherited(&w, "LANG", NULL);
	put_inherited(&w, "TZ", NULL);
	put_env(&w, "HOME", "%s", a->home);
	if (a->user[0] != '\0')
		put_env(&w, "USER", "%s", a->user);
	put_env(&w, "PLUGIND_NAME", "%s", in->conf->name);
	put_env(&w, "PLUGIND_INSTANCE", "%u", in->instance);
	put_env(&w, "PLUGIND_STATE_DIR", "%s", in->state_dir);
	if (in->notify_path != NULL)
		put_env(&w, "NOTIFY_SOCKET", "%s", in->notify_path);
	if (in->conf->kind == KIND_MODULE)
		put_env(&w, "MALLOC_ARENA_MAX", "2");
	if (in->sockets != NULL && in->conf->kind != KIND_ROUTER)
		put_env(&w, "PLUGIND_COOKIE_FD", "%d", LAUNCH_GIFT_FD);
	/* Last, since what is written later has no fixed length. */
	*ret_tail_at = b->len;
	buf_append(b, zeros, sizeof(zeros));
	return w.count + (in->sockets != NULL ? 2 : 1);
}

static void
add_limit(struct launch_head *h, int resource, uint64_t soft, uint64_t hard)
{
	struct launch_limit *l = &h->limits[h->nlimits++];

	l->resource = (uint32_t)resource;
	l->soft = soft;
	l->hard = hard;
}

/* A raised soft limit may need a raised hard one, never a lowered daemon's. */
static void
add_open_files(struct launch_head *h, int64_t configured)
{
	uint64_t soft = nofile_at_start.rlim_cur;
	uint64_t hard = nofile_at_start.rlim_max;

	if (configured >= 0)
		soft = hard = (uint64_t)configured;
	add_limit(h, RLIMIT_NOFILE, soft, hard);
}

static void
put_limits(struct launch_head *h, const struct image_input *in)
{
	const struct limits_conf *l = &in->conf->limits;

	add_open_files(h, l->open_files);
	if (l->core >= 0)
		add_limit(h, RLIMIT_CORE, (uint64_t)l->core, (uint64_t)l->core);
	if (l->memory >= 0 && in->rlimit_memory)
		add_limit(
		    h, RLIMIT_DATA, (uint64_t)l->memory, (uint64_t)l->memory);
	if (l->processes >= 0 && in->rlimit_processes)
		add_limit(h, RLIMIT_NPROC, (uint64_t)l->processes,
		    (uint64_t)l->processes);
}

static void
fill_head(struct launch_head *h, const struct image_input *in,
    const struct account *a)
{
	memset(h, 0, sizeof(*h));
	h->magic = LAUNCH_MAGIC;
	h->parent = getpid();
	h->uid = a->uid;
	h->gid = a->gid;
	h->umask = (uint32_t)in->conf->umask;
	h->no_new_privileges = in->conf->no_new_privileges;
	h->ngroups = a->ngroups;
	put_limits(h, in);
}

static uint32_t
put_optional(struct buf *b, const char *s)
{
	uint32_t at = here(b);

	if (s == NULL)
		return 0;
	put_string(b, s);
	return at;
}

static void
put_argv(struct buf *b, struct launch_head *h, const struct strv *argv)
{
	h->argv = here(b);
	h->argc = (uint32_t)argv->n;
	for (size_t i = 0; i < argv->n; i++)
		put_string(b, argv->v[i]);
}

int
image_build(
    const struct image_input *in, struct image *image, char *why, size_t cap)
{
	const struct strv *argv =
	    in->argv ? in->argv : plugin_conf_argv(in->conf);
	struct launch_head head;
	struct account account;
	size_t sockets_at;
	size_t tail_at;
	struct buf b;
	int r = account_lookup(in->conf, &account, why, cap);

	if (r != 0)
		return r;
	fill_head(&head, in, &account);
	buf_init(&b, LAUNCH_IMAGE_MAX);
	buf_append(&b, &head, sizeof(head));
	head.groups = here(&b);
	buf_append(&b, account.groups, account.ngroups * sizeof(uint32_t));
	put_argv(&b, &head, argv);
	head.working_dir = put_optional(&b, in->conf->working_dir);
	head.cgroup_procs = put_optional(&b, in->cgroup_procs);
	sockets_at = put_optional(&b, in->sockets);
	head.env = here(&b);
	head.envc = put_environment(&b, in, &account, &tail_at);
	head.size = here(&b);
	r = buf_error(&b);
	if (r != 0) {
		snprintf(why, cap, "%s",
		    r == -EMSGSIZE ? "arguments and environment are larger "
		                     "than 192 KiB together"
		                   : strerror(-r));
		buf_fini(&b);
		return r == -EMSGSIZE ? -E2BIG : r;
	}
	memcpy(b.data, &head, sizeof(head));
	image_fini(image);
	image->head = (struct launch_head *)(void *)b.data;
	image->tail_at = tail_at;
	image->sockets = sockets_at != 0 ? (char *)b.data + sockets_at : NULL;
	return 0;
}

void
image_fini(struct image *image)
{
	free(image->head);
	image->head = NULL;
	image->sockets = NULL;
}

void
image_set_generation(struct image *image, uint64_t generation)
{
	char *tail = (char *)image->head + image->tail_at;
	int n = 0;

	if (image->sockets != NULL)
		n = 1 + snprintf(tail, TAIL_MAX, "%s%s%" PRIu64, sockets_key,
		            image->sockets, generation);
	snprintf(tail + n, TAIL_MAX - (size_t)n, "%s%" PRIu64, generation_key,
	    generation);
}

void
image_set_join(struct image *image, bool join)
{
	image->head->cgroup_join = join;
}
