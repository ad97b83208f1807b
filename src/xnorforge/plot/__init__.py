"""Charts as SVG: the same bytes for the same numbers.

    figures.py  a figure of matplotlib as SVG in the project's colours
    svg.py      the picture around it: inside a page, or a file of its own
    curves.py   the curve of a training

Colours are those of style.css, which is part of every page and file, so that a chart follows the reader's
light or dark scheme.
"""
