/*
 * Beginning a command in a node: its words, its environment, its pipes and its
 * cgroup. The request comes from an administrator, and is checked by its limits
 * only: it can ask for nothing that the node itself could not do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/nodes/exec_internal.h"

static char *const default_env[] = {
    (char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			"/usr/bin:/sbin:/bin",
    (char *)(uintptr_t) "HOME=/root",
    (char *)(uintptr_t) "LANG=C.UTF-8",
    (char *)(uintptr_t) "container=nexus",
};

/* Where the caller's words stop, ours are. NULL when memory is out. */
static char **
environment(const Nx__NodeExecRequest *request)
{
	size_t n = 0, len;
	char **env = calloc(
	    NX_ARRAY_SIZE(default_env) + request->n_env + 1, sizeof(*env));

	if (!env)
		return NULL;
	for (size_t i = 0; i < NX_ARRAY_SIZE(default_env); i++) {
		size_t k = 0;

		len = strcspn(default_env[i], "=") + 1;
		while (k < request->n_env &&
		    strncmp(request->env[k], default_env[i], len) != 0)
			k++;
		if (k == request->n_env)
			env[n++] = default_env[i];
	}
	for (size_t k = 0; k < request->n_env; k++)
		if (strchr(request->env[k], '='))
			env[n++] = request->env[k];
	return env;
}

/* The command's ends in @inner, the caller's kept. */
static int
make_pipes(struct exec *x, int inner[3])
{
	for (int i = 0; i < 3; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		inner[i] = pair[i == 0 ? 0 : 1];
		x->ends[x->n_ends++] = pair[i == 0 ? 1 : 0];
	}
	return 0;
}

static int
enter(struct exec *x, const struct node *n, const Nx__NodeExecRequest *request)
{
	nx_cleanup_free char **env = environment(request);
	nx_cleanup_free char **argv =
	    calloc(request->n_command + 1, sizeof(*argv));
	struct nx_enter e = {
	    .target = n->warden.p.pidfd,
	    .owner = n->uid_base,
	    .cgroup = x->warden.cgroup,
	    .init = x->m->init,
	    .tty = x->tty,
	    .rows = request->rows,
	    .columns = request->columns,
	    .fds = {-1, -1, -1},
	    .cwd = request->cwd,
	    .max_procs = n->limits_enforced ? 0 : n->pids_max,
	    .filter = &x->m->node_filter,
	    .envp = env,
	    .argv = argv,
	};
	int r = env && argv ? 0 : -ENOMEM;

	if (r == 0)
		memcpy(argv, request->command,
		    request->n_command * sizeof(request->command[0]));
	if (r == 0 && !x->tty)
		r = make_pipes(x, e.fds);
	r = nx_step(&x->fault, r, "make pipes");
	if (r == 0)
		r = nx_enter_spawn(&e, &x->warden.p, &x->fault);
	for (int i = 0; i < 3; i++)
		nx_close(&e.fds[i]);
	return r;
}

static int
make_group(struct exec *x, const struct node *n)
{
	struct nx_limits none = {0};
	char name[32];

	snprintf(name, sizeof(name), "exec-%llu", (unsigned long long)x->id);
	return nx_warden_group(
	    &x->warden, n->warden.cgroup, name, false, &none, &x->fault);
}

int
exec_spawn(
    struct exec *x, const struct node *n, const Nx__NodeExecRequest *request)
{
	int r = make_group(x, n);

	return r < 0 ? r : enter(x, n, request);
}
