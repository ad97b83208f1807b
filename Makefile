RUN ?= .venv/bin/python -m xnorforge
