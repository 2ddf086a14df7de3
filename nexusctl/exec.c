/*
 * node exec: a command in a node, and what it has for a terminal or for
 * standard input, output and error. None of our own descriptors ever gets into
 * the node: nodemgr answers with the near ends of what was made for the command
 * in there, and its bytes are relayed here. So a program that is left behind
 * holds nothing of ours, and the keys typed after the command has ended are
 * nobody's but the caller's.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/ctl.h"
#include "nexusctl/pump.h"
#include "nexusctl/tty.h"
#include "proto/node.rpc.h"

#define DRAIN_MAX (1U << 20) /* left over in pipes when the command ended */
#define CTRL_D    "\004"     /* ends the input that is typed */

enum { IN, OUT, ERR, STREAMS };

struct session {
	struct ctl *c;
	bool tty, raw, input;
	int fds[STREAMS]; /* near ends; with @tty only IN */
	struct ctl_pump pumps[STREAMS];
	struct event *signals[8];
	size_t n_signals;
	int ended_by;         /* a signal of ours; 0: none */
	struct nx_call *wait; /* for the end; NULL: none, or answered */
	bool over;            /* it has been answered */
	Nx__Status status;
	int exit_code;
};

static void
on_end(const struct nx_reply *reply, void *arg)
{
	struct session *s = arg;

	s->wait = NULL;
	s->over = true;
	s->status = reply->status;
	if (reply->status == NX__STATUS__OK)
		s->exit_code = (nx_as_node_exec_end(reply->body))->exit_code;
	else
		(void)ctl_refused(s->c, reply);
}

/* --- signals ------------------------------------------------------------------ */

static void
on_fatal(evutil_socket_t signum, short what, void *arg)
{
	struct session *s = arg;

	(void)what;
	s->ended_by = (int)signum;
}

static void
on_resize(evutil_socket_t signum, short what, void *arg)
{
	struct session *s = arg;

	(void)signum;
	(void)what;
	ctl_tty_resize(s->fds[IN]);
}

/* While we are stopped the terminal is another's. */
static void
on_stop(evutil_socket_t signum, short what, void *arg)
{
	struct session *s = arg;

	(void)signum;
	(void)what;
	ctl_tty_restore();
	(void)raise(SIGSTOP);
	if (s->raw && ctl_tty_is_ours())
		(void)ctl_tty_raw();
	ctl_tty_resize(s->fds[IN]);
}

static void
catch_signals(struct session *s)
{
	static const struct {
		int signum;
		event_callback_fn fn;
		bool tty;
	} all[] = {
	    {SIGTERM, on_fatal, false},
	    {SIGHUP, on_fatal, false},
	    {SIGINT, on_fatal, false},
	    {SIGQUIT, on_fatal, false},
	    {SIGWINCH, on_resize, true},
	    {SIGTSTP, on_stop, true},
	};

	for (size_t i = 0; i < NX_ARRAY_SIZE(all); i++) {
		struct event *e;

		if (all[i].tty && !s->raw)
			continue;
		e = evsignal_new(s->c->base, all[i].signum, all[i].fn, s);
		nx_assert(e && event_add(e, NULL) == 0);
		s->signals[s->n_signals++] = e;
	}
}

/* --- the streams -------------------------------------------------------------- */

/* Our input is at its end, or the command does not want it. */
static void
on_input_over(struct ctl_pump *p)
{
	struct session *s = p->arg;

	if (s->tty)
		(void)!write(s->fds[IN], CTRL_D, 1);
	else
		nx_close(&s->fds[IN]);
}

/* Whoever reads our output is gone: the command is to see that, too. */
static void
on_output_over(struct ctl_pump *p)
{
	struct session *s = p->arg;

	ctl_pump_stop(p);
	if (!s->tty)
		nx_close(&s->fds[p - s->pumps]);
	else if (p->broken)
		s->ended_by = SIGPIPE;
}

static int
start_pumps(struct session *s)
{
	struct event_base *base = s->c->base;
	int r = 0;

	for (int i = 0; i < STREAMS; i++) {
		s->pumps[i].arg = s;
		s->pumps[i].on_over = i == IN ? on_input_over : on_output_over;
		if (s->fds[i] >= 0)
			r = nx_fd_nonblock(s->fds[i], true);
		if (r < 0)
			return r;
	}
	if (s->input)
		r = ctl_pump_start(
		    &s->pumps[IN], base, STDIN_FILENO, s->fds[IN]);
	else if (!s->tty)
		nx_close(&s->fds[IN]);
	if (r == 0)
		r = ctl_pump_start(&s->pumps[OUT], base,
		    s->fds[s->tty ? IN : OUT], STDOUT_FILENO);
	if (r == 0 && !s->tty)
		r = ctl_pump_start(
		    &s->pumps[ERR], base, s->fds[ERR], STDERR_FILENO);
	return r;
}

