# The one image of the product: Airflow with the drill, the embedded AWS, the engines it runs, and the witnesses.
FROM python:3.11.13-slim-bookworm

# The tree first, then docker/install, which is all there is to do: it can be run without Docker, too.
COPY --chown=root:root . /opt/aex
RUN /opt/aex/docker/install /opt/aex \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/aex --shell /usr/sbin/nologin aex \
    && install --directory --owner aex --group aex --mode 0700 /var/lib/aex

ENV PATH=/opt/aex/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GX_ANALYTICS_ENABLED=false
WORKDIR /opt/aex
USER 10001:10001
VOLUME /var/lib/aex
CMD ["python", "-m", "drill", "settings"]
