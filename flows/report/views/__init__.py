"""Views of a report: one file each, `<name>.j2`, a Jinja template over the record `r` of report.json.

A file opens with a comment: what it shows, then lines that give its place:

    form: design project    reports of these forms have it (flows/backends/base.py)
    nav: Name               its name in the navigation of the page; without this line it is not listed there
    html: 40 half           its position in report.html; two consecutive halves are shown side by side
    md: 40                  its position in report.md

It has a block `html`, a block `md`, or both, and a block `css` for styles of its own. A view that renders to
nothing is left out. Templates may use the functions and filters of flows/report/pages.py, and for charts
`chart` and `svg` (src/xnorforge/plot).
"""
