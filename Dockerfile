# The program with its locked dependencies. The data directory is a volume; settings are read from /etc/usage-exporter.
FROM python:3.13-slim AS build
RUN python -m venv /opt/usage-exporter
ENV PATH=/opt/usage-exporter/bin:$PATH
WORKDIR /src
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY sql sql
COPY grafana/dashboards grafana/dashboards
COPY provisioning provisioning
RUN pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/usage-exporter /opt/usage-exporter
RUN useradd --system --uid 10001 --home-dir /var/lib/usage-exporter usage-exporter \
    && install -d -o usage-exporter -m 0700 /var/lib/usage-exporter \
    && install -d /etc/usage-exporter
ENV PATH=/opt/usage-exporter/bin:$PATH PYTHONUNBUFFERED=1 USAGE_DATA_DIR=/var/lib/usage-exporter
VOLUME /var/lib/usage-exporter
WORKDIR /etc/usage-exporter
USER usage-exporter
ENTRYPOINT ["usage-exporter"]
