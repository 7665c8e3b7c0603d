# The server of deploy/server, and the quickstart, in one image:
#   docker build --tag mcpauthkit-server .
#   docker run --rm --publish 127.0.0.1:8000:8000 --env-file server.env mcpauthkit-server
# docs/deployment.md says what belongs into server.env. Nothing in the image is secret, and nothing in it is written to.
FROM python:3.13-slim-trixie AS build

WORKDIR /app/build
COPY deploy/server/build.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --quiet --require-hashes --requirement build.txt

# The dependencies first, with the versions and hashes the tests ran with: a change of the code leaves this layer alone.
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY pyproject.toml constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /app/venv \
    && uv pip install --quiet --python /app/venv/bin/python --require-hashes --constraint constraints.txt \
       --requirement pyproject.toml --extra redis --extra testing

COPY README.md LICENSE ./
COPY mcpauthkit ./mcpauthkit
RUN python -m hatchling build --target wheel --directory /app/wheels \
    && uv pip install --quiet --python /app/venv/bin/python --no-deps /app/wheels/*.whl


FROM python:3.13-slim-trixie

WORKDIR /app
COPY --from=build /app/venv ./venv
COPY quickstart ./quickstart
COPY deploy/server ./server

# Production unless somebody says otherwise: with stores and keys that are fit for development only it does not start.
ENV PATH=/app/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MCPAUTHKIT_PRODUCTION=1 \
    MCPAUTHKIT_AUDIT=stdout

# By number, so that Kubernetes can see that it is not root; nobody of this number owns a file here.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["python", "-m", "server.alive"]

# The lifespan on: otherwise a mistake in the wiring is taken for an application without a start-up. No access log: links
# hold codes. Replicas instead of workers: a session lives in one process, and nothing leads it to its worker.
CMD ["uvicorn", "server.main:app", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--no-access-log", \
     "--no-server-header", "--timeout-graceful-shutdown", "50"]
