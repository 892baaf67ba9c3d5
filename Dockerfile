# Two stages: the first builds Sermo's wheel with the pinned build backend, the second holds only what runs.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements.lock
COPY . .
RUN pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim
COPY requirements-run.lock /tmp/
COPY --from=build /wheels /tmp/wheels
# useradd makes an entry in the password file: the embedded PostgreSQL, which runs where DATABASE_URL is not set, wants one
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r /tmp/requirements-run.lock \
 && pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-deps /tmp/wheels/*.whl \
 && rm -r /tmp/wheels /tmp/requirements-run.lock \
 && useradd --create-home --uid 10001 sermo
USER sermo
WORKDIR /home/sermo
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["sermo", "serve", "--host", "0.0.0.0"]
