/*
 * screen: see screen.h. Owns the terminal between screen_open and
 * screen_close. Must never leave it otherwise than it was, or draw anything
 * that has not been escaped.
 */
#include "screen.h"

#include "ctl.h"

#include "common/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define HOME "\033[H"
#define CLEAR "\033[2J"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"

enum { USUAL_ROWS = 24, FEWEST_ROWS = 4, ETX = 3 };

static struct termios before;
static bool is_changed; /* `before` is what stdin was */
static bool has_keys;   /* it has not ended */

bool
screen_is_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' &&
	       strcmp(term, "dumb") != 0;
}

/* ^Z would leave the terminal to a shell as it is now. */
static void
take_keys(void)
{
	struct termios raw;

	is_changed = has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
	if (!has_keys)
		return;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void
screen_open(struct ctl *ctl)
{
	ctl_catch_interrupts(ctl);
	take_keys();
	fputs(HIDE_CURSOR HOME CLEAR, stdout);
	(void)fflush(stdout);
}

void
screen_close(void)
{
	fputs(SHOW_CURSOR, stdout);
	(void)fflush(stdout);
	if (is_changed)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_changed = has_keys = false;
}

static int
count_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return USUAL_ROWS;
	return size.ws_row < FEWEST_ROWS ? FEWEST_ROWS : size.ws_row;
}

static int
count_lines(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text += strcspn(text, "\n"), n++)
		text += *text == '\n';
	return n;
}

void
screen_draw(const char *head, const char *text)
{
	/* The cursor rests on a line of its own. */
	int room = count_rows() - 2;
	int lines = count_lines(text);
	int shown = lines > room ? room - 1 : lines;

	printf(HOME "%s" CLEAR_LINE "\n", head);
	for (int i = 0; i < shown; i++) {
		int len = (int)strcspn(text, "\n");

		printf("%.*s" CLEAR_LINE "\n", len, text);
		text += len + (text[len] == '\n');
	}
	if (shown < lines)
		printf("and %d more" CLEAR_LINE "\n", lines - shown);
	fputs(CLEAR_BELOW, stdout);
	(void)fflush(stdout);
}

/* Whether one of the keys means to leave; stdin that has ended is none. */
static bool
read_keys(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0)
		has_keys = false;
	for (ssize_t i = 0; i < n; i++) {
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == ETX)
			return true;
	}
	return false;
}

bool
screen_wait(const struct ctl *ctl, int64_t until_ms)
{
	int64_t left_ms;

	while ((left_ms = until_ms - clock_mono_ms()) > 0) {
		struct pollfd fds[] = {
		    {.fd = ctl->interrupt_fd, .events = POLLIN},
		    {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN},
		};

		if (poll(fds, 2, (int)left_ms) <= 0)
			continue;
		if (fds[0].revents != 0 || (fds[1].revents != 0 && read_keys()))
			return false;
	}
	return true;
}
