"""What the tasks are measured by: numpy functions of lists with one entry per picture or sequence.

A list is what `bootstrap.confidence_interval` draws from again, so that every figure can be given with its
interval.
"""
