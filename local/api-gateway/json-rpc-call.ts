import { parseJson } from '../../lambda/core/support/json.ts';

/** A JSON-RPC request, for the log. */
export type JsonRpcCall = {
  method: string;
  /** Of `tools/call`. */
  tool?: string;
};

/** @returns the first JSON-RPC request in the body of an HTTP request; undefined for another body */
export function jsonRpcCallIn(body: Buffer): JsonRpcCall | undefined {
  const message = [parsed(body)].flat()[0] as { method?: unknown; params?: { name?: unknown } } | null | undefined;
  const { method, params } = message ?? {};
  if (typeof method !== 'string') return undefined;
  const tool = method === 'tools/call' ? params?.name : undefined;
  return { method, ...(typeof tool === 'string' && { tool }) };
}

function parsed(body: Buffer): unknown {
  try {
    return parseJson(body.toString());
  } catch {
    // The function rejects it.
    return undefined;
  }
}
