"""Pictures with boxes, labels and tracks, read from their publishers' layouts under XNORFORGE_DATA, or made
up.

Each module reads one set, or one way to lay sets out, into the records of `records.py`. Pictures stay on disk
until they are asked for. docs/tasks.md lists the layouts.
"""
