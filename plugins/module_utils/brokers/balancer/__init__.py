"""A balancer in front of a cluster: what it passes on, and the process that does."""
