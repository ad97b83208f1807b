# Builds accelerators in a container. Not built by continuous integration: it has no container engine.
#
#   docker build -t xnorforge .
#   docker run --rm -v "$PWD/out:/xnorforge/out" xnorforge build BOARD=pynq-z2
#
# Without more, pip takes the torch of its default index, for CUDA: several GB. A folder or index with a CPU build:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=… -t xnorforge .
# A release is built from one image, by its digest:
#   docker build --build-arg DIGEST=@sha256:… -t xnorforge .
ARG DIGEST=
FROM python:3.11-slim-bookworm${DIGEST} AS tools
# hadolint ignore=DL3008  # Debian's stable versions, which change with its security updates only
RUN apt-get update \
 && apt-get install -y --no-install-recommends git g++ make \
 && rm -rf /var/lib/apt/lists/*

FROM tools
ARG PIP_EXTRA_INDEX_URL
# Whoever writes to a mounted out/: --build-arg USER_ID=$(id -u)
ARG USER_ID=1000
RUN useradd --create-home --uid "$USER_ID" builder && install -d -o builder /xnorforge
USER ${USER_ID}
WORKDIR /xnorforge
COPY --chown=builder . .
RUN make .venv/installed
ENTRYPOINT ["make"]
CMD ["help"]
