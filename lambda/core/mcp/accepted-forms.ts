import type { McpHeaders } from './mcp-http.ts';

/** The forms of a response that a client accepts: one JSON body, or an event stream. */
export type AcceptedForms = { json: boolean; stream: boolean };

const both: AcceptedForms = { json: true, stream: true };

/**
 * Reads `Accept` (RFC 9110 §12.5.1): the most specific media range decides, and q=0 excludes. Without the header, a client
 * accepts both. Other parameters and the order of preference have no effect: JSON is sent wherever both are accepted and
 * it is complete.
 */
export function acceptedForms(headers: Pick<McpHeaders, 'get'>): AcceptedForms {
  const accept = headers.get('accept') ?? '';
  if (accept === 'application/json, text/event-stream') return both;
  const ranges = mediaRangesIn(accept);
  if (ranges.length === 0) return both;
  return { json: isAccepted('application', 'json', ranges), stream: isAccepted('text', 'event-stream', ranges) };
}

type MediaRange = { range: string; isExcluded: boolean };

function mediaRangesIn(accept: string): MediaRange[] {
  // A quoted string may contain a comma.
  const elements = accept
    .replaceAll(/"(?:\\.|[^"\\])*"?/g, '""')
    .toLowerCase()
    .split(',');
  return elements.flatMap((element) => {
    const [range = '', ...parameters] = element.split(';').map((part) => part.trim());
    if (range === '') return [];
    const weight = parameters.map((each) => /^q\s*=\s*(\d*\.?\d*)$/.exec(each)?.[1]).find((each) => each !== undefined);
    // Some clients of Java send `*` for `*/*`.
    return { range: range === '*' ? '*/*' : range, isExcluded: weight !== undefined && Number(weight || 1) === 0 };
  });
}

function isAccepted(type: string, subtype: string, ranges: readonly MediaRange[]): boolean {
  const deciding = [`${type}/${subtype}`, `${type}/*`, '*/*']
    .map((name) => ranges.filter(({ range }) => range === name))
    .find((found) => found.length > 0);
  return deciding?.some(({ isExcluded }) => !isExcluded) ?? false;
}
