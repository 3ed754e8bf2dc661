/*
 * edit: `config edit`, after the manner of visudo. The file is edited as a
 * copy beside it; the copy takes its place, in one rename, only when plugind
 * finds no error in the whole configuration with it. Whatever goes wrong,
 * the file is what it was.
 */
#include "edit.h"

#include "candidate.h"
#include "config.h"
#include "ctl.h"
#include "daemon.h"
#include "field.h"

#include "common/client.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_FILE = 4 << 20, PROBE_MS = 2000 };

struct edit {
	struct ctl *ctl;
	bool daemon_runs;         /* and reads the file's configuration */
	char main_path[PATH_MAX]; /* without symbolic links, as is target */
	char target[PATH_MAX];
	char copy[PATH_MAX]; /* "" when there is none */
	struct stat before;
	struct buf original;
};

/* Asks without a word about what goes wrong. */
static bool
daemon_answers(struct ctl *ctl)
{
	struct client_reply reply;
	struct buf args;
	int err;

	ctl_args(&args, 0);
	err = client_call(
	    ctl->client, MSG_PING, &args, ctl_deadline(ctl, PROBE_MS), &reply);
	buf_fini(&args);
	return err == 0 && reply.code == MSG_CODE_OK;
}

static int
resolve_path(const char *path, char out[PATH_MAX])
{
	if (realpath(path, out))
		return 0;
	return ctl_fail(MSG_CODE_FAILED, "%s: %s", path, strerror(errno));
}

/* The main file: the one given, else the daemon's, else where it would be. */
static int
find_main(struct edit *e)
{
	const char *given = e->ctl->option[OPTION_CONFIG];
	struct wire_cursor data;
	char running[PATH_MAX] = "";
	char *fallback = NULL;
	int code = 0;

	e->daemon_runs = daemon_answers(e->ctl);
	if (!e->daemon_runs && e->ctl->argc > 0)
		return ctl_fail(MSG_CODE_BUSY,
		    "only a running plugind knows which file defines %s, and "
		    "none answers at %s; without a name the main file is "
		    "edited",
		    e->ctl->argv[0], e->ctl->socket_path);
	if (e->daemon_runs)
		code = ctl_query(e->ctl, MSG_GET_VERSION, NULL, &data);
	if (code != 0)
		return code;
	if (e->daemon_runs && !realpath(field_text(&data, "config"), running))
		running[0] = '\0';
	if (!given && !*running)
		given = fallback = daemon_config_path();
	code = resolve_path(given ? given : running, e->main_path);
	e->daemon_runs = e->daemon_runs && strcmp(running, e->main_path) == 0;
	free(fallback);
	return code;
}

/* "plugins.d/x.yaml:3:2" is the file and a place in it. */
static void
cut_place(char *s)
{
	for (int i = 0; i < 2; i++) {
		char *colon = strrchr(s, ':');

		if (!colon || !colon[1] ||
		    colon[1 + strspn(colon + 1, "0123456789")])
			return;
		*colon = '\0';
	}
}

/* The name may be relative to the daemon's folder, which is not ours: but it
 * is the main file or one beside it. */
static int
resolve_place(struct edit *e, const char *place)
{
	const char *name = strrchr(place, '/');
	const char *main_name = strrchr(e->main_path, '/');
	char path[PATH_MAX];
	int n;

	name = name ? name + 1 : place;
	if (place[0] == '/')
		return resolve_path(place, e->target);
	if (!main_name || strcmp(main_name + 1, name) == 0)
		return resolve_path(e->main_path, e->target);
	n = snprintf(path, sizeof(path), "%.*s/plugins.d/%s",
	    (int)(main_name - e->main_path), e->main_path, name);
	if (n >= (int)sizeof(path))
		return ctl_fail(MSG_CODE_FAILED, "%s: path too long", place);
	return resolve_path(path, e->target);
}