static int
relay(struct session *s)
{
	int r = start_pumps(s);

	if (r < 0)
		return r;
	while (!s->over && !s->ended_by)
		event_base_loop(s->c->base, EVLOOP_ONCE);
	if (!s->ended_by) {
		ctl_pump_drain(&s->pumps[OUT], DRAIN_MAX);
		ctl_pump_drain(&s->pumps[ERR], DRAIN_MAX);
	}
	return 0;
}

/* --- the command -------------------------------------------------------------- */

/* A terminal when there is one on both sides, or as -i and -t say. */
static void
choose(struct session *s)
{
	bool ours = ctl_tty_is_ours();
	bool i = ctl_flag(s->c, "interactive"), t = ctl_flag(s->c, "tty");

	s->tty = t || (!i && ours && isatty(STDOUT_FILENO));
	s->raw = s->tty && ours;
	/* reading a terminal from the background would stop us */
	s->input = isatty(STDIN_FILENO) ? ours : i || !t;
}

static Nx__Status
begin(struct session *s, uint64_t *ret_exec)
{
	Nx__NodeExecRequest request = NX__NODE_EXEC_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	struct ctl *c = s->c;
	char term[80], *env[1] = {term};
	Nx__Status status;

	request.node = ctl_text(c, "NODE");
	request.command = c->args->rest;
	request.n_command = c->args->n_rest;
	request.cwd = ctl_option_text(c, "cwd");
	request.tty = s->tty;
	ctl_tty_size(&request.rows, &request.columns);
	if (s->tty && getenv("TERM")) {
		snprintf(term, sizeof(term), "TERM=%.70s", getenv("TERM"));
		request.env = env;
		request.n_env = 1;
	}
	status = ctl_call(
	    c, nx_ask_node_exec(&request), NULL, 0, CTL_QUICK_US, &reply);
	if (status != NX__STATUS__OK)
		return status;
	if (reply.n_fds != (s->tty ? 1 : STREAMS)) {
		snprintf(c->error, sizeof(c->error),
		    "nodemgr sent %zu descriptors", reply.n_fds);
		return NX__STATUS__INTERNAL;
	}
	for (size_t i = 0; i < reply.n_fds; i++)
		s->fds[i] = nx_take_fd(&reply.fds[i]);
	*ret_exec = nx_as_node_exec_reply(reply.body)->exec;
	return NX__STATUS__OK;
}

static bool
ask_for_end(struct session *s, uint64_t exec)
{
	Nx__NodeExecWaitRequest request = NX__NODE_EXEC_WAIT_REQUEST__INIT;
	const struct nx_call_opts opts = {
	    .timeout_us = CTL_FOREVER_US,
	    .as_user = s->c->as_user,
	};

	request.exec = exec;
	s->wait = nx_call(
	    s->c->hub, nx_ask_node_exec_wait(&request), &opts, on_end, s);
	return s->wait != NULL;
}

static void
session_fini(struct session *s)
{
	ctl_tty_restore();
	nx_call_cancel(s->wait);
	s->wait = NULL;
	for (int i = 0; i < STREAMS; i++) {
		ctl_pump_stop(&s->pumps[i]);
		nx_close(&s->fds[i]);
	}
	while (s->n_signals > 0)
		event_free(s->signals[--s->n_signals]);
}

static int
run(struct session *s)
{
	uint64_t exec;
	int r;

	s->status = begin(s, &exec);
	if (s->status != NX__STATUS__OK)
		return ctl_fail(s->c, s->status);
	if (!ask_for_end(s, exec))
		return ctl_failf(s->c, NX__STATUS__INTERNAL, "out of memory");
	catch_signals(s);
	r = s->raw ? ctl_tty_raw() : 0;
	if (r == 0)
		r = relay(s);
	ctl_tty_restore();
	if (r < 0)
		return ctl_failf(
		    s->c, nx_status_of_errno(r), "%s", strerror(-r));
	if (s->ended_by)
		return 128 + s->ended_by;
	if (s->status != NX__STATUS__OK)
		return ctl_fail(s->c, s->status);
	return s->exit_code & 0xff;
}

int
ctl_node_exec(struct ctl *c)
{
	struct session s = {.c = c, .fds = {-1, -1, -1}};
	int exit;

	if (c->args->n_rest == 0)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "what shall be run there? For example: nexusctl node exec "
		    "%s -- ls -l",
		    ctl_text(c, "NODE"));
	choose(&s);
	exit = run(&s);
	session_fini(&s);
	return exit;
}
