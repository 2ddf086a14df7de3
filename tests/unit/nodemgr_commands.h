/*
 * Running commands in the world's nodes, as nexusctl node exec does.
 */
#ifndef NODEMGR_COMMANDS_H
#define NODEMGR_COMMANDS_H

#include "tests/unit/nodemgr_world.h"

#define USER 7

struct command {
	Nx__Status status; /* of the start */
	uint64_t id;
	int fds[3];
	size_t n_fds;
};

static inline void
begin_in(struct command *c, const char *node, char **words, size_t n, bool tty)
{
	Nx__NodeExecRequest q = NX__NODE_EXEC_REQUEST__INIT;
	struct answer a;

	q.node = (char *)(uintptr_t)node;
	q.command = words;
	q.n_command = n;
	q.tty = tty;
	q.rows = 33;
	q.columns = 99;
	*c = (struct command){.fds = {-1, -1, -1}};
	c->status = ask_as(&a, USER, NX__METHOD__NODE_EXEC, &q.base);
	if (c->status != 0)
		print_message("# exec: %s\n", a.error);
	else
		c->id = ((const Nx__NodeExecReply *)a.body)->exec;
	while (c->n_fds < a.n_fds) {
		c->fds[c->n_fds] = nx_take_fd(&a.fds[c->n_fds]);
		c->n_fds++;
	}
	forget_answer(&a);
}

static inline void
begin_sh(struct command *c, const char *node, const char *script, bool tty)
{
	char *words[3] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
	    (char *)(uintptr_t)script};

	begin_in(c, node, words, 3, tty);
}

static inline void
close_command(struct command *c)
{
	for (size_t i = 0; i < 3; i++)
		nx_close(&c->fds[i]);
}

static inline int
end_of(const struct command *c)
{
	Nx__NodeExecWaitRequest q = NX__NODE_EXEC_WAIT_REQUEST__INIT;
	struct answer a;
	int code;

	q.exec = c->id;
	code = -(int)ask_as(&a, USER, NX__METHOD__NODE_EXEC_WAIT, &q.base);
	if (code == 0)
		code = ((const Nx__NodeExecEnd *)a.body)->exit_code;
	forget_answer(&a);
	return code;
}

static inline int
run_in(const char *node, const char *script, char *out, size_t size)
{
	struct command c;
	ssize_t n;
	int code;

	begin_sh(&c, node, script, false);
	if (c.status != 0)
		return -(int)c.status;
	assert_int_equal(c.n_fds, 3);
	code = end_of(&c);
	n = out ? read(c.fds[1], out, size - 1) : 0;
	if (out)
		out[n > 0 ? n : 0] = '\0';
	close_command(&c);
	return code;
}

#endif