static int
find_target(struct edit *e)
{
	struct ctl *ctl = e->ctl;
	struct wire_cursor data;
	uint32_t count;
	char place[PATH_MAX];
	int code;

	if (ctl->argc == 0) {
		memcpy(e->target, e->main_path, sizeof(e->target));
		return 0;
	}
	code = ctl_query(ctl, MSG_SHOW, ctl->argv[0], &data);
	if (code != 0)
		return code;
	if (wire_get_array(&data, &count) < 0 || count == 0)
		return ctl_fail(MSG_CODE_UNKNOWN_PLUGIN, "no such plugin: %s",
		    ctl->argv[0]);
	snprintf(place, sizeof(place), "%s", field_text(&data, "defined_at"));
	cut_place(place);
	if (!*place)
		return ctl_fail(MSG_CODE_FAILED, "%s is not defined in a file",
		    ctl->argv[0]);
	return resolve_place(e, place);
}

static int
read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	while (err == 0) {
		uint8_t *room = buf_reserve(out, 65536);
		ssize_t n = room ? read(fd, room, 65536) : 0;

		if (n < 0 && errno != EINTR)
			err = -errno;
		if (n > 0)
			out->len += (size_t)n;
		if (n == 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	return err < 0 ? err : buf_error(out);
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Not *.yaml: the daemon must not take the copy for a drop-in. */
static int
make_copy(struct edit *e)
{
	const char *slash = strrchr(e->target, '/');
	int n = snprintf(e->copy, sizeof(e->copy), "%.*s/.%s.XXXXXX",
	    (int)(slash - e->target), e->target, slash + 1);
	int err = n >= (int)sizeof(e->copy) ? -ENAMETOOLONG : 0;
	int fd = -1;

	if (err == 0 && stat(e->target, &e->before) < 0)
		err = -errno;
	if (err == 0)
		err = read_file(e->target, &e->original);
	if (err == 0) {
		fd = mkostemp(e->copy, O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
	}
	if (fd < 0)
		e->copy[0] = '\0';
	else
		err = write_all(fd, e->original.data, e->original.len);
	if (fd >= 0 && close(fd) < 0 && err == 0)
		err = -errno;
	if (err == 0)
		return 0;
	return ctl_fail(err == -EACCES ? MSG_CODE_DENIED : MSG_CODE_FAILED,
	    "cannot make a copy of %s: %s", e->target, strerror(-err));
}

static _Noreturn void
become_editor(char *path)
{
	const char *editor = getenv("VISUAL");
	char *command = NULL;

	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "$(command -v editor || echo vi)";
	/* As everywhere, the variable is shell text: "code --wait". */
	if (asprintf(&command, "%s \"$1\"", editor) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
	_exit(127);
}

static int
run_editor(struct edit *e)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		become_editor(e->copy);
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			break;
	}
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return ctl_fail(MSG_CODE_FAILED,
	    "the editor failed; %s is unchanged (set $EDITOR to another one)",
	    e->target);
}

static bool
is_unchanged(struct edit *e)
{
	struct buf now;
	bool same;

	buf_init(&now, MAX_FILE);
	same =
	    read_file(e->copy, &now) == 0 && now.len == e->original.len &&
	    (now.len == 0 || memcmp(now.data, e->original.data, now.len) == 0);
	buf_fini(&now);
	return same;
}

static void
print_report(struct buf *report)
{
	const char *s = buf_cstr(report);

	while (*s) {
		size_t n = strcspn(s, "\n");

		fprintf(stderr, "%s\n", field_escape(s, n));
		s += n + (s[n] == '\n');
	}
}

static int
check_copy(struct edit *e)
{
	struct buf report;
	int code;

	buf_init(&report, MAX_FILE);
	code = candidate_check(e->main_path, e->target, e->copy, &report);
	print_report(&report);
	buf_fini(&report);
	if (code < 0)
		return ctl_fail(MSG_CODE_FAILED,
		    "the file cannot be checked: %s", strerror(-code));
	return code;
}

/* True when the file shall be edited again. */
static bool
ask_again(void)
{
	char line[64];

	for (;;) {
		fputs("What now? e(dit again), x (exit without saving): ",
		    stderr);
		if (!fgets(line, sizeof(line), stdin) || line[0] == 'x' ||
		    line[0] == 'X')
			return false;
		if (line[0] == 'e' || line[0] == 'E')
			return true;
	}
}

/* Edits until it is good. 0, or an exit code after saying why not. */
static int
edit_until_good(struct edit *e)
{
	for (;;) {
		int code = run_editor(e);

		if (code == 0)
			code = check_copy(e);
		if (code != MSG_CODE_CONFIG)
			return code;
		if (!isatty(STDIN_FILENO) || !ask_again())
			return ctl_fail(MSG_CODE_CONFIG,
			    "not saved; %s is unchanged", e->target);
	}
}

static bool
has_changed_meanwhile(const struct edit *e)
{
	struct stat now;

	return stat(e->target, &now) < 0 || now.st_ino != e->before.st_ino ||
	       now.st_size != e->before.st_size ||
	       now.st_mtim.tv_sec != e->before.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != e->before.st_mtim.tv_nsec;
}

/* Gives the copy the file's owner and mode and puts it on the disk. */
static int
finish_copy(const struct edit *e)
{
	int fd = open(e->copy, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 ||
	    ((st.st_uid != e->before.st_uid || st.st_gid != e->before.st_gid) &&
	        fchown(fd, e->before.st_uid, e->before.st_gid) < 0) ||
	    fchmod(fd, e->before.st_mode & 07777) < 0 || fsync(fd) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void
sync_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[1] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int
replace_file(struct edit *e)
{
	int err;

	if (has_changed_meanwhile(e)) {
		ctl_fail(MSG_CODE_FAILED,
		    "%s was changed by someone else meanwhile and is left "
		    "alone; your text is in %s",
		    e->target, e->copy);
		e->copy[0] = '\0';
		return MSG_CODE_FAILED;
	}
	err = finish_copy(e);
	if (err == 0 && rename(e->copy, e->target) < 0)
		err = -errno;
	if (err < 0)
		return ctl_fail(MSG_CODE_FAILED,
		    "cannot replace %s: %s; it is unchanged", e->target,
		    strerror(-err));
	e->copy[0] = '\0';
	sync_folder(e->target);
	printf("%s: saved\n", e->target);
	(void)fflush(stdout);
	return 0;
}

/* ^C belongs to the editor; at our question it means to leave. */
static void
ignore_signal(int signal_no)
{
	(void)signal_no;
}

static int
edit_file(struct edit *e)
{
	int code = make_copy(e);

	if (code == 0)
		code = edit_until_good(e);
	if (code != 0)
		return code;
	if (is_unchanged(e)) {
		printf("%s: no changes\n", e->target);
		return 0;
	}
	code = replace_file(e);
	if (code != 0 || !e->daemon_runs)
		return code;
	signal(SIGINT, SIG_DFL);
	return e->ctl->option[OPTION_NO_APPLY] ? config_plan(e->ctl)
	                                       : config_apply(e->ctl);
}

int
edit_run(struct ctl *ctl)
{
	struct edit e = {.ctl = ctl};
	struct sigaction act = {.sa_handler = ignore_signal};
	int code;

	if (ctl->argc > 0 && ctl->option[OPTION_CONFIG])
		return ctl_fail(MSG_CODE_USAGE,
		    "config edit: give a plugin or --config, not both");
	code = find_main(&e);
	if (code == 0)
		code = find_target(&e);
	if (code != 0)
		return code;
	buf_init(&e.original, MAX_FILE);
	sigaction(SIGINT, &act, NULL);
	code = edit_file(&e);
	if (*e.copy)
		unlink(e.copy);
	buf_fini(&e.original);
	return code;
}
