# One image for api, worker and gather: one static binary under three names, the certificates of
# public CAs, and nothing else. It needs no file system to write to.
FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What --version tells, as --build-arg VERSION=1.2.3: there is no git repository to read it from.
ARG VERSION
# Without symbols for debuggers the binary is a third smaller; stack traces do not need them.
# The cache would be seven times what is built, and serve nobody.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X gather/internal/app.linked=$VERSION" -o /out/ ./cmd/gather && go clean -cache \
 && ln -s gather /out/api && ln -s gather /out/worker

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /bin/
ENV PATH=/bin GATHER_LISTEN=:8080
# A number: Kubernetes' runAsNonRoot can't look up names, and there is no /etc/passwd.
USER 65532:65532
EXPOSE 8080
# Of the API. A worker's is "worker --healthcheck", as in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["api", "--healthcheck"]
CMD ["api"]
