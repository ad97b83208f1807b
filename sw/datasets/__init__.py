"""Pictures with boxes, labels and tracks, read from their publishers' layouts under XNORFORGE_DATA, or made
by a program.

Each module reads one data set, or one layout of data sets, into the records of `sw/records.py`. Pictures stay
on disk until they are needed. docs/guide/tasks.md lists the layouts.
"""
