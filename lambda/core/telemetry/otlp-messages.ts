/**
 * Messages of the OpenTelemetry protocol in its JSON encoding, reduced to the members in use. Ids are hexadecimal, enum values
 * are numbers, and 64-bit integers are decimal strings.
 *
 * A builder instead of `@opentelemetry/otlp-transformer`: its serializers take spans and instruments of the SDK, which are
 * longer than the messages, and the packages would be 25 MB in each project.
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

export type Attributes = Record<string, string | number | boolean | undefined>;

type AttributeValue = { stringValue: string } | { intValue: string } | { boolValue: boolean };
export type KeyValue = { key: string; value: AttributeValue };

export type OtlpSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  flags: number;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  events: { timeUnixNano: string; name: string; attributes: KeyValue[] }[];
  status: { code?: number; message?: string };
};

export type HistogramPoint = {
  attributes: KeyValue[];
  startTimeUnixNano: string;
  timeUnixNano: string;
  count: string;
  sum: number;
  min: number;
  max: number;
  bucketCounts: string[];
  explicitBounds: readonly number[];
};

export type OtlpHistogram = {
  name: string;
  description: string;
  unit: string;
  histogram: { aggregationTemporality: number; dataPoints: HistogramPoint[] };
};

/** The messages of one request, by the last segment of its path. */
export type TelemetrySignal = 'traces' | 'metrics';

const scope = { name: 'holdfast' };

export const tracesMessage = (resource: Attributes, spans: OtlpSpan[]) => ({
  resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans: [{ scope, spans }] }],
});

export const metricsMessage = (resource: Attributes, metrics: OtlpHistogram[]) => ({
  resourceMetrics: [{ resource: { attributes: keyValues(resource) }, scopeMetrics: [{ scope, metrics }] }],
});

/** Numbers are integers. An `undefined` attribute is omitted. */
export const keyValues = (attributes: Attributes): KeyValue[] =>
  Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: attributeValue(value) }],
  );

function attributeValue(value: string | number | boolean): AttributeValue {
  if (typeof value === 'string') return { stringValue: value };
  return typeof value === 'number' ? { intValue: String(value) } : { boolValue: value };
}

/** @param at epoch milliseconds */
export const nanoseconds = (at: number): string => String(BigInt(Math.round(at)) * 1_000_000n);
