FROM debian:12 AS build
WORKDIR /src
COPY deploy/install-packages.sh deploy/
RUN deploy/install-packages.sh build
COPY . .
RUN cmake --preset release -DWSKEEP_TESTS=OFF && cmake --build --preset release --target wskeep

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libevent-core-2.1-7 libevent-extra-2.1-7 libfmt9 \
      libprometheus-cpp-core1.0 libspdlog1.10 libssl3 libyaml-cpp0.7 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/wskeep /usr/local/bin/wskeep
USER 65532:65532
EXPOSE 8880 9797
STOPSIGNAL SIGTERM
ENTRYPOINT ["wskeep"]
