"""Charts as plain SVG: axes, points, lines, labels; the same bytes for the same numbers.

    axes.py    ranges with round ticks, linear or logarithmic
    labels.py  places for labels that do not cover each other
    svg.py     shapes, text, and the picture around them: inside a page, or a file of its own
    chart.py   one chart, and several of them in one picture
    curves.py  the curve of a training

Colours are classes of style.css, which every page and every file holds, so that a chart follows the reader's
light or dark scheme.
"""
