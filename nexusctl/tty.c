/* The caller's terminal: there is one, so what it was like is kept here. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "nexusctl/tty.h"

static struct termios before;
static bool is_raw;

bool
ctl_tty_is_ours(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

int
ctl_tty_raw(void)
{
	static bool registered;
	struct termios raw;

	if (is_raw)
		return 0;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	if (!registered && atexit(ctl_tty_restore) != 0)
		return -ENOMEM;
	registered = true;
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return -errno;
	is_raw = true;
	return 0;
}

void
ctl_tty_restore(void)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	is_raw = false;
}

void
ctl_tty_size(uint32_t *ret_rows, uint32_t *ret_columns)
{
	struct winsize size = {0};

	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
}

void
ctl_tty_resize(int fd)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(fd, TIOCSWINSZ, &size);
}
