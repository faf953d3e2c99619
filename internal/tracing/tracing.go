// Package tracing follows aggregations with OpenTelemetry: from the client's request over the
// queue to each attempt, and back to who waits. It is the only importer of OpenTelemetry; the
// layers know interfaces of their own, which a [Tracer] is one of.
//
// Spans and attributes are named by the semantic conventions where there is one, else they
// begin with "gather.". None holds a header's value or a body, and of URLs what is shown
// everywhere: userinfo and the values of queries are masked.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names the instrumentation.
const scope = "gather"

// Tracer makes the spans of one process.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// Service is the process that the spans are of.
type Service struct{ Name, Version string }

// FromEnvironment returns a tracer that exports over OTLP/HTTP, configured by the variables of
// OpenTelemetry's specification; nil where none of them asks for traces
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
func FromEnvironment(ctx context.Context, s Service, log *slog.Logger) (*Tracer, error) {
	if !wanted() {
		return nil, nil
	}
	name := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" // which comes before the one for all signals
	if os.Getenv(name) == "" {
		name = "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	if protocol := os.Getenv(name); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("%s is %q: traces are exported as http/protobuf alone, to port 4318 of most collectors", name, protocol)
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces, as OTEL_EXPORTER_OTLP_ENDPOINT says: %w", err)
	}
	return New(s, sdktrace.WithBatcher(exporter))
}

// wanted tells whether the environment asks for traces.
func wanted() bool {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	off := strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
	return endpoint != "" && !off && (exporter == "" || exporter == "otlp")
}

// New returns a tracer whose spans go where the options say. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES come before the service.
func New(s Service, options ...sdktrace.TracerProviderOption) (*Tracer, error) {
	described, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName(s.Name), semconv.ServiceVersion(s.Version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{sdktrace.WithResource(described)}, options...)...)
	return &Tracer{
		provider: provider,
		tracer:   provider.Tracer(scope, trace.WithInstrumentationVersion(s.Version), trace.WithSchemaURL(semconv.SchemaURL)),
	}, nil
}

// closeTimeout bounds the export of the last spans.
const closeTimeout = 3 * time.Second

// Close exports what is left. A nil tracer has nothing.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
