/** The client's trace of a request (W3C Trace Context), as received. */
export type Trace = {
  traceparent: string;
  /** Vendor-specific data of the systems in between. */
  tracestate?: string;
};

/** Later versions may append fields (§3.2.4). */
const form = /^(?!ff)(?<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?<more>-.*)?$/;
const LONGEST_PARENT = 128;
/** Every system must be able to propagate this much (§3.3.1.5). */
const LONGEST_STATE = 512;

/** The trace of a message (MCP 2026-07-28, `_meta`), or else of its HTTP request. */
export function traceOf(headers: Pick<Headers, 'get'>, body?: unknown): Trace | undefined {
  const { _meta: meta } = (body as { params?: { _meta?: Record<string, unknown> } } | undefined)?.params ?? {};
  return (
    read(meta?.traceparent, meta?.tracestate) ??
    read(headers.get('traceparent') ?? undefined, headers.get('tracestate') ?? undefined)
  );
}

export const traceIdOf = ({ traceparent }: Pick<Trace, 'traceparent'>): string => traceparent.split('-')[1]!;

const SAMPLED = 1;

/** The span of the caller, unless its trace is not sampled: then no system has recorded that span. */
export function parentSpanIdOf({ traceparent }: Pick<Trace, 'traceparent'>): string | undefined {
  const [, , parent, flags] = traceparent.split('-');
  return Number.parseInt(flags!, 16) & SAMPLED ? parent : undefined;
}

function read(traceparent: unknown, tracestate: unknown): Trace | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > LONGEST_PARENT) return undefined;
  const { version, more } = form.exec(traceparent)?.groups ?? {};
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  const isState = typeof tracestate === 'string' && /^[\x20-\x7e]+$/.test(tracestate);
  return { traceparent, ...(isState && tracestate.length <= LONGEST_STATE && { tracestate }) };
}
