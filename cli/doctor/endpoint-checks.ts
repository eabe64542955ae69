import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import { startCommand } from '../../local/start-command.ts';
import type { Facts } from './deployment-facts.ts';
import { type Finding, fail, ok, quoted, type Remedy, warn } from './finding.ts';
import { isResponse } from './http-probe.ts';

const USE_MCP_URL = 'Use the URL of the stack output McpUrl.';

/** The URL as an operator gives it to a client. */
export function* checkUrl({ url }: Facts): Generator<Finding> {
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:' && !isLoopbackHost(parsed)) {
    yield fail('url', `${quoted(url)} is not https`, {
      why: 'Clients reject it, and tokens would cross the network in clear text.',
      mend: USE_MCP_URL,
    });
  }
  if (/\.execute-api\./.test(parsed.hostname)) {
    yield fail('url', 'the host is the API Gateway host', {
      why: 'Its paths begin with the stage name, so clients cannot find the metadata at the root.',
      mend: USE_MCP_URL,
    });
  } else if (parsed.href !== url || parsed.search !== '' || parsed.pathname.endsWith('/')) {
    yield fail('url', `${quoted(url)} is not in canonical form`, {
      why: 'Clients compare the URL with the metadata byte by byte; some remove a trailing slash or a query.',
      mend: `Use ${quoted(`${parsed.origin}${parsed.pathname.replace(/\/+$/, '') || '/mcp'}`)}.`,
    });
  } else {
    yield ok('url', `${parsed.protocol === 'https:' ? 'https' : 'http on this computer'}, in canonical form`);
  }
}

/** Remedies by the error code of Node.js. */
const connectionRemedies: [code: RegExp, Remedy][] = [
  [
    /CERT_HAS_EXPIRED/,
    {
      why: 'No client connects: the certificate has expired.',
      mend: 'Renew it. In Certificate Manager the validation record of the name must exist; a proxy in front renews its own.',
    },
  ],
  [
    /ENOTFOUND|EAI_AGAIN/,
    {
      why: 'The host name does not resolve.',
      mend: 'With a custom domain, add a CNAME record to the stack output DnsTarget; a new record takes minutes to propagate.',
    },
  ],
  [
    /CERT|ALTNAME|SIGNATURE|SELF_SIGNED|SSL|TLS/,
    {
      why: 'Clients cannot verify the server.',
      mend: 'Use an unexpired certificate of a public authority for this host: check domain.certificate and any proxy in front.',
    },
  ],
  [
    /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH/,
    {
      why: 'No server answers at this address and port.',
      mend: `Check that the stack is deployed, or that ${startCommand()} is running, and check the port.`,
    },
  ],
  [
    /no response|TIMEOUT/i,
    {
      why: 'Clients time out too.',
      mend: 'Check for a firewall in between; the access log shows whether the request arrived. --timeout extends the limit.',
    },
  ],
];

const unknownConnectionError: Remedy = {
  why: 'Clients cannot connect.',
  mend: 'Look up the code in the Node.js documentation of errors.',
};

export function* checkReachability({ challenges: { POST } }: Facts): Generator<Finding> {
  if (isResponse(POST)) {
    yield ok('reachable', POST.url.startsWith('https:') ? 'the name resolves and TLS is valid' : 'the server answers');
    return;
  }
  const [, remedy] = connectionRemedies.find(([code]) => code.test(POST.problem)) ?? [
    undefined,
    unknownConnectionError,
  ];
  yield fail('reachable', POST.problem, remedy);
}

const DAY_MILLISECONDS = 86_400_000;
/** Certificate Manager renews a certificate 60 days before its end, and Let's Encrypt's clients 30 days. */
const LEAST_DAYS = 14;

/** The end of a certificate that is still valid. */
export function* checkCertificate({ certificateEndsAt, challenges: { POST } }: Facts): Generator<Finding> {
  if (certificateEndsAt === undefined || !isResponse(POST)) return;
  const days = Math.floor((certificateEndsAt - POST.receivedAt) / DAY_MILLISECONDS);
  yield days >= LEAST_DAYS
    ? ok('certificate', `valid for ${days} days`)
    : warn('certificate', `expires in ${days} days`, {
        why: 'From then on no client connects.',
        mend: 'Its renewal has failed. In Certificate Manager check the validation record, in a proxy its own renewal.',
      });
}

export function* checkPlainHttp({ plainHttp }: Facts): Generator<Finding> {
  if (plainHttp === undefined) return;
  if (!isResponse(plainHttp)) {
    yield ok('http', 'no response without TLS');
  } else if (plainHttp.status === 403) {
    yield ok('http', 'rejected without TLS');
  } else if (plainHttp.status >= 300 && plainHttp.status < 400) {
    yield warn('http', `http redirects (${plainHttp.status})`, {
      why: 'A client configured with http sends its token in clear text and still connects.',
      mend: 'Reject http instead of redirecting it, as the CloudFront distribution of the stack does (HTTPS_ONLY).',
    });
  } else {
    yield fail('http', `http answers ${plainHttp.status}`, {
      why: 'Tokens can cross the network in clear text.',
      mend: 'Reject http in the proxy in front of the API.',
    });
  }
}

/** API Gateway's own host has to reject callers: they would bypass CloudFront, its limits and its logs. */
export function* checkApiHost({ apiHost }: Facts): Generator<Finding> {
  if (apiHost === undefined) return;
  if (!isResponse(apiHost) || apiHost.status === 403) {
    yield ok('api-host', 'the API Gateway host rejects callers');
    return;
  }
  yield fail('api-host', `${apiHost.url} answers ${apiHost.status}`, {
    why: 'Callers can bypass CloudFront, its limits and its logs.',
    mend: 'Deploy again: the resource policy of the API, or disableExecuteApiEndpoint, was changed outside the stack.',
  });
}
