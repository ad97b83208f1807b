# Builds accelerators in a container. Not built by continuous integration: it has no container engine.
#
#   docker build -t xnorforge .
#   docker run --rm -v "$PWD/out:/xnorforge/out" xnorforge build BOARD=pynq-z2
#
# Without more, pip takes the torch of its default index, for CUDA: several GB. A folder or index with a CPU build:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=… -t xnorforge .
FROM python:3.11-slim-bookworm AS tools
RUN apt-get update \
 && apt-get install -y --no-install-recommends git g++ make \
 && rm -rf /var/lib/apt/lists/*

FROM tools
ARG PIP_EXTRA_INDEX_URL
WORKDIR /xnorforge
COPY . .
RUN make .venv/installed
ENTRYPOINT ["make"]
CMD ["help"]
