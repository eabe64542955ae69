import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { HeaderList } from '../api-gateway/api-model.ts';
import type { GatewayRequest } from '../api-gateway/gateway-request.ts';
import type { ResponseHead } from '../api-gateway/integration-response.ts';
import type { SendResponse } from '../api-gateway/response-writer.ts';
import type { CacheBehavior } from './distribution.ts';
import type { Encoding } from './edge-policies.ts';

/** CloudFront developer guide, "Serve compressed files": the sizes in bytes, the statuses and the types. */
const sizes = { least: 1000, most: 10_000_000 };
const statuses = [200, 403, 404];
const contentTypes = new Set([
  ...['dash+xml', 'eot', 'font', 'font-sfnt', 'javascript', 'json', 'opentype', 'otf', 'pdf', 'pkcs7-mime', 'protobuf']
    .concat(['rss+xml', 'truetype', 'ttf', 'vnd.apple.mpegurl', 'vnd.mapbox-vector-tile', 'vnd.ms-fontobject', 'wasm'])
    .concat(['xhtml+xml', 'xml', 'x-font-opentype', 'x-font-truetype', 'x-font-ttf', 'x-httpd-cgi', 'x-javascript'])
    .concat(['x-mpegurl', 'x-opentype', 'x-otf', 'x-perl', 'x-ttf'])
    .map((name) => `application/${name}`),
  ...['eot', 'opentype', 'otf', 'ttf'].map((name) => `font/${name}`),
  'image/svg+xml',
  ...['css', 'csv', 'html', 'javascript', 'js', 'plain', 'richtext', 'tab-separated-values', 'xml', 'x-component']
    .concat(['x-java-source', 'x-script'])
    .map((name) => `text/${name}`),
  'vnd.apple.mpegurl',
]);

const compress: Record<Encoding, (body: Buffer) => Promise<Buffer>> = {
  br: (body) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (body) => promisify(gzip)(body),
};

/** Limits `Accept-Encoding` to the encodings of the cache policy. Unchanged if the policy has none. */
export function withAcceptedEncodings(request: GatewayRequest, { cache }: CacheBehavior): GatewayRequest {
  if (cache.encodings.length === 0) return request;
  const isAcceptEncoding = ([name]: HeaderList[number]) => name.toLowerCase() === 'accept-encoding';
  const asked = request.headers.filter(isAcceptEncoding).flatMap(([, value]) => value.toLowerCase().split(','));
  const accepted = cache.encodings.filter((encoding) => asked.some((each) => each.split(';')[0]!.trim() === encoding));
  const others = request.headers.filter((each) => !isAcceptEncoding(each));
  return {
    ...request,
    headers: accepted.length === 0 ? others : [...others, ['Accept-Encoding', accepted.join(',')]],
  };
}

/**
 * Compresses the responses to a request as the behavior of its path says. A response without a length, as that of a stream,
 * passes unchanged.
 *
 * @param request with the accepted encodings alone
 */
export function compressing(request: GatewayRequest, behavior: CacheBehavior, send: SendResponse): SendResponse {
  const accepted = request.headers.find(([name]) => name === 'Accept-Encoding')?.[1].split(',')[0];
  if (!behavior.compresses || behavior.cache.encodings.length === 0 || accepted === undefined) return send;
  const encoding = accepted as Encoding;
  return async (head, body) => {
    const isWhole = typeof body === 'string' || Buffer.isBuffer(body);
    if (!isWhole || !isCompressible(head, Buffer.byteLength(body))) return send(head, body);
    await send(compressedHead(head, encoding), await compress[encoding](Buffer.from(body)));
  };
}

function isCompressible({ status, headers }: ResponseHead, bytes: number): boolean {
  const header = (wanted: string) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  const type = header('content-type')?.split(';', 1)[0];
  return (
    bytes >= sizes.least &&
    bytes <= sizes.most &&
    statuses.includes(status) &&
    type !== undefined &&
    contentTypes.has(type.trim().toLowerCase()) &&
    header('content-encoding') === undefined
  );
}

/** A strong `ETag` becomes a weak one. */
function compressedHead({ status, headers }: ResponseHead, encoding: Encoding): ResponseHead {
  const weak = headers.map(([name, value]): HeaderList[number] =>
    name.toLowerCase() === 'etag' && value.startsWith('"') ? [name, `W/${value}`] : [name, value],
  );
  return { status, headers: [...weak, ['Content-Encoding', encoding]] };
}
