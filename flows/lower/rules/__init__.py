"""Rules of nodes that produce no operator, and of the whole graph."""
