# The operator's image; `docker build --tag roleshift:0.1.0 .`
# The first stage builds a virtual environment from pins with hashes, the second one runs it.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/roleshift
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN /opt/roleshift/bin/pip install --require-hashes --requirement requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/roleshift/bin/pip install --no-deps /wheels/roleshift-*.whl \
 && /opt/roleshift/bin/python -m compileall -q /opt/roleshift/lib

FROM python:3.11-slim
COPY --from=build /opt/roleshift /opt/roleshift
ENV PATH=/opt/roleshift/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["roleshift"]
CMD ["operator"]
