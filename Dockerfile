# The image of every pipeline node and Beam worker: Python 3.12 on Ubuntu
# 24.04, whose C runtime is new enough for TFX's wheels.
FROM ubuntu:24.04

RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONUNBUFFERED=1 TF_USE_LEGACY_KERAS=1
WORKDIR /opt/daogou

COPY requirements requirements
COPY tools tools
COPY setup.py pyproject.toml README.md ./
COPY schema schema
COPY datasets datasets
COPY models models
COPY components components
COPY pipeline pipeline
COPY serving serving
COPY applications applications
COPY cli cli
RUN python3 tools/bootstrap.py --venv /opt/venv && rm -rf /root/.cache

ENV PATH=/opt/venv/bin:$PATH
# The offline text encoder, so that no node needs a hub.
RUN daogou encoder build

# TFX's Kubeflow runner gives the command of each node itself.
ENTRYPOINT ["python3", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]
