/*
 * Measuring what nodes use; see metrics.h.
 */
#include <errno.h>

#include "nodemgr/nodes/metrics.h"
#include "nodemgr/nodes/node.h"
#include "proto/serve_nodemgr.h"

#define PERIOD_S 5

static void
sample(struct node *n)
{
	struct node_sample s = {.at_us = nx_now_us()};

	if (n->state != NODE_RUNNING || n->warden.cgroup < 0 ||
	    nx_cgroup_read(n->warden.cgroup, &s.stat) < 0)
		return;
	n->last_sample = (n->last_sample + 1) % NODE_SAMPLES;
	n->samples[n->last_sample] = s;
}

static void
on_period(evutil_socket_t fd, short what, void *arg)
{
	struct nodemgr *m = arg;
	struct node *n;

	(void)fd;
	(void)what;
	for (n = m->nodes; n; n = n->next)
		sample(n);
}

int
metrics_start(struct nodemgr *m)
{
	const struct timeval period = {.tv_sec = PERIOD_S};

	m->sampler = event_new(m->base, -1, EV_PERSIST, on_period, m);
	if (!m->sampler || event_add(m->sampler, &period) < 0)
		return -ENOMEM;
	return 0;
}

/* Percent of one core between the last two samples; from the start to the
 * first one when there is but that. */
static double
cpu_percent(const struct node *n)
{
	const struct node_sample *b = &n->samples[n->last_sample];
	const struct node_sample *a =
	    &n->samples[(n->last_sample + NODE_SAMPLES - 1) % NODE_SAMPLES];

	if (!a->at_us || b->at_us <= a->at_us ||
	    b->stat.cpu_us < a->stat.cpu_us)
		return 0;
	return 100.0 * (double)(b->stat.cpu_us - a->stat.cpu_us) /
	    (double)(b->at_us - a->at_us);
}

void
serve_node_metrics(
    struct nx_request *r, const Nx__NodeRequest *request, struct nodemgr *m)
{
	Nx__NodeMetricsReply reply = NX__NODE_METRICS_REPLY__INIT;
	struct node *n = node_find(m, r, request->node);
	const struct node_sample *s;

	if (!n)
		return;
	reply.node_id = n->id;
	reply.memory_limit = n->memory;
	reply.oom_kills = node_oom_kills(n);
	if (n->state == NODE_RUNNING) {
		/* a node that is younger than the period is measured now */
		if (!n->samples[n->last_sample].at_us)
			sample(n);
		s = &n->samples[n->last_sample];
		reply.memory_usage = s->stat.memory;
		reply.memory_peak = s->stat.memory_peak;
		reply.cpu_usage_us = s->stat.cpu_us;
		reply.cpu_percent = cpu_percent(n);
		reply.pids = s->stat.pids;
		reply.sampled_at =
		    (nx_wall_us() - (nx_now_us() - s->at_us)) / 1000000;
	}
	nx_answer_node_metrics(r, &reply);
}
