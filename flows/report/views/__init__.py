"""Views of a report: one file each, `<name>.j2`, a template of Jinja over the record `r` of report.json.

A file opens with a comment: what it shows, then lines that say where it stands:

    form: design project    in reports of these forms (flows/backends/base.py)
    nav: Name               what the navigation of the page calls it; without this line it has no place there
    html: 40 half           its place in report.html; two halves in a row stand side by side
    md: 40                  its place in report.md

and holds a block `html`, a block `md`, or both, and a block `css` where the page's style does not suit. What
renders to nothing is left out. Templates may use the functions and filters of flows/report/pages.py.
"""
