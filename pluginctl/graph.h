/*
 * graph: the dependencies as a tree or for Graphviz. Each returns
 * the exit code.
 */
#ifndef PLUGINCTL_GRAPH_H
#define PLUGINCTL_GRAPH_H

struct ctl;

int graph_print(struct ctl *ctl);

#endif
