"""The figures of the tasks: numpy functions of lists with one entry per picture or sequence.

`bootstrap.confidence_interval` resamples such a list, so every figure can have an interval.
"""
