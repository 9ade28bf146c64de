# soundvcm in a container. CPU:  docker build -t soundvcm .
#                           CUDA: docker build --build-arg TORCH=cu126 -t soundvcm:cuda .
# Run:  docker run --rm --network none -v "$PWD:/work" soundvcm generate clip.mp4
#       docker run --rm -p 127.0.0.1:8765:8765 soundvcm serve --host 0.0.0.0 --token "choose-one"
# PyAV's wheel contains FFmpeg with x264 and x265 (GPL): who passes the image on must offer their source.
FROM python:3.12-slim AS build
ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/soundvcm
ENV PATH=/opt/soundvcm/bin:$PATH
# First what changes seldom, so that a new version of the code does not fetch PyTorch again.
# Versions are bounded by pyproject.toml: the newest that are allowed are taken.
# hadolint ignore=DL3013
RUN pip install --index-url "https://download.pytorch.org/whl/${TORCH}" torch
WORKDIR /source
COPY . .
# hadolint ignore=DL3013
RUN pip install ".[serve,train,eval,paper]"

FROM python:3.12-slim
COPY --from=build /opt/soundvcm /opt/soundvcm
ENV PATH=/opt/soundvcm/bin:$PATH PYTHONUNBUFFERED=1 SOUNDVCM_HOME=/weights
RUN useradd --create-home --uid 10001 soundvcm && mkdir -p /weights /work && chown soundvcm /weights /work
# By number, so that a host that forbids root can see that it is not.
USER 10001
WORKDIR /work
VOLUME /weights
EXPOSE 8765
ENTRYPOINT ["soundvcm"]
CMD ["--help"]
